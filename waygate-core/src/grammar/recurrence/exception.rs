use std::{fmt, str::FromStr};

use crate::grammar::Invalid;
use jiff::civil::{Date, DateTime, Time};

/// An exception from recurring windows, in their time zone: those of a day, or the one that starts at a local time.
///
/// ```
/// use waygate_core::grammar::WindowException;
///
/// let holiday: WindowException = "2030-12-29".parse()?;
/// let one: WindowException = "2030-12-29T02:00".parse()?;
/// assert_eq!((holiday.date(), one.to_string()), (one.date(), "2030-12-29T02:00:00".to_owned()));
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowException {
    date: Date,
    time: Option<Time>,
}

impl WindowException {
    /// Returns the local day.
    pub fn date(self) -> Date {
        self.date
    }

    /// Returns whether it excepts all windows of the day.
    #[cfg(feature = "model")]
    pub(crate) fn is_day(self) -> bool {
        self.time.is_none()
    }

    /// Returns whether a window that starts at this local time is excepted.
    #[cfg(feature = "model")]
    pub(crate) fn covers(self, start: DateTime) -> bool {
        self.date == start.date() && self.time.is_none_or(|time| time == start.time())
    }
}

impl From<DateTime> for WindowException {
    fn from(start: DateTime) -> Self {
        Self {
            date: start.date(),
            time: Some(start.time()),
        }
    }
}

impl FromStr for WindowException {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = |_| {
            Invalid::new(
                "exception",
                text,
                "expected a day such as `2030-12-29`, or the local start of a window such as `2030-12-29T02:00`",
            )
        };
        match text.split_once('T') {
            Some((date, time)) => Ok(Self {
                date: date.parse().map_err(invalid)?,
                time: Some(time.parse().map_err(invalid)?),
            }),
            None => Ok(Self {
                date: text.parse().map_err(invalid)?,
                time: None,
            }),
        }
    }
}

impl fmt::Display for WindowException {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.time {
            Some(time) => self.date.to_datetime(time).fmt(f),
            None => self.date.fmt(f),
        }
    }
}
