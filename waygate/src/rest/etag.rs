//! Entity tags of resources, and the preconditions on them (RFC 9110 sections 8.8.3 and 13).

use http::{HeaderMap, HeaderValue, header};
use waygate_core::model::Revision;

use crate::{
    engine::Precondition,
    openapi::{InvalidTags, Tag, Tags, fingerprint},
};

/// The tag of a resource that was last changed by this commit.
pub(crate) fn entity_tag(revision: Revision) -> String {
    format!("\"{revision}\"")
}

/// The tag of a list at this revision. It includes a fingerprint of the body, since lists also change with time, when
/// windows start.
pub(super) fn list_tag(revision: Revision, body: &[u8]) -> String {
    let short = fingerprint(body) as u64;
    format!("\"{revision}-{short:016x}\"")
}

/// Reads the precondition of a change: `If-Match` and `If-None-Match`, which both must hold.
pub(crate) fn precondition(headers: &HeaderMap) -> Result<Precondition, InvalidTags> {
    let matching = Tags::read(headers, header::IF_MATCH)?.map(|tags| match tags {
        Tags::Any => Precondition::Exists,
        Tags::These(tags) => Precondition::OneOf(tags.iter().filter_map(strong).collect()),
    });
    let other = Tags::read(headers, header::IF_NONE_MATCH)?.map(|tags| match tags {
        Tags::Any => Precondition::Absent,
        Tags::These(tags) => Precondition::NoneOf(tags.iter().filter_map(revision).collect()),
    });
    Ok(match (matching, other) {
        (Some(matching), Some(other)) => Precondition::Both(Box::new(matching), Box::new(other)),
        (one, other) => one.or(other).unwrap_or_default(),
    })
}

/// Reads the precondition in the text of an `If-Match`.
pub(crate) fn matching(text: &str) -> Result<Precondition, InvalidTags> {
    // A text that no header can carry is no list of tags.
    let value = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("?"));
    precondition(&HeaderMap::from_iter([(header::IF_MATCH, value)]))
}

/// Reads the precondition that a resource has this tag.
#[cfg(feature = "flags")]
pub(crate) fn is_tagged(tag: &str) -> Precondition {
    let tag = Tag {
        weak: false,
        opaque: tag.to_owned(),
    };
    Precondition::OneOf(strong(&tag).into_iter().collect())
}

/// The revision of a tag in a strong comparison: weak tags match nothing.
fn strong(tag: &Tag) -> Option<Revision> {
    revision(tag).filter(|_| !tag.weak)
}

/// The revision of a tag. A revision in another spelling matches nothing.
fn revision(tag: &Tag) -> Option<Revision> {
    let (epoch, number) = tag.opaque.trim_matches('"').split_once('-')?;
    let revision = Revision {
        epoch: epoch.parse().ok()?,
        number: number.parse().ok()?,
    };
    (entity_tag(revision) == tag.opaque).then_some(revision)
}

#[cfg(test)]
mod tests {
    use http::HeaderName;
    use waygate_core::model::Epoch;

    use super::*;

    fn read(name: HeaderName, line: &str) -> Precondition {
        let headers = HeaderMap::from_iter([(name, line.parse().unwrap())]);
        precondition(&headers).unwrap()
    }

    #[test]
    fn preconditions_match_exactly_the_revisions_of_strong_tags() {
        let epoch = Epoch::random();
        let at = |number| Revision { epoch, number };
        let named = |line: &str| read(header::IF_MATCH, line);
        let one_of = |numbers: &[u64]| {
            Precondition::OneOf(numbers.iter().map(|number| at(*number)).collect())
        };
        assert_eq!(named("*"), Precondition::Exists);
        assert_eq!(named(&entity_tag(at(7))), one_of(&[7]));
        let both = format!("{}, {}", entity_tag(at(6)), entity_tag(at(7)));
        assert_eq!(named(&both), one_of(&[6, 7]));
        for other in [
            format!("W/{}", entity_tag(at(7))),
            format!("\"{epoch}-07\""),
            format!("\"{epoch}-+7\""),
            format!("\"{}-7\"", epoch.to_string().to_uppercase() + "A"),
            list_tag(at(7), b"x"),
            "\"7\"".to_owned(),
            "\"a\"".to_owned(),
        ] {
            assert_eq!(named(&other), one_of(&[]), "{other}");
        }
    }

    #[test]
    fn only_an_asterisk_requires_a_missing_resource() {
        assert_eq!(read(header::IF_NONE_MATCH, "*"), Precondition::Absent);
        assert_eq!(
            read(header::IF_NONE_MATCH, "\"a\""),
            Precondition::NoneOf(Vec::new())
        );
        assert_eq!(precondition(&HeaderMap::new()).unwrap(), Precondition::None);
    }

    #[test]
    fn weak_tags_may_be_refused_but_not_required() {
        let at = |number| Revision {
            epoch: Epoch::random(),
            number,
        };
        let (six, seven) = (at(6), at(7));
        let line = format!("{}, W/{}", entity_tag(six), entity_tag(seven));
        let both = vec![six, seven];
        assert_eq!(
            read(header::IF_NONE_MATCH, &line),
            Precondition::NoneOf(both)
        );
        assert_eq!(
            read(header::IF_MATCH, &line),
            Precondition::OneOf(vec![six])
        );
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_MATCH, line.parse().unwrap());
        headers.insert(header::IF_NONE_MATCH, "*".parse().unwrap());
        let expected = Precondition::Both(
            Box::new(Precondition::OneOf(vec![six])),
            Box::new(Precondition::Absent),
        );
        assert_eq!(precondition(&headers).unwrap(), expected);
        headers.insert(header::IF_NONE_MATCH, "a".parse().unwrap());
        assert!(precondition(&headers).is_err());
    }
}
