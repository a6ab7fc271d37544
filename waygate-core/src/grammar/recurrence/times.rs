use jiff::{
    SignedDuration,
    civil::{Date, Time},
};

use super::{Occurrences, Recurrence};
use crate::grammar::Invalid;

/// The local times of recurring windows: when they start, and how long they last. They do not overlap.
///
/// ```
/// use waygate_core::grammar::WindowTimes;
///
/// assert!(WindowTimes::parse("0 2 * * SUN", None, None, "2h").is_ok());
/// let rule = "FREQ=WEEKLY;INTERVAL=2";
/// assert!(WindowTimes::parse(rule, Some("02:00"), Some("2030-01-06"), "90m").is_ok());
/// let error = WindowTimes::parse(rule, Some("02:00"), None, "90m").unwrap_err();
/// assert_eq!(error.problem(), "this rule needs `from`, the day from which it is counted");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowTimes {
    pub(crate) every: Recurrence,
    pub(crate) at: Option<Time>,
    pub(crate) from: Option<Date>,
    pub(crate) length: SignedDuration,
    /// The day of the last occurrence of a rule with a number of them.
    end: Option<Date>,
}

/// The shortest and the longest window.
const SHORTEST: SignedDuration = SignedDuration::from_mins(1);
const LONGEST: SignedDuration = SignedDuration::from_hours(31 * 24);
/// The day from which rules are counted that do not depend on it.
const FIRST: Date = jiff::civil::date(2000, 1, 1);
/// The windows that are compared when they are written.
const COMPARED: usize = 1_000;

impl WindowTimes {
    /// Parses a cron expression or a rule, the local time of a rule (`02:00`), the local day from which it is counted
    /// (`2030-01-06`), and the length (`90m`, `2h 30m`).
    ///
    /// # Errors
    /// [`Invalid`] names the part, and what is allowed.
    pub fn parse(
        every: &str,
        at: Option<&str>,
        from: Option<&str>,
        length: &str,
    ) -> Result<Self, Invalid> {
        let mut times = Self {
            every: every.parse()?,
            at: at.map(parse_time).transpose()?,
            from: from.map(parse_day).transpose()?,
            length: parse_length(length)?,
            end: None,
        };
        let end = times.every.end(times.first());
        times.end = end.map_err(|problem| Invalid::new("recurring window", every, problem))?;
        times.check()?;
        Ok(times)
    }

    /// Returns all starts.
    pub(crate) fn starts(&self) -> Occurrences<'_> {
        let at = self.at.unwrap_or_default();
        self.every.occurrences(self.first(), at, self.end)
    }

    fn first(&self) -> Date {
        self.from.unwrap_or(FIRST)
    }

    fn check(&self) -> Result<(), Invalid> {
        self.check_parts().map_err(|problem| {
            Invalid::new("recurring window", &self.every.to_string(), problem)
        })?;
        self.check_gaps()
            .map_err(|problem| Invalid::new("recurring window", &self.every.to_string(), problem))
    }

    fn check_parts(&self) -> Result<(), &'static str> {
        let Self {
            every, at, from, ..
        } = self;
        if every.is_rule() && at.is_none() {
            return Err("a rule needs `at`, a time such as `02:00`");
        }
        if !every.is_rule() && (at.is_some() || from.is_some()) {
            return Err("`at` and `from` are for rules; a cron expression has the time");
        }
        if every.is_counted() && from.is_none() {
            return Err("this rule needs `from`, the day from which it is counted");
        }
        if self.length < SHORTEST || self.length > LONGEST {
            return Err("`for` is from `1m` to `744h`");
        }
        Ok(())
    }

    fn check_gaps(&self) -> Result<(), String> {
        let starts = self.starts();
        let before = self.first().yesterday().ok();
        let first = before.and_then(|day| starts.after(day.at(23, 59, 59, 0)));
        let Some(mut last) = first else {
            return Err("there is no such day".to_owned());
        };
        for _ in 0..COMPARED {
            let Some(next) = starts.after(last) else {
                break;
            };
            if next.duration_since(last) <= self.length {
                return Err(format!(
                    "the window of {last} has not ended before {next}: shorten `for`"
                ));
            }
            last = next;
        }
        Ok(())
    }
}

/// Parses a local day: `2030-01-06`.
fn parse_day(text: &str) -> Result<Date, Invalid> {
    let problem = "expected a day such as `2030-01-06`";
    text.parse().map_err(|_| Invalid::new("day", text, problem))
}

/// Parses `02:00` or `02:00:30`.
pub(crate) fn parse_time(text: &str) -> Result<Time, Invalid> {
    let parsed = Time::strptime("%H:%M", text).or_else(|_| Time::strptime("%H:%M:%S", text));
    let problem = "expected `HH:MM`, such as `02:00`";
    parsed.map_err(|_| Invalid::new("time of the day", text, problem))
}

/// Parses `90m` or `2h 30m`.
pub(crate) fn parse_length(text: &str) -> Result<SignedDuration, Invalid> {
    let problem = "expected hours and minutes, such as `90m` or `2h 30m`";
    text.parse()
        .map_err(|_| Invalid::new("duration", text, problem))
}

/// Writes a time of the day: `02:00`.
#[cfg(feature = "model")]
pub(crate) fn time_text(time: Time) -> String {
    match time.second() {
        0 => time.strftime("%H:%M").to_string(),
        _ => time.strftime("%H:%M:%S").to_string(),
    }
}

/// Writes a length: `1h30m`.
#[cfg(feature = "model")]
pub(crate) fn length_text(length: SignedDuration) -> String {
    format!("{length:#}").replace(' ', "")
}
