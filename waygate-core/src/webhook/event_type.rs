use std::{fmt, str::FromStr};

use crate::{
    grammar::Invalid,
    model::{Action, AuditEntry, RouteStatus},
};

/// Declares [`EventType`] from one table.
macro_rules! events {
    ($($variant:ident => $word:literal, $about:literal;)+) => {
        /// The type of an event, with a dotted name.
        ///
        /// ```
        /// use waygate_core::webhook::EventType;
        ///
        /// assert_eq!("route.disabled".parse(), Ok(EventType::RouteDisabled));
        /// assert_eq!(EventType::RouteDisabled.as_str(), "route.disabled");
        /// assert!(EventType::ALL.contains(&EventType::EndpointDisabled));
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum EventType {
            $(#[doc = $about] $variant,)+
        }

        impl EventType {
            /// Every type.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the dotted name.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// Returns the description.
            pub const fn about(self) -> &'static str {
                match self {
                    $(Self::$variant => $about,)+
                }
            }
        }
    };
}

events! {
    RouteEnabled => "route.enabled", "A route was opened.";
    RouteDisabled => "route.disabled", "A route was closed.";
    RouteMaintenanceStarted => "route.maintenance_started", "Maintenance of a route started.";
    RouteMaintenanceEnded => "route.maintenance_ended", "Maintenance of a route ended.";
    RouteWindowScheduled => "route.window_scheduled", "A maintenance window of a route was planned.";
    RouteWindowCancelled => "route.window_cancelled", "Maintenance windows of a route were cancelled.";
    RouteEnvironmentsChanged => "route.environments_changed", "The environments of a route were changed.";
    RouteDeprecated => "route.deprecated", "The deprecation of a route was changed.";
    RouteAccessChanged => "route.access_changed", "The networks or roles of a route were changed.";
    RouteReset => "route.reset", "The changes to a route were discarded.";
    RoutePurged => "route.purged", "The record of a route that no longer exists was deleted.";
    GlobalMaintenanceStarted => "global.maintenance_started", "Maintenance of everything started.";
    GlobalMaintenanceEnded => "global.maintenance_ended", "Maintenance of everything ended.";
    GlobalWindowScheduled => "global.window_scheduled", "Maintenance of everything was planned.";
    GlobalWindowCancelled => "global.window_cancelled", "Recurring maintenance of everything was cancelled.";
    GlobalExemptPathsChanged => "global.exempt_paths_changed", "The paths exempt from global maintenance were changed.";
    ServiceMaintenanceStarted => "service.maintenance_started", "Maintenance of a service started.";
    ServiceMaintenanceEnded => "service.maintenance_ended", "Maintenance of a service ended.";
    ServiceWindowScheduled => "service.window_scheduled", "Maintenance of a service was planned.";
    ServiceWindowCancelled => "service.window_cancelled", "Recurring maintenance of a service was cancelled.";
    ServiceExemptPathsChanged => "service.exempt_paths_changed", "The paths exempt from a service's maintenance were changed.";
    LimitSet => "limit.set", "A rate or concurrency limit was set.";
    LimitDeleted => "limit.deleted", "A rate or concurrency limit was deleted.";
    LimitPaused => "limit.paused", "A rate limit was paused.";
    LimitResumed => "limit.resumed", "A rate limit was resumed.";
    LimitPromoted => "limit.promoted", "A rate limit in shadow mode is enforced now.";
    LimitReset => "limit.reset", "The counters of a rate limit were reset.";
    LimitThreshold => "limit.threshold", "Clients of a rate limit have come near it, or were refused. Sent only to endpoints that name this type.";
    FlagCreated => "flag.created", "A flag was created.";
    FlagUpdated => "flag.updated", "A flag was changed.";
    FlagEnabled => "flag.enabled", "A flag was turned on.";
    FlagDisabled => "flag.disabled", "A flag was turned off.";
    FlagDeleted => "flag.deleted", "A flag was deleted.";
    SegmentCreated => "segment.created", "A segment was created.";
    SegmentUpdated => "segment.updated", "A segment was changed.";
    SegmentDeleted => "segment.deleted", "A segment was deleted.";
    RolloutRolledBack => "rollout.rolled_back", "Not sent by this version.";
    FleetInstanceLost => "fleet.instance_lost", "Not sent by this version.";
    FleetNack => "fleet.nack", "Not sent by this version.";
    FleetServiceRegistered => "fleet.service_registered", "Not sent by this version.";
    AccessLoginFailedBurst => "access.login_failed_burst", "Logins were refused because too many have failed.";
    AccessTokenCreated => "access.token_created", "A token was created.";
    AccessTokenRevoked => "access.token_revoked", "A token was revoked.";
    AnnouncementSet => "announcement.set", "An announcement was set.";
    AnnouncementDeleted => "announcement.deleted", "An announcement was deleted.";
    StoreDegraded => "store.degraded", "The store could not be read or written for ten seconds.";
    StoreRecovered => "store.recovered", "The store can be read and written again.";
    StoreReset => "store.reset", "The store was emptied or replaced, and written again.";
    EndpointDisabled => "endpoint.disabled", "A webhook was disabled, because its receiver was gone or failed for too long.";
    EndpointTest => "endpoint.test", "A test by an operator.";
}

