//! Free text within CommonMark.

use std::fmt;

/// Escapes one line of free text for use within a line of CommonMark, and within HTML.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MARKUP: [char; 14] = [
            '&', '<', '>', '\\', '`', '*', '_', '~', '[', ']', '|', '!', '^', '$',
        ];
        let mut text = self.0;
        while let Some(at) = text.find(MARKUP) {
            let (plain, rest) = text.split_at(at);
            f.write_str(plain)?;
            let (markup, rest) = rest.split_at(1);
            match markup {
                "&" => f.write_str("&amp;")?,
                "<" => f.write_str("&lt;")?,
                ">" => f.write_str("&gt;")?,
                markup => write!(f, "\\{markup}")?,
            }
            text = rest;
        }
        f.write_str(text)
    }
}
