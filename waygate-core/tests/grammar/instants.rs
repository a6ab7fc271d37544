//! Properties of instants, dates and intervals.

use proptest::prelude::*;
use waygate_core::{
    Timestamp,
    grammar::{
        Interval, format_http_date, format_wire, parse_http_date, parse_instant, parse_sunset,
    },
};

/// Any instant of the years 0 to 9999, often near the Unix epoch.
fn instant() -> impl Strategy<Value = Timestamp> {
    let seconds = prop_oneof![
        4 => -62_167_219_200_i64..=253_402_207_200,
        1 => -3_i64..=3,
    ];
    (seconds, 0..1_000_000_000_i32)
        .prop_map(|(seconds, nanos)| Timestamp::new(seconds, 0).unwrap() + jiff_nanos(nanos))
}

fn jiff_nanos(nanos: i32) -> std::time::Duration {
    std::time::Duration::from_nanos(nanos.unsigned_abs().into())
}

proptest! {
    #[test]
    fn the_wire_form_parses_back_to_the_microsecond(instant in instant(), suffix in "Z|\\+00:00|") {
        let text = format_wire(instant, &suffix);
        let read = parse_instant(&text).unwrap();
        let lost = instant.as_nanosecond() - read.as_nanosecond();
        prop_assert!((0..1_000).contains(&lost), "{} became {}", instant, read);
        prop_assert_eq!(format_wire(read, &suffix), text);
    }

    #[test]
    fn an_http_date_parses_back_to_the_second(instant in instant()) {
        let text = format_http_date(instant);
        prop_assert_eq!(text.len(), 29);
        let read = parse_http_date(&text).unwrap();
        let lost = instant.as_nanosecond() - read.as_nanosecond();
        prop_assert!((0..1_000_000_000).contains(&lost), "{} became {}", instant, read);
        prop_assert_eq!(parse_sunset(&text).unwrap(), read);
    }

    #[test]
    fn an_offset_shifts_the_instant(instant in instant(), minutes in -1_439_i64..=1_439) {
        let second = instant.as_second();
        prop_assume!((-62_167_000_000..=253_402_000_000).contains(&second));
        let local = format_wire(Timestamp::from_second(second + minutes * 60).unwrap(), "");
        let sign = if minutes < 0 { '-' } else { '+' };
        let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
        let read = parse_instant(&format!("{local}{sign}{hours:02}:{rest:02}")).unwrap();
        prop_assert_eq!(read.as_second(), second);
    }

    #[test]
    fn an_interval_contains_its_start_and_not_its_end(a in instant(), b in instant(), t in instant()) {
        let (first, last) = (a.min(b), a.max(b));
        match Interval::new(first, last) {
            Ok(interval) => {
                prop_assert!(interval.start() <= first && interval.end() <= last);
                prop_assert!(interval.contains(interval.start()));
                prop_assert!(!interval.contains(interval.end()));
                let inside = interval.start() <= t && t < interval.end();
                prop_assert_eq!(interval.contains(t), inside);
                let again = Interval::parse(
                    &format_wire(interval.start(), "Z"),
                    &format_wire(interval.end(), "Z"),
                );
                prop_assert_eq!(again, Ok(interval));
            }
            Err(_) => prop_assert!(last.as_nanosecond() - first.as_nanosecond() < 1_000),
        }
        prop_assert!(Interval::new(last, first).is_err());
    }
}
