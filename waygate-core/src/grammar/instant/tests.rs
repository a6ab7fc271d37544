use super::*;

fn seconds(text: &str) -> i64 {
    parse_instant(text).unwrap().as_second()
}

#[test]
fn accepts_every_spelling_of_the_wire_contract() {
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
fn refuses_other_spellings() {
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
        // The obsolete forms, which must not be generated.
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
fn http_dates_are_truncated_to_the_second() {
    let late = parse_instant("2028-01-01T00:00:00.999999Z").unwrap();
    assert_eq!(format_http_date(late), "Sat, 01 Jan 2028 00:00:00 GMT");
}

#[test]
fn a_sunset_is_a_day_an_instant_or_an_http_date() {
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
fn a_deprecation_can_be_dated_by_the_day() {
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
fn a_sunset_must_not_precede_the_deprecation() {
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
