//! Cron expressions with five fields.

use jiff::civil::{Date, Time, Weekday};

use super::days::{Days, WEEKDAYS, is_nth};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cron {
    minutes: u64,
    hours: u64,
    months: u64,
    of_month: DaysOfMonth,
    of_week: DaysOfWeek,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct DaysOfMonth {
    days: u64,
    is_last: bool,
    /// The days from Monday to Friday that are nearest to these.
    nearest: Vec<i8>,
    is_any: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct DaysOfWeek {
    /// From Sunday on.
    days: u64,
    nth: Vec<(i8, Weekday)>,
    is_any: bool,
}

/// A field: its name, its least and its largest value, and names of values.
struct Field {
    name: &'static str,
    least: u8,
    most: u8,
    names: &'static [&'static str],
}

const MINUTE: Field = Field {
    name: "minute",
    least: 0,
    most: 59,
    names: &[],
};
const HOUR: Field = Field {
    name: "hour",
    least: 0,
    most: 23,
    names: &[],
};
const OF_MONTH: Field = Field {
    name: "day of the month",
    least: 1,
    most: 31,
    names: &[],
};
const MONTH: Field = Field {
    name: "month",
    least: 1,
    most: 12,
    names: &[
        "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
    ],
};
const OF_WEEK: Field = Field {
    name: "day of the week",
    least: 0,
    // Sunday is 0 and 7.
    most: 7,
    names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
};

impl Cron {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let [minute, hour, of_month, month, of_week] = *fields else {
            return Err(format!(
                "a cron expression has the fields minute, hour, day of the month, month and day of the week, such as \
                 `0 2 * * SUN`; this has {}",
                fields.len()
            ));
        };
        let cron = Self {
            minutes: MINUTE.set(minute)?,
            hours: HOUR.set(hour)?,
            months: MONTH.set(month)?,
            of_month: DaysOfMonth::parse(of_month)?,
            of_week: DaysOfWeek::parse(of_week)?,
        };
        let start = jiff::civil::date(2000, 1, 1);
        let first = cron.days(start).after(start);
        match first {
            Some(_) => Ok(cron),
            None => Err("there is no such day in any month".to_owned()),
        }
    }

    /// The times of each day, in their order.
    pub(super) fn times(&self) -> Vec<Time> {
        let values = |set: u64| (0..60_i8).filter(move |value| has(set, *value));
        let hours = values(self.hours);
        hours
            .flat_map(|hour| {
                values(self.minutes).filter_map(move |minute| Time::new(hour, minute, 0, 0).ok())
            })
            .collect()
    }

    /// The days, from a first one on.
    pub(super) fn days(&self, first: Date) -> impl Days {
        DaysOfCron { cron: self, first }
    }
}

struct DaysOfCron<'a> {
    cron: &'a Cron,
    first: Date,
}

impl Days for DaysOfCron<'_> {
    fn has(&self, day: Date) -> bool {
        let Cron {
            months,
            of_month,
            of_week,
            ..
        } = self.cron;
        if day < self.first || !has(*months, day.month()) {
            return false;
        }
        match of_month.is_any || of_week.is_any {
            true => of_month.has(day) && of_week.has(day),
            false => of_month.has(day) || of_week.has(day),
        }
    }

    fn candidate(&self, day: Date) -> Option<Date> {
        let mut day = day.max(self.first);
        while !has(self.cron.months, day.month()) {
            day = day.last_of_month().tomorrow().ok()?;
        }
        Some(day)
    }
}

impl DaysOfMonth {
    fn parse(text: &str) -> Result<Self, String> {
        let mut days = Self {
            is_any: is_any(text),
            ..Self::default()
        };
        for part in text.split(',') {
            if part.eq_ignore_ascii_case("L") {
                days.is_last = true;
            } else if let Some(day) = strip_letter(part, 'W') {
                days.nearest.push(OF_MONTH.value(day)? as i8);
            } else {
                days.days |= OF_MONTH.set(part)?;
            }
        }
        Ok(days)
    }

    fn has(&self, day: Date) -> bool {
        let last = day.days_in_month();
        has(self.days, day.day())
            || self.is_last && day.day() == last
            || self
                .nearest
                .iter()
                .any(|of| nearest(day, *of) == Some(day.day()))
    }
}

