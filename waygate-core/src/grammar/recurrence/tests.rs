use jiff::civil::{DateTime, date, time};

use super::*;

fn starts(text: &str, after: &str, at: Time, count: usize) -> Vec<String> {
    let recurrence: Recurrence = text.parse().unwrap();
    let after: DateTime = after.parse().unwrap();
    let end = recurrence.end(after.date()).unwrap();
    let occurrences = recurrence.occurrences(after.date(), at, end);
    std::iter::successors(occurrences.after(after), |last| occurrences.after(*last))
        .take(count)
        .map(|start| start.strftime("%Y-%m-%d %H:%M").to_string())
        .collect()
}

fn cron(text: &str, count: usize) -> Vec<String> {
    starts(text, "2026-11-30T12:00:00", Time::midnight(), count)
}

fn rule(text: &str, count: usize) -> Vec<String> {
    starts(text, "2026-11-30T00:00:00", time(2, 0, 0, 0), count)
}

#[test]
fn cron_expressions_have_the_fields_of_crontab() {
    for (text, expected) in [
        ("0 2 * * SUN", ["2026-12-06 02:00", "2026-12-13 02:00"]),
        ("0 2 * * 7", ["2026-12-06 02:00", "2026-12-13 02:00"]),
        ("30 1,13 * * *", ["2026-11-30 13:30", "2026-12-01 01:30"]),
        ("*/20 12-13 * * *", ["2026-11-30 12:20", "2026-11-30 12:40"]),
        (
            "5/30 22 * * mon-fri",
            ["2026-11-30 22:05", "2026-11-30 22:35"],
        ),
        ("0 3 L * *", ["2026-12-31 03:00", "2027-01-31 03:00"]),
        ("0 3 15W AUG *", ["2027-08-16 03:00", "2028-08-15 03:00"]),
        ("0 3 1W AUG *", ["2027-08-02 03:00", "2028-08-01 03:00"]),
        ("0 3 * * TUE#2", ["2026-12-08 03:00", "2027-01-12 03:00"]),
        ("0 3 * * FRIL", ["2026-12-25 03:00", "2027-01-29 03:00"]),
        ("0 0 29 2 *", ["2028-02-29 00:00", "2032-02-29 00:00"]),
        // Either of both fields of days, if both are restricted.
        ("0 0 13 * FRI", ["2026-12-04 00:00", "2026-12-11 00:00"]),
        ("0 0 */10 12 MON", ["2026-12-21 00:00", "2028-12-11 00:00"]),
    ] {
        assert_eq!(cron(text, 2), expected, "{text}");
    }
}

