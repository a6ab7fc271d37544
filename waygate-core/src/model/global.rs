use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ExemptPath, RecurringMaintenance, text};
use crate::grammar::{Interval, Invalid, Method, Reason, RoleName, format_wire, storable};

/// Maintenance of all routes, or of one service (wire contract, section 2.2, and extensions).
///
/// The window determines the state at an instant: see [`at`](Self::at). No timer changes it.
///
/// ```
/// use waygate_core::{Timestamp, model::GlobalMaintenance};
///
/// let end: Timestamp = "2030-01-01T04:00:00Z".parse()?;
/// let upgrade = GlobalMaintenance::new("database upgrade".parse()?)
///     .start("2030-01-01T02:00:00Z".parse::<Timestamp>()?)
///     .end(end)
///     .exempt_paths(["/health".parse()?])
///     .exempt_ips(["10.0.0.0/8".parse()?])
///     .exempt_roles(["ops".parse()?])
///     .include_force_active(true);
/// assert_eq!(upgrade.checked()?.end, Some(end));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The stored value, and the effective value at an instant:
///
/// ```
/// use waygate_core::{Timestamp, model::GlobalMaintenance};
///
/// let at = |text: &str| text.parse::<Timestamp>();
/// let (start, end) = (at("2030-01-01T02:00:00Z")?, at("2030-01-01T04:00:00Z")?);
/// let mut stored = GlobalMaintenance::new("database upgrade".parse()?)
///     .start(start)
///     .end(end)
///     .exempt_paths(["/health".parse()?]);
/// stored.enabled = true;
/// assert!(stored.holds_at(start) && !stored.holds_at(end));
/// assert!(!stored.at(at("2030-01-01T01:00:00Z")?).enabled, "planned");
/// assert_eq!(stored.next_change(start), Some(end));
/// assert!(stored.exempts(None, "/health") && stored.is_over(end));
/// assert_eq!(stored.settled(end), GlobalMaintenance::default());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(utoipa::ToSchema),
    schema(as = MaintenanceSettings)
)]
#[serde(try_from = "Raw")]
#[non_exhaustive]
pub struct GlobalMaintenance {
    /// In a view: `true` if maintenance is active; planned maintenance has a `start` and is not active. In a store:
    /// `true` if it was switched on, even if its window has not started or has ended.
    pub enabled: bool,
    /// The reason; may be empty.
    pub reason: Reason,
    /// Routes that stay open: `/path`, `METHOD:/path`, or `/prefix/{*rest}` for every path below.
    pub exempt_paths: Vec<ExemptPath>,
    /// `true` if even force-active routes are closed.
    pub include_force_active: bool,
    /// The start; missing if it was switched on immediately.
    #[serde(with = "text::maybe_instant", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime, nullable = false))]
    pub start: Option<Timestamp>,
    /// The end; missing if there is none.
    #[serde(with = "text::maybe_instant", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime, nullable = false))]
    pub end: Option<Timestamp>,
    /// Clients in these networks are served; missing if there are none.
    #[serde(with = "text::networks", skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>))]
    pub exempt_ips: Vec<IpNet>,
    /// Callers with one of these roles are served; missing if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exempt_roles: Vec<RoleName>,
    /// Recurring maintenance, which has exemptions of its own; missing if there is none. It has no effect while
    /// maintenance is switched on and its window covers the time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<super::RecurringMaintenanceFields>))]
    pub recurring: Vec<RecurringMaintenance>,
}

impl GlobalMaintenance {
    /// Creates maintenance that starts immediately, without an end and without exemptions.
    pub fn new(reason: Reason) -> Self {
        Self {
            reason,
            ..Self::default()
        }
    }

    /// Sets the instant when it begins.
    #[must_use]
    pub fn start(mut self, start: impl Into<Option<Timestamp>>) -> Self {
        self.start = start.into();
        self
    }

    /// Sets the instant when it ends.
    #[must_use]
    pub fn end(mut self, end: impl Into<Option<Timestamp>>) -> Self {
        self.end = end.into();
        self
    }

    /// Sets the routes that stay open.
    #[must_use]
    pub fn exempt_paths(mut self, paths: impl IntoIterator<Item = ExemptPath>) -> Self {
        self.exempt_paths = paths.into_iter().collect();
        self
    }

