use std::fmt;

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
        let window = covering.max_by_key(|window| window.interval.end())?;
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
