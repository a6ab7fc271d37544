use jiff::SignedDuration;
use waygate_core::{
    Timestamp,
    grammar::{EnvName, Interval, Reason},
    model::*,
    transition::*,
};

/// Minutes after noon on some day.
fn at(minutes: i64) -> Timestamp {
    let noon: Timestamp = "2030-01-01T12:00:00Z".parse().unwrap();
    noon + SignedDuration::from_mins(minutes)
}

fn span(start: i64, end: i64) -> Interval {
    Interval::new(at(start), at(end)).unwrap()
}

fn reason(text: &str) -> Reason {
    text.parse().unwrap()
}

fn envs(names: &[&str]) -> Vec<EnvName> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn enable() -> RouteCommand {
    RouteCommand::Enable {
        reason: reason("fixed"),
    }
}

fn disable_until(until: Option<i64>) -> RouteCommand {
    RouteCommand::Disable {
        reason: reason("incident"),
        until: until.map(at),
    }
}

fn maintain() -> RouteCommand {
    RouteCommand::Maintain {
        reason: reason("db"),
    }
}

fn schedule_at(start: i64, end: i64) -> RouteCommand {
    RouteCommand::Schedule {
        interval: span(start, end),
        reason: reason("planned"),
    }
}

fn cancel_all() -> RouteCommand {
    RouteCommand::CancelSchedule { window: None }
}

fn cancel_one(start: i64, end: i64) -> RouteCommand {
    RouteCommand::CancelSchedule {
        window: Some(span(start, end).into()),
    }
}

fn env_only() -> RouteCommand {
    RouteCommand::EnvOnly {
        envs: envs(&["dev"]),
    }
}

fn apply(state: &RouteState, command: &RouteCommand, now: i64) -> Result<RouteState, Refused> {
    transition(state, &RouteState::default(), command, at(now))
}

/// The state after commands, each issued at its minute.
fn after(commands: &[(i64, RouteCommand)]) -> RouteState {
    commands
        .iter()
        .fold(RouteState::default(), |state, (now, command)| {
            apply(&state, command, *now).unwrap()
        })
}

fn status(state: &RouteState, now: i64) -> (RouteStatus, &str) {
    let reason = state.position.effective(at(now)).reason();
    (state.status(at(now)), reason.as_str())
}

use RouteStatus::{Active, Deprecated, Disabled as Off, EnvGated, Maintenance};

/// One state for every lifecycle, as of minute 0.
fn positions() -> Vec<(&'static str, RouteState)> {
    vec![
        ("untouched", after(&[])),
        ("gated", after(&[(0, env_only())])),
        ("planned", after(&[(0, schedule_at(10, 20))])),
        ("in a window", after(&[(-5, schedule_at(-1, 20))])),
        ("maintained", after(&[(0, maintain())])),
        ("disabled", after(&[(-5, disable_until(None))])),
        (
            "disabled for a while",
            after(&[(-5, disable_until(Some(10)))]),
        ),
        (
            "disabled and planned",
            after(&[(-5, schedule_at(10, 20)), (-5, disable_until(None))]),
        ),
    ]
}

#[test]
fn enable_opens_every_lifecycle_for_good() {
    for (name, state) in positions() {
        let next = apply(&state, &enable(), 0).unwrap();
        for now in [0, 1, 10, 15, 20, 1_000_000] {
            assert_eq!(status(&next, now), (Active, "fixed"), "{name}");
        }
        assert_eq!(next.position.next_change(at(0)), None);
    }
}

#[test]
fn ending_maintenance_opens_the_route_and_keeps_future_windows() {
    let end = RouteCommand::EndMaintenance {
        reason: reason("done"),
    };
    for (name, state) in positions() {
        for now in [0, 10, 15, 20] {
            let (was, _) = status(&state, now);
            match apply(&state, &end, now) {
                Err(refused) => {
                    assert_eq!(
                        (was, refused),
                        (Off, Refused::StaysDisabled),
                        "{name} {now}"
                    );
                }
                Ok(next) if was == RouteStatus::Maintenance => {
                    assert_ne!(status(&next, now).0, was, "{name} {now}");
                    assert_eq!(next.position.envs, state.position.envs, "{name} {now}");
                    let ahead = state.position.windows.iter();
                    let ahead = ahead.filter(|window| window.interval.start() > at(now));
                    assert!(next.position.windows.iter().eq(ahead), "{name} {now}");
                }
                Ok(next) => assert_eq!(next.status(at(now)), was, "{name} {now}"),
            }
        }
    }
}

