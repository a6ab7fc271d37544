//! Recurrence rules of iCalendar (RFC 5545, section 3.3.10), as far as windows need them.

use jiff::civil::{Date, DateTime, Time, Weekday};

use super::days::{Days, is_nth, month_number, number};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    frequency: Frequency,
    interval: u16,
    days: Vec<(Option<i8>, Weekday)>,
    days_of_month: Vec<i8>,
    count: Option<u16>,
    until: Option<Until>,
    week_start: Weekday,
}

/// The last time of an occurrence; without a time of the day, all of the last day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Until {
    day: Date,
    time: Option<Time>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frequency {
    Daily,
    Weekly,
    Monthly,
}

/// The most occurrences of a rule with a number of them.
const MOST: u16 = 10_000;
/// The most years from the first day to the last of a number of occurrences, so that it is found in a few milliseconds.
const HORIZON: i16 = 200;
/// The largest interval.
const MOST_INTERVAL: u16 = 1_000;
const DAYS: [(&str, Weekday); 7] = [
    ("MO", Weekday::Monday),
    ("TU", Weekday::Tuesday),
    ("WE", Weekday::Wednesday),
    ("TH", Weekday::Thursday),
    ("FR", Weekday::Friday),
    ("SA", Weekday::Saturday),
    ("SU", Weekday::Sunday),
];

impl Rule {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Parts::default();
        for part in text.split(';') {
            parts.read(part)?;
        }
        let frequency = parts.frequency.ok_or("`FREQ` is missing")?;
        let rule = Self {
            frequency,
            interval: parts.interval.unwrap_or(1),
            days: parts.days.unwrap_or_default(),
            days_of_month: parts.days_of_month.unwrap_or_default(),
            count: parts.count,
            until: parts.until,
            week_start: parts.week_start.unwrap_or(Weekday::Monday),
        };
        rule.check()?;
        Ok(rule)
    }

    fn check(&self) -> Result<(), String> {
        let has_ordinals = self.days.iter().any(|(nth, _)| nth.is_some());
        if has_ordinals && (self.frequency != Frequency::Monthly || !self.days_of_month.is_empty())
        {
            return Err(
                "`BYDAY`: a number before a day needs `FREQ=MONTHLY` without `BYMONTHDAY`"
                    .to_owned(),
            );
        }
        if self.frequency == Frequency::Weekly && !self.days_of_month.is_empty() {
            return Err("`BYMONTHDAY` cannot be with `FREQ=WEEKLY`".to_owned());
        }
        if self.count.is_some() && self.until.is_some() {
            return Err("`COUNT` and `UNTIL` cannot be together".to_owned());
        }
        Ok(())
    }

    /// Returns `true` if the days depend on the first one.
    pub(super) fn is_counted(&self) -> bool {
        let has_days = !self.days.is_empty() || !self.days_of_month.is_empty();
        self.interval > 1 || self.count.is_some() || !has_days && self.frequency != Frequency::Daily
    }

    /// The day of the last occurrence of a rule with a number of them.
    pub(super) fn end(&self, first: Date) -> Result<Option<Date>, String> {
        let Some(count) = self.count else {
            return Ok(None);
        };
        let days = DaysOfRule {
            rule: self,
            first,
            last: Date::MAX,
        };
        let is_first = days.has(first).then_some(first);
        let Some(start) = is_first.or_else(|| days.after(first)) else {
            return Ok(None);
        };
        let horizon = first.saturating_add(jiff::Span::new().years(HORIZON));
        let mut occurrences = std::iter::successors(Some(start), |day| days.after(*day))
            .take_while(|day| *day <= horizon);
        let end = occurrences.nth(usize::from(count) - 1);
        end.map(Some).ok_or_else(|| {
            format!(
                "`COUNT`: the last of {count} occurrences is more than {HORIZON} years after the first day; use a \
                 smaller number, or none"
            )
        })
    }

    /// The days with an occurrence at a time, of which none is before the first day or after the end.
    pub(super) fn days(&self, first: Date, at: Time, end: Option<Date>) -> impl Days {
        let last = self.until.map_or(Ok(Date::MAX), |until| {
            match until.time.is_some_and(|time| time < at) {
                true => until.day.yesterday(),
                false => Ok(until.day),
            }
        });
        DaysOfRule {
            rule: self,
            first,
            last: last.unwrap_or(Date::MIN).min(end.unwrap_or(Date::MAX)),
        }
    }
}

