use jiff::{
    Timestamp,
    civil::DateTime,
    fmt::{rfc2822, temporal},
    tz::TimeZone,
};

use super::Invalid;

/// The first instant that RFC 3339 can spell.
const YEAR_ZERO: Timestamp = Timestamp::constant(-62_167_219_200, 0);

/// Parses an RFC 3339 instant. A text without a zone means UTC, as everywhere in Waygate's wire contract;
/// seconds may be left out, as a browser's date field does. Leap seconds (`:60`) are refused: the clocks
/// that Waygate compares with do not have them.
///
/// ```
/// # use waygate_core::grammar::parse_instant;
/// let cest = parse_instant("2030-01-01T04:00:00+02:00")?;
/// assert_eq!(cest, parse_instant("2030-01-01T02:00:00")?);
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
///
/// # Errors
/// [`Invalid`] when the text is no date and time of the years 0 to 9999, in UTC.
pub fn parse_instant(text: &str) -> Result<Timestamp, Invalid> {
    let parser = temporal::DateTimeParser::new();
    let parsed = match rfc3339_zone(text) {
        Some("") => parser
            .parse_datetime(text)
            .ok()
            .and_then(|civil: DateTime| TimeZone::UTC.to_timestamp(civil).ok()),
        Some(_) => parser.parse_timestamp(text).ok(),
        None => None,
    };
    parsed
        .filter(|instant| *instant >= YEAR_ZERO)
        .ok_or_else(|| {
            Invalid::new(
                "instant",
                text,
                "expected RFC 3339, such as `2030-01-01T04:00:00Z` or `2030-01-01T04:00:00+02:00`",
            )
        })
}

/// The zone of a text that has the shape of RFC 3339 section 5.6; empty when it is left out.
///
/// The parser behind [`parse_instant`] takes much more of ISO 8601, which other readers do not.
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

/// Parses an HTTP-date in the one form that may be sent (IMF-fixdate, RFC 9110 section 5.6.7):
/// `Sat, 01 Jan 2028 00:00:00 GMT`.
///
/// # Errors
/// [`Invalid`] when the text is no such date, or its weekday does not fit.
pub fn parse_http_date(text: &str) -> Result<Timestamp, Invalid> {
    rfc2822::DateTimeParser::new()
        .parse_timestamp(text)
        .ok()
        // What was read may be any RFC 2822 date, with comments and numeric zones.
        .filter(|instant| format_http_date(*instant) == text)
        .ok_or_else(|| {
            Invalid::new(
                "HTTP-date",
                text,
                "expected a form such as `Sat, 01 Jan 2028 00:00:00 GMT`, with the right weekday",
            )
        })
}

/// Parses the date of a deprecation: a day, which means its midnight in UTC, or an RFC 3339 instant.
///
/// # Errors
/// [`Invalid`] when the text is neither.
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

/// Parses a sunset date: a day, which means its midnight in UTC, an RFC 3339 instant or an HTTP-date.
///
/// # Errors
/// [`Invalid`] when the text is none of them.
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

/// Parses a day. The grammar of instants decides what one is, once it has a time.
fn parse_day(text: &str) -> Result<Timestamp, Invalid> {
    parse_instant(&format!("{text}T00:00:00Z"))
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
/// Years before 0 have no HTTP-date; they come out as ISO 8601.
pub fn format_http_date(instant: Timestamp) -> String {
    rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&instant)
        .unwrap_or_else(|_| instant.to_string())
}

/// Formats an instant as the wire contract does: RFC 3339 in UTC, cut to microseconds, with six digits of a
/// fraction or none.
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

/// Cuts an instant to whole microseconds, which is what the wire and the stores keep of it.
pub(crate) fn whole_micros(instant: Timestamp) -> Timestamp {
    let nanos = instant.as_nanosecond();
    // The very first instant that there is is a whole microsecond, so this cannot fall below it.
    Timestamp::from_nanosecond(nanos - nanos.rem_euclid(1_000)).unwrap_or(instant)
}

