//! Errors as a person reads them where a program prints their `Debug` form: `main` that returns one, `unwrap`, `expect`.

use std::{
    error::Error,
    fmt::{self, Write},
};

use crate::grammar::is_hidden;

/// Writes the message of an error, and below it each cause that the message does not name itself.
///
/// Lines stay lines; other characters that could drive a terminal are escaped.
#[doc(hidden)]
pub fn write_readable(error: &dyn Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(&said) {
            text.push_str("\n  caused by: ");
            text.push_str(&said);
        }
        source = cause.source();
    }
    for c in text.chars() {
        match is_hidden(c) && c != '\n' {
            true => write!(f, "{}", c.escape_default())?,
            false => f.write_char(c)?,
        }
    }
    Ok(())
}

/// `Debug` of public errors is their message: `main` prints it, where fields are of no use.
#[doc(hidden)]
#[macro_export]
macro_rules! debug_as_message {
    ($($error:ty),+ $(,)?) => {$(
        impl ::std::fmt::Debug for $error {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                $crate::write_readable(self, f)
            }
        }
    )+};
}

#[cfg(test)]
mod tests {
    #[derive(thiserror::Error)]
    #[error("cannot start\n  help: start it\u{1b}[2J")]
    struct Outer(#[source] Middle);

    #[derive(thiserror::Error)]
    #[error("cannot read: {0}")]
    struct Middle(#[source] std::fmt::Error);

    debug_as_message!(Outer, Middle);

    #[test]
    fn shows_message_help_and_each_cause_once() {
        let shown = format!("{:?}", Outer(Middle(std::fmt::Error)));
        assert_eq!(
            shown,
            "cannot start\n  help: start it\\u{1b}[2J\n  caused by: cannot read: an error occurred when formatting an \
             argument"
        );
    }
}
