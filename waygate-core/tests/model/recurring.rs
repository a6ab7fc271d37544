//! Recurring windows start when independent implementations say so.

use std::str::FromStr;

use chrono::{DateTime, TimeZone, Utc};
use proptest::prelude::*;
use serde_json::{Value, from_value, json};
use waygate_core::{Timestamp, model::RecurringWindow};

/// The starts after an instant, in Unix seconds.
fn starts(definition: Value, after: i64, count: usize) -> Option<Vec<i64>> {
    let window: RecurringWindow = from_value(definition).ok()?;
    let mut last = Timestamp::from_second(after).unwrap();
    let mut starts = Vec::new();
    while starts.len() < count {
        let Some(next) = window.next(last) else { break };
        last = next.start();
        starts.push(last.as_second());
    }
    Some(starts)
}

fn field(values: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    proptest::sample::select(values)
}

/// Cron expressions in which at most one field restricts the days, or both do without a `*`.
fn cron() -> impl Strategy<Value = String> {
    let minute = field(&["0", "30", "*/7", "5,10-12", "59", "3-59/20"]);
    let hour = field(&["*", "2", "0,12", "22-23", "*/5", "1-23/4"]);
    let month = field(&["*", "2", "JAN,JUL", "3-5", "*/4", "12"]);
    let days = prop_oneof![
        field(&["*", "1", "13", "29,31", "L", "15W", "1W", "10-20/3"])
            .prop_map(|of_month| (of_month, "*")),
        field(&["*", "0", "7", "SUN", "MON-FRI", "TUE#2", "FRIL", "1,3,5"])
            .prop_map(|of_week| ("*", of_week)),
        (
            field(&["1", "13", "L", "10-20"]),
            field(&["FRI", "SUN#1", "MON,TUE"])
        ),
    ];
    (minute, hour, days, month).prop_map(|(minute, hour, (of_month, of_week), month)| {
        format!("{minute} {hour} {of_month} {month} {of_week}")
    })
}

/// Rules with the day from which they are counted.
fn rule() -> impl Strategy<Value = String> {
    let interval = prop_oneof![
        Just(String::new()),
        (2..40_u32).prop_map(|it| format!(";INTERVAL={it}"))
    ];
    let days = prop_oneof![
        field(&[
            "FREQ=DAILY",
            "FREQ=DAILY;BYDAY=MO,WE",
            "FREQ=DAILY;BYMONTHDAY=1,-1"
        ]),
        field(&[
            "FREQ=WEEKLY",
            "FREQ=WEEKLY;BYDAY=SU",
            "FREQ=WEEKLY;BYDAY=TU,SA,SU",
            "FREQ=WEEKLY;BYDAY=SU,MO;WKST=SU"
        ]),
        field(&[
            "FREQ=MONTHLY",
            "FREQ=MONTHLY;BYDAY=2TU",
            "FREQ=MONTHLY;BYDAY=-1FR,1MO",
            "FREQ=MONTHLY;BYDAY=TH",
            "FREQ=MONTHLY;BYMONTHDAY=31",
            "FREQ=MONTHLY;BYMONTHDAY=-2,15",
            "FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR",
        ]),
    ];
    let end = prop_oneof![
        Just(String::new()),
        (1..30_u32).prop_map(|it| format!(";COUNT={it}"))
    ];
    (days, interval, end).prop_map(|(days, interval, end)| format!("{days}{interval}{end}"))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn cron_expressions_recur_as_croner_says(every in cron(), after in 1_700_000_000..2_100_000_000_i64) {
        let theirs = croner::Cron::from_str(&every).unwrap();
        let Some(ours) = starts(json!({"every": every, "for": "1m"}), after, 10) else {
            return Err(TestCaseError::reject("no such day"));
        };
        let mut last: DateTime<Utc> = Utc.timestamp_opt(after, 0).unwrap();
        let mut expected = Vec::new();
        while expected.len() < ours.len() {
            last = theirs.find_next_occurrence(&last, false).unwrap();
            expected.push(last.timestamp());
        }
        prop_assert_eq!(ours, expected, "{}", every);
    }

    /// Windows at noon, and in the hours in which clocks change.
    #[test]
    fn rules_recur_as_the_rrule_crate_says(
        every in rule(), day in 0..4_000_i32, hour in 0..24_u32, minute in proptest::sample::select(vec![0, 30_u32]),
        zone in proptest::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
    ) {
        let from = chrono::NaiveDate::from_ymd_opt(2020, 1, 1).unwrap() + chrono::Days::new(day as u64);
        let definition = json!({
            "every": every, "at": format!("{hour:02}:{minute:02}"), "from": from.to_string(), "for": "1m", "tz": zone,
        });
        let start = format!("{}T{hour:02}{minute:02}00", from.format("%Y%m%d"));
        let text = format!("DTSTART;TZID={zone}:{start}\nRRULE:{every}");
        let Ok(theirs) = text.parse::<rrule::RRuleSet>() else {
            return Err(TestCaseError::reject("its start is in a gap"));
        };
        // Its time zones have no changes of clocks after 2099.
        let is_comparable = |start: &i64| *start < 4_000_000_000;
        let expected = theirs.into_iter().take(12).map(|start| start.timestamp());
        let expected: Vec<i64> = expected.take_while(is_comparable).collect();
        let Some(mut ours) = starts(definition, 0, expected.len().max(1)) else {
            // There is no such day, or the last one is more than 200 years away.
            prop_assert!(expected.is_empty() || every.contains("COUNT"), "{}", text);
            return Ok(());
        };
        ours.retain(is_comparable);
        prop_assert_eq!(ours, expected, "{} {}", text, zone);
    }
}
