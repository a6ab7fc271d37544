use std::fmt::{self, Display, Write};

use crate::grammar::is_hidden;

/// Text from outside, as a log line may show it: whatever could end the line, drive a terminal or reorder what is read
/// is escaped as in Rust's literals, and more than 2048 characters are cut off.
///
/// ```
/// use waygate_core::Printable;
///
/// let answer = "ERR\n\u{1b}[2Jall is well";
/// assert_eq!(Printable(answer).to_string(), r"ERR\n\u{1b}[2Jall is well");
/// ```
#[derive(Clone, Copy)]
pub struct Printable<T>(pub T);

const MAX_CHARS: usize = 2_048;

impl<T: Display> Display for Printable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut escaping = Escaping { f, left: MAX_CHARS };
        match write!(escaping, "{}", self.0) {
            Err(_) if escaping.left == 0 => f.write_char('…'),
            outcome => outcome,
        }
    }
}

/// So that `{:?}` is no way around it.
impl<T: Display> fmt::Debug for Printable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

struct Escaping<'a, 'f> {
    f: &'a mut fmt::Formatter<'f>,
    left: usize,
}

impl fmt::Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            // The rest would be thrown away, however much it is.
            self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
            match is_hidden(c) {
                true => write!(self.f, "{}", c.escape_default())?,
                false => self.f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_would_obey_is_left() {
        let text = "a\r\nb\t\u{1b}[31m\u{9b}2J\u{202e}\u{2028}\u{7f}\0 ü \\n";
        let shown = Printable(text).to_string();
        assert_eq!(
            shown,
            r"a\r\nb\t\u{1b}[31m\u{9b}2J\u{202e}\u{2028}\u{7f}\u{0} ü \n"
        );
        assert_eq!(format!("{:?}", Printable(text)), shown);
    }

    #[test]
    fn megabytes_are_cut_off() {
        let shown = |length: usize| Printable("x".repeat(length)).to_string();
        assert_eq!(shown(MAX_CHARS), "x".repeat(MAX_CHARS));
        assert_eq!(shown(1 << 20), "x".repeat(MAX_CHARS) + "…");
    }
}
