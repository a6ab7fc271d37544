use jiff::{Timestamp, fmt::temporal::DateTimeParser, tz::TimeZone};

use crate::flag::context::AttributeValue;

/// Reads a point in time: RFC 3339, a day (its start in UTC), or milliseconds since 1970 if `numbers`.
pub(crate) fn moment(value: AttributeValue<'_>, numbers: bool) -> Option<Timestamp> {
    match value {
        AttributeValue::Instant(instant) => Some(instant),
        AttributeValue::Integer(millis) if numbers => Timestamp::from_millisecond(millis).ok(),
        AttributeValue::String(text) => parse(text),
        _ => None,
    }
}

fn parse(text: &str) -> Option<Timestamp> {
    const DAY: usize = "2030-01-01".len();
    if text.len() != DAY {
        return crate::grammar::instant(text);
    }
    let bytes = text.bytes().enumerate();
    let mut fits = bytes.map(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    if !fits.all(|fits| fits) {
        return None;
    }
    let day = DateTimeParser::new().parse_date(text).ok()?;
    TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_instants_and_milliseconds() {
        let expected: Timestamp = "2025-06-01T00:00:00Z".parse().unwrap();
        for text in [
            "2025-06-01",
            "2025-06-01T02:00:00+02:00",
            "2025-06-01T00:00",
        ] {
            assert_eq!(moment(text.into(), true), Some(expected), "{text}");
        }
        let millis = AttributeValue::Integer(1_748_736_000_000);
        assert_eq!(moment(millis, true), Some(expected));
        assert_eq!(moment(millis, false), None);
        assert_eq!(moment(AttributeValue::Integer(i64::MAX), true), None);
        for text in [
            "",
            "2025",
            "2025-6-01",
            "2025-02-30",
            "2025/06/01",
            "zzz",
            "２025-06",
        ] {
            assert_eq!(moment(text.into(), true), None, "{text}");
        }
    }
}