struct DaysOfRule<'a> {
    rule: &'a Rule,
    first: Date,
    last: Date,
}

impl DaysOfRule<'_> {
    /// The number of the day, week or month.
    fn period(&self, day: Date) -> i64 {
        match self.rule.frequency {
            Frequency::Daily => number(day),
            Frequency::Weekly => number(start_of_week(day, self.rule.week_start)) / 7,
            Frequency::Monthly => month_number(day),
        }
    }

    /// The periods that are missing to one that counts.
    fn missing(&self, day: Date) -> i64 {
        let interval = i64::from(self.rule.interval);
        (self.period(self.first) - self.period(day)).rem_euclid(interval)
    }

    fn has_day_of_week(&self, day: Date) -> bool {
        let weekday = day.weekday();
        let mut days = self.rule.days.iter().filter(|(_, of)| *of == weekday);
        days.any(|(nth, _)| nth.is_none_or(|nth| is_nth(day, nth)))
    }

    fn has_day_of_month(&self, day: Date) -> bool {
        let from_end = day.day() - day.days_in_month() - 1;
        let days = &self.rule.days_of_month;
        days.contains(&day.day()) || days.contains(&from_end)
    }
}

impl Days for DaysOfRule<'_> {
    fn has(&self, day: Date) -> bool {
        if day < self.first || day > self.last || self.missing(day) != 0 {
            return false;
        }
        let Rule {
            frequency,
            days,
            days_of_month,
            ..
        } = self.rule;
        match (days.is_empty(), days_of_month.is_empty()) {
            (true, true) => match frequency {
                Frequency::Daily => true,
                Frequency::Weekly => day.weekday() == self.first.weekday(),
                Frequency::Monthly => day.day() == self.first.day(),
            },
            (no_days, no_days_of_month) => {
                (no_days || self.has_day_of_week(day))
                    && (no_days_of_month || self.has_day_of_month(day))
            }
        }
    }

    fn candidate(&self, day: Date) -> Option<Date> {
        let day = day.max(self.first);
        let missing = self.missing(day);
        let day = match (missing, self.rule.frequency) {
            (0, _) => day,
            (_, Frequency::Daily) => add_days(day, missing)?,
            (_, Frequency::Weekly) => {
                add_days(start_of_week(day, self.rule.week_start), missing * 7)?
            }
            (_, Frequency::Monthly) => {
                let month = jiff::Span::new().try_months(missing).ok()?;
                day.first_of_month().checked_add(month).ok()?
            }
        };
        (day <= self.last).then_some(day)
    }
}

fn add_days(day: Date, days: i64) -> Option<Date> {
    day.checked_add(jiff::Span::new().try_days(days).ok()?).ok()
}

/// Weeks start on a day of the rule.
fn start_of_week(day: Date, start: Weekday) -> Date {
    let since = day.weekday().since(start);
    add_days(day, -i64::from(since)).unwrap_or(day)
}

/// The parts that are given.
#[derive(Default)]
struct Parts {
    frequency: Option<Frequency>,
    interval: Option<u16>,
    days: Option<Vec<(Option<i8>, Weekday)>>,
    days_of_month: Option<Vec<i8>>,
    count: Option<u16>,
    until: Option<Until>,
    week_start: Option<Weekday>,
}

