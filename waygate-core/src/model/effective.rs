use std::{fmt, sync::LazyLock};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Lifecycle, Position, RecurringWindow, RouteState};
use crate::grammar::{EnvName, Interval, Reason};

/// The one-word status of a route, as listings show it (wire contract, section 2.1).
///
/// ```
/// use waygate_core::{
///     Timestamp,
///     model::{RouteState, RouteStatus},
/// };
///
/// let status = RouteState::default().status(Timestamp::now());
/// assert_eq!(status, RouteStatus::Active);
/// assert_eq!(status.as_str(), "active");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
#[non_exhaustive]
pub enum RouteStatus {
    Active,
    Maintenance,
    Disabled,
    EnvGated,
    Deprecated,
}

impl RouteStatus {
    /// Returns the word on the wire.
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

/// The state of a route at one instant.
///
/// ```
/// use waygate_core::{
///     Timestamp,
///     model::{Effective, Position},
/// };
///
/// let open = Position::default();
/// let effective = open.effective(Timestamp::now());
/// assert!(matches!(effective, Effective::Open { .. }));
/// assert!(effective.reason().is_empty() && effective.until().is_none());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effective<'a> {
    /// Open everywhere.
    Open {
        /// The reason for opening it; may be empty.
        reason: &'a Reason,
    },
    /// Open in these environments only.
    EnvGated {
        /// The environments in which it is served.
        envs: &'a [EnvName],
        /// The reason; may be empty.
        reason: &'a Reason,
    },
    /// In maintenance.
    Maintenance {
        /// The reason; may be empty.
        reason: &'a Reason,
        /// The end, if known.
        until: Option<Timestamp>,
    },
    /// Disabled.
    Disabled {
        /// The reason; may be empty.
        reason: &'a Reason,
        /// The end, if known.
        until: Option<Timestamp>,
    },
}

impl<'a> Effective<'a> {
    /// Returns the reason; may be empty.
    pub fn reason(&self) -> &'a Reason {
        match self {
            Self::Open { reason }
            | Self::EnvGated { reason, .. }
            | Self::Maintenance { reason, .. }
            | Self::Disabled { reason, .. } => reason,
        }
    }

    /// Returns when this ends without a change, if known.
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Maintenance { until, .. } | Self::Disabled { until, .. } => *until,
            Self::Open { .. } | Self::EnvGated { .. } => None,
        }
    }
}

/// The lifecycle at one instant, without environments and windows of an open route.
enum Standing {
    Open,
    /// Until an instant; `None` is until changed.
    Maintenance(Option<Timestamp>),
    Disabled(Option<Timestamp>),
}

/// The reason after maintenance has ended, since its own no longer applies.
static NO_REASON: LazyLock<Reason> = LazyLock::new(Reason::default);

impl Position {
    /// Creates a state without environments and windows.
    pub fn new(lifecycle: Lifecycle, reason: Reason) -> Self {
        Self {
            lifecycle,
            reason,
            ..Self::default()
        }
    }

    /// Sets the only environments that are served.
    #[must_use]
    pub fn envs(mut self, envs: impl Into<Option<Vec<EnvName>>>) -> Self {
        self.envs = envs.into();
        self
    }

