use serde_json::{Value, from_value, json, to_value};

use super::*;

fn window(definition: Value) -> RecurringWindow {
    from_value(definition).unwrap()
}

fn berlin(every: &str, length: &str) -> RecurringWindow {
    window(json!({"every": every, "for": length, "tz": "Europe/Berlin"}))
}

fn next(window: &RecurringWindow, after: &str) -> String {
    let next = window.next(after.parse().unwrap()).unwrap();
    format!("{} {}", next.start(), next.end())
}

#[test]
fn clocks_that_change_move_no_window_and_change_no_length() {
    let nightly = berlin("30 2 * * *", "2h");
    for (after, expected) in [
        (
            "2030-03-30T12:00:00Z",
            "2030-03-31T01:30:00Z 2030-03-31T03:30:00Z",
        ),
        (
            "2030-03-31T01:30:00Z",
            "2030-04-01T00:30:00Z 2030-04-01T02:30:00Z",
        ),
        (
            "2030-10-26T12:00:00Z",
            "2030-10-27T00:30:00Z 2030-10-27T02:30:00Z",
        ),
        (
            "2030-10-27T00:30:00Z",
            "2030-10-28T01:30:00Z 2030-10-28T03:30:00Z",
        ),
    ] {
        assert_eq!(next(&nightly, after), expected, "{after}");
    }
    // 02:30 does not exist, and is 03:30: after the window of 03:00.
    let both = berlin("0,30 2,3 * * *", "10m");
    for (after, start) in [
        ("2030-03-31T00:59:00Z", "2030-03-31T01:00:00Z"),
        ("2030-03-31T01:00:00Z", "2030-03-31T01:30:00Z"),
        ("2030-03-31T01:30:00Z", "2030-04-01T00:00:00Z"),
    ] {
        assert!(
            next(&both, after).starts_with(start),
            "{after}: {}",
            next(&both, after)
        );
    }
}

#[test]
fn a_window_covers_its_start_and_not_its_end() {
    let sundays = berlin("0 2 * * SUN", "2h");
    let covers = |at: &str| sundays.current(at.parse().unwrap()).is_some();
    for (at, is_covered) in [
        ("2030-01-06T00:59:59Z", false),
        ("2030-01-06T01:00:00Z", true),
        ("2030-01-06T02:59:59Z", true),
        ("2030-01-06T03:00:00Z", false),
    ] {
        assert_eq!(covers(at), is_covered, "{at}");
    }
}

#[test]
fn exceptions_are_local_days() {
    let daily = window(json!({
        "every": "30 0 * * *", "for": "1h", "tz": "Europe/Berlin", "except": ["2030-01-02", "2030-01-03", "2030-01-02"],
    }));
    // 00:30 in Berlin is the day before in UTC.
    assert!(next(&daily, "2030-01-01T12:00:00Z").starts_with("2030-01-03T23:30:00Z"));
    let stored = to_value(&daily).unwrap();
    assert_eq!(stored["except"], json!(["2030-01-02", "2030-01-03"]));
    assert_eq!(from_value::<RecurringWindow>(stored).unwrap(), daily);
}

#[test]
fn rules_are_counted_from_a_day() {
    let every_second = window(json!({
        "every": "FREQ=WEEKLY;INTERVAL=2;COUNT=3", "at": "22:00", "from": "2030-01-06", "for": "90m",
    }));
    let mut starts = Vec::new();
    let mut after = Timestamp::MIN;
    while let Some(next) = every_second.next(after) {
        after = next.start();
        starts.push(after.to_string());
    }
    assert_eq!(
        starts,
        [
            "2030-01-06T22:00:00Z",
            "2030-01-20T22:00:00Z",
            "2030-02-03T22:00:00Z"
        ]
    );
    assert_eq!(
        to_value(&every_second).unwrap(),
        json!({"id": "FREQ=WEEKLY;INTERVAL=2;COUNT=3 at 22:00 for 1h30m", "every": "FREQ=WEEKLY;INTERVAL=2;COUNT=3", "at": "22:00", "from": "2030-01-06", "for": "1h30m"})
    );
}

