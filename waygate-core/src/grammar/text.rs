use std::{fmt, str::FromStr};

use super::Invalid;

/// Free text that operators write and people read: why a route is closed. May be empty.
///
/// At most 512 characters, without control characters and without the bidirectional overrides that
/// make a log line or a page read otherwise than it is (Unicode TR 36).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Reason(Box<str>);

const MAX_REASON_CHARS: usize = 512;

impl Reason {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Reason {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = |problem: String| Err(Invalid::new("reason", text, problem));
        if text.chars().count() > MAX_REASON_CHARS {
            return invalid(format!("use at most {MAX_REASON_CHARS} characters"));
        }
        match text.chars().find(|c| c.is_control() || is_bidi_control(*c)) {
            Some(c) => invalid(format!(
                "U+{:04X} is not allowed: write one line of plain text",
                c as u32
            )),
            None => Ok(Self(text.into())),
        }
    }
}

fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200E}' | '\u{200F}' | '\u{061C}')
}

/// Where a `Link` header may point: a URI reference (RFC 3986 section 4.1), such as `/v2/users`.
///
/// 1 to 2048 visible ASCII characters without `<`, `>`, `"` and `\`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LinkTarget(Box<str>);

impl LinkTarget {
    /// The reference.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LinkTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for LinkTarget {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let fine = |b: u8| b.is_ascii_graphic() && !matches!(b, b'<' | b'>' | b'"' | b'\\');
        if (1..=2048).contains(&text.len()) && text.bytes().all(fine) {
            return Ok(Self(text.into()));
        }
        Err(Invalid::new(
            "link target",
            text,
            "expected a path or URL in ASCII without spaces, such as `/v2/users`",
        ))
    }
}
