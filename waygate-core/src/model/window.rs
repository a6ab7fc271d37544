use std::{fmt, str::FromStr};

use jiff::{SignedDuration, Timestamp, civil::Time};
use serde::{Deserialize, Deserializer, Serialize};

use super::text;
use crate::grammar::{
    Interval, Invalid, Reason, Recurrence, TimeZoneName, WindowTimes, format_wire, length_text,
    parse_instant, parse_length, parse_time, time_text,
};

/// Names one maintenance window: its interval, as `start/end` (ISO 8601), or that of recurring windows, as
/// `0 2 * * SUN for 2h in Europe/Berlin` or `FREQ=DAILY at 02:00 for 2h`.
///
/// It is derived, so that every replica gives the window of a declaration the same name. Every spelling of an
/// interval has the same id.
///
/// ```
/// use waygate_core::{grammar::Interval, model::WindowId};
///
/// let night = Interval::parse("2030-01-01T02:00:00Z", "2030-01-01T04:00:00Z")?;
/// let id = WindowId::from(night);
/// assert_eq!(id.as_str().parse(), Ok(id));
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct WindowId(String);

impl WindowId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl WindowId {
    /// Returns the name of recurring windows.
    pub(super) fn recurring(times: &WindowTimes, zone: Option<&TimeZoneName>) -> Self {
        Self::from_parts(&times.every, times.at, times.length, zone)
    }

    fn from_parts(
        every: &Recurrence,
        at: Option<Time>,
        length: SignedDuration,
        zone: Option<&TimeZoneName>,
    ) -> Self {
        let at = at.map(|at| format!(" at {}", time_text(at)));
        let zone = zone.map(|zone| format!(" in {zone}"));
        let (at, zone) = (at.unwrap_or_default(), zone.unwrap_or_default());
        Self(format!("{every}{at} for {}{zone}", length_text(length)))
    }

    /// Returns the start of a single window.
    pub(crate) fn start(&self) -> Option<Timestamp> {
        let (start, _) = self.0.split_once('/')?;
        parse_instant(start).ok()
    }

    fn parse_recurring(every: &str, rest: &str) -> Result<Self, Invalid> {
        let (every, at) = match every.split_once(" at ") {
            Some((every, at)) => (every, Some(parse_time(at)?)),
            None => (every, None),
        };
        let (length, zone) = match rest.split_once(" in ") {
            Some((length, zone)) => (length, Some(zone.parse()?)),
            None => (rest, None),
        };
        let length = parse_length(length)?;
        Ok(Self::from_parts(&every.parse()?, at, length, zone.as_ref()))
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
        if let Some((every, rest)) = text.rsplit_once(" for ") {
            return Self::parse_recurring(every, rest);
        }
        let (start, end) = text.split_once('/').ok_or_else(|| {
            Invalid::new(
                "window",
                text,
                "expected `<start>/<end>`, both RFC 3339, or `<every> for <length>`",
            )
        })?;
        Interval::parse(start, end).map(Self::from)
    }
}

impl fmt::Display for WindowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for WindowId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::parsed(deserializer)
    }
}

/// A planned maintenance: the route is in maintenance from `start` up to and excluding `end`.
///
/// ```
/// use waygate_core::{
///     grammar::Interval,
///     model::{Window, WindowId},
/// };
///
/// let interval = Interval::parse("2030-01-01T02:00:00Z", "2030-01-01T04:00:00Z")?;
/// let window = Window { interval, reason: "database upgrade".parse()? };
/// assert_eq!(window.id(), WindowId::from(interval));
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Raw")]
pub struct Window {
    /// The span.
    pub interval: Interval,
    /// The reason; if empty, the route's own is shown.
    pub reason: Reason,
}

impl Window {
    /// Returns the window's name.
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

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json, to_value};

    use super::*;

    #[test]
    fn an_id_is_the_interval_in_utc() {
        let id: WindowId = "2030-01-01T04:00:00+02:00/2030-01-01 03:00:00.000"
            .parse()
            .unwrap();
        assert_eq!(id.as_str(), "2030-01-01T02:00:00Z/2030-01-01T03:00:00Z");
        assert_eq!(id.to_string().parse::<WindowId>().unwrap(), id);
        assert_eq!(from_value::<WindowId>(json!(id.as_str())).unwrap(), id);
    }

    #[test]
    fn explains_mistakes() {
        for (text, message) in [
            (
                "",
                "invalid window ``: expected `<start>/<end>`, both RFC 3339, or `<every> for <length>`",
            ),
            (
                "tonight",
                "invalid window `tonight`: expected `<start>/<end>`, both RFC 3339, or `<every> for <length>`",
            ),
            ("a/b", "invalid instant `a`: expected RFC 3339"),
            (
                "2030-01-01T02:00:00Z/2030-01-01T02:00:00Z",
                "invalid window `2030-01-01T02:00:00Z/2030-01-01T02:00:00Z`: the window must end",
            ),
        ] {
            let error = text.parse::<WindowId>().unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
            assert!(from_value::<WindowId>(json!(text)).is_err());
        }
    }

    #[test]
    fn a_window_round_trips_as_in_the_contract() {
        let text =
            json!({"start": "2030-01-01T02:00:00Z", "end": "2030-01-01T04:00:00Z", "reason": "db"});
        let window: Window = from_value(text.clone()).unwrap();
        assert_eq!(
            window.id().as_str(),
            "2030-01-01T02:00:00Z/2030-01-01T04:00:00Z"
        );
        assert_eq!(to_value(&window).unwrap(), text);
        let short = json!({"start": "2030-01-01T02:00:00", "end": "2030-01-01T04:00:00+01:30"});
        let window: Window = from_value(short).unwrap();
        assert_eq!(
            window.id().as_str(),
            "2030-01-01T02:00:00Z/2030-01-01T02:30:00Z"
        );
        assert!(window.reason.is_empty());
        let backwards = json!({"start": "2030-01-01T02:00:00Z", "end": "2030-01-01T01:00:00Z"});
        let error = from_value::<Window>(backwards).unwrap_err().to_string();
        assert!(
            error.ends_with("the window must end after it starts"),
            "{error}"
        );
    }
}
