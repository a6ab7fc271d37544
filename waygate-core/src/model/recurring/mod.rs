//! Maintenance windows that recur.

mod fields;
mod maintenance;

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::WindowId;
use crate::grammar::{
    Interval, Invalid, Reason, TimeZoneName, WindowException, WindowTimes, length_text, time_text,
};

pub use fields::RecurringFields;
pub use maintenance::{RecurringMaintenance, RecurringMaintenanceFields};

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RecurringFields", into = "RecurringFields")]
pub struct RecurringWindow {
    times: WindowTimes,
    /// UTC without one.
    zone: Option<TimeZoneName>,
    except: Vec<WindowException>,
    reason: Reason,
}

/// The most exceptions.
const MOST_EXCEPTIONS: usize = 366;
/// The most that clocks have ever skipped or repeated, and an hour.
const MOST_SHIFT: SignedDuration = SignedDuration::from_hours(25);

impl RecurringWindow {
    /// Starts with the times and the length: a cron expression, or a rule that needs a time of the day, and `90m` or
    /// `2h 30m`.
    ///
    /// ```
    /// use waygate_core::model::RecurringWindow;
    ///
    /// let nightly = RecurringWindow::builder("0 2 * * *", "1h").build()?;
    /// assert_eq!(nightly.id().as_str(), "0 2 * * * for 1h");
    /// # Ok::<(), waygate_core::grammar::Invalid>(())
    /// ```
    pub fn builder(every: &str, length: &str) -> RecurringFields {
        RecurringFields::new(every, length)
    }

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
        let (_, start) = self.find(after)?;
        self.interval(start)
    }

    /// Finds the first window that starts after an instant, with its local start.
    fn find(&self, after: Timestamp) -> Option<(DateTime, Timestamp)> {
        let zone = self.zone.as_ref();
        let zone = zone.map_or(TimeZone::UTC, TimeZoneName::to_time_zone);
        let search = after.checked_sub(MOST_SHIFT).unwrap_or(Timestamp::MIN);
        let shift = zone.following(search).next();
        let shift = shift.map_or(Timestamp::MAX, |shift| shift.timestamp());
        let starts = self.times.starts();
        let mut local = zone.to_datetime(after);
        loop {
            local = starts.after(local)?;
            let start = zone.to_timestamp(local).ok()?;
            if shift.duration_since(start) <= MOST_SHIFT {
                return self.find_near_shift(&zone, search, after);
            }
            match self.excepted(local) {
                None => return Some((local, start)),
                Some(until) => local = until,
            }
        }
    }

    /// Finds that window while clocks change: a time that they skip moves behind others.
    fn find_near_shift(
        &self,
        zone: &TimeZone,
        search: Timestamp,
        after: Timestamp,
    ) -> Option<(DateTime, Timestamp)> {
        let starts = self.times.starts();
        let mut local = zone.to_datetime(search);
        let mut found: Option<(DateTime, Timestamp)> = None;
        while let Some(next) = starts.after(local) {
            local = next;
            let start = zone.to_timestamp(local).ok()?;
            if found.is_some_and(|(_, found)| start.duration_since(found) > MOST_SHIFT) {
                break;
            }
            let is_sooner = found.is_none_or(|(_, found)| start < found);
            match self.excepted(local) {
                None if start > after && is_sooner => found = Some((local, start)),
                None => {}
                Some(until) => local = until,
            }
        }
        found
    }

    /// Returns the local time up to which windows are excepted, if the one that starts at `start` is: for an excepted
    /// day, its end.
    fn excepted(&self, start: DateTime) -> Option<DateTime> {
        let mut exceptions = self.except.iter();
        let exception = exceptions.find(|exception| exception.covers(start))?;
        match exception.is_day() {
            true => Some(start.date().at(23, 59, 59, 999_999_999)),
            false => Some(start),
        }
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
        let before = now.checked_sub(self.times.length).ok()?;
        self.next(before).filter(|window| window.contains(now))
    }

    /// Returns the window that covers `now`, or else the next one.
    pub(crate) fn current_or_next(&self, now: Timestamp) -> Option<Interval> {
        self.current(now).or_else(|| self.next(now))
    }

    /// Returns the first start or end after `now`.
    pub(crate) fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let end = self.current(now).map(Interval::end);
        let start = self.next(now).map(Interval::start);
        end.into_iter().chain(start).min()
    }

    /// Excepts the window that covers `now`, which has no effect from then on. Returns `false` if there is none.
    ///
    /// ```
    /// # use serde_json::json;
    /// use waygate_core::model::RecurringWindow;
    ///
    /// let mut daily: RecurringWindow =
    ///     serde_json::from_value(json!({"every": "0 2 * * *", "for": "1h"}))?;
    /// let during = "2030-01-01T02:30:00Z".parse()?;
    /// assert!(daily.skip(during));
    /// assert_eq!(daily.current(during), None);
    /// assert_eq!(daily.next(during).expect("tomorrow's").start().to_string(), "2030-01-02T02:00:00Z");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn skip(&mut self, now: Timestamp) -> bool {
        let current = |window: &Self| {
            let (local, start) = window.find(now.checked_sub(window.times.length).ok()?)?;
            let interval = window.interval(start)?;
            interval.contains(now).then_some(local)
        };
        let Some(start) = current(self) else {
            return false;
        };
        self.except.push(start.into());
        self.except.sort_unstable();
        true
    }

    /// Returns whether one more exception would be too many.
    pub(crate) fn is_full(&self) -> bool {
        self.except.len() >= MOST_EXCEPTIONS
    }

    /// Forgets the exceptions from windows that have ended. Returns `false` if no window is left.
    pub(crate) fn settle(&mut self, now: Timestamp) -> bool {
        let kept = now.checked_sub(self.times.length + MOST_SHIFT * 2);
        let kept = TimeZone::UTC.to_datetime(kept.unwrap_or(Timestamp::MIN));
        self.except
            .retain(|exception| exception.date() >= kept.date());
        self.current_or_next(now).is_some()
    }

    /// Returns the window's name: `0 2 * * SUN for 2h in Europe/Berlin`.
    ///
    /// ```
    /// # use serde_json::json;
    /// use waygate_core::model::{RecurringWindow, WindowId};
    ///
    /// let weekly: RecurringWindow = serde_json::from_value(
    ///     json!({"every": "FREQ=WEEKLY;BYDAY=SU", "at": "02:00", "for": "120m", "tz": "Europe/Berlin"}),
    /// )?;
    /// let id: WindowId = "FREQ=WEEKLY;BYDAY=SU at 02:00 for 2h in Europe/Berlin".parse()?;
    /// assert_eq!(weekly.id(), id);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn id(&self) -> WindowId {
        WindowId::recurring(&self.times, self.zone.as_ref())
    }

    /// Returns the reason; may be empty.
    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    fn interval(&self, start: Timestamp) -> Option<Interval> {
        Interval::new(start, start.checked_add(self.times.length).ok()?).ok()
    }

    /// Checks the id that was given with the other fields.
    fn check_id(&self, given: Option<&WindowId>) -> Result<(), Invalid> {
        let id = self.id();
        match given.filter(|given| **given != id) {
            Some(given) => {
                let problem = format!("the id of these windows is `{id}`: leave it out");
                Err(Invalid::new("id", given.as_str(), problem))
            }
            None => Ok(()),
        }
    }
}

