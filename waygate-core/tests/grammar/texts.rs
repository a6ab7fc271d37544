//! Properties of every grammar, for any text.

use std::{fmt, str::FromStr};

use proptest::prelude::*;
use waygate_core::grammar::{
    EnvName, Interval, Invalid, LinkTarget, Method, PathTemplate, Reason, RoleName, RouteSpec,
    ServiceName, parse_cidr, parse_http_date, parse_instant, parse_sunset,
};

/// Pieces of all grammars, so that random texts are often almost valid.
const PIECES: &[&str] = &[
    "/",
    "{",
    "}",
    "{{",
    "}}",
    "*",
    ":",
    "?",
    "#",
    "%20",
    "id",
    "users",
    "GET",
    "get",
    "POST",
    " ",
    ".",
    "-",
    "_",
    "@",
    "10.0.0.0",
    "::ffff:",
    "2001:db8::",
    "/8",
    "/96",
    "/129",
    "2030-01-01",
    "T",
    "t",
    "04:00:00",
    ":60",
    ".5",
    "Z",
    "+02:00",
    "Sat, 01 Jan 2028",
    " 00:00:00 GMT",
    "https:",
    "javascript:",
    "<",
    ">",
    "\\",
    "\"",
    "\n",
    "\u{0}",
    "\u{202e}",
    "\u{2028}",
    "ü",
    "🔧",
    "\u{a0}",
];

pub(crate) fn text() -> impl Strategy<Value = String> {
    let pieces = proptest::collection::vec(proptest::sample::select(PIECES), 0..12);
    prop_oneof![
        3 => pieces.prop_map(|pieces| pieces.concat()),
        1 => any::<String>(),
        1 => "[ -~]{0,40}",
    ]
}

/// Checks that `text` is refused with a readable error, or that its value parses back to itself.
fn check<T>(text: &str) -> Result<(), TestCaseError>
where
    T: FromStr<Err = Invalid> + fmt::Display + fmt::Debug + PartialEq,
{
    match text.parse::<T>() {
        Ok(value) => {
            let again = value.to_string().parse::<T>();
            prop_assert_eq!(again.as_ref(), Ok(&value), "{}", value);
        }
        Err(error) => readable(&error)?,
    }
    Ok(())
}

fn readable(error: &Invalid) -> Result<(), TestCaseError> {
    let message = error.to_string();
    prop_assert!(message.starts_with("invalid "), "{}", message);
    prop_assert!(message.chars().count() <= 700, "{}", message);
    let hidden =
        |c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c) || c == '\u{2028}';
    prop_assert!(!message.contains(hidden), "{:?}", message);
    Ok(())
}

proptest! {
    #[test]
    fn texts_are_refused_readably_or_parse_back(text in text()) {
        check::<Method>(&text)?;
        check::<PathTemplate>(&text)?;
        check::<RouteSpec>(&text)?;
        check::<EnvName>(&text)?;
        check::<RoleName>(&text)?;
        check::<ServiceName>(&text)?;
        check::<Reason>(&text)?;
        check::<LinkTarget>(&text)?;
        for error in [
            parse_cidr(&text).err(),
            parse_instant(&text).err(),
            parse_http_date(&text).err(),
            parse_sunset(&text).err(),
            Interval::parse(&text, &text).err(),
        ]
        .into_iter()
        .flatten()
        {
            readable(&error)?;
        }
    }

    #[test]
    fn a_route_without_a_method_is_a_path(text in text()) {
        let route: Result<RouteSpec, Invalid> = format!("/{text}").parse();
        let path: Result<PathTemplate, Invalid> = format!("/{text}").parse();
        match (route, path) {
            (Ok(route), Ok(path)) => prop_assert_eq!(route, RouteSpec::new(None, path)),
            (Err(route), Err(path)) => prop_assert_eq!(route.problem(), path.problem()),
            (route, path) => prop_assert!(false, "{route:?} but {path:?}"),
        }
    }

    #[test]
    fn a_route_is_a_method_a_space_and_a_path(text in text(), method in 0..Method::ALL.len()) {
        let method = Method::ALL[method];
        let route: Result<RouteSpec, Invalid> = format!("{method} {text}").parse();
        let path: Result<PathTemplate, Invalid> = text.parse();
        match (route, path) {
            (Ok(route), Ok(path)) => prop_assert_eq!(route, RouteSpec::new(method, path)),
            (Err(route), Err(path)) => prop_assert_eq!(route.problem(), path.problem()),
            (route, path) => prop_assert!(false, "{route:?} but {path:?}"),
        }
    }

    #[test]
    fn a_reason_keeps_its_text(text in text()) {
        if let Ok(reason) = text.parse::<Reason>() {
            prop_assert_eq!(reason.as_str(), text.trim());
            prop_assert!(!reason.as_str().contains(char::is_control));
        }
    }

    #[test]
    fn a_network_contains_the_address_it_was_written_with(
        address in any::<std::net::IpAddr>(),
        length in 0_u8..=128,
    ) {
        let text = format!("{address}/{length}");
        match parse_cidr(&text) {
            Ok(network) => {
                prop_assert!(network.prefix_len() <= length);
                prop_assert_eq!(network.trunc(), network);
                prop_assert_eq!(parse_cidr(&network.to_string()), Ok(network));
                let canonical = address.to_canonical();
                let same_family = network.addr().is_ipv4() == canonical.is_ipv4();
                prop_assert!(!same_family || network.contains(&canonical));
            }
            Err(_) => prop_assert!(address.is_ipv4() && length > 32),
        }
        let alone = parse_cidr(&address.to_string()).unwrap();
        prop_assert_eq!(alone.addr(), address.to_canonical());
        prop_assert_eq!(alone.prefix_len(), alone.max_prefix_len());
    }
}
