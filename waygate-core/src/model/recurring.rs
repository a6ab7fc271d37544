use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, Time},
    tz::TimeZone,
};
use serde::{Deserialize, Serialize};

use crate::grammar::{Interval, Invalid, Reason, Recurrence, TimeZoneName};

/// Maintenance windows that recur, in a time zone.
///
/// A window starts at each local time of `every`, and lasts `for`, also while clocks change. A local time that clocks
/// skip is the time after the gap by as much as it is within it, and one that they repeat is its first (RFC 5545,
/// section 3.3.5). The windows do not overlap.
///
/// ```
/// use serde_json::json;
/// use waygate_core::model::RecurringWindow;
///
/// let sundays: RecurringWindow = serde_json::from_value(json!({
///     "every": "0 2 * * SUN", "for": "2h", "tz": "Europe/Berlin", "except": ["2030-12-29"],
/// }))?;
/// let next = sundays.next("2030-12-27T00:00:00Z".parse()?).expect("a window");
/// assert_eq!(next.start().to_string(), "2031-01-05T01:00:00Z");
///
/// let patches: RecurringWindow = serde_json::from_value(json!({
///     "every": "FREQ=MONTHLY;BYDAY=2TU", "at": "22:00", "for": "90m", "tz": "UTC",
/// }))?;
/// # let _ = patches;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Raw")]
pub struct RecurringWindow {
    every: Recurrence,
    at: Option<Time>,
    from: Option<Date>,
    length: SignedDuration,
    /// UTC without one.
    zone: Option<TimeZoneName>,
    except: Vec<Date>,
    reason: Reason,
}

/// The fields of recurring windows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    every: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<Date>,
    r#for: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tz: Option<TimeZoneName>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    except: Vec<Date>,
    #[serde(default, skip_serializing_if = "Reason::is_empty")]
    reason: Reason,
}

/// The shortest and the longest window.
const SHORTEST: SignedDuration = SignedDuration::from_mins(1);
const LONGEST: SignedDuration = SignedDuration::from_hours(31 * 24);
/// The most exceptions.
const MOST_EXCEPTIONS: usize = 366;
/// The day from which rules are counted that do not depend on it.
const FIRST: Date = jiff::civil::date(2000, 1, 1);
/// The windows that are compared when they are written.
const COMPARED: usize = 1_000;
/// The most that clocks have ever skipped or repeated, and an hour.
const MOST_SHIFT: SignedDuration = SignedDuration::from_hours(25);

impl RecurringWindow {
    /// Returns the first window that starts after an instant.
    ///
    /// ```
    /// # use serde_json::json;
    /// use waygate_core::model::RecurringWindow;
    ///
    /// let daily: RecurringWindow =
    ///     serde_json::from_value(json!({"every": "0 2 * * *", "for": "1h"}))?;
    /// let next = daily.next("2030-01-01T02:00:00Z".parse()?).expect("a window");
    /// assert_eq!(next.start().to_string(), "2030-01-02T02:00:00Z");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn next(&self, after: Timestamp) -> Option<Interval> {
        let zone = self.zone.as_ref();
        let zone = zone.map_or(TimeZone::UTC, TimeZoneName::to_time_zone);
        let first = self.from.unwrap_or(FIRST);
        let occurrences = self.every.occurrences(first, self.at.unwrap_or_default());
        // A time that clocks skip moves behind others, so that a little more than a day is searched.
        let search = after.checked_sub(MOST_SHIFT).unwrap_or(Timestamp::MIN);
        let mut local = zone.to_datetime(search);
        let mut found: Option<Timestamp> = None;
        loop {
            let Some(next) = occurrences.after(local) else {
                break;
            };
            local = next;
            let start = zone.to_timestamp(local).ok()?;
            if let Some(found) = found
                && start.duration_since(found) > MOST_SHIFT
            {
                break;
            }
            let is_excepted = self.except.contains(&local.date());
            if start > after && !is_excepted && found.is_none_or(|found| start < found) {
                found = Some(start);
            }
        }
        self.interval(found?)
    }

    /// Returns the window that covers an instant.
    ///
    /// ```
    /// # use serde_json::json;
    /// use waygate_core::model::RecurringWindow;
    ///
    /// let daily: RecurringWindow =
    ///     serde_json::from_value(json!({"every": "0 2 * * *", "for": "1h"}))?;
    /// assert!(daily.current("2030-01-01T02:59:59Z".parse()?).is_some());
    /// assert!(daily.current("2030-01-01T03:00:00Z".parse()?).is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn current(&self, now: Timestamp) -> Option<Interval> {
        let before = now.checked_sub(self.length).ok()?;
        self.next(before).filter(|window| window.contains(now))
    }

    /// Returns the reason; may be empty.
    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    fn interval(&self, start: Timestamp) -> Option<Interval> {
        Interval::new(start, start.checked_add(self.length).ok()?).ok()
    }

    fn check(&self) -> Result<(), Invalid> {
        let invalid =
            |problem: String| Invalid::new("recurring window", &self.every.to_string(), problem);
        if self.every.is_rule() && self.at.is_none() {
            return Err(invalid(
                "a rule needs `at`, a time such as `02:00`".to_owned(),
            ));
        }
        if !self.every.is_rule() && (self.at.is_some() || self.from.is_some()) {
            return Err(invalid(
                "`at` and `from` are for rules; a cron expression has the time".to_owned(),
            ));
        }
        if self.every.is_counted() && self.from.is_none() {
            return Err(invalid(
                "this rule needs `from`, the day from which it is counted".to_owned(),
            ));
        }
        if self.length < SHORTEST || self.length > LONGEST {
            return Err(invalid("`for` is from `1m` to `744h`".to_owned()));
        }
        if self.except.len() > MOST_EXCEPTIONS {
            return Err(invalid(format!(
                "there are at most {MOST_EXCEPTIONS} exceptions"
            )));
        }
        let first = self.from.unwrap_or(FIRST);
        let occurrences = self.every.occurrences(first, self.at.unwrap_or_default());
        let Some(start) = first
            .yesterday()
            .ok()
            .and_then(|day| occurrences.after(day.at(23, 59, 59, 0)))
        else {
            return Err(invalid("there is no such day".to_owned()));
        };
        let mut last = start;
        for _ in 0..COMPARED {
            let Some(next) = occurrences.after(last) else {
                break;
            };
            if next.duration_since(last) < self.length {
                let problem =
                    format!("the window of {last} has not ended at {next}: shorten `for`");
                return Err(invalid(problem));
            }
            last = next;
        }
        Ok(())
    }
}

