use std::{cmp::Reverse, fmt};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Lifecycle, Position, RouteState, Window};
use crate::grammar::{EnvName, Reason};

/// The one-word status of a route, as listings and the wire contract show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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

/// Where a position stands, windows and environments apart.
enum Standing {
    Open,
    Maintenance,
    Disabled(Option<Timestamp>),
}

impl Position {
    /// What the position amounts to at `now`. Nothing is ever flipped by a timer: this is the whole rule.
    pub fn effective(&self, now: Timestamp) -> Effective<'_> {
        let (standing, reason) = self.standing(now);
        match standing {
            Standing::Disabled(until) => Effective::Disabled { reason, until },
            Standing::Maintenance => Effective::Maintenance {
                reason,
                until: None,
            },
            Standing::Open => match (self.window_at(now), &self.envs) {
                (Some((window, until)), _) => Effective::Maintenance {
                    reason: if window.reason.is_empty() {
                        reason
                    } else {
                        &window.reason
                    },
                    until: Some(until),
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
            Standing::Maintenance => None,
            Standing::Open => self
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
            Lifecycle::Maintenance => (Standing::Maintenance, &self.reason),
            Lifecycle::Disabled(disabled) => match disabled.until {
                Some(until) if until <= now => {
                    let standing = if disabled.former.maintenance {
                        Standing::Maintenance
                    } else {
                        Standing::Open
                    };
                    (standing, &disabled.former.reason)
                }
                until => (Standing::Disabled(until), &self.reason),
            },
        }
    }

    /// The window that covers `now`, and when the maintenance ends that it is part of.
    ///
    /// Windows that overlap or touch are one maintenance to a client, so its end is the last one's.
    fn window_at(&self, now: Timestamp) -> Option<(&Window, Timestamp)> {
        let covering = self.windows.iter().filter(|w| w.interval.contains(now));
        // Of those that end last, the one that began first: whatever order they are stored in.
        let window = covering.max_by_key(|w| (w.interval.end(), Reverse(w.interval.start())))?;
        let mut until = window.interval.end();
        let mut later: Vec<_> = self.windows.iter().map(|window| window.interval).collect();
        later.retain(|interval| interval.end() > until);
        later.sort_unstable();
        for interval in later {
            if interval.start() > until {
                break;
            }
            until = until.max(interval.end());
        }
        Some((window, until))
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
                (12, 40, "c"),
                (39, 40, "y"),
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
    fn windows_do_not_touch_a_route_that_is_closed_anyway() {
        let mut position = planned(&[(10, 20, "w")]);
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

        let position = disabled(Some(15), true);
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
        assert_eq!(next(&disabled(Some(15), true), 15), None);
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