#[test]
fn rules_have_the_parts_of_icalendar() {
    for (text, expected) in [
        ("FREQ=DAILY", ["2026-11-30 02:00", "2026-12-01 02:00"]),
        (
            "freq=weekly;byday=su",
            ["2026-12-06 02:00", "2026-12-13 02:00"],
        ),
        (
            "FREQ=WEEKLY;INTERVAL=2",
            ["2026-11-30 02:00", "2026-12-14 02:00"],
        ),
        (
            "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO",
            ["2026-11-30 02:00", "2026-12-06 02:00"],
        ),
        (
            "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;WKST=SU",
            ["2026-12-13 02:00", "2026-12-27 02:00"],
        ),
        (
            "FREQ=MONTHLY;BYDAY=2TU",
            ["2026-12-08 02:00", "2027-01-12 02:00"],
        ),
        (
            "FREQ=MONTHLY;BYDAY=-1FR",
            ["2026-12-25 02:00", "2027-01-29 02:00"],
        ),
        (
            "FREQ=MONTHLY;BYMONTHDAY=-1",
            ["2026-11-30 02:00", "2026-12-31 02:00"],
        ),
        (
            "FREQ=MONTHLY;BYMONTHDAY=31",
            ["2026-12-31 02:00", "2027-01-31 02:00"],
        ),
        (
            "FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR",
            ["2027-08-13 02:00", "2028-10-13 02:00"],
        ),
        (
            "FREQ=DAILY;INTERVAL=1000",
            ["2026-11-30 02:00", "2029-08-26 02:00"],
        ),
        (
            "FREQ=MONTHLY;INTERVAL=100;BYMONTHDAY=1",
            ["2035-03-01 02:00", "2043-07-01 02:00"],
        ),
    ] {
        assert_eq!(rule(text, 2), expected, "{text}");
    }
    assert_eq!(
        rule("FREQ=DAILY;COUNT=2", 9),
        ["2026-11-30 02:00", "2026-12-01 02:00"]
    );
    assert_eq!(rule("FREQ=DAILY;COUNT=10000", 20_000).len(), 10_000);
    for (until, count) in [
        ("20261202", 3),
        ("20261202T020000", 3),
        ("20261202T015959", 2),
    ] {
        assert_eq!(
            rule(&format!("FREQ=DAILY;UNTIL={until}"), 9).len(),
            count,
            "{until}"
        );
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (text, problem) in [
        (
            "",
            "a cron expression has the fields minute, hour, day of the month, month and day of the week, such as `0 2 * * SUN`; this has 0",
        ),
        (
            "0 0 2 * * SUN",
            "a cron expression has the fields minute, hour, day of the month, month and day of the week, such as `0 2 * * SUN`; this has 6",
        ),
        (
            "@daily",
            "a cron expression has the fields minute, hour, day of the month, month and day of the week, such as `0 2 * * SUN`; this has 1",
        ),
        ("60 * * * *", "minute: `60` is not within 0 to 59"),
        ("* 25 * * *", "hour: `25` is not within 0 to 23"),
        ("* * 0 * *", "day of the month: `0` is not within 1 to 31"),
        ("* * * 13 *", "month: `13` is not within 1 to 12"),
        ("* * * * 8", "day of the week: `8` is not within 0 to 7"),
        ("* x * * *", "hour: expected a number, found `x`"),
        (
            "* * * * SUNDAY",
            "day of the week: expected a number or one of `SUN`, `MON`, `TUE`, `WED`, `THU`, `FRI`, `SAT`, found `SUNDAY`",
        ),
        (
            "5-1 * * * *",
            "minute: the range `5-1` ends before it starts",
        ),
        (
            "*/0 * * * *",
            "minute: expected a step from 1 to 59 in `*/0`",
        ),
        ("*/ * * * *", "minute: expected a step from 1 to 59 in `*/`"),
        ("1,,2 * * * *", "minute: expected a number, found ``"),
        ("-1 * * * *", "minute: expected a number, found ``"),
        ("+1 * * * *", "minute: expected a number, found `+1`"),
        (
            "0 0 * * MON#6",
            "day of the week: expected a number from 1 to 5 after `#` in `MON#6`",
        ),
        ("0 0 31 2 *", "there is no such day in any month"),
        ("0 0 31W 4 *", "there is no such day in any month"),
        (
            "FREQ=YEARLY",
            "`FREQ`: expected `DAILY`, `WEEKLY` or `MONTHLY`, found `YEARLY`",
        ),
        ("INTERVAL=2", "`FREQ` is missing"),
        ("FREQ=DAILY;", "expected `NAME=VALUE`, found ``"),
        ("FREQ=DAILY;FREQ=DAILY", "`FREQ` is there twice"),
        (
            "FREQ=DAILY;BYHOUR=2",
            "`BYHOUR` is not supported; use `FREQ`, `INTERVAL`, `BYDAY`, `BYMONTHDAY`, `COUNT`, `UNTIL` and `WKST`",
        ),
        (
            "FREQ=DAILY;INTERVAL=0",
            "`INTERVAL`: expected a whole number from 1 to 1000, found `0`",
        ),
        (
            "FREQ=DAILY;COUNT=10001",
            "`COUNT`: expected a whole number from 1 to 10000, found `10001`",
        ),
        (
            "FREQ=DAILY;COUNT=1;UNTIL=20300101",
            "`COUNT` and `UNTIL` cannot be together",
        ),
        (
            "FREQ=DAILY;UNTIL=20300230",
            "`UNTIL`: expected a date such as `20301231`, or `20301231T020000`, found `20300230`",
        ),
        (
            "FREQ=DAILY;UNTIL=20300101T000000Z",
            "`UNTIL`: leave out the `Z`; the time is in the zone of the window",
        ),
        (
            "FREQ=WEEKLY;BYDAY=2SU",
            "`BYDAY`: a number before a day needs `FREQ=MONTHLY` without `BYMONTHDAY`",
        ),
        (
            "FREQ=MONTHLY;BYDAY=6SU",
            "`BYDAY`: expected 1 to 5, or -1 to -5, before the day, found `6SU`",
        ),
        (
            "FREQ=MONTHLY;BYDAY=SUN",
            "`BYDAY`: expected `MO`, `TU`, `WE`, `TH`, `FR`, `SA` or `SU`, found `SUN`",
        ),
        (
            "FREQ=MONTHLY;BYMONTHDAY=32",
            "`BYMONTHDAY`: expected 1 to 31, or -1 to -31, found `32`",
        ),
        (
            "FREQ=WEEKLY;BYMONTHDAY=1",
            "`BYMONTHDAY` cannot be with `FREQ=WEEKLY`",
        ),
        (
            "FREQ=WEEKLY;WKST=X",
            "`WKST`: expected `MO`, `TU`, `WE`, `TH`, `FR`, `SA` or `SU`, found `X`",
        ),
    ] {
        assert_eq!(
            text.parse::<Recurrence>().unwrap_err().problem(),
            problem,
            "{text}"
        );
    }
    let long = format!("0 0 {} * *", "1,".repeat(200));
    assert_eq!(
        long.parse::<Recurrence>().unwrap_err().problem(),
        "use at most 256 visible characters"
    );
}

#[test]
fn a_rule_is_counted_if_its_first_day_matters() {
    for (text, is_counted) in [
        ("0 2 * * *", false),
        ("FREQ=DAILY", false),
        ("FREQ=WEEKLY;BYDAY=SU", false),
        ("FREQ=WEEKLY", true),
        ("FREQ=MONTHLY", true),
        ("FREQ=DAILY;INTERVAL=2", true),
        ("FREQ=DAILY;COUNT=2", true),
    ] {
        assert_eq!(
            text.parse::<Recurrence>().unwrap().is_counted(),
            is_counted,
            "{text}"
        );
    }
}

/// Those that have none, or none for long, end the search.
#[test]
fn searches_are_bounded() {
    for text in [
        "FREQ=MONTHLY;INTERVAL=1000;BYMONTHDAY=31",
        "FREQ=MONTHLY;INTERVAL=12;BYDAY=5FR",
        "0 0 29 2 SUN#5",
    ] {
        let recurrence: Recurrence = text.parse().unwrap();
        let occurrences = recurrence.occurrences(date(2026, 2, 28), time(2, 0, 0, 0), None);
        let mut last = date(2026, 2, 28).at(0, 0, 0, 0);
        for _ in 0..50 {
            let Some(next) = occurrences.after(last) else {
                break;
            };
            assert!(next > last, "{text}");
            last = next;
        }
    }
}

/// The end of a rule with a number of occurrences is found once, within a bound.
#[test]
fn a_number_of_occurrences_without_an_end_in_sight_is_refused() {
    let parse = |rule: &str| WindowTimes::parse(rule, Some("02:00"), Some("2026-01-01"), "1h");
    for rule in [
        "FREQ=DAILY;BYMONTHDAY=31;BYDAY=MO;COUNT=10000",
        "FREQ=MONTHLY;BYMONTHDAY=31;INTERVAL=1000;COUNT=3",
        "FREQ=MONTHLY;COUNT=2402",
    ] {
        let error = parse(rule).unwrap_err();
        assert!(
            error.problem().starts_with("`COUNT`: the last of"),
            "{error}"
        );
    }
    for (rule, last) in [
        ("FREQ=MONTHLY;COUNT=2401", date(2226, 1, 1)),
        ("FREQ=DAILY;COUNT=10000", date(2053, 5, 18)),
        ("FREQ=DAILY;BYDAY=MO;COUNT=1", date(2026, 1, 5)),
    ] {
        let times = parse(rule).unwrap();
        let starts = times.starts();
        let before = last.at(1, 59, 0, 0);
        assert_eq!(starts.after(before), Some(last.at(2, 0, 0, 0)), "{rule}");
        assert_eq!(starts.after(last.at(2, 0, 0, 0)), None, "{rule}");
    }
}

/// The first occurrence may be further away than the last one may be: this one is in the year 2692.
#[test]
fn a_number_of_occurrences_is_never_ignored() {
    let rule = "FREQ=MONTHLY;INTERVAL=1000;BYMONTHDAY=31;BYDAY=MO";
    let parse = |rule: &str| WindowTimes::parse(rule, Some("02:00"), Some("2026-02-01"), "1h");
    assert!(parse(rule).is_ok());
    let error = parse(&format!("{rule};COUNT=1")).unwrap_err();
    assert!(
        error.problem().starts_with("`COUNT`: the last of"),
        "{error}"
    );
}