    /// Derives the state at `now`. No timer changes state; this is the only rule.
    pub fn effective(&self, now: Timestamp) -> Effective<'_> {
        let (standing, reason) = self.standing(now);
        match standing {
            Standing::Disabled(until) => Effective::Disabled { reason, until },
            Standing::Maintenance(until) => Effective::Maintenance {
                reason: self
                    .window_at(now)
                    .map_or(reason, |(_, own)| or(own, reason)),
                until: until.map(|end| self.joined(end, true)),
            },
            Standing::Open => match (self.covering(now), &self.envs) {
                (Some((interval, own)), _) => Effective::Maintenance {
                    reason: or(own, reason),
                    until: Some(self.joined(interval.end(), true)),
                },
                (None, Some(envs)) => Effective::EnvGated { envs, reason },
                (None, None) => Effective::Open { reason },
            },
        }
    }

    /// Returns the first instant after `now` at which [`effective`](Self::effective) may change.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        match self.standing(now).0 {
            Standing::Disabled(until) => until,
            Standing::Maintenance(None) => None,
            // The recurring windows apply after its end, which is also that of a window.
            Standing::Maintenance(Some(_)) => self.next_boundary(now),
            Standing::Open => {
                let recurring = self.recurring.iter();
                let recurring = recurring.filter_map(|window| window.next_change(now));
                self.next_boundary(now).into_iter().chain(recurring).min()
            }
        }
    }

    /// Returns the first start or end of a window after `now`, without recurring ones.
    fn next_boundary(&self, now: Timestamp) -> Option<Timestamp> {
        self.windows
            .iter()
            .flat_map(|window| [window.interval.start(), window.interval.end()])
            .filter(|instant| *instant > now)
            .min()
    }

    /// Returns the windows that have not ended, with their reasons, oldest first. Of recurring ones, the current or next.
    ///
    /// ```
    /// use waygate_core::{Timestamp, model::{Position, RecurringWindow}};
    ///
    /// let mut position = Position::default();
    /// position.recurring.push(RecurringWindow::builder("0 2 * * *", "1h").build()?);
    /// let planned = position.planned("2030-01-01T12:00:00Z".parse()?);
    /// assert_eq!(planned[0].0.start(), "2030-01-02T02:00:00Z".parse()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn planned(&self, now: Timestamp) -> Vec<(Interval, &Reason)> {
        let own = self.windows.iter();
        let own = own.map(|window| (window.interval, &window.reason));
        let recurring = self.recurring.iter();
        let recurring =
            recurring.filter_map(|window| Some((window.current_or_next(now)?, window.reason())));
        let mut planned: Vec<_> = own
            .filter(|(interval, _)| interval.end() > now)
            .chain(recurring)
            .collect();
        planned.sort_by_key(|(interval, _)| *interval);
        planned
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

    /// Returns the end of maintenance that had no end before windows were added: that of the first window.
    pub(crate) fn planned_end(&self) -> Option<Timestamp> {
        let windows = self.windows.iter().map(|window| window.interval);
        windows.min().map(|first| self.joined(first.end(), false))
    }

    /// Finds the window that covers `now`, with its reason; of several, the last one added.
    fn window_at(&self, now: Timestamp) -> Option<(Interval, &Reason)> {
        let mut newest_first = self.windows.iter().rev();
        let window = newest_first.find(|window| window.interval.contains(now))?;
        Some((window.interval, &window.reason))
    }

    /// Finds the window that covers `now`, or else the recurring one.
    fn covering(&self, now: Timestamp) -> Option<(Interval, &Reason)> {
        let of = |window| Some((RecurringWindow::current(window, now)?, window.reason()));
        self.window_at(now)
            .or_else(|| self.recurring.iter().find_map(of))
    }

    /// Extends the end of a window over windows that overlap or touch, which are one maintenance.
    fn joined(&self, end: Timestamp, with_recurring: bool) -> Timestamp {
        let mut until = end;
        let recurring: &[RecurringWindow] = match with_recurring {
            true => &self.recurring,
            false => &[],
        };
        let most = match recurring.is_empty() {
            true => MOST_JOINED,
            false => MOST_JOINED_RECURRING,
        };
        for _ in 0..most {
            let planned = self.windows.iter().map(|window| window.interval);
            let planned = planned.filter(|interval| interval.contains(until));
            let current = recurring.iter().filter_map(|window| window.current(until));
            match planned.chain(current).map(Interval::end).max() {
                Some(later) => until = later,
                None => break,
            }
        }
        until
    }
}

/// The most windows that are joined to one maintenance: recurring windows of several kinds may follow each other for
/// ever.
const MOST_JOINED: usize = 300;
const MOST_JOINED_RECURRING: usize = 30;

/// Returns the reason of a window, or else `own`.
fn or<'a>(of_window: &'a Reason, own: &'a Reason) -> &'a Reason {
    match of_window.is_empty() {
        true => own,
        false => of_window,
    }
}

impl RouteState {
    /// Returns the one-word status at `now`.
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
