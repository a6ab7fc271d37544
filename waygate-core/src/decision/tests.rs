//! The phases of a compiled rule. Decisions are tested in `tests/model/decision.rs`.

use jiff::SignedDuration;

use super::*;
use crate::{
    grammar::Interval,
    model::{Position, RecurringWindow, Window},
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
    assert!(rule.block(|| at(-100)).is_some());
}

#[test]
fn equal_neighbouring_phases_are_merged() {
    // Touching windows end together for a client.
    let rule = compile(&windows(&[(10, 20), (20, 30), (15, 30)]));
    assert_eq!(rule.phases.len(), 3);
    assert!(matches!(
        rule.block(|| at(10)),
        Some(Block::Maintenance { until: Some(until), .. }) if until == at(30)
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
        assert_eq!(rule.block(|| at(minutes)).is_some(), closed, "{minutes}");
    }
    // Each starts inside the previous one and ends after it; given newest first.
    let chained: Vec<_> = (0..256).rev().map(|n| (n * 2, n * 2 + 3)).collect();
    let rule = compile(&windows(&chained));
    assert_eq!(rule.phases.len(), 2);
    assert!(matches!(
        rule.block(|| at(0)),
        Some(Block::Maintenance { until: Some(until), .. }) if until == at(513)
    ));
    assert_eq!(rule.block(|| at(513)), None);
    // Nested windows.
    let nested: Vec<_> = (0..256).map(|n| (n, 1_000 - n)).collect();
    assert_eq!(compile(&windows(&nested)).phases.len(), 2);
}

#[test]
fn recurring_windows_apply_beyond_the_compiled_phases() {
    let mut state = RouteState::default();
    let hourly = RecurringWindow::builder("0 * * * *", "10m");
    state.position.recurring.push(hourly.build().unwrap());
    let rule = compile(&state);
    assert!(rule.phases.len() <= PHASES_AHEAD && !rule.is_unrestricted());
    for minutes in (0..100 * 60).step_by(5) {
        let until = rule
            .block(|| at(minutes))
            .and_then(|block| block.end())
            .flatten();
        let expected = (minutes % 60 < 10).then(|| at(minutes - minutes % 60 + 10));
        assert_eq!(until, expected, "{minutes}");
    }
}
