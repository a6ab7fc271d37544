use std::str::FromStr;

use quote::quote;
use waygate_core::{
    Timestamp,
    grammar::{LinkTarget, check_sunset, parse_since, parse_sunset},
};

use super::attribute::{Attribute, Declared, Place, option};
use crate::args::{Args, Given, Syntax};

/// Shown with its path, because the bare name is a built-in attribute.
pub(crate) const ATTRIBUTE: Attribute = Attribute {
    syntax: Syntax {
        path: "waygate::deprecated",
        keys: &["since", "sunset", "use_instead", "route", "crate"],
        positional: false,
    },
    alias_of: None,
    repeats: false,
    contradicts: &[],
    gate,
};

/// The `deprecated` attribute under the name that the prelude exports.
pub(crate) const SUNSET: Attribute = Attribute {
    syntax: Syntax {
        path: "sunset",
        ..ATTRIBUTE.syntax
    },
    alias_of: Some("deprecated"),
    ..ATTRIBUTE
};

fn gate(args: &mut Args, _: Place<'_>) -> Declared {
    let since = args.text("since", "2026-01-01", parse_since);
    let sunset = args.text("sunset", "2028-01-01", parse_sunset);
    let successor = args.text("use_instead", "/v2/users", LinkTarget::from_str);
    check_order(args, &since, &sunset);

    let (since, sunset) = (option(seconds(since)), option(seconds(sunset)));
    let use_instead = option(successor.literal());
    Declared::of(quote!(Deprecated { since: #since, sunset: #sunset, use_instead: #use_instead }))
}

fn check_order(args: &mut Args, since: &Given<Timestamp>, sunset: &Given<Timestamp>) {
    if let (Given::Right(since_literal, since), Given::Right(sunset_literal, sunset)) =
        (since, sunset)
        && let Err(invalid) = check_sunset(*since, *sunset)
    {
        args.errors.at(sunset_literal, invalid);
        args.errors.at(since_literal, "the deprecation starts here");
    }
}

fn seconds(instant: Given<Timestamp>) -> Option<i64> {
    match instant {
        Given::Right(_, instant) => Some(instant.as_second()),
        Given::Not | Given::Wrong => None,
    }
}