#[test]
fn disable_closes_every_lifecycle_for_good() {
    for (name, state) in positions() {
        let next = apply(&state, &disable_until(None), 0).unwrap();
        for now in [0, 15, 1_000_000] {
            assert_eq!(status(&next, now), (Off, "incident"), "{name}");
        }
    }
}

#[test]
fn a_temporary_disable_ends_in_the_state_without_it() {
    for (name, state) in positions() {
        let next = apply(&state, &disable_until(Some(12)), 0).unwrap();
        assert_eq!(status(&next, 0), (Off, "incident"), "{name}");
        assert_eq!(next.position.next_change(at(0)), Some(at(12)), "{name}");
        if let Lifecycle::Disabled(Disabled { until: None, .. }) = state.position.lifecycle {
            // It bounds the existing disable; the route keeps the state before that.
            assert_ne!(status(&next, 12).0, Off, "{name}");
            continue;
        }
        for now in [12, 15, 20, 1_000_000] {
            assert_eq!(
                next.position.effective(at(now)),
                state.position.effective(at(now)),
                "{name} at {now}"
            );
        }
    }
}

#[test]
fn the_end_of_a_temporary_disable_must_be_in_the_future() {
    let before = after(&[]);
    for until in [-10, 0] {
        let refused = apply(&before, &disable_until(Some(until)), 0).unwrap_err();
        assert_eq!(
            refused,
            Refused::Ended {
                end: at(until),
                now: at(0)
            }
        );
    }
    let nanosecond = SignedDuration::from_nanos(1);
    let command = RouteCommand::Disable {
        reason: Reason::default(),
        until: Some(at(0) + nanosecond),
    };
    assert!(
        apply(&before, &command, 0).is_err(),
        "less than can be stored"
    );
    assert_eq!(
        apply(&before, &disable_until(Some(-10)), 0)
            .unwrap_err()
            .to_string(),
        "the time span has already ended: 2030-01-01T11:50:00Z is not after \
         2030-01-01T12:00:00Z"
    );
}

#[test]
fn disabling_again_changes_the_end_and_the_reason_but_not_the_former_state() {
    let state = after(&[
        (0, maintain()),
        (1, disable_until(None)),
        (2, disable_until(Some(9))),
    ]);
    assert_eq!(
        state.position.lifecycle,
        Lifecycle::Disabled({
            let mut disabled = Disabled::default();
            disabled.since = Some(at(2));
            disabled.until = Some(at(9));
            disabled.former = {
                let mut former = Former::default();
                former.maintenance = true;
                former.reason = reason("db");
                former
            };
            disabled
        })
    );
    assert_eq!(status(&state, 9), (Maintenance, "db"));
    let for_good = apply(&state, &disable_until(None), 3).unwrap();
    assert_eq!(status(&for_good, 9), (Off, "incident"));
}

#[test]
fn maintenance_lasts_until_changed() {
    for (name, state) in positions() {
        let next = apply(&state, &maintain(), 0).unwrap();
        for now in [0, 15, 30, 1_000_000] {
            assert_eq!(status(&next, now), (Maintenance, "db"), "{name}");
        }
        let Effective::Maintenance { until, .. } = next.position.effective(at(0)) else {
            panic!("{name}");
        };
        assert_eq!(until, None);
        assert!(next.position.windows.is_empty());
        assert_eq!(next.position.envs, state.position.envs);
    }
}

#[test]
fn a_window_is_maintenance_exactly_from_start_to_end() {
    let state = after(&[(0, env_only()), (0, schedule_at(10, 20))]);
    assert_eq!(status(&state, 9), (EnvGated, ""));
    assert_eq!(status(&state, 10), (Maintenance, "planned"));
    assert_eq!(status(&state, 19), (Maintenance, "planned"));
    assert_eq!(status(&state, 20), (EnvGated, ""));
}

#[test]
fn a_window_that_has_ended_is_refused() {
    for (start, end) in [(-20, -10), (-10, 0)] {
        let refused = apply(&after(&[]), &schedule_at(start, end), 0).unwrap_err();
        assert_eq!(
            refused,
            Refused::Ended {
                end: at(end),
                now: at(0)
            }
        );
    }
    assert!(apply(&after(&[]), &schedule_at(-10, 1), 0).is_ok());
}

