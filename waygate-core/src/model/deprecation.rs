use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::text;
use crate::grammar::{Invalid, LinkTarget, check_sunset};

/// A route that is going away: `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and `successor-version` (RFC 5829).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Raw")]
pub struct Deprecation {
    since: Option<Timestamp>,
    sunset: Option<Timestamp>,
    successor: Option<LinkTarget>,
}

impl Deprecation {
    /// A deprecation; every part may be unknown.
    ///
    /// # Errors
    /// [`Invalid`] when the sunset comes before the deprecation (RFC 9745 section 4).
    pub fn new(
        since: Option<Timestamp>,
        sunset: Option<Timestamp>,
        successor: Option<LinkTarget>,
    ) -> Result<Self, Invalid> {
        if let (Some(since), Some(sunset)) = (since, sunset) {
            check_sunset(since, sunset)?;
        }
        Ok(Self {
            since,
            sunset,
            successor,
        })
    }

    /// When the deprecation took or takes effect.
    pub fn since(&self) -> Option<Timestamp> {
        self.since
    }

    /// When the route is to go away.
    pub fn sunset(&self) -> Option<Timestamp> {
        self.sunset
    }

    /// What to use instead.
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
