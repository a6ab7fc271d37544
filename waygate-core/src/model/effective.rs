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

impl Position {
    /// What the position amounts to at `now`. Nothing is ever flipped by a timer: this is the whole rule.
    pub fn effective(&self, now: Timestamp) -> Effective<'_> {
        let reason = &self.reason;
        match &self.lifecycle {
            Lifecycle::Disabled(disabled) => match (disabled.until, &disabled.former) {
                (Some(until), Some(former)) if until <= now => former.effective(now),
                (Some(until), None) if until <= now => Effective::Open { reason },
                (until, _) => Effective::Disabled { reason, until },
            },
            Lifecycle::Maintenance => Effective::Maintenance {
                reason,
                until: None,
            },
            Lifecycle::Active => match (self.window_at(now), &self.envs) {
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
        match &self.lifecycle {
            Lifecycle::Maintenance => None,
            Lifecycle::Disabled(disabled) => match disabled.until {
                Some(until) if until > now => Some(until),
                Some(_) => disabled.former.as_ref()?.next_change(now),
                None => None,
            },
            Lifecycle::Active => self
                .windows
                .iter()
                .flat_map(|window| [window.interval.start(), window.interval.end()])
                .filter(|instant| *instant > now)
                .min(),
        }
    }

    /// The window that covers `now`, and when the maintenance ends that it is part of.
    ///
    /// Windows that overlap or touch are one maintenance to a client, so its end is the last one's.
    fn window_at(&self, now: Timestamp) -> Option<(&Window, Timestamp)> {
        let covering = |instant| {
            let windows = self
                .windows
                .iter()
                .filter(move |w| w.interval.contains(instant));
            windows.max_by_key(|window| window.interval.end())
        };
        let window = covering(now)?;
        let mut until = window.interval.end();
        while let Some(next) = covering(until) {
            until = next.interval.end();
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