impl Parts {
    fn read(&mut self, part: &str) -> Result<(), String> {
        let (name, value) = part
            .split_once('=')
            .ok_or_else(|| format!("expected `NAME=VALUE`, found `{part}`"))?;
        match name.to_ascii_uppercase().as_str() {
            "FREQ" => set(&mut self.frequency, name, frequency(value)?),
            "INTERVAL" => set(&mut self.interval, name, whole(name, value, MOST_INTERVAL)?),
            "COUNT" => set(&mut self.count, name, whole(name, value, MOST)?),
            "BYDAY" => set(&mut self.days, name, list(value, day)?),
            "BYMONTHDAY" => set(&mut self.days_of_month, name, list(value, day_of_month)?),
            "UNTIL" => set(&mut self.until, name, until(value)?),
            "WKST" => set(&mut self.week_start, name, weekday(name, value)?),
            _ => Err(format!(
                "`{name}` is not supported; use `FREQ`, `INTERVAL`, `BYDAY`, `BYMONTHDAY`, `COUNT`, `UNTIL` and `WKST`"
            )),
        }
    }
}

fn set<T>(part: &mut Option<T>, name: &str, value: T) -> Result<(), String> {
    match part.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("`{name}` is there twice")),
    }
}

fn frequency(value: &str) -> Result<Frequency, String> {
    match value.to_ascii_uppercase().as_str() {
        "DAILY" => Ok(Frequency::Daily),
        "WEEKLY" => Ok(Frequency::Weekly),
        "MONTHLY" => Ok(Frequency::Monthly),
        _ => Err(format!(
            "`FREQ`: expected `DAILY`, `WEEKLY` or `MONTHLY`, found `{value}`"
        )),
    }
}

fn whole(name: &str, value: &str, most: u16) -> Result<u16, String> {
    let number = value
        .parse()
        .ok()
        .filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| {
        format!("`{name}`: expected a whole number from 1 to {most}, found `{value}`")
    })
}

fn list<T>(value: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    value.split(',').map(read).collect()
}

fn weekday(name: &str, value: &str) -> Result<Weekday, String> {
    let known = DAYS.iter().find(|(day, _)| day.eq_ignore_ascii_case(value));
    let (_, day) = known.ok_or_else(|| {
        format!("`{name}`: expected `MO`, `TU`, `WE`, `TH`, `FR`, `SA` or `SU`, found `{value}`")
    })?;
    Ok(*day)
}

fn day(value: &str) -> Result<(Option<i8>, Weekday), String> {
    let at = value
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(value.len());
    let (nth, name) = value.split_at(at);
    let day = weekday("BYDAY", name)?;
    if nth.is_empty() {
        return Ok((None, day));
    }
    let nth = nth
        .parse()
        .ok()
        .filter(|nth| (1..=5_i8).contains(nth) || (-5..=-1).contains(nth));
    let nth = nth.ok_or_else(|| {
        format!("`BYDAY`: expected 1 to 5, or -1 to -5, before the day, found `{value}`")
    })?;
    Ok((Some(nth), day))
}

fn day_of_month(value: &str) -> Result<i8, String> {
    let day = value.parse().ok();
    let day = day.filter(|day| (1..=31_i8).contains(day) || (-31..=-1).contains(day));
    day.ok_or_else(|| format!("`BYMONTHDAY`: expected 1 to 31, or -1 to -31, found `{value}`"))
}

fn until(value: &str) -> Result<Until, String> {
    let found = match value.len() {
        8 => Date::strptime("%Y%m%d", value).map(|day| Until { day, time: None }),
        15 => DateTime::strptime("%Y%m%dT%H%M%S", value).map(|until| Until {
            day: until.date(),
            time: Some(until.time()),
        }),
        16 if value.ends_with(['Z', 'z']) => {
            return Err(
                "`UNTIL`: leave out the `Z`; the time is in the zone of the window".to_owned(),
            );
        }
        _ => return Err(expected_until(value)),
    };
    found.map_err(|_| expected_until(value))
}

fn expected_until(value: &str) -> String {
    format!("`UNTIL`: expected a date such as `20301231`, or `20301231T020000`, found `{value}`")
}