#[test]
fn what_is_wrong_is_named() {
    for (definition, problem) in [
        (
            json!({"every": "FREQ=DAILY", "for": "1h"}),
            "a rule needs `at`",
        ),
        (
            json!({"every": "0 2 * * *", "at": "02:00", "for": "1h"}),
            "`at` and `from` are for rules",
        ),
        (
            json!({"every": "FREQ=WEEKLY", "at": "02:00", "for": "1h"}),
            "this rule needs `from`",
        ),
        (
            json!({"every": "0 2 * * *", "for": "30s"}),
            "`for` is from `1m` to `744h`",
        ),
        (
            json!({"every": "0 2 1 * *", "for": "745h"}),
            "`for` is from `1m` to `744h`",
        ),
        (
            json!({"every": "0 2 * * *", "for": "2"}),
            "expected hours and minutes",
        ),
        (
            json!({"every": "0 2 * * *", "for": "-2h"}),
            "`for` is from `1m` to `744h`",
        ),
        (
            json!({"every": "0 2 * * *", "for": "25h"}),
            "has not ended before 2000-01-02T02:00:00: shorten `for`",
        ),
        (
            json!({"every": "0 2 * * MON,TUE", "for": "25h"}),
            "shorten `for`",
        ),
        (
            json!({"every": "0 25 * * *", "for": "1h"}),
            "hour: `25` is not within 0 to 23",
        ),
        (
            json!({"every": "0 2 * * *", "for": "1h", "tz": "Berlin"}),
            "time zone",
        ),
        (
            json!({"every": "FREQ=DAILY", "at": "2am", "for": "1h"}),
            "expected `HH:MM`",
        ),
        (
            json!({"every": "FREQ=DAILY;UNTIL=19990101", "at": "02:00", "for": "1h"}),
            "there is no such day",
        ),
        (
            json!({"every": "0 2 * * *", "for": "1h", "until": "x"}),
            "unknown field `until`",
        ),
    ] {
        let error = from_value::<RecurringWindow>(definition.clone())
            .unwrap_err()
            .to_string();
        assert!(error.contains(problem), "{definition}: {error}");
    }
}

#[test]
fn a_skipped_window_has_no_effect() {
    let mut daily = berlin("0 2 * * *", "2h");
    let during: Timestamp = "2030-01-06T01:30:00Z".parse().unwrap();
    assert!(daily.skip(during) && !daily.skip(during));
    assert_eq!(daily.current(during), None);
    assert!(next(&daily, "2030-01-06T01:30:00Z").starts_with("2030-01-07T01:00:00Z"));
    let stored = to_value(&daily).unwrap();
    assert_eq!(stored["except"], json!(["2030-01-06T02:00:00"]));
    assert_eq!(from_value::<RecurringWindow>(stored).unwrap(), daily);
    // The exception is kept while it matters.
    for (at, kept) in [("2030-01-07T00:00:00Z", 1), ("2030-01-10T12:00:00Z", 0)] {
        assert!(daily.settle(at.parse().unwrap()));
        assert_eq!(daily.except.len(), kept, "{at}");
    }
}

#[test]
fn an_id_is_the_same_for_every_spelling() {
    for (definition, id) in [
        (
            json!({"every": "0 2 * * SUN", "for": "120m"}),
            "0 2 * * SUN for 2h",
        ),
        (
            json!({"every": "*/30 2 * * *", "for": "1m", "tz": "Europe/Berlin"}),
            "*/30 2 * * * for 1m in Europe/Berlin",
        ),
        (
            json!({"every": "FREQ=DAILY", "at": "02:00:00", "for": "90m"}),
            "FREQ=DAILY at 02:00 for 1h30m",
        ),
    ] {
        let window = window(definition);
        assert_eq!(window.id().as_str(), id);
        assert_eq!(id.parse(), Ok(window.id()));
    }
    for (id, problem) in [
        ("0 2 * * SUN for ever", "expected hours and minutes"),
        ("0 25 * * SUN for 2h", "hour: `25` is not within 0 to 23"),
        ("FREQ=DAILY at noon for 2h", "expected `HH:MM`"),
        ("0 2 * * SUN for 2h in Berlin", "time zone"),
    ] {
        let error = id.parse::<WindowId>().unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
}

#[test]
fn exceptions_are_days_or_local_times() {
    for (text, written) in [
        ("2030-12-29", "2030-12-29"),
        ("2030-12-29T02:00", "2030-12-29T02:00:00"),
    ] {
        assert_eq!(
            text.parse::<WindowException>().unwrap().to_string(),
            written
        );
    }
    for text in [
        "",
        "tomorrow",
        "2030-13-01",
        "2030-12-29T",
        "2030-12-29T02:00Z",
    ] {
        let error = text.parse::<WindowException>().unwrap_err().to_string();
        assert!(error.contains("expected a day"), "{text}: {error}");
    }
}
