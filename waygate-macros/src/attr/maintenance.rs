use quote::quote;
use waygate_core::{
    Timestamp,
    grammar::{Interval, Invalid, parse_instant},
};

use super::attribute::{Attribute, Declared, Place, option, reason};
use crate::args::{Args, Given, Syntax};

const START: &str = "2030-01-01T02:00:00Z";
const END: &str = "2030-01-01T04:00:00Z";

pub(crate) const ATTRIBUTE: Attribute = Attribute {
    syntax: Syntax {
        path: "maintenance",
        keys: &["reason", "start", "end", "response", "route", "crate"],
        positional: false,
    },
    alias_of: None,
    repeats: false,
    contradicts: &[(
        "disabled",
        "a route is in maintenance or disabled, not both",
    )],
    gate,
};

fn gate(args: &mut Args, _: Place<'_>) -> Declared {
    let reason = reason(args, "database migration");
    let start = args.text("start", START, whole_second);
    let end = args.text("end", END, whole_second);
    let window = window(args, start, end).map(|window| {
        let (start, end) = (window.start().as_second(), window.end().as_second());
        quote!((#start, #end))
    });
    let window = option(window);
    Declared::of(quote!(Maintenance { reason: #reason, window: #window }))
}

/// Declarations hold whole seconds.
fn whole_second(text: &str) -> Result<Timestamp, Invalid> {
    let instant = parse_instant(text)?;
    Ok(Timestamp::from_second(instant.as_second()).unwrap_or(instant))
}

fn window(args: &mut Args, start: Given<Timestamp>, end: Given<Timestamp>) -> Option<Interval> {
    match (start, end) {
        (Given::Right(start_literal, start), Given::Right(end_literal, end)) => {
            match Interval::new(start, end) {
                Ok(interval) => return Some(interval),
                Err(invalid) => {
                    args.errors.at(end_literal, invalid);
                    args.errors.at(start_literal, "the window starts here");
                }
            }
        }
        (Given::Right(literal, _), Given::Not) => {
            let message =
                format!("`start` without `end`: a window needs both, such as `end = \"{END}\"`");
            args.errors.at(literal, message);
        }
        (Given::Not, Given::Right(literal, _)) => {
            let message = format!(
                "`end` without `start`: a window needs both, such as `start = \"{START}\"`"
            );
            args.errors.at(literal, message);
        }
        _ => {}
    }
    None
}