#[test]
fn maintenance_with_an_end_is_a_window_that_starts_now() {
    let until = |end| RouteCommand::MaintainUntil {
        end: at(end),
        reason: reason("db"),
    };
    let apply = |state: &RouteState, end| apply(state, &until(end), 1);
    let next = apply(&after(&[(0, schedule_at(30, 40))]), 10).unwrap();
    let windows: Vec<_> = next.position.windows.iter().collect();
    assert_eq!(windows.len(), 2, "what is planned is kept");
    assert_eq!(windows[1].interval, span(1, 10));
    let (now, end) = (at(1), at(1));
    let refused = apply(&after(&[]), 1).unwrap_err();
    assert_eq!(refused, Refused::Ended { end, now });
    let disabled = after(&[(1, disable_until(None))]);
    let refused = apply(&disabled, 10).unwrap_err();
    assert_eq!(refused, Refused::Disabled { until: None }, "not its end");
}

#[test]
fn an_equal_window_only_changes_the_reason() {
    let state = after(&[(0, schedule_at(10, 20)), (0, schedule_at(30, 40))]);
    let again = RouteCommand::Schedule {
        interval: span(10, 20),
        reason: reason("other"),
    };
    let next = apply(&state, &again, 1).unwrap();
    let windows: Vec<_> = next.position.windows.iter().collect();
    assert_eq!(windows.len(), 2);
    assert_eq!(
        (windows[0].interval, windows[0].reason.as_str()),
        (span(30, 40), "planned")
    );
    assert_eq!(
        (windows[1].interval, windows[1].reason.as_str()),
        (span(10, 20), "other"),
        "the newest is the last"
    );
}

#[test]
fn windows_are_bounded_and_ended_ones_make_room() {
    let full = (1..=MAX_WINDOWS as i64).map(|n| (0, schedule_at(n, n + 1)));
    let full = after(&full.collect::<Vec<_>>());
    let refused = apply(&full, &schedule_at(1_000, 1_001), 0).unwrap_err();
    assert_eq!(refused, Refused::TooManyWindows);
    assert_eq!(
        refused.to_string(),
        "a route may have 256 windows; cancel some first"
    );
    assert!(
        apply(&full, &schedule_at(1, 2), 0).is_ok(),
        "one that is there already"
    );
    let next = apply(&full, &schedule_at(1_000, 1_001), 2).unwrap();
    assert_eq!(next.position.windows.len(), MAX_WINDOWS);
}

#[test]
fn a_window_right_after_a_disable_sets_its_end() {
    // The Python CLI sends `disable --until` this way, with its clock a little ahead.
    for start in [-3, 0, 1] {
        let state = after(&[
            (0, maintain()),
            (0, disable_until(None)),
            (1, schedule_at(start, 30)),
        ]);
        assert!(state.position.windows.is_empty());
        assert_eq!(status(&state, 29), (Off, "incident"));
        assert_eq!(status(&state, 30), (Maintenance, "db"));
    }
}

#[test]
fn any_other_window_does_not_open_a_disabled_route() {
    let declared = RouteState::default().position(Position::new(
        Lifecycle::Disabled(Disabled::default()),
        Reason::default(),
    ));
    let disabled = after(&[(0, disable_until(None))]);
    let for_a_while = after(&[(0, disable_until(Some(30)))]);
    for (state, window, now, until) in [
        (&declared, schedule_at(0, 30), 0, None),
        (&disabled, schedule_at(5, 30), 0, None),
        (&disabled, schedule_at(2, 30), 2, None),
        (&for_a_while, schedule_at(5, 30), 2, Some(at(30))),
    ] {
        let refused = apply(state, &window, now).unwrap_err();
        assert_eq!(refused, Refused::Disabled { until });
    }
    let refused = apply(&disabled, &schedule_at(5, 30), 0).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the route is disabled until changed, so that the window would change nothing: enable it, or disable it until a \
         time"
    );
}