    /// Sets the networks of clients who are served.
    #[must_use]
    pub fn exempt_ips(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        self.exempt_ips = networks.into_iter().collect();
        self
    }

    /// Sets the roles of callers who are served.
    #[must_use]
    pub fn exempt_roles(mut self, roles: impl IntoIterator<Item = RoleName>) -> Self {
        self.exempt_roles = roles.into_iter().collect();
        self
    }

    /// Sets whether force-active routes are closed too.
    #[must_use]
    pub fn include_force_active(mut self, include: bool) -> Self {
        self.include_force_active = include;
        self
    }

    /// Returns whether a path stays open for a method.
    pub fn exempts(&self, method: Option<Method>, path: &str) -> bool {
        self.exempt_paths
            .iter()
            .any(|exempt| exempt.covers(method, path))
    }

    /// Derives the state at `now`. Before its window, maintenance is not `enabled` and has a `start`; after the window,
    /// this is the default value. Of recurring maintenance, the current or next window is that of the state.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Self {
        let governing = self.governing(now);
        let mut recurring = self.recurring.clone();
        recurring.retain_mut(|recurring| recurring.window.settle(now));
        Self {
            enabled: governing.holds_at(now),
            recurring,
            ..governing
        }
    }

    /// Returns the maintenance that applies at `now`, or else the next one, as a single one: that which was switched
    /// on before recurring ones. Its end includes windows that follow it without a gap.
    ///
    /// ```
    /// use waygate_core::{Timestamp, model::GlobalMaintenance};
    ///
    /// let sundays: GlobalMaintenance = serde_json::from_str(
    ///     r#"{"recurring": [{"every": "0 2 * * SUN", "for": "2h", "exempt_paths": ["/health"]}]}"#,
    /// )?;
    /// let next = sundays.governing("2030-01-01T00:00:00Z".parse()?);
    /// assert_eq!(next.start, Some("2030-01-06T02:00:00Z".parse()?));
    /// assert!(next.exempts(None, "/health") && next.recurring.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn governing(&self, now: Timestamp) -> Self {
        let own = (self.enabled && !self.is_over(now)).then(|| Self {
            recurring: Vec::new(),
            ..self.clone()
        });
        if let Some(own) = &own
            && own.start.is_none_or(|start| start <= now)
        {
            return self.with_joined_end(own.clone());
        }
        let recurring = self.recurring.iter();
        let recurring = recurring.filter_map(|recurring| current_or_next(recurring, now));
        // Of those with the same start, the first one.
        let first = recurring
            .chain(own)
            .min_by_key(|one| one.start.map(|start| start.max(now)));
        // Without any, the settings of the one that is off.
        let off = || Self {
            recurring: Vec::new(),
            ..self.clone().settled(now)
        };
        first.map_or_else(off, |first| self.with_joined_end(first))
    }

    /// Extends the end of `one` over windows that overlap or follow it without a gap.
    fn with_joined_end(&self, mut one: Self) -> Self {
        for _ in 0..MOST_JOINED {
            let Some(end) = one.end else { break };
            let own = self.enabled && self.start.is_some_and(|start| start <= end);
            let own = own
                .then_some(self.end)
                .filter(|own| own.is_none_or(|own| own > end));
            let recurring = self.recurring.iter();
            let later =
                recurring.filter_map(|recurring| Some(recurring.window.current(end)?.end()));
            match (own, later.max()) {
                (Some(own), _) => one.end = own,
                (None, Some(later)) => one.end = Some(later),
                (None, None) => break,
            }
        }
        one
    }

    /// Returns it without what has ended at `now`.
    #[must_use]
    pub fn settled(mut self, now: Timestamp) -> Self {
        let mut recurring = std::mem::take(&mut self.recurring);
        recurring.retain_mut(|recurring| recurring.window.settle(now));
        let own = match self.is_over(now) {
            true => Self::default(),
            false => self,
        };
        Self { recurring, ..own }
    }

    /// Returns whether it was switched on and has ended at `now`, apart from recurring maintenance.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.enabled && self.end.is_some_and(|end| end <= now)
    }

    /// Returns whether it is active or planned in a view. In a stored record, also if it is over.
    pub fn is_set(&self) -> bool {
        self.enabled || self.start.is_some() || !self.recurring.is_empty()
    }

    /// Returns whether it is active at `now`.
    pub fn holds_at(&self, now: Timestamp) -> bool {
        let has_begun = self.start.is_none_or(|start| start <= now);
        let own = self.enabled && has_begun && self.end.is_none_or(|end| now < end);
        let mut recurring = self.recurring.iter();
        own || recurring.any(|recurring| recurring.window.current(now).is_some())
    }

    /// Returns the first instant after `now` at which it starts or ends.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let boundaries = [self.start, self.end].into_iter().flatten();
        let own = boundaries.filter(|at| self.enabled && *at > now);
        let recurring = self.recurring.iter();
        let recurring = recurring.filter_map(|recurring| recurring.window.next_change(now));
        own.chain(recurring).min()
    }

    /// Returns whether it is active until changed.
    pub fn is_unbounded(&self) -> bool {
        self.enabled && self.start.is_none() && self.end.is_none()
    }

    /// Returns whether it exempts no path, network or role.
    pub fn exempts_nothing(&self) -> bool {
        self.exempt_paths.is_empty() && self.exempt_ips.is_empty() && self.exempt_roles.is_empty()
    }

    /// Truncates its instants to whole microseconds, as they are stored.
    ///
    /// # Errors
    /// [`Invalid`] if the end is not after the start, or a year is before 0.
    pub fn checked(self) -> Result<Self, Invalid> {
        let (start, end) = match (self.start, self.end) {
            (Some(start), Some(end)) => {
                let window = Interval::new(start, end)?;
                (Some(window.start()), Some(window.end()))
            }
            (start, end) => (one(start)?, one(end)?),
        };
        Ok(Self { start, end, ..self })
    }
}

