use std::{fmt, sync::LazyLock};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Lifecycle, Position, RouteState, Window};
use crate::grammar::{EnvName, Reason};

/// The one-word status of a route, as listings show it (wire contract, section 2.1).
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

    /// Returns whether the route is in maintenance, or will be again, until its windows have ended.
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
mod tests;
