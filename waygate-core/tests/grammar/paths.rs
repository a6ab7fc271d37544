//! Compares the path grammar with the router inside axum.

use proptest::prelude::*;
use waygate_core::grammar::PathTemplate;

/// The checks of axum before it calls its router.
fn axum_takes(path: &str) -> bool {
    let since_08 = |segment: &str| !segment.starts_with(':') && !segment.starts_with('*');
    path.starts_with('/')
        && path.split('/').all(since_08)
        && matchit::Router::new().insert(path, ()).is_ok()
}

/// Templates that axum accepts but the grammar refuses, because no request could match them or no handler could read
/// the parameter, as in `/{a{b}`, `/{a}}b}` or `/{/}`.
fn refused_on_purpose(path: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#' | '\u{202e}');
    let unescaped = path.replace("{{", "\u{1}").replace("}}", "\u{2}");
    let mut rest = &*unescaped;
    while let Some((_, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else {
            return false;
        };
        if name.contains(['{', '/', '\u{1}', '\u{2}']) {
            return true;
        }
        rest = after;
    }
    path.contains(odd)
}

fn path() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "/", "/", "/", "a", "{id}", "{*rest}", "{", "}", "{{", "}}", "*", ":", ".json", "{}",
        "{*}", "-",
    ];
    proptest::collection::vec(proptest::sample::select(PIECES), 0..9)
        .prop_map(|pieces| format!("/{}", pieces.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn accepts_exactly_what_axum_accepts(path in path()) {
        let ours = path.parse::<PathTemplate>();
        match &ours {
            Ok(_) => prop_assert!(axum_takes(&path), "axum refuses {}", path),
            Err(error) => prop_assert!(
                !axum_takes(&path) || refused_on_purpose(&path),
                "axum takes {}, but {}", path, error
            ),
        }
    }

    #[test]
    fn names_the_parameters_that_the_router_finds(
        segments in proptest::collection::vec("[a-z]{0,2}(\\{\\{|\\}\\})?[a-z]{0,2}(\\{[a-z]{1,3}\\})?", 1..6),
        rest in proptest::option::of("\\{\\*[a-z]{1,3}\\}"),
    ) {
        let mut text = format!("/{}", segments.join("/"));
        if let Some(rest) = rest {
            text.push('/');
            text.push_str(&rest);
        }
        let template: PathTemplate = text.parse().unwrap();
        let mut router = matchit::Router::new();
        router.insert(template.as_str(), ()).unwrap();
        let ours: Vec<&str> = template.parameters().collect();

        // A matching request: each parameter becomes a value, each escaped brace a brace.
        let mut request = template.as_str().to_owned();
        for name in &ours {
            let spelled = [format!("{{*{name}}}"), format!("{{{name}}}")];
            for spelling in spelled {
                request = request.replace(&spelling, "value");
            }
        }
        let request = request.replace("{{", "{").replace("}}", "}");
        let found = router.at(&request).unwrap();
        let theirs: Vec<&str> = found.params.iter().map(|(name, _)| name).collect();
        prop_assert_eq!(ours, theirs);
    }
}
