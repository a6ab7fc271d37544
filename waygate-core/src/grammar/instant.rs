use jiff::{
    Timestamp,
    civil::DateTime,
    fmt::{rfc2822, temporal},
    tz::TimeZone,
};

use super::Invalid;

/// The first instant of RFC 3339.
const YEAR_ZERO: Timestamp = Timestamp::constant(-62_167_219_200, 0);

/// Parses an RFC 3339 instant. A text without a zone means UTC (wire contract, section 1);
/// seconds are optional, since a browser's date field omits them. Leap seconds (`:60`) are refused: system clocks do
/// not have them.
///
/// ```
/// # use waygate_core::grammar::parse_instant;
/// let cest = parse_instant("2030-01-01T04:00:00+02:00")?;
/// assert_eq!(cest, parse_instant("2030-01-01T02:00:00")?);
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
///
/// # Errors
/// [`Invalid`] unless the text is a date and time of the years 0 to 9999, in UTC.
pub fn parse_instant(text: &str) -> Result<Timestamp, Invalid> {
    instant(text).ok_or_else(|| {
        Invalid::new(
            "instant",
            text,
            "expected RFC 3339, such as `2030-01-01T04:00:00Z` or `2030-01-01T04:00:00+02:00`",
        )
    })
}

/// Parses an instant as [`parse_instant`] does, without an error message.
pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    let parser = temporal::DateTimeParser::new();
    let parsed = match rfc3339_zone(text) {
        Some("") => parser
            .parse_datetime(text)
            .ok()
            .and_then(|civil: DateTime| TimeZone::UTC.to_timestamp(civil).ok()),
        Some(_) => parser.parse_timestamp(text).ok(),
        None => None,
    };
    parsed.filter(|instant| *instant >= YEAR_ZERO)
}

/// Returns the zone of a text in the form of RFC 3339 section 5.6; empty if it is omitted.
///
/// The parser behind [`parse_instant`] accepts much more of ISO 8601, which other readers do not.
fn rfc3339_zone(text: &str) -> Option<&str> {
    let (minutes, rest) = text.split_at_checked("2030-01-01T04:00".len())?;
    let fits = minutes.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        10 => matches!(byte, b'T' | b't' | b' '),
        13 => byte == b':',
        _ => byte.is_ascii_digit(),
    });
    if !fits {
        return None;
    }
    let zone = match rest.strip_prefix(':') {
        Some(rest) => {
            let (seconds, rest) = rest.split_at_checked(2)?;
            let whole = matches!(seconds.as_bytes(), [b'0'..=b'5', b'0'..=b'9']);
            let rest = match rest.strip_prefix('.') {
                Some(rest) => {
                    let zone = rest.trim_start_matches(|c: char| c.is_ascii_digit());
                    (zone.len() < rest.len()).then_some(zone)?
                }
                None => rest,
            };
            whole.then_some(rest)?
        }
        None => rest,
    };
    let known = match zone.as_bytes() {
        [] | [b'Z' | b'z'] => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => [h1, h2, m1, m2].iter().all(|b| b.is_ascii_digit()),
        _ => false,
    };
    known.then_some(zone)
}

/// Parses an HTTP-date in the only form that may be generated (IMF-fixdate, RFC 9110 section 5.6.7):
/// `Sat, 01 Jan 2028 00:00:00 GMT`.
///
/// # Errors
/// [`Invalid`] for other forms, and for a wrong weekday.
pub fn parse_http_date(text: &str) -> Result<Timestamp, Invalid> {
    rfc2822::DateTimeParser::new()
        .parse_timestamp(text)
        .ok()
        // The parser accepts any RFC 2822 date, with comments and numeric zones.
        .filter(|instant| format_http_date(*instant) == text)
        .ok_or_else(|| {
            Invalid::new(
                "HTTP-date",
                text,
                "expected a form such as `Sat, 01 Jan 2028 00:00:00 GMT`, with the right weekday",
            )
        })
}

/// Parses the date of a deprecation: a day (midnight in UTC) or an RFC 3339 instant.
///
/// # Errors
/// [`Invalid`] for other forms.
pub fn parse_since(text: &str) -> Result<Timestamp, Invalid> {
    parse_day(text)
        .or_else(|_| parse_instant(text))
        .map_err(|_| {
            Invalid::new(
                "deprecation date",
                text,
                "expected a day such as `2026-01-01` or RFC 3339 such as `2026-01-01T00:00:00Z`",
            )
        })
}

