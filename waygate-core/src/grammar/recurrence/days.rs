use jiff::civil::{Date, Weekday};

/// The most days that are looked at for the next occurrence: a little more than 28 years, after which the days of the
/// week and leap years repeat.
const MOST_DAYS: usize = 10_300;

/// Days that recur.
pub(super) trait Days {
    /// Returns `true` if a day is one of them.
    fn has(&self, day: Date) -> bool;

    /// Returns the first of them after a day.
    fn after(&self, day: Date) -> Option<Date> {
        let mut day = self.candidate(day.tomorrow().ok()?)?;
        for _ in 0..MOST_DAYS {
            if self.has(day) {
                return Some(day);
            }
            // Skips what no day of this period can be.
            day = self.candidate(day.tomorrow().ok()?)?;
        }
        None
    }

    /// Returns the first day, from this one on, that may be one of them.
    fn candidate(&self, day: Date) -> Option<Date> {
        Some(day)
    }
}

/// The number of a day, from an arbitrary one on.
pub(super) fn number(day: Date) -> i64 {
    day.duration_since(Date::ZERO).as_hours() / 24
}

/// The number of a month, from an arbitrary one on.
pub(super) fn month_number(day: Date) -> i64 {
    i64::from(day.year()) * 12 + i64::from(day.month())
}

/// Returns `true` for the `nth` of its day of the week in its month: from the first on, or from the last on if negative.
pub(super) fn is_nth(day: Date, nth: i8) -> bool {
    let (of_month, len) = (day.day(), day.days_in_month());
    match nth {
        1.. => (of_month - 1) / 7 + 1 == nth,
        _ => (len - of_month) / 7 + 1 == -nth,
    }
}

/// The names of the days of the week, in English.
pub(super) const WEEKDAYS: [(&str, Weekday); 7] = [
    ("SUN", Weekday::Sunday),
    ("MON", Weekday::Monday),
    ("TUE", Weekday::Tuesday),
    ("WED", Weekday::Wednesday),
    ("THU", Weekday::Thursday),
    ("FRI", Weekday::Friday),
    ("SAT", Weekday::Saturday),
];
