//! Random commands, states and times, close enough to collide.

use std::time::Duration;

use proptest::{collection::vec, option, prelude::*, sample::select};
use waygate_core::{
    Timestamp,
    grammar::{EnvName, Interval, Reason, parse_cidr},
    model::{
        Access, Deprecation, Disabled, Former, Lifecycle, Position, RecurringWindow, RouteState,
        Window, WindowId,
    },
    transition::{RouteCommand, transition},
};

/// The time span of all events, in steps of 20 seconds, some of which are within the clock skew.
pub(crate) const STEPS: u64 = 60;

pub(crate) fn step(step: u64) -> Timestamp {
    let noon: Timestamp = "2030-01-01T12:00:00Z".parse().unwrap();
    noon + Duration::from_secs(20 * step)
}

/// On a step, or between two, down to the nanosecond.
pub(crate) fn instant() -> impl Strategy<Value = Timestamp> {
    let off = prop_oneof![
        4 => Just(0),
        1 => 0..20_000_000_000_u64,
        1 => select(vec![1_u64, 999, 1_000, 19_999_999_999]),
    ];
    (0..STEPS, off).prop_map(|(at, nanos)| step(at) + Duration::from_nanos(nanos))
}

pub(crate) fn reason() -> impl Strategy<Value = Reason> {
    select(vec!["", "db", "incident", "Größe"]).prop_map(|text| text.parse().unwrap())
}

pub(crate) fn interval() -> impl Strategy<Value = Interval> {
    (instant(), 1..STEPS / 2).prop_map(|(start, steps)| {
        Interval::new(start, start + Duration::from_secs(20 * steps)).unwrap()
    })
}

/// The environments of a command: at least one.
pub(crate) fn envs() -> impl Strategy<Value = Vec<EnvName>> {
    vec(env(), 1..3)
}

fn env() -> impl Strategy<Value = EnvName> {
    select(vec!["production", "dev", "staging"]).prop_map(|name| name.parse().unwrap())
}

fn deprecation() -> impl Strategy<Value = Deprecation> {
    (option::of(instant()), option::of(instant())).prop_map(|(since, sunset)| {
        let successor = "/v2".parse().ok();
        Deprecation::new(since, sunset, successor).unwrap_or_default()
    })
}

fn access() -> impl Strategy<Value = Access> {
    let network = select(vec!["10.0.0.0/8", "2001:db8::/32"]);
    let role = select(vec!["admin", "ops"]);
    (
        vec(network.prop_map(|text| parse_cidr(text).unwrap()), 0..2),
        vec(role.prop_map(|text| text.parse().unwrap()), 0..2),
    )
        .prop_map(|(ips, roles)| Access::new(ips, roles))
}

/// Windows that recur within the span of all events.
pub(crate) fn recurring() -> impl Strategy<Value = RecurringWindow> {
    let times = select(vec![
        ("*/5 12 * * *", "2m"),
        ("3 12 * * *", "10m"),
        ("*/7 * * * *", "1m"),
        ("13 12,13 1 1 *", "4m"),
    ]);
    let zone = option::of(select(vec!["UTC", "Africa/Accra"]));
    (times, zone, reason()).prop_map(|((every, length), zone, reason)| {
        let mut windows = RecurringWindow::builder(every, length).reason(reason);
        windows.tz = zone.map(|zone| zone.parse().unwrap());
        windows.build().unwrap()
    })
}

pub(crate) fn command() -> impl Strategy<Value = RouteCommand> {
    prop_oneof![
        1 => reason().prop_map(|reason| RouteCommand::Enable { reason }),
        3 => (reason(), option::of(instant()))
            .prop_map(|(reason, until)| RouteCommand::Disable { reason, until }),
        1 => reason().prop_map(|reason| RouteCommand::Maintain { reason }),
        1 => (instant(), reason())
            .prop_map(|(end, reason)| RouteCommand::MaintainUntil { end, reason }),
        1 => reason().prop_map(|reason| RouteCommand::EndMaintenance { reason }),
        6 => (interval(), reason())
            .prop_map(|(interval, reason)| RouteCommand::Schedule { interval, reason }),
        1 => recurring().prop_map(|windows| RouteCommand::Recur(Box::new(windows))),
        1 => option::of(interval().prop_map(WindowId::from))
            .prop_map(|window| RouteCommand::CancelSchedule { window }),
        1 => recurring().prop_map(|windows| RouteCommand::CancelSchedule { window: Some(windows.id()) }),
        1 => envs().prop_map(|envs| RouteCommand::EnvOnly { envs }),
        1 => option::of(deprecation()).prop_map(RouteCommand::Deprecate),
        1 => access().prop_map(RouteCommand::SetAccess),
        1 => Just(RouteCommand::Reset),
    ]
}

