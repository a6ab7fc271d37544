use jiff::SignedDuration;

use super::*;
use crate::model::Window;
use crate::{
    grammar::Interval,
    model::{Deprecation, Disabled, Former},
};

/// Minutes after noon of some day.
fn at(minutes: i64) -> Timestamp {
    let noon: Timestamp = "2030-01-01T12:00:00Z".parse().unwrap();
    noon + SignedDuration::from_mins(minutes)
}

fn window(start: i64, end: i64, reason: &str) -> Window {
    Window {
        interval: Interval::new(at(start), at(end)).unwrap(),
        reason: reason.parse().unwrap(),
    }
}

fn planned(windows: &[(i64, i64, &str)]) -> Position {
    Position {
        reason: "own".parse().unwrap(),
        windows: windows.iter().map(|(s, e, r)| window(*s, *e, r)).collect(),
        ..Position::default()
    }
}

fn disabled(until: Option<i64>, maintenance: bool) -> Position {
    Position {
        lifecycle: Lifecycle::Disabled(Disabled {
            since: Some(at(0)),
            until: until.map(at),
            former: Former {
                maintenance,
                reason: "before".parse().unwrap(),
            },
        }),
        ..planned(&[(10, 20, ""), (40, 50, "")])
    }
}

/// The reason and the end of a maintenance.
fn maintenance(position: &Position, now: i64) -> Option<(&str, Option<Timestamp>)> {
    match position.effective(at(now)) {
        Effective::Maintenance { reason, until } => Some((reason.as_str(), until)),
        _ => None,
    }
}

#[test]
fn a_window_covers_its_start_and_not_its_end() {
    let position = planned(&[(10, 20, "w")]);
    assert_eq!(maintenance(&position, 9), None);
    assert_eq!(maintenance(&position, 10), Some(("w", Some(at(20)))));
    assert_eq!(maintenance(&position, 19), Some(("w", Some(at(20)))));
    assert_eq!(maintenance(&position, 20), None);
    assert_eq!(position.effective(at(20)).reason().as_str(), "own");
}

#[test]
fn a_window_without_a_reason_shows_the_routes_own() {
    let position = planned(&[(10, 20, "")]);
    assert_eq!(maintenance(&position, 10), Some(("own", Some(at(20)))));
}

#[test]
fn overlapping_and_touching_windows_end_together() {
    for windows in [
        vec![(10, 20, "a"), (20, 30, "b"), (25, 40, "c"), (41, 50, "d")],
        vec![(41, 50, "d"), (25, 40, "c"), (20, 30, "b"), (10, 20, "a")],
        vec![
            (10, 20, "a"),
            (11, 12, "x"),
            (39, 40, "y"),
            (12, 40, "c"),
            (41, 50, "d"),
        ],
    ] {
        let position = planned(&windows);
        assert_eq!(
            maintenance(&position, 10),
            Some(("a", Some(at(40)))),
            "{windows:?}"
        );
        assert_eq!(
            maintenance(&position, 39),
            Some(("c", Some(at(40)))),
            "{windows:?}"
        );
        assert_eq!(maintenance(&position, 40), None);
    }
}

#[test]
fn the_newest_of_overlapping_windows_gives_the_reason() {
    let position = planned(&[(10, 50, "outer"), (20, 30, "inner")]);
    for (now, reason) in [(10, "outer"), (20, "inner"), (29, "inner"), (30, "outer")] {
        assert_eq!(maintenance(&position, now), Some((reason, Some(at(50)))));
    }
    let position = planned(&[(20, 30, "inner"), (10, 50, "outer")]);
    assert_eq!(maintenance(&position, 25), Some(("outer", Some(at(50)))));
}

#[test]
fn maintenance_with_windows_ends_with_the_first_of_them() {
    let mut position = planned(&[(40, 50, "later"), (10, 20, "w"), (20, 25, "")]);
    position.lifecycle = Lifecycle::Maintenance;
    for (now, expected) in [
        (0, Some(("own", Some(at(25))))),
        (10, Some(("w", Some(at(25))))),
        (20, Some(("own", Some(at(25))))),
        (25, None),
        (40, Some(("later", Some(at(50))))),
        (50, None),
    ] {
        assert_eq!(maintenance(&position, now), expected, "{now}");
    }
    assert!(position.effective(at(30)).reason().is_empty());
    let next = |now| position.next_change(at(now));
    assert_eq!(
        (next(0), next(25), next(50)),
        (Some(at(10)), Some(at(40)), None)
    );
}