/// The instant as it can be stored and read back: cut to microseconds; `None` before the year 0.
pub(crate) fn storable(instant: Timestamp) -> Option<Timestamp> {
    Some(whole_micros(instant)).filter(|instant| *instant >= YEAR_ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> i64 {
        parse_instant(text).unwrap().as_second()
    }

    #[test]
    fn reads_every_spelling_of_the_wire_contract() {
        let expected = seconds("2030-01-01T02:00:00Z");
        for text in [
            "2030-01-01T04:00:00+02:00",
            "2030-01-01T02:00:00+00:00",
            "2030-01-01T02:00:00-00:00",
            "2030-01-01T02:00:00",
            "2030-01-01T02:00:00.000000",
            "2030-01-01t02:00:00z",
            "2030-01-01 02:00:00",
            "2030-01-01 02:00:00Z",
            "2030-01-01T02:00",
            "2030-01-01T02:00Z",
            "2029-12-31T22:30:00-03:30",
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
        let micros = parse_instant("2026-11-22T22:16:37.216046Z").unwrap();
        assert_eq!(micros.subsec_nanosecond(), 216_046_000);
        assert_eq!(seconds("1970-01-01T00:00:00Z"), 0);
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "soon",
            "2030-01-01",
            "2030-01-01Z",
            "2030-01-01T",
            "2030-01-01T04",
            "2030-01-01T04Z",
            "20300101T040000Z",
            "2030-W01-1T04:00:00Z",
            "+002030-01-01T04:00:00Z",
            "-000001-01-01T04:00:00Z",
            "2030-13-01T04:00:00Z",
            "2030-02-29T04:00:00Z",
            "2030-01-01T24:00:00Z",
            "2030-01-01T04:60:00Z",
            "2030-01-01T04:00:60Z",
            "2016-12-31T23:59:60Z",
            "2030-01-01T04:00:00.Z",
            "2030-01-01T04:00:00,5Z",
            "2030-01-01T04:00:00.0000000001Z",
            "2030-01-01T04:00:00+02",
            "2030-01-01T04:00:00+0200",
            "2030-01-01T04:00:00+02:00:00",
            "2030-01-01T04:00:00+99:00",
            "2030-01-01T04:00:00 Z",
            "2030-01-01T04:00:00Z ",
            " 2030-01-01T04:00:00Z",
            "2030-01-01T04:00:00[Europe/Paris]",
            "2030-01-01T04:00:00Z[UTC]",
            "2030-01-01T04:00:00+02:00[u-ca=iso8601]",
            "2030_01_01T04:00:00Z",
            "２０３０-01-01T04:00:00Z",
            "0000-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-12:00",
            "1893456000",
        ] {
            let error = parse_instant(text).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "invalid instant `{text}`: expected RFC 3339, such as `2030-01-01T04:00:00Z` or \
                     `2030-01-01T04:00:00+02:00`"
                )
            );
        }
    }

    #[test]
    fn http_dates_are_imf_fixdate_only() {
        let text = "Sat, 01 Jan 2028 00:00:00 GMT";
        let instant = parse_http_date(text).unwrap();
        assert_eq!(instant, parse_instant("2028-01-01T00:00:00Z").unwrap());
        assert_eq!(format_http_date(instant), text);
        for text in [
            "",
            "Sun, 01 Jan 2028 00:00:00 GMT",
            "01 Jan 2028 00:00:00 GMT",
            "Sat, 1 Jan 2028 00:00:00 GMT",
            "Sat, 01 Jan 2028 00:00 GMT",
            "Sat, 01 Jan 28 00:00:00 GMT",
            "sat, 01 jan 2028 00:00:00 gmt",
            "Sat, 01 Jan 2028 00:00:00 +0000",
            "Sat, 01 Jan 2028 02:00:00 +0200",
            "Sat, 01 Jan 2028 00:00:00 UT",
            "Sat, 01 Jan 2028 00:00:00 EST",
            "Sat,  01 Jan 2028 00:00:00 GMT",
            "Sat, 01 Jan 2028 00:00:00 GMT (noon)",
            "Sat, 01 Jan 2028 23:59:60 GMT",
            "Sat, 32 Jan 2028 00:00:00 GMT",
            // The obsolete forms, which nobody may send.
            "Saturday, 01-Jan-28 00:00:00 GMT",
            "Sat Jan  1 00:00:00 2028",
        ] {
            let error = parse_http_date(text).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "invalid HTTP-date `{text}`: expected a form such as \
                     `Sat, 01 Jan 2028 00:00:00 GMT`, with the right weekday"
                )
            );
        }
    }

    #[test]
    fn http_dates_are_cut_to_the_second() {
        let late = parse_instant("2028-01-01T00:00:00.999999Z").unwrap();
        assert_eq!(format_http_date(late), "Sat, 01 Jan 2028 00:00:00 GMT");
    }

    #[test]
    fn a_sunset_is_either() {
        let expected = parse_instant("2028-01-01T00:00:00Z").unwrap();
        assert_eq!(
            parse_sunset("Sat, 01 Jan 2028 00:00:00 GMT").unwrap(),
            expected
        );
        assert_eq!(parse_sunset("2028-01-01T01:00:00+01:00").unwrap(), expected);
        assert_eq!(
            parse_sunset("2028").unwrap_err().to_string(),
            "invalid sunset date `2028`: expected a day such as `2028-01-01`, RFC 3339 such as \
             `2028-01-01T00:00:00Z`, or an HTTP-date such as `Sat, 01 Jan 2028 00:00:00 GMT` \
             (with the right weekday)"
        );
    }

    #[test]
    fn a_deprecation_may_be_dated_by_the_day() {
        let midnight = parse_instant("2028-02-29T00:00:00Z").unwrap();
        for parse in [parse_since, parse_sunset] {
            assert_eq!(parse("2028-02-29").unwrap(), midnight);
            assert_eq!(parse("2028-02-29T01:00:00+01:00").unwrap(), midnight);
            for text in [
                "",
                "2028-02-30",
                "2027-02-29",
                "2028-2-29",
                "28-02-29",
                "2028-02",
                "20280229",
                "2028-02-29Z",
                "2028-02-29 ",
                "2028-02-29T00:00:00ZT00:00:00Z",
            ] {
                assert!(parse(text).is_err(), "{text}");
            }
        }
        assert_eq!(
            parse_since("last year").unwrap_err().to_string(),
            "invalid deprecation date `last year`: expected a day such as `2026-01-01` or RFC 3339 \
             such as `2026-01-01T00:00:00Z`"
        );
    }

    #[test]
    fn a_sunset_does_not_come_before_the_deprecation() {
        let (earlier, later) = (Timestamp::UNIX_EPOCH, Timestamp::MAX);
        assert_eq!(check_sunset(earlier, later), Ok(()));
        assert_eq!(check_sunset(later, later), Ok(()));
        assert_eq!(
            check_sunset(later, earlier).unwrap_err().to_string(),
            "invalid sunset date `Thu, 01 Jan 1970 00:00:00 GMT`: the sunset comes before the \
             deprecation of Thu, 30 Dec 9999 22:00:00 GMT"
        );
    }

    #[test]
    fn the_wire_form_keeps_microseconds() {
        let nanos = |nanos: i128| Timestamp::from_nanosecond(nanos).unwrap();
        for (instant, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (999, "1970-01-01T00:00:00Z"),
            (1_000, "1970-01-01T00:00:00.000001Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (-1_000, "1969-12-31T23:59:59.999999Z"),
            (-1_000_000_000, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(format_wire(nanos(instant), "Z"), text);
        }
    }

    #[test]
    fn the_extremes_have_a_wire_form() {
        assert_eq!(
            format_wire(Timestamp::MAX, "+00:00"),
            "9999-12-30T22:00:00.999999+00:00"
        );
        assert_eq!(format_wire(Timestamp::MIN, "Z"), "-009999-01-02T01:59:59Z");
        assert_eq!(
            format_http_date(Timestamp::MAX),
            "Thu, 30 Dec 9999 22:00:00 GMT"
        );
        assert_eq!(format_http_date(Timestamp::MIN), "-009999-01-02T01:59:59Z");
        let year_zero = parse_instant("0000-01-01T00:00:00Z").unwrap();
        assert_eq!(year_zero, YEAR_ZERO);
        assert_eq!(format_wire(year_zero, "Z"), "0000-01-01T00:00:00Z");
        assert_eq!(storable(Timestamp::MIN), None);
        assert_eq!(storable(year_zero), Some(year_zero));
    }
}
