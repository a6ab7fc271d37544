use std::{fmt, str::FromStr};

use super::Invalid;

const NOUN: &str = "rate limit";

/// A unit of time in a rate, of fixed length: a month has 30 days and a year 360, as in the Python original.
///
/// ```
/// use waygate_core::grammar::Unit;
///
/// assert_eq!((Unit::Minute.as_str(), Unit::Minute.seconds()), ("minute", 60));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unit {
    /// 1 s.
    Second,
    /// 60 s.
    Minute,
    /// 3,600 s.
    Hour,
    /// 86,400 s.
    Day,
    /// 7 days.
    Week,
    /// 30 days.
    Month,
    /// 360 days.
    Year,
}

impl Unit {
    const ALL: [Self; 7] = [
        Self::Second,
        Self::Minute,
        Self::Hour,
        Self::Day,
        Self::Week,
        Self::Month,
        Self::Year,
    ];

    /// Returns the unit's name, in the singular.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// The length in seconds.
    pub const fn seconds(self) -> u64 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3_600,
            Self::Day => 86_400,
            Self::Week => 7 * 86_400,
            Self::Month => 30 * 86_400,
            Self::Year => 360 * 86_400,
        }
    }

    fn from_name(name: &str) -> Result<Self, String> {
        let lower = name.to_ascii_lowercase();
        Ok(match lower.as_str() {
            "s" | "sec" | "secs" | "second" | "seconds" => Self::Second,
            "min" | "mins" | "minute" | "minutes" => Self::Minute,
            "h" | "hr" | "hrs" | "hour" | "hours" => Self::Hour,
            "d" | "day" | "days" => Self::Day,
            "w" | "week" | "weeks" => Self::Week,
            "month" | "months" => Self::Month,
            "y" | "year" | "years" => Self::Year,
            "m" => return Err("`m` may be a minute or a month; write `min` or `month`".to_owned()),
            "" => return Err("the unit of time is missing, such as `minute`".to_owned()),
            _ => {
                let names = Self::ALL.map(Self::as_str).join(", ");
                return Err(format!(
                    "`{name}` is not a unit of time; use one of {names}"
                ));
            }
        })
    }
}

/// A calendar period after which a quota resets, in the time zone of its policy.
///
/// ```
/// use waygate_core::grammar::{CalendarUnit, Period, Rate};
///
/// let rate: Rate = "1000/calendar day".parse()?;
/// assert_eq!(rate.period(), Period::Calendar(CalendarUnit::Day));
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CalendarUnit {
    /// From midnight to midnight.
    Day,
    /// From the first of a month to the first of the next.
    Month,
}

/// The period of a [`Rate`].
///
/// ```
/// use waygate_core::grammar::{Period, Rate, Unit};
///
/// let rate: Rate = "100/5 minutes".parse()?;
/// assert_eq!(rate.period(), Period::Rolling { count: 5, unit: Unit::Minute });
/// assert_eq!(rate.period().seconds(), Some(300));
/// assert_eq!(rate.with_burst(Some(20)).burst(), Some(20));
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Period {
    /// A span of fixed length; the algorithm determines its start.
    Rolling {
        /// The number of units, at least 1.
        count: u32,
        /// The unit.
        unit: Unit,
    },
    /// A day or month of the calendar.
    Calendar(CalendarUnit),
}

impl Period {
    /// The length in seconds; `None` for the calendar, whose days and months differ.
    pub fn seconds(self) -> Option<u64> {
        match self {
            Self::Rolling { count, unit } => Some(u64::from(count) * unit.seconds()),
            Self::Calendar(_) => None,
        }
    }
}

/// Formats for use after "100 per" or "in any".
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rolling { count: 1, unit } => f.write_str(unit.as_str()),
            Self::Rolling { count, unit } => write!(f, "{count} {}s", unit.as_str()),
            Self::Calendar(CalendarUnit::Day) => f.write_str("calendar day"),
            Self::Calendar(CalendarUnit::Month) => f.write_str("calendar month"),
        }
    }
}

/// A number of requests per period: `100/minute`, `10 per 2 hours`, `4000/s burst 8000`, `1000/calendar month`.
///
/// The [`Display`](fmt::Display) form is the canonical spelling, which parses back to the same rate.
///
/// ```
/// # use waygate_core::grammar::Rate;
/// let rate: Rate = "10 per 2 hours burst 5".parse()?;
/// assert_eq!((rate.amount(), rate.period().seconds(), rate.burst()), (10, Some(7_200), Some(5)));
/// assert_eq!(rate.with_burst(None), "10/2 hours".parse()?);
///
/// let mistake = "100/fortnight".parse::<Rate>().unwrap_err();
/// assert!(mistake.to_string().starts_with("invalid rate limit `100/fortnight`: `fortnight` is not a unit of time"));
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    amount: u64,
    period: Period,
    burst: Option<u64>,
}

impl Rate {
    /// The largest amount, and the largest burst.
    pub const MAX_AMOUNT: u64 = 1 << 53;

    /// Returns the number of requests, in units of cost. 0 blocks all.
    pub fn amount(self) -> u64 {
        self.amount
    }

    /// Returns the period.
    pub fn period(self) -> Period {
        self.period
    }

    /// Returns the burst. Its meaning depends on the algorithm; see [`RateLimitPolicy`](crate::limit).
    pub fn burst(self) -> Option<u64> {
        self.burst
    }