#[test]
fn a_window_sets_the_end_of_maintenance() {
    // An active window, with its reason until its end.
    let state = after(&[(0, maintain()), (1, schedule_at(1, 20))]);
    assert_eq!(status(&state, 1), (Maintenance, "planned"));
    assert_eq!(state.position.effective(at(1)).until(), Some(at(20)));
    assert_eq!(status(&state, 20), (Active, ""));
    // A future window leaves the route closed until then.
    let state = after(&[(0, maintain()), (1, schedule_at(10, 20))]);
    assert_eq!(status(&state, 1), (Maintenance, "db"));
    assert_eq!(state.position.effective(at(1)).until(), Some(at(20)));
    assert_eq!(status(&state, 10), (Maintenance, "planned"));
    assert_eq!(status(&state, 20), (Active, ""));
    // After it is cancelled, the maintenance has no end.
    let back = apply(&state, &cancel_all(), 15).unwrap();
    assert_eq!(back, after(&[(0, maintain())]));
    // The environment gate applies afterwards.
    let state = after(&[(0, env_only()), (0, maintain()), (1, schedule_at(10, 20))]);
    assert_eq!(status(&state, 15), (Maintenance, "planned"));
    assert_eq!(status(&state, 20), (EnvGated, ""));
    // A later command keeps what time would have changed.
    for disabled in [None, Some(40)] {
        let state = match disabled {
            None => after(&[(0, maintain()), (1, schedule_at(10, 20))]),
            until => after(&[
                (0, maintain()),
                (1, schedule_at(10, 20)),
                (5, disable_until(until)),
            ]),
        };
        let later = apply(&state, &RouteCommand::Deprecate(None), 30).unwrap();
        for now in [30, 39, 40, 1_000] {
            assert_eq!(
                status(&later, now),
                status(&state, now),
                "{disabled:?} at {now}"
            );
        }
        assert_eq!(status(&later, 40), (Active, ""));
    }
}

#[test]
fn a_window_planned_while_disabled_applies_when_the_route_is_back() {
    let state = after(&[(0, disable_until(Some(15))), (5, schedule_at(10, 20))]);
    assert_eq!(status(&state, 14), (Off, "incident"));
    assert_eq!(status(&state, 15), (Maintenance, "planned"));
    assert_eq!(status(&state, 20), (Active, ""));
    let gated = apply(&state, &env_only(), 6).unwrap();
    assert_eq!(status(&gated, 6), (EnvGated, ""));
    assert_eq!(status(&gated, 10), (Maintenance, "planned"));
}

#[test]
fn a_declared_disable_that_ends_keeps_the_environment_gate() {
    let closed = Lifecycle::Disabled(Disabled::default());
    let position = Position::new(closed, Reason::default()).envs(envs(&["dev"]));
    let declared = RouteState::default().position(position);
    let next = transition(&declared, &declared, &disable_until(Some(10)), at(0)).unwrap();
    assert_eq!(status(&next, 9), (Off, "incident"));
    assert_eq!(status(&next, 10), (EnvGated, ""));
}

#[test]
fn cancelling_restores_every_lifecycle() {
    for (name, state) in positions() {
        let next = apply(&state, &cancel_all(), 0).unwrap();
        assert!(next.position.windows.is_empty());
        assert_eq!(next.position.next_change(at(0)), None, "{name}");
    }
    let state = after(&[(0, env_only()), (0, schedule_at(10, 20))]);
    let next = apply(&state, &cancel_all(), 15).unwrap();
    assert_eq!(status(&next, 15), (EnvGated, ""));
    assert_eq!(next, after(&[(0, env_only())]));
}

#[test]
fn cancelling_one_window_keeps_the_others() {
    let state = after(&[(0, schedule_at(10, 20)), (0, schedule_at(30, 40))]);
    let next = apply(&state, &cancel_one(10, 20), 0).unwrap();
    assert_eq!(next, after(&[(0, schedule_at(30, 40))]));
    let refused = apply(&state, &cancel_one(11, 20), 0).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "no such window: `2030-01-01T12:11:00Z/2030-01-01T12:20:00Z`"
    );
    assert!(
        apply(&state, &cancel_one(10, 20), 20).is_err(),
        "it has ended by itself"
    );
}

#[test]
fn cancelling_one_window_keeps_the_end_of_a_disable() {
    let state = after(&[(0, schedule_at(10, 20)), (0, disable_until(Some(30)))]);
    let next = apply(&state, &cancel_one(10, 20), 0).unwrap();
    assert_eq!(next.position.next_change(at(0)), Some(at(30)));
}