impl EventType {
    /// The type of the event about an entry of the audit log; `None` if there is none.
    ///
    /// ```
    /// use waygate_core::{
    ///     Timestamp,
    ///     model::{Action, AuditEntry, Origin},
    ///     webhook::EventType,
    /// };
    ///
    /// let line = AuditEntry::new(&Origin::system(), Action::Disable, "GET:/a", Timestamp::now());
    /// assert_eq!(EventType::of(&line), Some(EventType::RouteDisabled));
    /// ```
    pub fn of(entry: &AuditEntry) -> Option<Self> {
        use RouteStatus::{Disabled, Maintenance};
        let change = entry.previous_status.zip(entry.new_status);
        let starts = change.is_some_and(|(from, to)| from != Maintenance && to == Maintenance);
        let ends = change
            .is_some_and(|(from, to)| from == Maintenance && !matches!(to, Maintenance | Disabled));
        let is_unchanged = change.is_some_and(|(from, to)| from == to);
        Some(match &entry.action {
            // A window that covers the time of the command.
            Action::Schedule if starts => Self::RouteMaintenanceStarted,
            Action::GlobalMaintenanceScheduled if starts => Self::GlobalMaintenanceStarted,
            Action::ServiceMaintenanceScheduled if starts => Self::ServiceMaintenanceStarted,
            Action::ScheduleCancelled if ends => Self::RouteMaintenanceEnded,
            Action::GlobalScheduleCancelled | Action::GlobalMaintenanceScheduled if ends => {
                Self::GlobalMaintenanceEnded
            }
            Action::ServiceScheduleCancelled | Action::ServiceMaintenanceScheduled if ends => {
                Self::ServiceMaintenanceEnded
            }
            Action::MaintenanceOff if is_unchanged => return None,
            // Whatever ends it.
            Action::Enable | Action::EnvGate | Action::Reset if ends => Self::RouteMaintenanceEnded,
            Action::Enable if entry.previous_status == Some(Maintenance) => {
                Self::RouteMaintenanceEnded
            }
            Action::Enable => Self::RouteEnabled,
            Action::Disable => Self::RouteDisabled,
            Action::MaintenanceOn => Self::RouteMaintenanceStarted,
            Action::MaintenanceOff => Self::RouteMaintenanceEnded,
            Action::EnvGate => Self::RouteEnvironmentsChanged,
            Action::Schedule => Self::RouteWindowScheduled,
            Action::ScheduleCancelled => Self::RouteWindowCancelled,
            Action::Deprecate => Self::RouteDeprecated,
            Action::AccessSet => Self::RouteAccessChanged,
            Action::Reset => Self::RouteReset,
            Action::Purge => Self::RoutePurged,
            // Maintenance that was already on, or not yet.
            Action::GlobalMaintenanceOn | Action::ServiceMaintenanceOn if is_unchanged => {
                return None;
            }
            Action::GlobalMaintenanceOff | Action::ServiceMaintenanceOff
                if is_unchanged && !was_planned(entry) =>
            {
                return None;
            }
            Action::GlobalMaintenanceOff if is_unchanged => Self::GlobalWindowCancelled,
            Action::ServiceMaintenanceOff if is_unchanged => Self::ServiceWindowCancelled,
            Action::GlobalMaintenanceOn => Self::GlobalMaintenanceStarted,
            Action::GlobalMaintenanceOff => Self::GlobalMaintenanceEnded,
            Action::GlobalMaintenanceScheduled => Self::GlobalWindowScheduled,
            Action::GlobalScheduleCancelled => Self::GlobalWindowCancelled,
            Action::ServiceScheduleCancelled => Self::ServiceWindowCancelled,
            Action::GlobalExemptPathsSet => Self::GlobalExemptPathsChanged,
            Action::ServiceExemptPathsSet => Self::ServiceExemptPathsChanged,
            Action::ServiceMaintenanceOn => Self::ServiceMaintenanceStarted,
            Action::ServiceMaintenanceOff => Self::ServiceMaintenanceEnded,
            Action::ServiceMaintenanceScheduled => Self::ServiceWindowScheduled,
            Action::RlPolicySet
            | Action::RlPolicyUpdated
            | Action::GlobalRlSet
            | Action::GlobalRlUpdated
            | Action::SvcRlSet
            | Action::SvcRlUpdated
                if is_promotion(entry) =>
            {
                Self::LimitPromoted
            }
            Action::RlPolicySet
            | Action::RlPolicyUpdated
            | Action::GlobalRlSet
            | Action::GlobalRlUpdated
            | Action::SvcRlSet
            | Action::SvcRlUpdated
            | Action::ConcurrencyPolicySet
            | Action::ConcurrencyPolicyUpdated => Self::LimitSet,
            Action::RlPolicyDeleted
            | Action::GlobalRlDeleted
            | Action::SvcRlDeleted
            | Action::ConcurrencyPolicyDeleted => Self::LimitDeleted,
            Action::RlReset | Action::GlobalRlReset | Action::SvcRlReset => Self::LimitReset,
            Action::GlobalRlEnabled | Action::SvcRlEnabled => Self::LimitResumed,
            Action::GlobalRlDisabled | Action::SvcRlDisabled => Self::LimitPaused,
            Action::FlagCreated => Self::FlagCreated,
            Action::FlagUpdated => Self::FlagUpdated,
            Action::FlagEnabled => Self::FlagEnabled,
            Action::FlagDisabled => Self::FlagDisabled,
            Action::FlagDeleted => Self::FlagDeleted,
            Action::SegmentCreated => Self::SegmentCreated,
            Action::SegmentUpdated => Self::SegmentUpdated,
            Action::SegmentDeleted => Self::SegmentDeleted,
            Action::LoginRefused => Self::AccessLoginFailedBurst,
            Action::TokenCreated => Self::AccessTokenCreated,
            Action::TokenRevoked => Self::AccessTokenRevoked,
            Action::StoreReseeded => Self::StoreReset,
            Action::Other(word) => match &**word {
                "announcement_set" => Self::AnnouncementSet,
                "announcement_deleted" => Self::AnnouncementDeleted,
                "limit_threshold" => Self::LimitThreshold,
                "store_degraded" => Self::StoreDegraded,
                "store_recovered" => Self::StoreRecovered,
                "webhook_disabled" => Self::EndpointDisabled,
                "webhook_tested" => Self::EndpointTest,
                _ => return None,
            },
            Action::Login | Action::Logout => return None,
        })
    }
}