    /// Replaces the burst.
    pub fn with_burst(self, burst: Option<u64>) -> Self {
        Self { burst, ..self }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let (rate, burst) = split_burst(text)?;
        let (amount, rest) = number(rate)?;
        let rest = rest.trim_start();
        let after_per = strip_word(rest, "per").or_else(|| strip_word(rest, "a"));
        let Some(period) = rest.strip_prefix('/').or(after_per) else {
            return Err(match rest {
                "" => "the time is missing; write it as in `100/minute`".to_owned(),
                _ => "expected `/` or `per` after the amount, as in `100/minute`".to_owned(),
            });
        };
        let period = period.trim();
        let period = match strip_word(period, "calendar") {
            Some(unit) => Period::Calendar(calendar_unit(unit.trim())?),
            None => rolling(period)?,
        };
        Ok(Self {
            amount,
            period,
            burst,
        })
    }
}

impl FromStr for Rate {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::parse(text.trim()).map_err(|problem| Invalid::new(NOUN, text, problem))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.amount, self.period)?;
        match self.burst {
            Some(burst) => write!(f, " burst {burst}"),
            None => Ok(()),
        }
    }
}

/// One or more rates that are enforced together, as `10/second; 1000/hour`: a request refused by one is charged to
/// none.
///
/// Separated by `,`, `;` or `|`; at most [`Limit::MAX_RATES`]. Keeps its spelling.
///
/// ```
/// use waygate_core::grammar::Limit;
///
/// let limit: Limit = "10/second; 200/minute".parse()?;
/// assert_eq!(limit.rates().len(), 2);
/// assert_eq!(limit.as_str(), "10/second; 200/minute");
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Limit {
    text: Box<str>,
    rates: Box<[Rate]>,
}

impl Limit {
    /// The most rates of one limit.
    pub const MAX_RATES: usize = 4;

    /// Returns the original spelling.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the rates, at least one.
    pub fn rates(&self) -> &[Rate] {
        &self.rates
    }
}

impl FromStr for Limit {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let trimmed = text.trim();
        let invalid = |problem: String| Invalid::new(NOUN, text, problem);
        if trimmed.eq_ignore_ascii_case("unlimited") {
            let problem = "`unlimited` is for tiers only";
            return Err(invalid(problem.to_owned()));
        }
        let mut rates = Vec::new();
        for part in trimmed.split([',', ';', '|']) {
            let rate = Rate::parse(part.trim()).map_err(invalid)?;
            let same = |other: &Rate| other.period == rate.period;
            if rates.iter().any(same) {
                let problem = format!("there are two limits per {}; keep one", rate.period);
                return Err(invalid(problem));
            }
            rates.push(rate);
        }
        if rates.len() > Self::MAX_RATES {
            let problem = format!("a limit has at most {} rates", Self::MAX_RATES);
            return Err(invalid(problem));
        }
        Ok(Self {
            text: trimmed.into(),
            rates: rates.into(),
        })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Splits `100/minute burst 20` into `100/minute` and 20.
fn split_burst(text: &str) -> Result<(&str, Option<u64>), String> {
    let lower = text.to_ascii_lowercase();
    let Some(at) = lower.find("burst") else {
        return Ok((text, None));
    };
    let problem = || "expected a number after `burst`, as in `100/minute burst 20`".to_owned();
    let (burst, rest) = number(text[at + "burst".len()..].trim()).map_err(|_| problem())?;
    if !rest.trim().is_empty() || burst == 0 {
        return Err(problem());
    }
    Ok((text[..at].trim_end(), Some(burst)))
}

/// Splits leading digits, with `_` between them, from the rest.
fn number(text: &str) -> Result<(u64, &str), String> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '_')
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("expected a whole number first, as in `100/minute`".to_owned());
    }
    if rest.starts_with('.') {
        return Err(
            "the amount is a whole number; write `3/2 seconds` for 1.5 a second".to_owned(),
        );
    }
    let value = digits.replace('_', "").parse::<u64>().ok();
    value
        .filter(|value| *value <= Rate::MAX_AMOUNT)
        .map(|value| (value, rest))
        .ok_or_else(|| format!("`{digits}` is too large; the most is {}", Rate::MAX_AMOUNT))
}

/// `2 hours`, `hour`, `5minutes`.
fn rolling(text: &str) -> Result<Period, String> {
    let (count, unit) = match text.starts_with(|c: char| c.is_ascii_digit()) {
        true => number(text)?,
        false => (1, text),
    };
    let unit = Unit::from_name(unit.trim())?;
    // The Python original reads `10/0 minute` as `10/minute`.
    if count == 0 {
        return Err(format!(
            "the time is zero; write `/{}`, or how many of them",
            unit.as_str()
        ));
    }
    let period = |count| Period::Rolling { count, unit };
    u32::try_from(count)
        .ok()
        .map(period)
        .filter(|period| period.seconds() <= Some(MAX_SECONDS))
        .ok_or_else(|| "the time is longer than ten years".to_owned())
}

/// The longest period of a rate.
const MAX_SECONDS: u64 = 10 * Unit::Year.seconds();

fn calendar_unit(name: &str) -> Result<CalendarUnit, String> {
    match Unit::from_name(name)? {
        Unit::Day => Ok(CalendarUnit::Day),
        Unit::Month => Ok(CalendarUnit::Month),
        _ => Err("a calendar quota is per `calendar day` or per `calendar month`".to_owned()),
    }
}

/// Strips the prefix `word`.
fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let head = text.get(..word.len())?;
    let rest = &text[word.len()..];
    let ends = !rest.starts_with(|c: char| c.is_ascii_alphabetic());
    (head.eq_ignore_ascii_case(word) && ends).then_some(rest)
}

#[cfg(test)]
mod tests;
