//! The phases of a compiled rule. Decisions are tested in `tests/model/decision.rs`.

use jiff::SignedDuration;

use super::*;
use crate::{
    grammar::Interval,
    model::{Position, Window},
};

/// Minutes after noon on some day.
fn at(minutes: i64) -> Timestamp {
    let noon: Timestamp = "2030-01-01T12:00:00Z".parse().unwrap();
    noon + SignedDuration::from_mins(minutes)
}

fn windows(spans: &[(i64, i64)]) -> RouteState {
    let window = |(start, end): &(i64, i64)| Window {
        interval: Interval::new(at(*start), at(*end)).unwrap(),
        reason: Reason::default(),
    };
    RouteState {
        position: Position {
            windows: spans.iter().map(window).collect(),
            ..Position::default()
        },
        ..RouteState::default()
    }
}

fn compile(state: &RouteState) -> RouteRule {
    RouteRule::compile(state, &"production".parse().unwrap(), at(0))
}

#[test]
fn a_clock_set_back_gets_the_phase_of_compilation() {
    let rule = compile(&windows(&[(-10, 10)]));
    assert!(matches!(rule.gate(|| at(-100)), Gate::Closed(_)));
}

#[test]
fn equal_neighbouring_phases_are_merged() {
    // Touching windows end together for a client.
    let rule = compile(&windows(&[(10, 20), (20, 30), (15, 30)]));
    assert_eq!(rule.phases.len(), 3);
    assert!(matches!(
        rule.gate(|| at(10)),
        Gate::Closed(Closed::Maintenance { until: Some(until), .. }) if *until == at(30)
    ));
    // A window of an environment gate that is closed either way still has its own response.
    let mut elsewhere = windows(&[(10, 20)]);
    elsewhere.position.envs = Some(vec!["dev".parse().unwrap()]);
    assert_eq!(compile(&elsewhere).phases.len(), 3);
}

#[test]
fn many_windows_compile_to_the_derived_phases() {
    let apart: Vec<_> = (0..256).map(|n| (n * 2, n * 2 + 1)).collect();
    let rule = compile(&windows(&apart));
    assert_eq!(rule.phases.len(), 512);
    for minutes in 0..520 {
        let closed = minutes < 512 && minutes % 2 == 0;
        assert_eq!(
            *rule.gate(|| at(minutes)) != Gate::Open,
            closed,
            "{minutes}"
        );
    }
    // Each starts inside the previous one and ends after it; given newest first.
    let chained: Vec<_> = (0..256).rev().map(|n| (n * 2, n * 2 + 3)).collect();
    let rule = compile(&windows(&chained));
    assert_eq!(rule.phases.len(), 2);
    assert!(matches!(
        rule.gate(|| at(0)),
        Gate::Closed(Closed::Maintenance { until: Some(until), .. }) if *until == at(513)
    ));
    assert_eq!(*rule.gate(|| at(513)), Gate::Open);
    // Nested windows.
    let nested: Vec<_> = (0..256).map(|n| (n, 1_000 - n)).collect();
    assert_eq!(compile(&windows(&nested)).phases.len(), 2);
}
