use std::{fmt, sync::LazyLock};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Lifecycle, Position, RouteState, Window};
use crate::grammar::{EnvName, Reason};

/// The one-word status of a route, as listings show it (wire contract, section 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum RouteStatus {
    Active,
    Maintenance,
    Disabled,
    EnvGated,
    Deprecated,
}

impl RouteStatus {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Maintenance => "maintenance",
            Self::Disabled => "disabled",
            Self::EnvGated => "env_gated",
            Self::Deprecated => "deprecated",
        }
    }
}

impl fmt::Display for RouteStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a route is at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effective<'a> {
    /// Open everywhere.
    Open {
        /// Why it was opened; may be empty.
        reason: &'a Reason,
    },
    /// Open in these environments only.
    EnvGated {
        /// The environments that are served.
        envs: &'a [EnvName],
        /// Why; may be empty.
        reason: &'a Reason,
    },
    /// In maintenance.
    Maintenance {
        /// Why; may be empty.
        reason: &'a Reason,
        /// When it ends, if that is known.
        until: Option<Timestamp>,
    },
    /// Disabled.
    Disabled {
        /// Why; may be empty.
        reason: &'a Reason,
        /// When it ends, if that is known.
        until: Option<Timestamp>,
    },
}

impl<'a> Effective<'a> {
    /// Why the route is as it is; may be empty.
    pub fn reason(&self) -> &'a Reason {
        match self {
            Self::Open { reason }
            | Self::EnvGated { reason, .. }
            | Self::Maintenance { reason, .. }
            | Self::Disabled { reason, .. } => reason,
        }
    }

    /// When this ends by itself, if that is known.
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Maintenance { until, .. } | Self::Disabled { until, .. } => *until,
            Self::Open { .. } | Self::EnvGated { .. } => None,
        }
    }
}

/// Where a position stands, environments and windows of an open route apart.
enum Standing {
    Open,
    /// Until then; `None` means until changed.
    Maintenance(Option<Timestamp>),
    Disabled(Option<Timestamp>),
}

/// What is shown once a maintenance has ended: its reason explains nothing any more.
static NO_REASON: LazyLock<Reason> = LazyLock::new(Reason::default);

impl Position {
    /// What the position amounts to at `now`. Nothing is ever flipped by a timer: this is the whole rule.
    pub fn effective(&self, now: Timestamp) -> Effective<'_> {
        let (standing, reason) = self.standing(now);
        match standing {
            Standing::Disabled(until) => Effective::Disabled { reason, until },
            Standing::Maintenance(until) => Effective::Maintenance {
                reason: self
                    .window_at(now)
                    .map_or(reason, |window| window.or(reason)),
                until,
            },
            Standing::Open => match (self.window_at(now), &self.envs) {
                (Some(window), _) => Effective::Maintenance {
                    reason: window.or(reason),
                    until: Some(self.joined(window.interval.end())),
                },
                (None, Some(envs)) => Effective::EnvGated { envs, reason },
                (None, None) => Effective::Open { reason },
            },
        }
    }

    /// The first instant after `now` at which [`effective`](Self::effective) may change.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        match self.standing(now).0 {
            Standing::Disabled(until) => until,
            Standing::Maintenance(None) => None,
            Standing::Maintenance(Some(_)) | Standing::Open => self
                .windows
                .iter()
                .flat_map(|window| [window.interval.start(), window.interval.end()])
                .filter(|instant| *instant > now)
                .min(),
        }
    }

    fn standing(&self, now: Timestamp) -> (Standing, &Reason) {
        match &self.lifecycle {
            Lifecycle::Active => (Standing::Open, &self.reason),
            Lifecycle::Maintenance => self.maintained(&self.reason, now),
            Lifecycle::Disabled(disabled) => match disabled.until {
                Some(until) if until <= now && disabled.former.maintenance => {
                    self.maintained(&disabled.former.reason, now)
                }
                Some(until) if until <= now => (Standing::Open, &disabled.former.reason),
                until => (Standing::Disabled(until), &self.reason),
            },
        }
    }

    fn maintained<'a>(&'a self, reason: &'a Reason, now: Timestamp) -> (Standing, &'a Reason) {
        match self.planned_end() {
            Some(end) if end <= now => (Standing::Open, &NO_REASON),
            end => (Standing::Maintenance(end), reason),
        }
    }

    /// Whether the route is in maintenance, or will be again, until its windows have ended.
    pub(super) fn ends_with_windows(&self) -> bool {
        let is_maintained = match &self.lifecycle {
            Lifecycle::Active => false,
            Lifecycle::Maintenance => true,
            Lifecycle::Disabled(disabled) => disabled.former.maintenance,
        };
        is_maintained && !self.windows.is_empty()
    }

    /// When a maintenance ends that was to last until changed and was then given windows: with the first of them.
    pub(crate) fn planned_end(&self) -> Option<Timestamp> {
        let windows = self.windows.iter().map(|window| window.interval);
        windows.min().map(|first| self.joined(first.end()))
    }

    /// The window that covers `now`; of several, the one that was set last.
    fn window_at(&self, now: Timestamp) -> Option<&Window> {
        let mut newest_first = self.windows.iter().rev();
        newest_first.find(|window| window.interval.contains(now))
    }

    /// When the maintenance ends that a window's end is part of: windows that overlap or touch are one maintenance.
    fn joined(&self, end: Timestamp) -> Timestamp {
        let mut until = end;
        let mut later: Vec<_> = self.windows.iter().map(|window| window.interval).collect();
        later.retain(|interval| interval.end() > until);
        later.sort_unstable();
        for interval in later {
            if interval.start() > until {
                break;
            }
            until = until.max(interval.end());
        }
        until
    }
}

impl Window {
    /// Why; `own` when the window does not say.
    fn or<'a>(&'a self, own: &'a Reason) -> &'a Reason {
        match self.reason.is_empty() {
            true => own,
            false => &self.reason,
        }
    }
}

impl RouteState {
    /// The one-word status at `now`.
    pub fn status(&self, now: Timestamp) -> RouteStatus {
        match self.position.effective(now) {
            Effective::Maintenance { .. } => RouteStatus::Maintenance,
            Effective::Disabled { .. } => RouteStatus::Disabled,
            Effective::EnvGated { .. } => RouteStatus::EnvGated,
            Effective::Open { .. } if self.deprecation.is_some() => RouteStatus::Deprecated,
            Effective::Open { .. } => RouteStatus::Active,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
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
    fn windows_that_overlap_or_touch_end_together() {
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
    fn of_windows_that_overlap_the_newest_says_why() {
        let position = planned(&[(10, 50, "outer"), (20, 30, "inner")]);
        for (now, reason) in [(10, "outer"), (20, "inner"), (29, "inner"), (30, "outer")] {
            assert_eq!(maintenance(&position, now), Some((reason, Some(at(50)))));
        }
        let position = planned(&[(20, 30, "inner"), (10, 50, "outer")]);
        assert_eq!(maintenance(&position, 25), Some(("outer", Some(at(50)))));
    }

    #[test]
    fn a_maintenance_with_windows_ends_with_the_first_of_them() {
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
    fn a_window_within_an_environment_gate_closes_it_for_all() {
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
    fn what_is_closed_for_good_stays_so() {
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
    fn a_temporary_disabling_ends_where_the_route_was() {
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
    fn the_next_change_is_the_next_boundary_that_counts() {
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
    fn the_status_is_deprecated_only_when_nothing_else_is_to_be_said() {
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
}
