use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::text;
use crate::grammar::{Interval, Invalid, Reason, format_wire};

/// Names one maintenance window: its interval, as `start/end` (ISO 8601).
///
/// Derived, so that every replica gives the window of a declaration the same name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WindowId(String);

impl WindowId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Interval> for WindowId {
    fn from(interval: Interval) -> Self {
        Self(format!(
            "{}/{}",
            format_wire(interval.start(), "Z"),
            format_wire(interval.end(), "Z")
        ))
    }
}

impl FromStr for WindowId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (start, end) = text.split_once('/').ok_or_else(|| {
            Invalid::new("window", text, "expected `<start>/<end>`, both RFC 3339")
        })?;
        Interval::parse(start, end).map(Self::from)
    }
}

impl fmt::Display for WindowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A planned maintenance: the route is in maintenance from `start` up to, and without, `end`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Raw")]
pub struct Window {
    /// When.
    pub interval: Interval,
    /// Why; when empty, the route's own reason is shown.
    pub reason: Reason,
}

impl Window {
    /// The window's name.
    pub fn id(&self) -> WindowId {
        self.interval.into()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(with = "text::instant")]
    start: Timestamp,
    #[serde(with = "text::instant")]
    end: Timestamp,
    #[serde(default)]
    reason: Reason,
}

impl TryFrom<Raw> for Window {
    type Error = Invalid;

    fn try_from(raw: Raw) -> Result<Self, Invalid> {
        Ok(Self {
            interval: Interval::new(raw.start, raw.end)?,
            reason: raw.reason,
        })
    }
}

impl From<Window> for Raw {
    fn from(window: Window) -> Self {
        Self {
            start: window.interval.start(),
            end: window.interval.end(),
            reason: window.reason,
        }
    }
}