impl EventType {
    /// An event that is sent only to endpoints that name it.
    pub(super) fn is_opt_in(self) -> bool {
        self == Self::LimitThreshold
    }
}

/// Maintenance that was switched on for later. Exemptions alone are kept without it, and windows that recur stay.
fn was_planned(entry: &AuditEntry) -> bool {
    let enabled = entry
        .previous
        .as_ref()
        .and_then(|known| known.get("enabled"));
    enabled.is_some_and(|enabled| enabled == true)
}

/// A limit that was in shadow mode before, and is not any more.
fn is_promotion(entry: &AuditEntry) -> bool {
    let shadow = |value: &Option<serde_json::Value>| {
        let value = value.as_ref()?;
        let policy = value.get("policy").unwrap_or(value);
        Some(policy.get("shadow").is_some_and(|shadow| shadow == true))
    };
    shadow(&entry.previous) == Some(true) && shadow(&entry.new) == Some(false)
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EventType {
    type Err = Invalid;

    fn from_str(name: &str) -> Result<Self, Invalid> {
        let mut all = Self::ALL.iter();
        all.find(|known| known.as_str() == name)
            .copied()
            .ok_or_else(|| unknown(name))
    }
}

/// The error for a name or pattern of no event.
pub(super) fn unknown(name: &str) -> Invalid {
    let names: Vec<&str> = EventType::ALL.iter().map(|known| known.as_str()).collect();
    let problem = match crate::similar::nearest(name, &names) {
        Some(near) => format!("there is no such event; did you mean `{near}`?"),
        None => "there is no such event; write one like `route.disabled`, or `route.*`".to_owned(),
    };
    Invalid::new("event type", name, problem)
}
