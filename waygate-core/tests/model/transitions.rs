//! Promises of commands, after any history.

use std::collections::HashSet;

use proptest::prelude::*;
use waygate_core::{
    Timestamp,
    grammar::Interval,
    model::{Effective, Lifecycle, Position, RouteKey, RouteState, RouteView, WindowId},
    transition::{MAX_WINDOWS, Refused, RouteCommand, transition},
};

use super::generate::{
    Lived, command, declared, envs, history, instant, interval, live, lived, probes, reason,
    restart, stored,
};

fn apply(lived: &Lived, command: &RouteCommand) -> Result<RouteState, Refused> {
    transition(&lived.state, &lived.declared, command, lived.now)
}

fn effective(state: &RouteState, at: Timestamp) -> Effective<'_> {
    state.position.effective(at)
}

/// The intervals that keep a route in maintenance, apart from its other state.
fn planned(position: &Position) -> Vec<Interval> {
    position
        .windows
        .iter()
        .map(|window| window.interval)
        .collect()
}

/// Returns whether a recurring window that starts after the last command covers an instant.
fn recurs(lived: &Lived, at: Timestamp) -> bool {
    let mut current = lived
        .state
        .position
        .recurring
        .iter()
        .filter_map(|windows| windows.current(at));
    current.any(|window| window.start() > lived.now)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_state_survives_a_restart(lived in lived(), stored in stored(), command in command()) {
        prop_assert_eq!(&restart(&lived.state), &lived.state);
        prop_assert_eq!(&restart(&stored), &stored);
        if let Ok(next) = transition(&stored, &lived.declared, &command, lived.now) {
            prop_assert_eq!(restart(&next), next);
        }
    }

    #[test]
    fn every_view_round_trips(state in stored(), now in instant()) {
        let key: RouteKey = "svc:GET:/payments/{id}".parse().unwrap();
        let view = RouteView::new(&key, &state, now);
        let text = serde_json::to_string(&view).unwrap();
        prop_assert_eq!(serde_json::from_str::<RouteView>(&text).unwrap(), view);
    }

    #[test]
    fn refused_commands_leave_no_trace(declared in declared(), history in history()) {
        let mut state = declared.clone();
        let mut taken = Vec::new();
        for (now, command) in history {
            let before = state.clone();
            match transition(&state, &declared, &command, now) {
                Ok(next) => {
                    state = next;
                    taken.push((now, command));
                }
                Err(_) => prop_assert_eq!(&state, &before),
            }
        }
        prop_assert_eq!(live(&declared, &taken), state);
    }

    #[test]
    fn repeating_a_command_changes_nothing(lived in lived(), command in command()) {
        if let Ok(once) = apply(&lived, &command) {
            match transition(&once, &lived.declared, &command, lived.now) {
                Ok(twice) => prop_assert_eq!(twice, once),
                Err(refused) => prop_assert!(matches!(refused, Refused::NoSuchWindow(_))),
            }
        }
    }

    #[test]
    fn commands_about_other_things_keep_the_schedule(mut state in stored(), now in instant()) {
        state.force_active = false;
        let declared = RouteState::default();
        let changes = [RouteCommand::Deprecate(None), RouteCommand::SetAccess(Default::default())];
        for change in changes {
            let next = transition(&state, &declared, &change, now).unwrap();
            for at in probes(&state, now) {
                prop_assert_eq!(effective(&next, at), effective(&state, at), "at {}", at);
            }
        }
    }

    #[test]
    fn windows_are_distinct_bounded_and_in_the_future_and_the_newest_is_last(lived in lived(), command in command()) {
        let Ok(next) = apply(&lived, &command) else { return Ok(()) };
        let windows = planned(&next.position);
        prop_assert!(windows.len() <= MAX_WINDOWS);
        if command == RouteCommand::Reset || matches!(command, RouteCommand::Deprecate(_)) {
            return Ok(());
        }
        prop_assert!(windows.iter().all(|window| window.end() > lived.now));
        // On a disabled route, it may have become the end of the disable.
        let disabled = matches!(next.position.lifecycle, Lifecycle::Disabled(_));
        if let RouteCommand::Schedule { interval, .. } = &command && !disabled {
            prop_assert_eq!(windows.last(), Some(interval));
            let declared: HashSet<_> = planned(&lived.declared.position).into_iter().collect();
            let operators = windows.iter().filter(|window| !declared.contains(*window));
            let distinct: HashSet<_> = operators.clone().collect();
            prop_assert_eq!(distinct.len(), operators.count());
        }
    }

    #[test]
    fn the_last_accepted_command_applies(lived in lived(), command in command()) {
        let Ok(next) = apply(&lived, &command) else { return Ok(()) };
        let now = effective(&next, lived.now);
        match &command {
            RouteCommand::Enable { reason } => prop_assert_eq!(now, Effective::Open { reason }),
            RouteCommand::Maintain { reason } => {
                prop_assert_eq!(now, Effective::Maintenance { reason, until: None });
            }
            RouteCommand::MaintainUntil { end, .. } => {
                let until = now.until();
                match now {
                    Effective::Maintenance { .. } => prop_assert!(until.is_some_and(|until| until.as_microsecond() >= end.as_microsecond())),
                    Effective::Disabled { .. } => prop_assert!(until.is_some_and(|until| until < *end)),
                    other => prop_assert!(false, "{:?}", other),
                }
            }
            RouteCommand::Disable { reason, until } => {
                let is_it = matches!(now, Effective::Disabled { reason: shown, .. } if shown == reason);
                prop_assert!(is_it && now.until().is_some() == until.is_some(), "{:?}", now);
            }
            RouteCommand::EnvOnly { envs } => {
                let is_it = matches!(now, Effective::EnvGated { envs: shown, .. } if shown == envs);
                prop_assert!(is_it, "{:?}", now);
            }
            RouteCommand::Schedule { interval, reason } => {
                let mut held = false;
                for at in probes(&next, lived.now) {
                    if !interval.contains(at) {
                        continue;
                    }
                    match effective(&next, at) {
                        Effective::Maintenance { reason: shown, until } => {
                            held = true;
                            prop_assert!(reason.is_empty() || shown == reason, "{} at {}", shown, at);
                            prop_assert!(until.is_some_and(|until| until >= interval.end()), "at {}", at);
                        }
                        // It ends with the disable, or after it.
                        Effective::Disabled { until, .. } => {
                            held |= until == Some(interval.end());
                            prop_assert!(until.is_some_and(|until| until <= interval.end()));
                        }
                        other => prop_assert!(false, "{:?} at {}", other, at),
                    }
                }
                prop_assert!(held, "the window changes nothing");
                let until = effective(&next, interval.start().max(lived.now)).until();
                let then = until.map(|until| effective(&next, until));
                let is_over = !matches!(then, Some(Effective::Maintenance { until: None, .. }) | None);
                let disabled = matches!(next.position.lifecycle, Lifecycle::Disabled(_));
                prop_assert!(is_over || disabled, "{:?} at {:?}", then, until);
            }
            RouteCommand::CancelSchedule { window: None } => {
                prop_assert!(next.position.windows.is_empty());
                prop_assert_eq!(now.until(), None);
            }
            RouteCommand::CancelSchedule { window: Some(id) } => {
                prop_assert!(next.position.windows.iter().all(|window| window.id() != *id));
            }
            RouteCommand::Deprecate(deprecation) => prop_assert_eq!(&next.deprecation, deprecation),
            RouteCommand::SetAccess(access) => prop_assert_eq!(&next.access, access),
            RouteCommand::Reset => prop_assert_eq!(&next, &lived.declared),
            _ => {}
        }
    }

    #[test]
    fn an_enabled_route_stays_open(lived in lived(), reason in reason()) {
        let next = apply(&lived, &RouteCommand::Enable { reason: reason.clone() }).unwrap();
        for at in probes(&next, lived.now) {
            match recurs(&lived, at) {
                true => prop_assert!(matches!(effective(&next, at), Effective::Maintenance { .. }), "at {}", at),
                false => prop_assert_eq!(effective(&next, at), Effective::Open { reason: &reason }),
            }
        }
        if lived.state.position.recurring.is_empty() {
            prop_assert_eq!(next.position.next_change(lived.now), None);
        }
    }

    #[test]
    fn a_route_disabled_or_maintained_without_an_end_stays_so(lived in lived(), reason in reason()) {
        let disabled = apply(&lived, &RouteCommand::Disable { reason: reason.clone(), until: None }).unwrap();
        let maintained = apply(&lived, &RouteCommand::Maintain { reason: reason.clone() }).unwrap();
        for at in probes(&lived.state, lived.now) {
            let expected = Effective::Disabled { reason: &reason, until: None };
            prop_assert_eq!(effective(&disabled, at), expected);
            let expected = Effective::Maintenance { reason: &reason, until: None };
            prop_assert_eq!(effective(&maintained, at), expected);
        }
    }

    #[test]
    fn a_temporary_disable_restores_the_former_state(lived in lived(), until in instant(), reason in reason()) {
        let command = RouteCommand::Disable { reason: reason.clone(), until: Some(until) };
        let Ok(next) = apply(&lived, &command) else {
            prop_assert!(until.duration_since(lived.now).as_micros() < 1);
            return Ok(());
        };
        let until = effective(&next, lived.now).until().unwrap();
        // The state that the route would have if it had never been disabled.
        let mut former = lived.state.clone();
        if let Lifecycle::Disabled(disabled) = &lived.state.position.lifecycle {
            let was = disabled.former.clone();
            former.position.reason = was.reason;
            former.position.lifecycle = match was.maintenance {
                true => Lifecycle::Maintenance,
                false => Lifecycle::Active,
            };
        }
        for at in probes(&next, lived.now) {
            if at < until {
                let expected = Effective::Disabled { reason: &reason, until: Some(until) };
                prop_assert_eq!(effective(&next, at), expected);
            } else {
                prop_assert_eq!(effective(&next, at), effective(&former, at), "at {}", at);
            }
        }
    }

    #[test]
    fn disabling_again_keeps_the_former_state(mut lived in lived(), again in history()) {
        // A window may end meanwhile, and maintenance with it.
        lived.state.position.windows.clear();
        let disable = |until| RouteCommand::Disable { reason: "incident".parse().unwrap(), until };
        let first = apply(&lived, &disable(None)).unwrap();
        let Lifecycle::Disabled(expected) = &first.position.lifecycle else { unreachable!() };
        let mut state = first.clone();
        for (now, command) in again {
            if matches!(command, RouteCommand::Disable { until: None, .. }) && now >= lived.now {
                state = transition(&state, &lived.declared, &command, now).unwrap();
            }
        }
        let Lifecycle::Disabled(disabled) = &state.position.lifecycle else { unreachable!() };
        prop_assert_eq!(&disabled.former, &expected.former);
    }

    #[test]
    fn cancelling_a_plan_restores_the_former_state(
        lived in lived(),
        plans in proptest::collection::vec((interval(), reason()), 0..4),
    ) {
        let none = RouteCommand::CancelSchedule { window: None };
        let before = apply(&lived, &none).unwrap();
        let mut state = before.clone();
        for (interval, reason) in &plans {
            let command = RouteCommand::Schedule { interval: *interval, reason: reason.clone() };
            if let Ok(next) = transition(&state, &lived.declared, &command, lived.now) {
                state = next;
            }
        }
        let all = transition(&state, &lived.declared, &none, lived.now).unwrap();
        prop_assert_eq!(&all, &before);
        for interval in planned(&state.position) {
            let one = RouteCommand::CancelSchedule { window: Some(WindowId::from(interval)) };
            state = transition(&state, &lived.declared, &one, lived.now).unwrap();
        }
        prop_assert!(state.position.windows.is_empty());
        // Right after a disable, a planned window may have become its end, and then it is no window any more.
        if !matches!(before.position.lifecycle, Lifecycle::Disabled(_)) {
            prop_assert_eq!(state, before);
        }
    }

    #[test]
    fn an_environment_gate_applies_immediately_and_a_window_it_ended_stays_without_effect(
        lived in lived(),
        envs in envs(),
    ) {
        let next = apply(&lived, &RouteCommand::EnvOnly { envs: envs.clone() }).unwrap();
        let later: Vec<_> = planned(&lived.state.position)
            .into_iter()
            .filter(|window| window.start() > lived.now)
            .collect();
        for at in probes(&lived.state, lived.now) {
            let closed = later.iter().any(|window| window.contains(at)) || recurs(&lived, at);
            match effective(&next, at) {
                Effective::EnvGated { envs: gate, reason } => {
                    prop_assert!(!closed, "at {}", at);
                    prop_assert_eq!(gate, &envs);
                    prop_assert!(reason.is_empty());
                }
                Effective::Maintenance { .. } => prop_assert!(closed, "at {}", at),
                other => prop_assert!(false, "{other:?} at {at}"),
            }
        }
    }

    #[test]
    fn a_planned_route_is_in_maintenance_exactly_inside_its_windows(
        plans in proptest::collection::vec(interval(), 0..6),
        now in instant(),
    ) {
        let declared = RouteState::default();
        let mut state = declared.clone();
        let mut taken = Vec::new();
        for interval in plans {
            let command = RouteCommand::Schedule { interval, reason: "db".parse().unwrap() };
            match transition(&state, &declared, &command, now) {
                Ok(next) => {
                    state = next;
                    taken.push(interval);
                }
                Err(refused) => prop_assert_eq!(refused, Refused::Ended { end: interval.end(), now }),
            }
        }
        for at in probes(&state, now) {
            let inside = taken.iter().any(|interval| interval.contains(at));
            let closed = matches!(effective(&state, at), Effective::Maintenance { .. });
            prop_assert_eq!(closed, inside, "at {}", at);
        }
    }

    #[test]
    fn maintenance_ends_at_its_end(state in stored(), now in instant()) {
        if let Some(until) = effective(&state, now).until() {
            let same = |at| std::mem::discriminant(&effective(&state, at)) == std::mem::discriminant(&effective(&state, now));
            for at in probes(&state, now) {
                prop_assert!(at >= until || same(at), "over at {} instead of {}", at, until);
            }
            let after_disabled = matches!(state.position.lifecycle, Lifecycle::Disabled(_));
            prop_assert!(after_disabled || !same(until));
        }
    }

    #[test]
    fn nothing_changes_before_next_change(state in stored(), now in instant()) {
        let next = state.position.next_change(now);
        prop_assert!(next.is_none_or(|next| next > now));
        for at in probes(&state, now) {
            if next.is_none_or(|next| at < next) {
                prop_assert_eq!(effective(&state, at), effective(&state, now), "at {}", at);
            }
        }
    }
}
