//! Compares recorded answers of the Python original with ours, and lists intended differences.

use serde::Deserialize;
use waygate_core::{
    grammar::Limit,
    limit::{
        MovingLog, Outcome, Quota,
        quota::{Nanos, SECOND},
    },
};

#[derive(Debug, Deserialize)]
struct Vector {
    name: String,
    algorithm: String,
    limit: String,
    start_epoch: f64,
    hits: Vec<Hit>,
}

#[derive(Debug, Deserialize)]
struct Hit {
    t: f64,
    allowed: bool,
    remaining: u64,
    reset_at: f64,
    retry_after_seconds: u64,
}

fn nanos(seconds: f64) -> Nanos {
    // The recorded times have two decimals at most.
    (seconds * 100.0).round() as u64 * (SECOND / 100)
}

#[derive(Debug, Deserialize)]
struct Spelling {
    input: String,
    valid: bool,
    amount: Option<u64>,
    window_seconds: Option<u64>,
}

/// Spellings that users expect and the original does not know.
const ALSO_VALID: [&str; 2] = ["10/min", "10/week"];

/// A text that the original misreads: here, as `10/minute`.
const NOT_VALID: [&str; 1] = ["10/0 minute"];

#[test]
fn limits_are_spelled_as_in_the_original() {
    let vectors: Vec<Spelling> =
        serde_json::from_str(include_str!("../data/limit-string-vectors.json")).unwrap();
    assert_eq!(vectors.len(), 31);
    for vector in vectors {
        let limit = vector.input.parse::<Limit>();
        let valid = vector.valid || ALSO_VALID.contains(&&*vector.input);
        let valid = valid && !NOT_VALID.contains(&&*vector.input);
        assert_eq!(limit.is_ok(), valid, "{}", vector.input);
        // Of several limits in one text, the original enforces only the first; ours lists it first.
        if let (Ok(limit), Some(amount)) = (limit, vector.amount) {
            assert_eq!(limit.rates()[0].amount(), amount, "{}", vector.input);
            let seconds = limit.rates()[0].period().seconds();
            assert_eq!(seconds, vector.window_seconds, "{}", vector.input);
        }
    }
}

/// A counter of one of the three algorithms of the original.
enum Taker {
    Quota(Quota, Option<waygate_core::limit::Counter>),
    Log(MovingLog, u64, Nanos),
}

impl Taker {
    fn new(algorithm: &str, capacity: u64, seconds: u64) -> Self {
        let period = seconds * SECOND;
        match algorithm {
            "fixed_window" => Self::Quota(Quota::FixedWindow { capacity, period }, None),
            "sliding_window" => {
                let (capacity, period) = (capacity as u32, seconds as u32);
                Self::Quota(Quota::SlidingWindow { capacity, period }, None)
            }
            "moving_window" => Self::Log(MovingLog::default(), capacity, period),
            other => panic!("no such algorithm: {other}"),
        }
    }

    fn take(&mut self, now: Nanos) -> Outcome {
        match self {
            Self::Quota(quota, counter) => {
                let (next, outcome) = quota.charge(*counter, 1, now);
                *counter = Some(next);
                outcome
            }
            Self::Log(log, capacity, period) => log.charge(*capacity, *period, 1, now),
        }
    }
}

#[test]
fn algorithms_decide_as_in_the_original() {
    let vectors: Vec<Vector> =
        serde_json::from_str(include_str!("../data/rate-limit-vectors.json")).unwrap();
    assert_eq!(vectors.len(), 21);
    let mut differences = Vec::new();
    for vector in &vectors {
        let limit: Limit = vector.limit.parse().unwrap();
        let rate = limit.rates()[0];
        let seconds = rate.period().seconds().unwrap();
        let mut taker = Taker::new(&vector.algorithm, rate.amount(), seconds);
        for hit in &vector.hits {
            let now = nanos(vector.start_epoch) + nanos(hit.t);
            let outcome = taker.take(now);
            let at = format!("{} {} at {}", vector.algorithm, vector.name, hit.t);
            assert_eq!(outcome.allowed, hit.allowed, "{at}");
            let mut differs = |what: &str, ours: String, theirs: String| {
                if ours != theirs {
                    differences.push(format!("{at}: {what} {ours}, recorded {theirs}"));
                }
            };
            differs(
                "remaining",
                outcome.remaining.to_string(),
                hit.remaining.to_string(),
            );
            let reset_at = (now + outcome.reset_after) as f64 / SECOND as f64;
            differs(
                "reset_at",
                format!("{reset_at:.2}"),
                format!("{:.2}", hit.reset_at),
            );
            // The original truncates to whole seconds, possibly to 0; ours rounds up, to at least 1.
            let retry = if outcome.allowed {
                0
            } else {
                outcome.retry_after_seconds()
            };
            let theirs = hit.retry_after_seconds;
            if retry != theirs && retry != theirs + 1 {
                differs("retry_after", retry.to_string(), theirs.to_string());
            }
        }
    }
    // All of them are at the edge of a window. Sliding: the original says "now" if a slot has just started, and for a
    // limit of zero; ours says when the next request would pass. Moving: a request exactly one window ago is counted
    // by the original for the decision but not for the remainder, and by ours for both.
    insta::assert_snapshot!(differences.join("\n"));
}
