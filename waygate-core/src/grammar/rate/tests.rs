use super::*;

fn rate(text: &str) -> Rate {
    text.parse().unwrap()
}

fn problem(text: &str) -> String {
    text.parse::<Limit>().unwrap_err().problem().to_owned()
}

#[test]
fn accepts_common_spellings() {
    for (text, amount, seconds) in [
        ("100/minute", 100, 60),
        ("100/min", 100, 60),
        ("5/h", 5, 3_600),
        ("2/d", 2, 86_400),
        ("10/week", 10, 604_800),
        ("4_000/s", 4_000, 1),
        ("100 a minute", 100, 60),
        ("10per minute", 10, 60),
        ("10/5minutes", 10, 300),
    ] {
        let rate = rate(text);
        assert_eq!(rate.amount(), amount, "{text}");
        assert_eq!(rate.period().seconds(), Some(seconds), "{text}");
        assert_eq!(rate.burst(), None, "{text}");
    }
}

#[test]
fn has_a_burst() {
    for text in [
        "4000/s burst 8000",
        "4000/s  BURST 8_000",
        "4000/s burst8000",
    ] {
        assert_eq!(rate(text).burst(), Some(8_000), "{text}");
    }
    for text in ["1/s burst", "1/s burst x", "1/s burst 0", "1/s burst 2 3"] {
        let expected = "expected a number after `burst`, as in `100/minute burst 20`";
        assert_eq!(problem(text), expected, "{text}");
    }
}

#[test]
fn calendar_periods_are_explicit() {
    let day = rate("1000/calendar day");
    assert_eq!(day.period(), Period::Calendar(CalendarUnit::Day));
    let month = rate("1000 per calendar months");
    assert_eq!(month.period(), Period::Calendar(CalendarUnit::Month));
    assert_eq!(
        problem("1/calendar hour"),
        "a calendar quota is per `calendar day` or per `calendar month`"
    );
}

#[test]
fn several_rates_apply_together() {
    let limit: Limit = "10/second; 1000/hour | 5000/day".parse().unwrap();
    assert_eq!(limit.rates().len(), 3);
    assert_eq!(limit.as_str(), "10/second; 1000/hour | 5000/day");
    assert_eq!(
        problem("1/s, 2/s"),
        "there are two limits per second; keep one"
    );
    assert_eq!(
        problem("1/s,2/min,3/h,4/d,5/week"),
        "a limit has at most 4 rates"
    );
}

#[test]
fn errors_suggest_the_fix() {
    for (text, expected) in [
        ("", "expected a whole number first, as in `100/minute`"),
        (
            "/minute",
            "expected a whole number first, as in `100/minute`",
        ),
        (
            "-1/minute",
            "expected a whole number first, as in `100/minute`",
        ),
        ("10", "the time is missing; write it as in `100/minute`"),
        (
            "10 minute",
            "expected `/` or `per` after the amount, as in `100/minute`",
        ),
        ("10/", "the unit of time is missing, such as `minute`"),
        (
            "10/m",
            "`m` may be a minute or a month; write `min` or `month`",
        ),
        (
            "1.5/minute",
            "the amount is a whole number; write `3/2 seconds` for 1.5 a second",
        ),
        (
            "10/minute extra",
            "`minute extra` is not a unit of time; use one of second, minute, hour, day, week, month, year",
        ),
        (
            "10/0 minutes",
            "the time is zero; write `/minute`, or how many of them",
        ),
        (
            "10/0 minute, 5/s",
            "the time is zero; write `/minute`, or how many of them",
        ),
        ("1/999999999 years", "the time is longer than ten years"),
        ("unlimited", "`unlimited` is for tiers only"),
    ] {
        assert_eq!(problem(text), expected, "{text}");
    }
    assert!(problem("99999999999999999999/s").contains("is too large"));
}

#[test]
fn its_spelling_parses_back() {
    for text in [
        "1/second",
        "10/5 minutes",
        "3/calendar month",
        "4/hour burst 9",
    ] {
        assert_eq!(rate(text).to_string(), text);
    }
}
