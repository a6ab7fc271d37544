use std::{fmt, str::FromStr};

use super::{
    hidden::{is_blank, is_hidden},
    invalid::Invalid,
};

/// Free text by operators for people: the reason a route is closed. May be empty.
///
/// One line of at most 512 characters; surrounding whitespace is removed, and a text of invisible characters is empty.
/// Control characters, line separators, and
/// bidirectional controls, which can disguise a log line or a page (Unicode TR 36), are refused.
///
/// ```
/// use waygate_core::grammar::Reason;
///
/// let reason: Reason = " database upgrade ".parse()?;
/// assert_eq!(reason.as_str(), "database upgrade");
/// assert!("two\nlines".parse::<Reason>().is_err());
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Reason(Box<str>);

const MAX_REASON_CHARS: usize = 512;

impl Reason {
    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether the text is empty.
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
        let trimmed = text.trim();
        if trimmed.chars().count() > MAX_REASON_CHARS {
            return invalid(format!("use at most {MAX_REASON_CHARS} characters"));
        }
        match trimmed.chars().find(|c| is_hidden(*c)) {
            Some(c) => invalid(format!(
                "U+{:04X} is not allowed: write one line of plain text",
                u32::from(c)
            )),
            None if is_blank(trimmed) => Ok(Self::default()),
            None => Ok(Self(trimmed.into())),
        }
    }
}

/// The target of a `Link` header: a URI reference (RFC 3986 section 4.1), such as `/v2/users`.
///
/// 1 to 2048 visible ASCII characters without `<`, `>`, `"` and `\`. A scheme is `http` or `https`, since pages show
/// the target as a link.
///
/// ```
/// use waygate_core::grammar::LinkTarget;
///
/// assert_eq!("/v2/users".parse::<LinkTarget>()?.as_str(), "/v2/users");
/// assert!("/v2 users".parse::<LinkTarget>().is_err());
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LinkTarget(Box<str>);

impl LinkTarget {
    /// Returns the reference.
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
        let invalid = |problem: &'static str| Err(Invalid::new("link target", text, problem));
        let fine = |b: u8| b.is_ascii_graphic() && !matches!(b, b'<' | b'>' | b'"' | b'\\');
        if !(1..=2048).contains(&text.len()) || !text.bytes().all(fine) {
            return invalid(
                "expected 1 to 2048 visible ASCII characters without `<`, `>`, `\"` and `\\`, such as `/v2/users`",
            );
        }
        match scheme(text) {
            Some(scheme) if !["http", "https"].contains(&&*scheme.to_ascii_lowercase()) => {
                invalid("expected a path or an `http` or `https` URL")
            }
            _ => Ok(Self(text.into())),
        }
    }
}

/// Returns the text before the first `:`, unless a path, query or fragment starts earlier (RFC 3986 section 4.2).
fn scheme(reference: &str) -> Option<&str> {
    let end = reference.find([':', '/', '?', '#'])?;
    reference[end..].starts_with(':').then(|| &reference[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(text: &str) -> Result<Reason, Invalid> {
        text.parse()
    }

    #[test]
    fn a_reason_is_one_line_of_plain_text() {
        for text in [
            "",
            "DB migration",
            "Größe: 3 × 🔧",
            "<b>'\"; DROP",
            "🏳\u{200D}🌈",
        ] {
            assert_eq!(reason(text).unwrap().as_str(), text);
        }
        for (text, code) in [
            ("a\nb", "U+000A"),
            ("a\u{0}b", "U+0000"),
            ("a\u{1b}[31mb", "U+001B"),
            ("a\u{7f}b", "U+007F"),
            ("a\u{85}b", "U+0085"),
            ("a\u{2028}b", "U+2028"),
            ("a\u{202e}b", "U+202E"),
            ("a\u{2066}b", "U+2066"),
            ("a\u{200f}", "U+200F"),
            ("a\u{61c}", "U+061C"),
        ] {
            let problem = format!("{code} is not allowed: write one line of plain text");
            assert_eq!(reason(text).unwrap_err().problem(), problem);
        }
    }

    #[test]
    fn surrounding_spaces_are_removed() {
        assert_eq!(
            reason(" \t db  upgrade \r\n").unwrap().as_str(),
            "db  upgrade"
        );
        assert!(reason(" \n\u{2028}").unwrap().is_empty());
    }

    #[test]
    fn invisible_characters_alone_are_an_empty_reason() {
        for text in [
            "\u{200B}",
            "\u{2060} \u{2060}",
            "\u{FEFF}",
            "\u{3164}",
            "\u{AD}",
            "\u{2800}",
            "\u{E0041}",
            "\u{200D}\u{FE0F}",
        ] {
            assert!(reason(text).unwrap().is_empty(), "{text:?}");
            let visible = format!("a{text}b");
            assert_eq!(reason(&visible).unwrap().as_str(), visible);
        }
    }

    #[test]
    fn a_reason_is_bounded_by_characters() {
        let longest = "ü".repeat(512);
        assert_eq!(reason(&format!(" {longest} ")).unwrap().as_str(), longest);
        let error = reason(&"ü".repeat(513)).unwrap_err();
        assert_eq!(error.problem(), "use at most 512 characters");
    }

    #[test]
    fn a_link_target_is_a_path_or_a_web_url() {
        for text in [
            "/v2/users",
            "v2/users",
            "./a:b",
            "?x=a:b",
            "#a:b",
            "//other.example/v2",
            "https://example.com/v2?x=1#y",
            "HTTP://example.com",
            "/v2/users/{id}",
        ] {
            assert_eq!(text.parse::<LinkTarget>().unwrap().as_str(), text);
        }
        for text in [
            "",
            "/a b",
            "/a>b",
            "/a\"b",
            "/a\\b",
            "/größe",
            "/a\nb",
            &"a".repeat(2049),
        ] {
            assert_eq!(
                text.parse::<LinkTarget>().unwrap_err().problem(),
                "expected 1 to 2048 visible ASCII characters without `<`, `>`, `\"` and `\\`, such as `/v2/users`"
            );
        }
        for text in [
            "javascript:alert(1)",
            "JavaScript:x",
            "data:text/html,x",
            ":x",
            "a:b",
        ] {
            assert_eq!(
                text.parse::<LinkTarget>().unwrap_err().problem(),
                "expected a path or an `http` or `https` URL"
            );
        }
    }
}