/// Parses the date after which a flag is to be removed: a day (midnight in UTC) or an RFC 3339 instant.
///
/// ```
/// use waygate_core::grammar::parse_expiry;
///
/// assert_eq!(parse_expiry("2027-03-01")?.to_string(), "2027-03-01T00:00:00Z");
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
///
/// # Errors
/// [`Invalid`] for other forms.
pub fn parse_expiry(text: &str) -> Result<Timestamp, Invalid> {
    let parsed = parse_day(text).or_else(|_| parse_instant(text));
    parsed.map_err(|_| {
        Invalid::new(
            "expiry date",
            text,
            "expected a day such as `2027-03-01` or RFC 3339 such as `2027-03-01T00:00:00Z`",
        )
    })
}

/// Parses a sunset date: a day (midnight in UTC), an RFC 3339 instant or an HTTP-date.
///
/// # Errors
/// [`Invalid`] for other forms.
pub fn parse_sunset(text: &str) -> Result<Timestamp, Invalid> {
    let parsed = parse_http_date(text).or_else(|_| parse_day(text));
    parsed.or_else(|_| parse_instant(text)).map_err(|_| {
        Invalid::new(
            "sunset date",
            text,
            "expected a day such as `2028-01-01`, RFC 3339 such as `2028-01-01T00:00:00Z`, or an HTTP-date such as \
             `Sat, 01 Jan 2028 00:00:00 GMT` (with the right weekday)",
        )
    })
}

/// Parses a day with the grammar of instants, by adding a time.
fn parse_day(text: &str) -> Result<Timestamp, Invalid> {
    parse_instant(&format!("{text}T00:00:00Z"))
}

/// Checks that a sunset is not before the deprecation that announces it (RFC 9745 section 4).
///
/// # Errors
/// [`Invalid`] if it does.
pub fn check_sunset(since: Timestamp, sunset: Timestamp) -> Result<(), Invalid> {
    if since <= sunset {
        return Ok(());
    }
    Err(Invalid::new(
        "sunset date",
        &format_http_date(sunset),
        format!(
            "the sunset comes before the deprecation of {}",
            format_http_date(since)
        ),
    ))
}

/// Formats an instant as an HTTP-date (RFC 9110 section 5.6.7), truncated to the second.
///
/// Years before 0 have no HTTP-date; they are formatted as ISO 8601.
pub fn format_http_date(instant: Timestamp) -> String {
    rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&instant)
        .unwrap_or_else(|_| instant.to_string())
}

/// Formats an instant (wire contract, section 1): RFC 3339 in UTC, truncated to microseconds, with six fractional
/// digits or none.
///
/// ```
/// # use waygate_core::grammar::{format_wire, parse_instant};
/// let whole = parse_instant("2030-01-01T04:00:00.000000Z")?;
/// assert_eq!(format_wire(whole, "Z"), "2030-01-01T04:00:00Z");
/// let half = parse_instant("2030-01-01T04:00:00.5Z")?;
/// assert_eq!(format_wire(half, "+00:00"), "2030-01-01T04:00:00.500000+00:00");
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
pub fn format_wire(instant: Timestamp, zone: &str) -> String {
    let instant = whole_micros(instant);
    let precision = match instant.subsec_nanosecond() {
        0 => 0,
        _ => 6,
    };
    let mut text = format!("{instant:.precision$}");
    if text.ends_with('Z') {
        text.truncate(text.len() - 1);
    }
    text.push_str(zone);
    text
}

/// Truncates an instant to whole microseconds, the precision of the wire and of stores.
pub(crate) fn whole_micros(instant: Timestamp) -> Timestamp {
    let nanos = instant.as_nanosecond();
    // `Timestamp::MIN` is a whole microsecond, so this cannot fall below it.
    Timestamp::from_nanosecond(nanos - nanos.rem_euclid(1_000)).unwrap_or(instant)
}

/// Truncates an instant to microseconds, as it is stored and read back; `None` before the year 0.
pub(crate) fn storable(instant: Timestamp) -> Option<Timestamp> {
    Some(whole_micros(instant)).filter(|instant| *instant >= YEAR_ZERO)
}

#[cfg(test)]
mod tests;