#[test]
fn an_environment_gate_applies_immediately_and_drops_the_old_reason() {
    for (name, state) in positions() {
        let next = apply(&state, &env_only(), 0).unwrap();
        assert_eq!(status(&next, 0), (EnvGated, ""), "{name}");
        if name == "in a window" {
            assert_eq!(
                status(&next, 15),
                (EnvGated, ""),
                "the window has no more effect"
            );
        }
    }
}

#[test]
fn an_environment_gate_without_environments_is_refused() {
    let nowhere = RouteCommand::EnvOnly { envs: Vec::new() };
    for (name, state) in positions() {
        assert_eq!(
            apply(&state, &nowhere, 0),
            Err(Refused::NoEnvironment),
            "{name}"
        );
    }
}

#[test]
fn deprecation_and_access_are_independent() {
    let deprecation = Deprecation::new(Some(at(0)), None, None).unwrap();
    let access = Access::new([], vec!["admin".parse().unwrap()]);
    for (name, state) in positions() {
        let next = apply(
            &state,
            &RouteCommand::Deprecate(Some(deprecation.clone())),
            0,
        )
        .unwrap();
        let next = apply(&next, &RouteCommand::SetAccess(access.clone()), 0).unwrap();
        assert_eq!(next.position, state.position, "{name}");
        let enabled = apply(&next, &enable(), 0).unwrap();
        assert_eq!(status(&enabled, 0), (Deprecated, "fixed"), "{name}");
        assert_eq!(enabled.access, access);
        let back = apply(&enabled, &RouteCommand::Deprecate(None), 0).unwrap();
        assert_eq!(status(&back, 0), (Active, "fixed"), "{name}");
    }
}

#[test]
fn reset_restores_the_declaration() {
    let declared = RouteState::default().position(Position::default().envs(envs(&["dev"])));
    for (name, state) in positions() {
        let next = transition(&state, &declared, &RouteCommand::Reset, at(0)).unwrap();
        assert_eq!(next, declared, "{name}");
    }
}

#[test]
fn a_force_active_route_accepts_only_a_reset() {
    let forced = RouteState::default().force_active(true);
    let open = RouteState::default();
    let commands = [
        enable(),
        disable_until(None),
        maintain(),
        schedule_at(10, 20),
        cancel_all(),
        env_only(),
        RouteCommand::Deprecate(None),
        RouteCommand::SetAccess(Access::default()),
    ];
    for command in &commands {
        for (current, declared) in [(&forced, &forced), (&open, &forced), (&forced, &open)] {
            let refused = transition(current, declared, command, at(0)).unwrap_err();
            assert_eq!(refused, Refused::ForceActive);
        }
    }
    assert_eq!(
        Refused::ForceActive.to_string(),
        "the route is declared force-active and cannot have its state changed"
    );
    let closed = after(&[(0, disable_until(None))]);
    let next = transition(&closed, &forced, &RouteCommand::Reset, at(0)).unwrap();
    assert_eq!(next, forced);
}

#[test]
fn a_change_drops_ended_windows() {
    let state = after(&[
        (0, maintain()),
        (0, disable_until(Some(5))),
        (1, schedule_at(7, 9)),
    ]);
    let next = apply(&state, &RouteCommand::Deprecate(None), 10).unwrap();
    assert_eq!(
        next,
        after(&[]),
        "the window was the end of the maintenance"
    );
}

#[test]
fn the_audit_log_names_the_command() {
    let commands = [
        (enable(), "enable", "fixed"),
        (disable_until(Some(5)), "disable", "incident"),
        (maintain(), "maintenance_on", "db"),
        (schedule_at(10, 20), "schedule", "planned"),
        (cancel_all(), "schedule_cancelled", ""),
        (
            cancel_one(10, 20),
            "schedule_cancelled",
            "2030-01-01T12:10:00Z/2030-01-01T12:20:00Z",
        ),
        (
            RouteCommand::EnvOnly {
                envs: envs(&["dev", "x"]),
            },
            "env_gate",
            "Restricted to: ['dev', 'x']",
        ),
        (
            RouteCommand::EnvOnly { envs: vec![] },
            "env_gate",
            "Restricted to: []",
        ),
        (RouteCommand::Deprecate(None), "deprecate", ""),
        (RouteCommand::SetAccess(Access::default()), "access_set", ""),
        (RouteCommand::Reset, "reset", ""),
    ];
    for (command, action, reason) in commands {
        assert_eq!(command.action().as_str(), action);
        assert_eq!(command.audit_reason(), reason);
    }
}
