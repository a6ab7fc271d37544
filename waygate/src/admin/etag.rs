//! Entity tags and the preconditions on them (RFC 9110 sections 8.8.3 and 13).

use http::{HeaderMap, HeaderName, header};
use waygate_core::model::Revision;

use super::error::{Kind, Problem};
use crate::openapi::fingerprint;

/// The tag of something that was last changed by this commit.
pub(crate) fn of(revision: Revision) -> String {
    format!("\"{revision}\"")
}

/// The tag of a list as it is at this revision. The fingerprint is there because time changes lists, too: a window begins.
pub(crate) fn of_list(revision: Revision, body: &[u8]) -> String {
    let short = fingerprint(body) as u64;
    format!("\"{revision}-{short:016x}\"")
}

/// Whether a client has the list of this tag already.
pub(crate) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    match Tags::read(headers, header::IF_NONE_MATCH) {
        Ok(Some(Tags::Any)) => true,
        // A weak comparison (section 8.8.3.2).
        Ok(Some(Tags::These(tags))) => tags.iter().any(|known| known.opaque == tag),
        Ok(None) | Err(_) => false,
    }
}

/// What a client believes that it changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Precondition {
    /// It does not say.
    #[default]
    None,
    /// Something that is there.
    Exists,
    /// One of these.
    OneOf(Vec<Tag>),
    /// Something that is not there yet.
    Absent,
}

impl Precondition {
    /// What `If-Match` says, or `If-None-Match: *`.
    pub(crate) fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        let none_match = headers.get(header::IF_NONE_MATCH);
        Ok(match Tags::read(headers, header::IF_MATCH)? {
            None if none_match.is_some_and(|value| value == "*") => Self::Absent,
            None => Self::None,
            Some(Tags::Any) => Self::Exists,
            Some(Tags::These(tags)) => Self::OneOf(tags),
        })
    }

    /// Whether it holds for what is there, if anything is. A strong comparison: weak tags match nothing.
    pub(crate) fn holds(&self, current: Option<Revision>) -> bool {
        match (self, current) {
            (Self::None, _) | (Self::Exists, Some(_)) | (Self::Absent, None) => true,
            (Self::OneOf(tags), Some(current)) => {
                let current = of(current);
                tags.iter().any(|tag| !tag.weak && tag.opaque == current)
            }
            (Self::Exists | Self::OneOf(_), None) | (Self::Absent, Some(_)) => false,
        }
    }
}

/// One entity tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tag {
    weak: bool,
    /// With its quotes.
    opaque: String,
}

enum Tags {
    Any,
    These(Vec<Tag>),
}

impl Tags {
    fn read(headers: &HeaderMap, name: HeaderName) -> Result<Option<Self>, Problem> {
        let invalid = || {
            let form = "expected `*` or a list of ETags in double quotes";
            Problem::new(Kind::InvalidValue, format!("Invalid `{name}`: {form}."))
        };
        let mut tags = Vec::new();
        let mut lines = headers.get_all(&name).iter().peekable();
        if lines.peek().is_none() {
            return Ok(None);
        }
        for line in lines {
            let line = line.to_str().map_err(|_| invalid())?.trim();
            if line == "*" {
                return Ok(Some(Self::Any));
            }
            tags.extend(list(line).ok_or_else(invalid)?);
        }
        Ok(Some(Self::These(tags)))
    }
}

/// `#entity-tag`: commas stand between tags, and may stand within them.
fn list(line: &str) -> Option<Vec<Tag>> {
    let mut tags = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(',') {
            rest = after.trim_start();
            continue;
        }
        let (weak, quoted) = match rest.strip_prefix("W/") {
            Some(quoted) => (true, quoted),
            None => (false, rest),
        };
        let end = quoted.strip_prefix('"')?.find('"')? + 2;
        let opaque = quoted[..end].to_owned();
        if opaque.contains([' ', '\t']) {
            return None;
        }
        tags.push(Tag { weak, opaque });
        rest = quoted[end..].trim_start();
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
    Some(tags)
}

#[cfg(test)]
mod tests {
    use waygate_core::model::Epoch;

    use super::*;

    fn tags(line: &str) -> Option<Vec<String>> {
        let show = |tag: Tag| format!("{}{}", if tag.weak { "W/" } else { "" }, tag.opaque);
        Some(list(line)?.into_iter().map(show).collect())
    }

    #[test]
    fn lists_are_read_as_the_standard_writes_them() {
        assert_eq!(tags(r#""a""#).unwrap(), [r#""a""#]);
        assert_eq!(
            tags(r#" , "a,b" ,, W/"c","" "#).unwrap(),
            [r#""a,b""#, r#"W/"c""#, r#""""#]
        );
        assert_eq!(tags("").unwrap(), [""; 0]);
        for wrong in [
            "a",
            r#""a"#,
            r#""a" "b""#,
            r#"w/"a""#,
            r#""a b""#,
            r#"*, "a""#,
        ] {
            assert_eq!(tags(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_precondition_holds_for_exactly_the_current_tag() {
        let epoch = Epoch::random();
        let at = |number| Revision { epoch, number };
        let holds = |line: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_MATCH, line.parse().unwrap());
            Precondition::read(&headers).unwrap().holds(Some(at(7)))
        };
        assert!(Precondition::None.holds(Some(at(7))));
        assert!(holds("*"));
        assert!(holds(&of(at(7))));
        assert!(holds(&format!("{}, {}", of(at(6)), of(at(7)))));
        assert!(!holds(&of(at(6))));
        assert!(!holds(&format!("W/{}", of(at(7)))));
        assert!(!holds("\"7\""));
    }

    #[test]
    fn what_is_not_there_is_neither_any_nor_one_of_some() {
        let read = |name: HeaderName, line: &'static str| {
            let headers = HeaderMap::from_iter([(name, line.parse().unwrap())]);
            Precondition::read(&headers).unwrap()
        };
        assert!(Precondition::None.holds(None));
        assert!(!read(header::IF_MATCH, "*").holds(None));
        assert!(!read(header::IF_MATCH, "\"a\"").holds(None));
        let absent = read(header::IF_NONE_MATCH, "*");
        let there = Revision {
            epoch: Epoch::random(),
            number: 0,
        };
        assert!(absent.holds(None) && !absent.holds(Some(there)));
    }
}
