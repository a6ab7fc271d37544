//! Times that recur: cron expressions and recurrence rules.

mod cron;
mod days;
mod exception;
mod rule;
mod times;

#[cfg(test)]
mod tests;

use std::{fmt, str::FromStr};

use jiff::civil::{Date, DateTime, Time};

use self::{cron::Cron, days::Days, rule::Rule};
use super::{Invalid, hidden::is_hidden};

pub use exception::WindowException;
pub use times::WindowTimes;
#[cfg(feature = "model")]
pub(crate) use times::{length_text, parse_length, parse_time, time_text};

/// Local times that recur: a cron expression with five fields, or a recurrence rule of iCalendar (RFC 5545, section
/// 3.3.10) without its `RRULE:`.
///
/// A cron expression has the fields minute, hour, day of the month, month and day of the week. Fields take `*`, lists,
/// ranges and steps; months and days of the week take names; the day of the month takes `L` (the last one) and `15W`
/// (the nearest day from Monday to Friday); the day of the week takes `FRI#2` (the second) and `FRIL` (the last). If
/// both fields of days are restricted, a day has to match one of them, as in crontab(5).
///
/// A rule has `FREQ` (`DAILY`, `WEEKLY` or `MONTHLY`) and any of `INTERVAL`, `BYDAY`, `BYMONTHDAY`, `COUNT`, `UNTIL` and
/// `WKST`. The time of the day, and the day from which intervals and occurrences are counted, are no part of it.
///
/// ```
/// use waygate_core::grammar::Recurrence;
///
/// let weekly: Recurrence = "0 2 * * SUN".parse()?;
/// assert_eq!(weekly.to_string(), "0 2 * * SUN");
/// let patch_tuesday: Recurrence = "FREQ=MONTHLY;BYDAY=2TU".parse()?;
/// assert!(patch_tuesday.is_rule());
///
/// let error = "0 25 * * *".parse::<Recurrence>().unwrap_err();
/// assert_eq!(error.problem(), "hour: `25` is not within 0 to 23");
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recurrence {
    text: String,
    pattern: Pattern,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    Cron(Cron),
    Rule(Rule),
}

/// The most characters.
const MOST_CHARS: usize = 256;

impl Recurrence {
    /// Returns `true` for a rule, which needs a time of the day.
    pub fn is_rule(&self) -> bool {
        matches!(self.pattern, Pattern::Rule(_))
    }

    /// Returns `true` if it matters from which day a rule is counted.
    pub(crate) fn is_counted(&self) -> bool {
        match &self.pattern {
            Pattern::Cron(_) => false,
            Pattern::Rule(rule) => rule.is_counted(),
        }
    }

    /// Returns the day of the last occurrence of a rule with a number of them, which are counted from the first day.
    ///
    /// # Errors
    /// The end is too far away.
    pub(crate) fn end(&self, first: Date) -> Result<Option<Date>, String> {
        match &self.pattern {
            Pattern::Cron(_) => Ok(None),
            Pattern::Rule(rule) => rule.end(first),
        }
    }

    /// Returns the occurrences of a cron expression, or of a rule at a time of the day, up to its [end](Self::end).
    pub(crate) fn occurrences(&self, first: Date, at: Time, end: Option<Date>) -> Occurrences<'_> {
        match &self.pattern {
            Pattern::Cron(cron) => Occurrences {
                days: Box::new(cron.days(first)),
                times: cron.times(),
            },
            Pattern::Rule(rule) => Occurrences {
                days: Box::new(rule.days(first, at, end)),
                times: vec![at],
            },
        }
    }
}

/// Local times, in their order.
pub(crate) struct Occurrences<'a> {
    days: Box<dyn Days + 'a>,
    /// The times of each day.
    times: Vec<Time>,
}

impl Occurrences<'_> {
    /// Returns the first occurrence after a local time.
    pub(crate) fn after(&self, after: DateTime) -> Option<DateTime> {
        let today = self.times.iter().find(|time| **time > after.time());
        if let Some(time) = today
            && self.days.has(after.date())
        {
            return Some(after.date().to_datetime(*time));
        }
        let day = self.days.after(after.date())?;
        Some(day.to_datetime(*self.times.first()?))
    }
}

impl FromStr for Recurrence {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = |problem: String| Invalid::new("recurrence", text, problem);
        if text.chars().count() > MOST_CHARS || text.chars().any(is_hidden) {
            let problem = format!("use at most {MOST_CHARS} visible characters");
            return Err(invalid(problem));
        }
        let pattern = match text.contains('=') {
            true => Pattern::Rule(Rule::parse(text).map_err(invalid)?),
            false => Pattern::Cron(Cron::parse(text).map_err(invalid)?),
        };
        Ok(Self {
            text: text.to_owned(),
            pattern,
        })
    }
}

impl fmt::Display for Recurrence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
