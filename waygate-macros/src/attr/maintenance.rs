use std::str::FromStr;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{LitStr, Path};
use waygate_core::{
    Timestamp,
    grammar::{
        Interval, Invalid, Recurrence, TimeZoneName, WindowException, WindowTimes, parse_instant,
    },
};

use super::attribute::{Attribute, Declared, Place, option, reason};
use crate::args::{Args, Given, Syntax};

const START: &str = "2030-01-01T02:00:00Z";
const END: &str = "2030-01-01T04:00:00Z";
const EVERY: &str = "0 2 * * SUN";
const LENGTH: &str = "2h";

pub(crate) const ATTRIBUTE: Attribute = Attribute {
    syntax: Syntax {
        path: "maintenance",
        keys: &[
            "reason", "start", "end", "every", "at", "from", "for", "tz", "except", "response",
            "route", "crate",
        ],
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

fn gate(args: &mut Args, place: Place<'_>) -> Declared {
    let reason = reason(args, "database migration");
    let start = args.text("start", START, whole_second);
    let end = args.text("end", END, whole_second);
    let recurring = recurring(args);
    if let Some((every, windows)) = recurring {
        for literal in [start.literal(), end.literal()].into_iter().flatten() {
            args.errors.at(
                literal,
                "`start` and `end` are one window, and `every` recurring ones: declare one, and add the other in code",
            );
        }
        return Declared::of(windows.declare(place.facade, &every, &reason));
    }
    let window = window(args, start, end).map(|window| {
        let (start, end) = (window.start().as_second(), window.end().as_second());
        quote!((#start, #end))
    });
    let window = option(window);
    Declared::of(quote!(Maintenance { reason: #reason, window: #window }))
}

/// The arguments of recurring windows besides `every`.
struct Recurring {
    length: LitStr,
    at: Option<LitStr>,
    from: Option<LitStr>,
    tz: Option<LitStr>,
    except: Vec<LitStr>,
}

impl Recurring {
    fn declare(self, facade: &Path, every: &LitStr, reason: &LitStr) -> TokenStream {
        let Self {
            length,
            at,
            from,
            tz,
            except,
        } = self;
        let (at, from, tz) = (option(at), option(from), option(tz));
        quote!(Recurring(&#facade::__private::Recurring {
            reason: #reason,
            every: #every,
            at: #at,
            from: #from,
            length: #length,
            tz: #tz,
            except: &[#(#except),*],
        }))
    }
}

/// Takes the arguments of recurring windows, if `every` is given.
fn recurring(args: &mut Args) -> Option<(LitStr, Recurring)> {
    let every = args.text("every", EVERY, Recurrence::from_str);
    let mut plain = |key, example| args.text(key, example, |_| Ok(())).literal();
    let (length, at, from) = (
        plain("for", LENGTH),
        plain("at", "02:00"),
        plain("from", "2030-01-06"),
    );
    let tz = args.text("tz", "Europe/Berlin", TimeZoneName::declared);
    let except = args.strings(
        "except",
        "exception",
        "2030-12-29",
        WindowException::from_str,
    );
    let every = match every {
        Given::Right(literal, _) => literal,
        Given::Wrong => return None,
        Given::Not => {
            let others = [length, at, from, tz.literal()];
            for literal in others.into_iter().flatten().chain(except) {
                let message =
                    format!("this is for recurring windows, which need `every = \"{EVERY}\"`");
                args.errors.at(literal, message);
            }
            return None;
        }
    };
    let Some(length) = length else {
        let message = format!("recurring windows need a length: `for = \"{LENGTH}\"`");
        args.errors.at(every, message);
        return None;
    };
    let text = |literal: &Option<LitStr>| literal.as_ref().map(LitStr::value);
    let (at_text, from_text) = (text(&at), text(&from));
    let times = WindowTimes::parse(
        &every.value(),
        at_text.as_deref(),
        from_text.as_deref(),
        &length.value(),
    );
    if let Err(invalid) = times {
        let mistaken = mistaken(&every, at.as_ref(), from.as_ref(), &length);
        args.errors.at(mistaken, invalid);
    }
    let recurring = Recurring {
        length,
        at,
        from,
        tz: tz.literal(),
        except,
    };
    Some((every, recurring))
}

/// The argument of recurring windows that is wrong: the one without which the others are right, or `every`.
fn mistaken<'a>(
    every: &'a LitStr,
    at: Option<&'a LitStr>,
    from: Option<&'a LitStr>,
    length: &'a LitStr,
) -> &'a LitStr {
    let text = |literal: Option<&LitStr>| literal.map(LitStr::value);
    let (at_text, from_text) = (text(at), text(from));
    let is_right = |at: Option<&str>, from: Option<&str>| {
        WindowTimes::parse(&every.value(), at, from, "1m").is_ok()
    };
    if is_right(at_text.as_deref(), from_text.as_deref()) {
        return length;
    }
    match (at, from) {
        (Some(at), _) if is_right(Some("00:00"), from_text.as_deref()) => at,
        (_, Some(from)) if is_right(at_text.as_deref(), Some("2000-01-01")) => from,
        _ => every,
    }
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
