use std::{
    borrow::Cow,
    fmt::{self, Display, Write},
};

use crate::grammar::is_hidden;

/// Text from outside, made safe for logs: characters that could end the line, control a terminal or reorder text are
/// escaped as in Rust's literals, credentials in URLs are removed ([`without_credentials`]), and text is truncated to
/// 2048 characters.
///
/// ```
/// use waygate_core::Printable;
///
/// let answer = "ERR\n\u{1b}[2Jall is well";
/// assert_eq!(Printable(answer).to_string(), r"ERR\n\u{1b}[2Jall is well");
/// ```
///
/// As a field of a log line, text from clients needs `{:?}`: quoted, with quotation marks escaped, so that it cannot imitate
/// another field.
#[derive(Clone, Copy)]
pub struct Printable<T>(pub T);

const MAX_CHARS: usize = 2_048;

impl<T: Display> Display for Printable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, is_hidden)
    }
}

impl<T: Display> fmt::Debug for Printable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        self.write(f, |c| is_hidden(c) || matches!(c, '"' | '\\'))?;
        f.write_char('"')
    }
}

impl<T: Display> Printable<T> {
    fn write(&self, f: &mut fmt::Formatter<'_>, escapes: fn(char) -> bool) -> fmt::Result {
        let mut start = Start::default();
        // The rest would be discarded, however long it is.
        let is_whole = write!(start, "{}", self.0).is_ok();
        for c in without_credentials(&start.text).chars() {
            match escapes(c) {
                true => write!(f, "{}", c.escape_default())?,
                false => f.write_char(c)?,
            }
        }
        match is_whole {
            true => Ok(()),
            false => f.write_char('…'),
        }
    }
}

/// Keeps the first characters of a text.
#[derive(Default)]
struct Start {
    text: String,
    chars: usize,
}

impl fmt::Write for Start {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if self.chars == MAX_CHARS {
                return Err(fmt::Error);
            }
            self.text.push(c);
            self.chars += 1;
        }
        Ok(())
    }
}

/// Replaces the text before the `@` of URLs by `***`: usually a user and a password.
///
/// ```
/// let text = "no answer from redis://ada:hunter2@10.0.0.1:6379";
/// let shown = "no answer from redis://***@10.0.0.1:6379";
/// assert_eq!(waygate_core::without_credentials(text), shown);
/// ```
pub fn without_credentials(text: &str) -> Cow<'_, str> {
    let mut shown = Cow::Borrowed("");
    let mut rest = text;
    while let Some(start) = rest.find("://").map(|at| at + "://".len()) {
        let (before, after) = rest.split_at(start);
        // A password may have an unescaped `/` or `@`.
        let ends = |c: char| c.is_whitespace() || matches!(c, '`' | '"' | '\'');
        let url = &after[..after.find(ends).unwrap_or(after.len())];
        shown += before;
        rest = match url.rfind('@') {
            Some(end) => {
                shown += "***";
                &after[end..]
            }
            None => after,
        };
    }
    if shown.is_empty() {
        return Cow::Borrowed(rest);
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        let text = "a\r\nb\t\u{1b}[31m\u{9b}2J\u{202e}\u{2028}\u{7f}\0 ü \\n";
        let shown = Printable(text).to_string();
        assert_eq!(
            shown,
            r"a\r\nb\t\u{1b}[31m\u{9b}2J\u{202e}\u{2028}\u{7f}\u{0} ü \n"
        );
        let quoted = shown.replace(r" ü \n", r" ü \\n");
        assert_eq!(format!("{:?}", Printable(text)), format!("\"{quoted}\""));
    }

    #[test]
    fn quotation_marks_cannot_be_closed_early() {
        let name = r#"ada" admin=true \"#;
        assert_eq!(format!("{:?}", Printable(name)), r#""ada\" admin=true \\""#);
    }

    #[test]
    fn long_texts_are_truncated() {
        let shown = |length: usize| Printable("x".repeat(length)).to_string();
        assert_eq!(shown(MAX_CHARS), "x".repeat(MAX_CHARS));
        assert_eq!(shown(1 << 20), "x".repeat(MAX_CHARS) + "…");
    }

    #[test]
    fn passwords_in_urls_are_removed() {
        for (text, shown) in [
            (
                "redis://ada:hunter2@10.0.0.1:6379/0 is away",
                "redis://***@10.0.0.1:6379/0 is away",
            ),
            ("`rediss://:p@s/s@host`: x", "`rediss://***@host`: x"),
            ("a://b://c:d@e", "a://***@e"),
            ("https://example.com/a, ://", "https://example.com/a, ://"),
            ("", ""),
        ] {
            assert_eq!(without_credentials(text), shown);
            assert_eq!(Printable(text).to_string(), shown);
        }
    }
}