/// The day from Monday to Friday of the month of `day` that is nearest to the day `of` of it. It stays in the month.
fn nearest(day: Date, of: i8) -> Option<i8> {
    let target = Date::new(day.year(), day.month(), of).ok()?;
    Some(match target.weekday() {
        Weekday::Saturday if of == 1 => of + 2,
        Weekday::Saturday => of - 1,
        Weekday::Sunday if of == day.days_in_month() => of - 2,
        Weekday::Sunday => of + 1,
        _ => of,
    })
}

impl DaysOfWeek {
    fn parse(text: &str) -> Result<Self, String> {
        let mut days = Self {
            is_any: is_any(text),
            ..Self::default()
        };
        for part in text.split(',') {
            if let Some((day, nth)) = part.split_once('#') {
                let nth = nth.parse().ok().filter(|nth| (1..=5).contains(nth));
                let nth = nth.ok_or_else(|| {
                    format!(
                        "{}: expected a number from 1 to 5 after `#` in `{part}`",
                        OF_WEEK.name
                    )
                })?;
                days.nth.push((nth, weekday(day)?));
            } else if let Some(day) = strip_letter(part, 'L') {
                days.nth.push((-1, weekday(day)?));
            } else {
                days.days |= OF_WEEK.set(part)?;
            }
        }
        // Sunday is 0 and 7.
        days.days |= days.days >> 7 & 1;
        Ok(days)
    }

    fn has(&self, day: Date) -> bool {
        let weekday = day.weekday();
        let mut nth = self.nth.iter().filter(|(_, of)| *of == weekday);
        has(self.days, weekday.to_sunday_zero_offset()) || nth.any(|(nth, _)| is_nth(day, *nth))
    }
}

fn weekday(text: &str) -> Result<Weekday, String> {
    let value = usize::from(OF_WEEK.value(text)? % 7);
    Ok(WEEKDAYS[value].1)
}

impl Field {
    /// Parses a list of values, ranges and steps.
    fn set(&self, text: &str) -> Result<u64, String> {
        text.split(',')
            .try_fold(0, |set, part| Ok(set | self.part(part)?))
    }

    fn part(&self, part: &str) -> Result<u64, String> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (part, None),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (self.least, self.most),
            Some((first, last)) => (self.value(first)?, self.value(last)?),
            None => {
                let first = self.value(range)?;
                (first, if step.is_some() { self.most } else { first })
            }
        };
        if first > last {
            return Err(format!(
                "{}: the range `{range}` ends before it starts",
                self.name
            ));
        }
        let step = match step {
            None => 1,
            Some(step) => {
                let step = step.parse().ok().filter(|step| (1..=59).contains(step));
                step.ok_or_else(|| {
                    format!("{}: expected a step from 1 to 59 in `{part}`", self.name)
                })?
            }
        };
        Ok((first..=last)
            .step_by(step)
            .fold(0, |set, value| set | 1 << value))
    }

    fn value(&self, text: &str) -> Result<u8, String> {
        let named = self
            .names
            .iter()
            .position(|name| name.eq_ignore_ascii_case(text));
        if let Some(at) = named {
            return Ok(self.least + at as u8);
        }
        let (name, least, most) = (self.name, self.least, self.most);
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let value = text
            .parse()
            .ok()
            .filter(|value| (least..=most).contains(value));
        match value {
            Some(value) if is_number => Ok(value),
            _ if is_number => Err(format!("{name}: `{text}` is not within {least} to {most}")),
            _ if self.names.is_empty() => Err(format!("{name}: expected a number, found `{text}`")),
            _ => Err(format!(
                "{name}: expected a number or one of `{}`, found `{text}`",
                self.names.join("`, `")
            )),
        }
    }
}

/// crontab(5): a field that starts with `*` restricts no day.
fn is_any(text: &str) -> bool {
    text.starts_with('*')
}

fn strip_letter(part: &str, letter: char) -> Option<&str> {
    let rest = part.strip_suffix([letter, letter.to_ascii_lowercase()])?;
    (!rest.is_empty()).then_some(rest)
}

fn has(set: u64, value: i8) -> bool {
    u32::try_from(value).is_ok_and(|value| set >> value & 1 == 1)
}
