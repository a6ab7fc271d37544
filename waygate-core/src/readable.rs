//! Readable `Debug` forms of errors, for `main` functions that return one, `unwrap` and `expect`.

use std::{
    error::Error,
    fmt::{self, Write},
};

use crate::grammar::is_hidden;

/// Writes the message of an error, then each cause that the message does not include.
///
/// Keeps line breaks, and escapes other characters that could control a terminal.
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

/// Implements `Debug` of public errors as their message, since `main` prints it to users.
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