/// Returns the window that covers `now`, or else the next one, as a single maintenance.
fn current_or_next(recurring: &RecurringMaintenance, now: Timestamp) -> Option<GlobalMaintenance> {
    let interval = recurring.window.current_or_next(now)?;
    Some(GlobalMaintenance {
        enabled: true,
        reason: recurring.window.reason().clone(),
        exempt_paths: recurring.exempt_paths.clone(),
        include_force_active: recurring.include_force_active,
        start: Some(interval.start()),
        end: Some(interval.end()),
        exempt_ips: recurring.exempt_ips.clone(),
        exempt_roles: recurring.exempt_roles.clone(),
        recurring: Vec::new(),
    })
}

/// The most windows that are joined to one maintenance.
const MOST_JOINED: usize = 30;

/// Checks the only boundary of a window.
fn one(instant: Option<Timestamp>) -> Result<Option<Timestamp>, Invalid> {
    let checked = |instant| {
        storable(instant).ok_or_else(|| {
            let text = format_wire(instant, "Z");
            Invalid::new("instant", &text, "it must lie in the years 0 to 9999")
        })
    };
    instant.map(checked).transpose()
}

/// The unchecked form.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Raw {
    enabled: bool,
    reason: Reason,
    exempt_paths: Vec<ExemptPath>,
    include_force_active: bool,
    #[serde(with = "text::maybe_instant")]
    start: Option<Timestamp>,
    #[serde(with = "text::maybe_instant")]
    end: Option<Timestamp>,
    #[serde(with = "text::networks")]
    exempt_ips: Vec<IpNet>,
    exempt_roles: Vec<RoleName>,
    recurring: Vec<RecurringMaintenance>,
}

impl TryFrom<Raw> for GlobalMaintenance {
    type Error = Invalid;

    fn try_from(raw: Raw) -> Result<Self, Invalid> {
        let read = Self {
            enabled: raw.enabled,
            reason: raw.reason,
            exempt_paths: raw.exempt_paths,
            include_force_active: raw.include_force_active,
            start: raw.start,
            end: raw.end,
            exempt_ips: raw.exempt_ips,
            exempt_roles: raw.exempt_roles,
            recurring: raw.recurring,
        };
        read.checked()
    }
}

#[cfg(test)]
mod tests;