/// States that code can declare.
pub(crate) fn declared() -> impl Strategy<Value = RouteState> {
    let window = (interval(), reason()).prop_map(|(interval, reason)| Window { interval, reason });
    let lifecycle = prop_oneof![
        4 => Just(Lifecycle::Active),
        1 => Just(Lifecycle::Maintenance),
        1 => Just(Lifecycle::Disabled(Disabled::default())),
    ];
    let position = (
        lifecycle,
        reason(),
        option::of(vec(env(), 0..3)),
        vec(window, 0..3),
        prop_oneof![3 => Just(Vec::new()), 1 => vec(recurring(), 1..3)],
    )
        .prop_map(|(lifecycle, reason, envs, windows, recurring)| {
            let mut position = Position::new(lifecycle, reason).envs(envs);
            position.windows = windows;
            position.recurring = recurring;
            position
        });
    (position, option::of(deprecation()), access()).prop_map(|(position, deprecation, access)| {
        RouteState::default()
            .position(position)
            .deprecation(deprecation)
            .access(access)
    })
}

/// Commands, each with its time; time does not go back.
pub(crate) fn history() -> impl Strategy<Value = Vec<(Timestamp, RouteCommand)>> {
    vec((instant(), command()), 0..12).prop_map(|mut history| {
        history.sort_by_key(|(now, _)| *now);
        history
    })
}

/// A route with a history, and the time of its last command.
#[derive(Debug, Clone)]
pub(crate) struct Lived {
    pub(crate) declared: RouteState,
    pub(crate) state: RouteState,
    pub(crate) now: Timestamp,
}

pub(crate) fn lived() -> impl Strategy<Value = Lived> {
    (declared(), history()).prop_map(|(declared, history)| {
        let now = history.last().map_or(step(0), |(now, _)| *now);
        let state = live(&declared, &history);
        Lived {
            declared,
            state,
            now,
        }
    })
}

/// The state after a history, without refused commands.
pub(crate) fn live(declared: &RouteState, history: &[(Timestamp, RouteCommand)]) -> RouteState {
    history
        .iter()
        .fold(declared.clone(), |state, (now, command)| {
            transition(&state, declared, command, *now).unwrap_or(state)
        })
}

/// A state that no history leads to, but that a store may contain.
pub(crate) fn stored() -> impl Strategy<Value = RouteState> {
    let former = (any::<bool>(), reason()).prop_map(|(maintenance, reason)| {
        let mut former = Former::default();
        former.maintenance = maintenance;
        former.reason = reason;
        former
    });
    let micros =
        || instant().prop_map(|i| Timestamp::from_microsecond(i.as_microsecond()).unwrap());
    let disabled =
        (option::of(micros()), option::of(micros()), former).prop_map(|(since, until, former)| {
            let mut disabled = Disabled::default();
            disabled.since = since;
            disabled.until = until;
            disabled.former = former;
            disabled
        });
    (declared(), option::of(disabled), any::<bool>()).prop_map(
        |(mut state, disabled, force_active)| {
            if let Some(disabled) = disabled {
                state.position.lifecycle = Lifecycle::Disabled(disabled);
            }
            state.force_active = force_active;
            state
        },
    )
}

/// The state as a process reads it at its start.
pub(crate) fn restart(state: &RouteState) -> RouteState {
    serde_json::from_str(&serde_json::to_string(state).unwrap()).unwrap()
}

/// Every instant at which something can change, with the nanosecond before and after it.
pub(crate) fn probes(state: &RouteState, from: Timestamp) -> Vec<Timestamp> {
    let boundaries = state
        .position
        .windows
        .iter()
        .flat_map(|window| [window.interval.start(), window.interval.end()]);
    let until = match &state.position.lifecycle {
        Lifecycle::Disabled(disabled) => disabled.until,
        _ => None,
    };
    let nanosecond = Duration::from_nanos(1);
    let mut probes: Vec<_> = (0..STEPS * 3 / 2)
        .map(step)
        .chain(boundaries)
        .chain(until)
        .flat_map(|instant| [instant - nanosecond, instant, instant + nanosecond])
        .chain([from, Timestamp::MAX])
        .filter(|instant| *instant >= from)
        .collect();
    probes.sort();
    probes.dedup();
    probes
}
