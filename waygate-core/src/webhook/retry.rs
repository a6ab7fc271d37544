//! When to try again, and what an answer means.

use std::time::Duration;

use jiff::Timestamp;

const SECOND: u64 = 1;
const MINUTE: u64 = 60;
const HOUR: u64 = 3600;

/// The pauses before each attempt, as Standard Webhooks recommends: 75 hours in all.
pub const RETRY_PAUSES: [Duration; 10] = [
    Duration::ZERO,
    Duration::from_secs(5 * SECOND),
    Duration::from_secs(5 * MINUTE),
    Duration::from_secs(30 * MINUTE),
    Duration::from_secs(2 * HOUR),
    Duration::from_secs(5 * HOUR),
    Duration::from_secs(10 * HOUR),
    Duration::from_secs(14 * HOUR),
    Duration::from_secs(20 * HOUR),
    Duration::from_secs(24 * HOUR),
];

/// An endpoint is disabled after this time without any success.
pub const DISABLE_AFTER: Duration = Duration::from_secs(5 * 24 * HOUR);

/// The longest pause that a receiver can ask for with `Retry-After`.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * HOUR);

/// The pause of an endpoint that asks for fewer requests without a time.
pub const THROTTLE: Duration = Duration::from_secs(30);

/// The pause after the attempt of this number, counted from 1; `None` after the last. A random share from 0 to 1
/// spreads it between half of the pause and one and a half of it, so that a receiver that comes back is not flooded,
/// and the mean stays.
///
/// ```
/// use std::time::Duration;
/// use waygate_core::webhook::pause_after;
///
/// assert_eq!(pause_after(1, 0.5), Some(Duration::from_secs(5)));
/// assert_eq!(pause_after(2, 0.0), Some(Duration::from_secs(150)));
/// assert_eq!(pause_after(10, 0.5), None);
/// ```
pub fn pause_after(attempt: u32, random: f64) -> Option<Duration> {
    let pause = RETRY_PAUSES.get(usize::try_from(attempt).ok()?)?;
    let random = if random.is_nan() { 0.0 } else { random };
    let share = 0.5 + random.clamp(0.0, 1.0);
    Some(pause.mul_f64(share))
}

/// The meaning of an answer for its event, and for its endpoint.
///
/// ```
/// use waygate_core::webhook::Verdict;
///
/// assert_eq!(Verdict::of(204), Verdict::Delivered);
/// assert_eq!(Verdict::of(301), Verdict::Failed);
/// assert_eq!(Verdict::of(410), Verdict::Gone);
/// assert_eq!(Verdict::of(429), Verdict::Throttled);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// 2xx.
    Delivered,
    /// Any other status: 3xx as well, since no redirect is followed.
    Failed,
    /// 429, 502 and 504: a failure, and the endpoint gets nothing for a while.
    Throttled,
    /// 410: the endpoint is disabled.
    Gone,
}

impl Verdict {
    /// The meaning of a status.
    pub fn of(status: u16) -> Self {
        match status {
            200..=299 => Self::Delivered,
            410 => Self::Gone,
            429 | 502 | 504 => Self::Throttled,
            _ => Self::Failed,
        }
    }
}

/// Reads `Retry-After`: seconds, or a date of HTTP. At most [`MAX_RETRY_AFTER`]; `None` if it is neither.
///
/// ```
/// use std::time::Duration;
/// use waygate_core::{Timestamp, webhook::retry_after};
///
/// let now: Timestamp = "2030-01-01T00:00:00Z".parse()?;
/// assert_eq!(retry_after("120", now), Some(Duration::from_secs(120)));
/// let date = "Tue, 01 Jan 2030 00:01:00 GMT";
/// assert_eq!(retry_after(date, now), Some(Duration::from_secs(60)));
/// assert_eq!(retry_after("soon", now), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let pause = match is_number {
        true => Duration::from_secs(value.parse().unwrap_or(u64::MAX)),
        false => {
            let date = value.strip_suffix("GMT")?;
            let date = jiff::fmt::rfc2822::parse(&format!("{date}+0000")).ok()?;
            let pause = date.timestamp().duration_since(now);
            Duration::try_from(pause).unwrap_or_default()
        }
    };
    Some(pause.min(MAX_RETRY_AFTER))
}