impl RecurringFields {
    /// Checks the fields.
    ///
    /// # Errors
    /// [`Invalid`] names the field, the part of a cron expression or of a rule, and what is allowed.
    pub fn build(self) -> Result<RecurringWindow, Invalid> {
        self.try_into()
    }
}

impl TryFrom<RecurringFields> for RecurringWindow {
    type Error = Invalid;

    fn try_from(fields: RecurringFields) -> Result<Self, Invalid> {
        let from = fields.from.map(|day| day.to_string());
        let (at, from) = (fields.at.as_deref(), from.as_deref());
        let mut window = Self {
            times: WindowTimes::parse(&fields.every, at, from, &fields.r#for)?,
            zone: fields.tz,
            except: fields.except,
            reason: fields.reason,
        };
        if window.except.len() > MOST_EXCEPTIONS {
            let (given, problem) = (window.except.len().to_string(), "there are at most 366");
            return Err(Invalid::new("number of exceptions", &given, problem));
        }
        window.except.sort_unstable();
        window.except.dedup();
        window.check_id(fields.id.as_ref())?;
        Ok(window)
    }
}

impl From<RecurringWindow> for RecurringFields {
    fn from(window: RecurringWindow) -> Self {
        Self {
            id: Some(window.id()),
            every: window.times.every.to_string(),
            at: window.times.at.map(time_text),
            from: window.times.from,
            r#for: length_text(window.times.length),
            tz: window.zone,
            except: window.except,
            reason: window.reason,
        }
    }
}

#[cfg(test)]
mod tests;
