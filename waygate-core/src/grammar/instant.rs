use jiff::{
    Timestamp,
    civil::DateTime,
    fmt::{rfc2822, temporal},
    tz::TimeZone,
};

use super::Invalid;

/// Parses an RFC 3339 instant. A text without a zone means UTC, as everywhere in Waygate's wire contract.
///
/// ```
/// # use waygate_core::grammar::parse_instant;
/// let cest = parse_instant("2030-01-01T04:00:00+02:00")?;
/// assert_eq!(cest, parse_instant("2030-01-01T02:00:00")?);
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
///
/// # Errors
/// [`Invalid`] when the text is no date and time of the years -9999 to 9999.
pub fn parse_instant(text: &str) -> Result<Timestamp, Invalid> {
    let parser = temporal::DateTimeParser::new();
    if let Ok(instant) = parser.parse_timestamp(text) {
        return Ok(instant);
    }
    parser
        .parse_datetime(text)
        .ok()
        .filter(|_| text.contains(['T', 't', ' ']))
        .and_then(|civil: DateTime| TimeZone::UTC.to_timestamp(civil).ok())
        .ok_or_else(|| {
            Invalid::new(
                "instant",
                text,
                "expected RFC 3339, such as `2030-01-01T04:00:00Z` or `2030-01-01T04:00:00+02:00`",
            )
        })
}

/// Parses an HTTP-date (RFC 9110 section 5.6.7), such as `Sat, 01 Jan 2028 00:00:00 GMT`.
///
/// # Errors
/// [`Invalid`] when the text is no such date, or its weekday does not fit.
pub fn parse_http_date(text: &str) -> Result<Timestamp, Invalid> {
    rfc2822::DateTimeParser::new()
        .parse_timestamp(text)
        .map_err(|_| {
            Invalid::new(
                "HTTP-date",
                text,
                "expected a form such as `Sat, 01 Jan 2028 00:00:00 GMT`, with the right weekday",
            )
        })
}

/// Parses a sunset date: an HTTP-date or an RFC 3339 instant.
///
/// # Errors
/// [`Invalid`] when the text is neither.
pub fn parse_sunset(text: &str) -> Result<Timestamp, Invalid> {
    parse_http_date(text).or_else(|_| parse_instant(text)).map_err(|_| {
        Invalid::new(
            "sunset date",
            text,
            "expected an HTTP-date such as `Sat, 01 Jan 2028 00:00:00 GMT` (with the right weekday) \
             or RFC 3339 such as `2028-01-01T00:00:00Z`",
        )
    })
}

/// Checks that a sunset does not come before the deprecation that announces it (RFC 9745 section 4).
///
/// # Errors
/// [`Invalid`] when it does.
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

/// Formats an instant as an HTTP-date (RFC 9110 section 5.6.7), cut to the second.
///
/// Years outside 0 to 9999 have no HTTP-date; they come out as RFC 3339.
pub fn format_http_date(instant: Timestamp) -> String {
    rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&instant)
        .unwrap_or_else(|_| instant.to_string())
}

/// Formats an instant as the wire contract does: RFC 3339 in UTC, with six digits of a fraction or none.
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
    let precision = if instant.subsec_nanosecond() / 1_000 == 0 {
        0
    } else {
        6
    };
    let mut text = format!("{instant:.precision$}");
    if text.ends_with('Z') {
        text.truncate(text.len() - 1);
    }
    text.push_str(zone);
    text
}

/// Cuts an instant to whole microseconds, which is what the wire and the stores keep of it.
pub(crate) fn whole_micros(instant: Timestamp) -> Timestamp {
    let nanos = instant.as_nanosecond();
    // Falls back on the instant itself only at the very first microsecond that there is.
    Timestamp::from_nanosecond(nanos - nanos.rem_euclid(1_000)).unwrap_or(instant)
}
