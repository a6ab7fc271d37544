use std::time::Duration;

use waygate_core::{
    Timestamp,
    webhook::{MAX_RETRY_AFTER, RETRY_PAUSES, Verdict, pause_after, retry_after},
};

#[test]
fn ten_attempts_take_75_hours() {
    let hours = |pauses: &[Duration]| pauses.iter().sum::<Duration>().as_secs_f64() / 3600.0;
    assert_eq!(RETRY_PAUSES.len(), 10);
    assert!((75.0..76.0).contains(&hours(&RETRY_PAUSES)));
    for random in [0.0, 0.25, 0.5, 0.999] {
        let pauses: Vec<Duration> = (1..)
            .map_while(|attempt| pause_after(attempt, random))
            .collect();
        assert_eq!(pauses.len(), 9);
        for (pause, planned) in pauses.iter().zip(&RETRY_PAUSES[1..]) {
            let share = pause.as_secs_f64() / planned.as_secs_f64();
            assert!((0.499..1.501).contains(&share), "{share}");
        }
    }
    assert_eq!(pause_after(1, f64::NAN), Some(Duration::from_millis(2_500)));
    assert_eq!(pause_after(u32::MAX, 0.5), None);
}

#[test]
fn retry_after_is_read_and_bounded() {
    let now: Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
    for (text, seconds) in [
        ("0", Some(0)),
        ("120", Some(120)),
        (" 7 ", Some(7)),
        ("99999999999999999999999", Some(MAX_RETRY_AFTER.as_secs())),
        ("100000", Some(MAX_RETRY_AFTER.as_secs())),
        ("Tue, 01 Jan 2030 00:00:30 GMT", Some(30)),
        ("Mon, 31 Dec 2029 00:00:00 GMT", Some(0)),
        (
            "Fri, 01 Jan 2100 00:00:00 GMT",
            Some(MAX_RETRY_AFTER.as_secs()),
        ),
        ("-5", None),
        ("1.5", None),
        ("", None),
        ("soon", None),
        ("Tue, 99 Jan 2030 00:00:30 GMT", None),
    ] {
        let found = retry_after(text, now).map(|pause| pause.as_secs());
        assert_eq!(found, seconds, "{text}");
    }
}

#[test]
fn statuses_have_their_meaning() {
    for (status, verdict) in [
        (200, Verdict::Delivered),
        (299, Verdict::Delivered),
        (300, Verdict::Failed),
        (301, Verdict::Failed),
        (304, Verdict::Failed),
        (400, Verdict::Failed),
        (404, Verdict::Failed),
        (410, Verdict::Gone),
        (429, Verdict::Throttled),
        (500, Verdict::Failed),
        (502, Verdict::Throttled),
        (503, Verdict::Failed),
        (504, Verdict::Throttled),
        (199, Verdict::Failed),
    ] {
        assert_eq!(Verdict::of(status), verdict, "{status}");
    }
}
