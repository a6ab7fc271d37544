use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::text;
use crate::grammar::{Invalid, LinkTarget, check_sunset, format_http_date, storable};

/// An announced removal of a route: `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and `successor-version` (RFC 5829).
///
/// ```
/// use waygate_core::model::Deprecation;
///
/// let since = "2030-01-01T00:00:00Z".parse()?;
/// let sunset = "2030-07-01T00:00:00Z".parse()?;
/// let old = Deprecation::new(Some(since), Some(sunset), Some("/v2/users".parse()?))?;
/// assert_eq!(old.sunset(), Some(sunset));
/// assert!(Deprecation::new(Some(sunset), Some(since), None).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(try_from = "Raw", into = "Raw")]
pub struct Deprecation {
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime, nullable = false))]
    since: Option<Timestamp>,
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime, nullable = false))]
    sunset: Option<Timestamp>,
    #[cfg_attr(feature = "schema", schema(nullable = false))]
    successor: Option<LinkTarget>,
}

impl Deprecation {
    /// Creates a deprecation; every part is optional. Instants are truncated to microseconds.
    ///
    /// # Errors
    /// [`Invalid`] if the sunset is before the deprecation (RFC 9745 section 4), or a year is before 0.
    pub fn new(
        since: Option<Timestamp>,
        sunset: Option<Timestamp>,
        successor: Option<LinkTarget>,
    ) -> Result<Self, Invalid> {
        let stored = |noun, instant: Option<Timestamp>| match instant.map(storable) {
            Some(None) => Err(Invalid::new(
                noun,
                &instant.map(format_http_date).unwrap_or_default(),
                "the year must be 0 to 9999",
            )),
            stored => Ok(stored.flatten()),
        };
        let since = stored("deprecation date", since)?;
        let sunset = stored("sunset date", sunset)?;
        if let (Some(since), Some(sunset)) = (since, sunset) {
            check_sunset(since, sunset)?;
        }
        Ok(Self {
            since,
            sunset,
            successor,
        })
    }

    /// Returns when the deprecation took or takes effect.
    pub fn since(&self) -> Option<Timestamp> {
        self.since
    }

    /// Returns when the route will be removed.
    pub fn sunset(&self) -> Option<Timestamp> {
        self.sunset
    }

    /// Returns the successor.
    pub fn successor(&self) -> Option<&LinkTarget> {
        self.successor.as_ref()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(
        default,
        with = "text::maybe_instant",
        skip_serializing_if = "Option::is_none"
    )]
    since: Option<Timestamp>,
    #[serde(
        default,
        with = "text::maybe_instant",
        skip_serializing_if = "Option::is_none"
    )]
    sunset: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    successor: Option<LinkTarget>,
}

impl TryFrom<Raw> for Deprecation {
    type Error = Invalid;

    fn try_from(raw: Raw) -> Result<Self, Invalid> {
        Self::new(raw.since, raw.sunset, raw.successor)
    }
}

impl From<Deprecation> for Raw {
    fn from(value: Deprecation) -> Self {
        Self {
            since: value.since,
            sunset: value.sunset,
            successor: value.successor,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json, to_value};

    use super::*;
    use crate::grammar::parse_instant;

    fn at(text: &str) -> Option<Timestamp> {
        Some(parse_instant(text).unwrap())
    }

    #[test]
    fn every_part_is_optional() {
        let nothing = Deprecation::new(None, None, None).unwrap();
        assert_eq!(nothing, Deprecation::default());
        assert_eq!(to_value(&nothing).unwrap(), json!({}));
        assert!(Deprecation::new(None, at("2020-01-01T00:00:00Z"), None).is_ok());
        assert!(Deprecation::new(at("2020-01-01T00:00:00Z"), None, None).is_ok());
    }

    #[test]
    fn the_sunset_must_not_come_first() {
        let (earlier, later) = (at("2028-01-01T00:00:00Z"), at("2028-01-01T00:00:01Z"));
        assert!(Deprecation::new(earlier, later, None).is_ok());
        assert!(Deprecation::new(earlier, earlier, None).is_ok());
        let error = Deprecation::new(later, earlier, None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "invalid sunset date `Sat, 01 Jan 2028 00:00:00 GMT`: the sunset comes before the \
             deprecation of Sat, 01 Jan 2028 00:00:01 GMT"
        );
        let stored = json!({"since": "2028-01-01T00:00:01Z", "sunset": "2028-01-01T00:00:00Z"});
        let refused = from_value::<Deprecation>(stored).unwrap_err();
        assert_eq!(refused.to_string(), error.to_string());
    }

    #[test]
    fn is_stored_as_text() {
        let text = json!({
            "since": "2027-01-01T00:00:00Z",
            "sunset": "2028-01-01T00:00:00Z",
            "successor": "/v2/users",
        });
        let deprecation: Deprecation = from_value(text.clone()).unwrap();
        assert_eq!(deprecation.since(), at("2027-01-01T00:00:00Z"));
        assert_eq!(deprecation.sunset(), at("2028-01-01T00:00:00Z"));
        assert_eq!(deprecation.successor().unwrap().as_str(), "/v2/users");
        assert_eq!(to_value(&deprecation).unwrap(), text);
        assert!(from_value::<Deprecation>(json!({"until": "2028-01-01T00:00:00Z"})).is_err());
    }

    #[test]
    fn years_before_0_are_refused() {
        let error = Deprecation::new(Some(Timestamp::MIN), None, None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "invalid deprecation date `-009999-01-02T01:59:59Z`: the year must be 0 to 9999"
        );
        assert!(Deprecation::new(None, Some(Timestamp::MIN), None).is_err());
    }
}
