//! Entity tags and the preconditions on them (RFC 9110 sections 8.8.3 and 13).

use std::fmt;

use http::{HeaderMap, HeaderName, header};
use waygate_core::model::Revision;

use crate::openapi::fingerprint;

/// The tag of a resource that this commit changed last.
pub(crate) fn entity_tag(revision: Revision) -> String {
    format!("\"{revision}\"")
}

/// The tag of a list at this revision. It has a fingerprint of the body since time changes lists, too: windows begin.
pub(super) fn list_tag(revision: Revision, body: &[u8]) -> String {
    let short = fingerprint(body) as u64;
    format!("\"{revision}-{short:016x}\"")
}

/// Returns `true` if `If-None-Match` names this tag.
pub(super) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    match Tags::read(headers, header::IF_NONE_MATCH) {
        Ok(Some(Tags::Any)) => true,
        // A weak comparison (section 8.8.3.2).
        Ok(Some(Tags::These(tags))) => tags.iter().any(|known| known.opaque == tag),
        Ok(None) | Err(_) => false,
    }
}

/// A condition on the current version of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Precondition {
    /// No condition.
    #[default]
    None,
    /// The resource exists.
    Exists,
    /// The current version has one of these tags.
    OneOf(Vec<Tag>),
    /// The resource does not exist.
    Absent,
}

impl Precondition {
    /// Reads `If-Match`, or `If-None-Match: *`.
    pub(crate) fn read(headers: &HeaderMap) -> Result<Self, InvalidTags> {
        let none_match = headers.get(header::IF_NONE_MATCH);
        Ok(match Tags::read(headers, header::IF_MATCH)? {
            None if none_match.is_some_and(|value| value == "*") => Self::Absent,
            None => Self::None,
            Some(Tags::Any) => Self::Exists,
            Some(Tags::These(tags)) => Self::OneOf(tags),
        })
    }

    /// Compares with the current version, if there is one. The comparison is strong: weak tags match nothing.
    pub(crate) fn holds(&self, current: Option<Revision>) -> bool {
        match (self, current) {
            (Self::None, _) | (Self::Exists, Some(_)) | (Self::Absent, None) => true,
            (Self::OneOf(tags), Some(current)) => {
                let current = entity_tag(current);
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

/// A header that is no list of entity tags.
#[derive(Debug)]
pub(crate) struct InvalidTags {
    header: HeaderName,
}

impl fmt::Display for InvalidTags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = &self.header;
        write!(
            f,
            "Invalid `{header}`: expected `*` or a list of ETags in double quotes."
        )
    }
}

enum Tags {
    Any,
    These(Vec<Tag>),
}

impl Tags {
    fn read(headers: &HeaderMap, name: HeaderName) -> Result<Option<Self>, InvalidTags> {
        let invalid = || InvalidTags {
            header: name.clone(),
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

/// Parses `#entity-tag`. Commas separate tags, and are allowed inside them.
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
        assert!(holds(&entity_tag(at(7))));
        assert!(holds(&format!(
            "{}, {}",
            entity_tag(at(6)),
            entity_tag(at(7))
        )));
        assert!(!holds(&entity_tag(at(6))));
        assert!(!holds(&format!("W/{}", entity_tag(at(7)))));
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