#[test]
fn a_window_within_an_environment_gate_closes_it_everywhere() {
    let mut position = planned(&[(10, 20, "w")]);
    position.envs = Some(vec!["dev".parse().unwrap()]);
    assert!(matches!(
        position.effective(at(9)),
        Effective::EnvGated { .. }
    ));
    assert!(maintenance(&position, 10).is_some());
    assert!(matches!(
        position.effective(at(20)),
        Effective::EnvGated { .. }
    ));
}

#[test]
fn a_route_closed_for_good_stays_closed() {
    let mut position = planned(&[]);
    position.lifecycle = Lifecycle::Maintenance;
    for now in [0, 10, 20] {
        assert_eq!(maintenance(&position, now), Some(("own", None)));
        assert_eq!(position.next_change(at(now)), None);
    }
    let position = disabled(None, false);
    for now in [0, 10, 20, 1_000_000] {
        let effective = position.effective(at(now));
        assert!(matches!(effective, Effective::Disabled { until: None, .. }));
        assert_eq!(effective.reason().as_str(), "own");
        assert_eq!(position.next_change(at(now)), None);
    }
}

#[test]
fn a_temporary_disable_restores_the_former_state() {
    let position = disabled(Some(15), false);
    let effective = position.effective(at(14));
    assert_eq!(effective.until(), Some(at(15)));
    assert!(matches!(effective, Effective::Disabled { .. }));
    assert_eq!(maintenance(&position, 15), Some(("before", Some(at(20)))));
    assert!(matches!(position.effective(at(20)), Effective::Open { .. }));
    assert_eq!(position.effective(at(20)).reason().as_str(), "before");
    assert_eq!(maintenance(&position, 45), Some(("before", Some(at(50)))));

    let mut position = disabled(Some(15), true);
    assert_eq!(maintenance(&position, 15), Some(("before", Some(at(20)))));
    assert_eq!(maintenance(&position, 20), None);
    position.windows.clear();
    for now in [15, 30, 45] {
        assert_eq!(maintenance(&position, now), Some(("before", None)));
    }
}

#[test]
fn the_next_change_is_the_next_effective_boundary() {
    let position = planned(&[(30, 40, ""), (10, 20, "")]);
    let next = |position: &Position, now| position.next_change(at(now));
    for (now, expected) in [
        (0, Some(10)),
        (10, Some(20)),
        (25, Some(30)),
        (39, Some(40)),
        (40, None),
    ] {
        assert_eq!(next(&position, now), expected.map(at), "{now}");
    }
    assert_eq!(next(&disabled(Some(15), false), 0), Some(at(15)));
    assert_eq!(next(&disabled(Some(15), false), 15), Some(at(20)));
    assert_eq!(next(&disabled(Some(15), true), 15), Some(at(20)));
    assert_eq!(next(&Position::default(), 0), None);
}

#[test]
fn deprecated_is_the_status_of_otherwise_active_routes() {
    let mut state = RouteState {
        position: planned(&[(10, 20, "")]),
        ..RouteState::default()
    };
    assert_eq!(state.status(at(0)), RouteStatus::Active);
    state.deprecation = Some(Deprecation::default());
    assert_eq!(state.status(at(0)), RouteStatus::Deprecated);
    assert_eq!(state.status(at(10)), RouteStatus::Maintenance);
    state.position.envs = Some(Vec::new());
    assert_eq!(state.status(at(0)), RouteStatus::EnvGated);
    state.position = disabled(Some(15), false);
    assert_eq!(state.status(at(0)), RouteStatus::Disabled);
    assert_eq!(state.status(at(30)), RouteStatus::Deprecated);
}

#[test]
fn statuses_are_spelled_as_in_the_contract() {
    for (status, word) in [
        (RouteStatus::Active, "active"),
        (RouteStatus::Maintenance, "maintenance"),
        (RouteStatus::Disabled, "disabled"),
        (RouteStatus::EnvGated, "env_gated"),
        (RouteStatus::Deprecated, "deprecated"),
    ] {
        assert_eq!(status.to_string(), word);
        assert_eq!(serde_json::to_value(status).unwrap(), word);
    }
}