impl TryFrom<Raw> for RecurringWindow {
    type Error = Invalid;

    fn try_from(raw: Raw) -> Result<Self, Invalid> {
        let time = |text: String| -> Result<Time, Invalid> {
            let parsed =
                Time::strptime("%H:%M", &text).or_else(|_| Time::strptime("%H:%M:%S", &text));
            parsed.map_err(|_| {
                Invalid::new(
                    "time of the day",
                    &text,
                    "expected `HH:MM`, such as `02:00`",
                )
            })
        };
        let length = raw.r#for.parse().map_err(|_| {
            Invalid::new(
                "duration",
                &raw.r#for,
                "expected hours and minutes, such as `90m` or `2h 30m`",
            )
        })?;
        let mut window = Self {
            every: raw.every.parse()?,
            at: raw.at.map(time).transpose()?,
            from: raw.from,
            length,
            zone: raw.tz,
            except: raw.except,
            reason: raw.reason,
        };
        window.except.sort_unstable();
        window.except.dedup();
        window.check()?;
        Ok(window)
    }
}

impl From<RecurringWindow> for Raw {
    fn from(window: RecurringWindow) -> Self {
        Self {
            every: window.every.to_string(),
            at: window.at.map(|at| match at.second() {
                0 => at.strftime("%H:%M").to_string(),
                _ => at.strftime("%H:%M:%S").to_string(),
            }),
            from: window.from,
            r#for: format!("{:#}", window.length),
            tz: window.zone,
            except: window.except,
            reason: window.reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json, to_value};

    use super::*;

    fn window(definition: Value) -> RecurringWindow {
        from_value(definition).unwrap()
    }

    fn berlin(every: &str, length: &str) -> RecurringWindow {
        window(json!({"every": every, "for": length, "tz": "Europe/Berlin"}))
    }

    fn next(window: &RecurringWindow, after: &str) -> String {
        let next = window.next(after.parse().unwrap()).unwrap();
        format!("{} {}", next.start(), next.end())
    }

    #[test]
    fn clocks_that_change_move_no_window_and_change_no_length() {
        let nightly = berlin("30 2 * * *", "2h");
        for (after, expected) in [
            (
                "2030-03-30T12:00:00Z",
                "2030-03-31T01:30:00Z 2030-03-31T03:30:00Z",
            ),
            (
                "2030-03-31T01:30:00Z",
                "2030-04-01T00:30:00Z 2030-04-01T02:30:00Z",
            ),
            (
                "2030-10-26T12:00:00Z",
                "2030-10-27T00:30:00Z 2030-10-27T02:30:00Z",
            ),
            (
                "2030-10-27T00:30:00Z",
                "2030-10-28T01:30:00Z 2030-10-28T03:30:00Z",
            ),
        ] {
            assert_eq!(next(&nightly, after), expected, "{after}");
        }
        // 02:30 does not exist, and is 03:30: after the window of 03:00.
        let both = berlin("0,30 2,3 * * *", "10m");
        for (after, start) in [
            ("2030-03-31T00:59:00Z", "2030-03-31T01:00:00Z"),
            ("2030-03-31T01:00:00Z", "2030-03-31T01:30:00Z"),
            ("2030-03-31T01:30:00Z", "2030-04-01T00:00:00Z"),
        ] {
            assert!(
                next(&both, after).starts_with(start),
                "{after}: {}",
                next(&both, after)
            );
        }
    }

    #[test]
    fn a_window_covers_its_start_and_not_its_end() {
        let sundays = berlin("0 2 * * SUN", "2h");
        let covers = |at: &str| sundays.current(at.parse().unwrap()).is_some();
        for (at, is_covered) in [
            ("2030-01-06T00:59:59Z", false),
            ("2030-01-06T01:00:00Z", true),
            ("2030-01-06T02:59:59Z", true),
            ("2030-01-06T03:00:00Z", false),
        ] {
            assert_eq!(covers(at), is_covered, "{at}");
        }
    }

    #[test]
    fn exceptions_are_local_days() {
        let daily = window(json!({
            "every": "30 0 * * *", "for": "1h", "tz": "Europe/Berlin", "except": ["2030-01-02", "2030-01-03", "2030-01-02"],
        }));
        // 00:30 in Berlin is the day before in UTC.
        assert!(next(&daily, "2030-01-01T12:00:00Z").starts_with("2030-01-03T23:30:00Z"));
        let stored = to_value(&daily).unwrap();
        assert_eq!(stored["except"], json!(["2030-01-02", "2030-01-03"]));
        assert_eq!(from_value::<RecurringWindow>(stored).unwrap(), daily);
    }

    #[test]
    fn rules_are_counted_from_a_day() {
        let every_second = window(json!({
            "every": "FREQ=WEEKLY;INTERVAL=2;COUNT=3", "at": "22:00", "from": "2030-01-06", "for": "90m",
        }));
        let mut starts = Vec::new();
        let mut after = Timestamp::MIN;
        while let Some(next) = every_second.next(after) {
            after = next.start();
            starts.push(after.to_string());
        }
        assert_eq!(
            starts,
            [
                "2030-01-06T22:00:00Z",
                "2030-01-20T22:00:00Z",
                "2030-02-03T22:00:00Z"
            ]
        );
        assert_eq!(
            to_value(&every_second).unwrap(),
            json!({"every": "FREQ=WEEKLY;INTERVAL=2;COUNT=3", "at": "22:00", "from": "2030-01-06", "for": "1h 30m"})
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (definition, problem) in [
            (
                json!({"every": "FREQ=DAILY", "for": "1h"}),
                "a rule needs `at`",
            ),
            (
                json!({"every": "0 2 * * *", "at": "02:00", "for": "1h"}),
                "`at` and `from` are for rules",
            ),
            (
                json!({"every": "FREQ=WEEKLY", "at": "02:00", "for": "1h"}),
                "this rule needs `from`",
            ),
            (
                json!({"every": "0 2 * * *", "for": "30s"}),
                "`for` is from `1m` to `744h`",
            ),
            (
                json!({"every": "0 2 1 * *", "for": "745h"}),
                "`for` is from `1m` to `744h`",
            ),
            (
                json!({"every": "0 2 * * *", "for": "2"}),
                "expected hours and minutes",
            ),
            (
                json!({"every": "0 2 * * *", "for": "-2h"}),
                "`for` is from `1m` to `744h`",
            ),
            (
                json!({"every": "0 2 * * *", "for": "25h"}),
                "has not ended at 2000-01-02T02:00:00: shorten `for`",
            ),
            (
                json!({"every": "0 2 * * MON,TUE", "for": "25h"}),
                "shorten `for`",
            ),
            (
                json!({"every": "0 25 * * *", "for": "1h"}),
                "hour: `25` is not within 0 to 23",
            ),
            (
                json!({"every": "0 2 * * *", "for": "1h", "tz": "Berlin"}),
                "time zone",
            ),
            (
                json!({"every": "FREQ=DAILY", "at": "2am", "for": "1h"}),
                "expected `HH:MM`",
            ),
            (
                json!({"every": "FREQ=DAILY;UNTIL=19990101", "at": "02:00", "for": "1h"}),
                "there is no such day",
            ),
            (
                json!({"every": "0 2 * * *", "for": "1h", "until": "x"}),
                "unknown field `until`",
            ),
        ] {
            let error = from_value::<RecurringWindow>(definition.clone())
                .unwrap_err()
                .to_string();
            assert!(error.contains(problem), "{definition}: {error}");
        }
    }
}
