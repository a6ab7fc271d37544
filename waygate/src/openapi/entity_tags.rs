//! Lists of entity tags (RFC 9110 section 8.8.3) in `If-Match` and `If-None-Match`.

use std::fmt;

use http::{HeaderMap, HeaderName, header};

/// Returns `true` if `If-None-Match` names this tag.
pub(crate) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    match Tags::read(headers, header::IF_NONE_MATCH) {
        Ok(Some(Tags::Any)) => true,
        // A weak comparison (section 8.8.3.2).
        Ok(Some(Tags::These(tags))) => tags.iter().any(|known| known.opaque == tag),
        Ok(None) | Err(_) => false,
    }
}

/// One entity tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) weak: bool,
    /// With its quotes.
    pub(crate) opaque: String,
}

/// A header that is not a list of entity tags.
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

/// The value of `If-Match` or `If-None-Match`.
pub(crate) enum Tags {
    /// `*`.
    Any,
    These(Vec<Tag>),
}

impl Tags {
    /// Reads a header, if there is one.
    pub(crate) fn read(headers: &HeaderMap, name: HeaderName) -> Result<Option<Self>, InvalidTags> {
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
    use http::HeaderValue;

    use super::*;

    fn tags(line: &str) -> Option<Vec<String>> {
        let show = |tag: Tag| format!("{}{}", if tag.weak { "W/" } else { "" }, tag.opaque);
        Some(list(line)?.into_iter().map(show).collect())
    }

    #[test]
    fn lists_are_parsed_as_in_the_standard() {
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

    fn known(lines: &[&'static str]) -> bool {
        let mut request = HeaderMap::new();
        for line in lines {
            request.append(header::IF_NONE_MATCH, HeaderValue::from_static(line));
        }
        is_known(&request, "\"abc\"")
    }

    #[test]
    fn tags_are_found_in_lists() {
        assert!(known(&["\"abc\""]));
        assert!(known(&["W/\"abc\""]));
        assert!(known(&["\"x\", W/\"abc\" ,\"y\""]));
        assert!(known(&["\"x\"", "\"abc\""]));
        assert!(known(&["*"]));
        assert!(!known(&["abc", "\"ab\"", "w/\"abc\"", ""]));
        assert!(!known(&[]));
    }
}
