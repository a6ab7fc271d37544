//! What an entry of the audit log has changed.

use waygate_core::{
    grammar::{Invalid, PolicyName},
    model::{Action, AuditEntry, LimitKey, LimitScope, Origin, RateLimitPolicy, RouteKey},
};

use super::kinds::MaintenanceScope;

/// What an entry has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    Route(RouteKey),
    Maintenance(MaintenanceScope),
    Rate(LimitKey),
    Concurrency(LimitKey),
    #[cfg(feature = "admin")]
    Announcement(PolicyName),
    #[cfg(feature = "flags")]
    Flag(String),
    #[cfg(feature = "flags")]
    Segment(String),
}

impl Subject {
    /// The subject of an entry, or why it has none that can be restored.
    pub(super) fn of(entry: &AuditEntry) -> Result<Self, String> {
        use Action as A;
        let invalid = |invalid: Invalid| invalid.to_string();
        let path = entry.path.as_str();
        if entry.actor == Origin::scheduler().actor {
            return Err("a schedule made it, so revert or cancel the schedule".to_owned());
        }
        match &entry.action {
            A::Enable
            | A::Disable
            | A::MaintenanceOn
            | A::MaintenanceOff
            | A::EnvGate
            | A::Schedule
            | A::ScheduleCancelled
            | A::Deprecate
            | A::AccessSet
            | A::Reset => Ok(Self::Route(path.parse().map_err(invalid)?)),
            A::GlobalMaintenanceOn
            | A::GlobalMaintenanceOff
            | A::GlobalMaintenanceScheduled
            | A::GlobalExemptPathsSet
            | A::GlobalScheduleCancelled => Ok(Self::Maintenance(MaintenanceScope::Global)),
            A::ServiceMaintenanceOn
            | A::ServiceMaintenanceOff
            | A::ServiceMaintenanceScheduled
            | A::ServiceExemptPathsSet
            | A::ServiceScheduleCancelled => {
                let service = entry.service.as_deref().unwrap_or_default();
                let service = service.parse().map_err(invalid)?;
                Ok(Self::Maintenance(MaintenanceScope::Service(service)))
            }
            A::RlPolicySet
            | A::RlPolicyUpdated
            | A::RlPolicyDeleted
            | A::GlobalRlSet
            | A::GlobalRlUpdated
            | A::GlobalRlDeleted
            | A::GlobalRlEnabled
            | A::GlobalRlDisabled
            | A::SvcRlSet
            | A::SvcRlUpdated
            | A::SvcRlDeleted
            | A::SvcRlEnabled
            | A::SvcRlDisabled => Ok(Self::Rate(limit(entry)?)),
            A::ConcurrencyPolicySet | A::ConcurrencyPolicyUpdated | A::ConcurrencyPolicyDeleted => {
                Ok(Self::Concurrency(limit(entry)?))
            }
            A::RlReset | A::GlobalRlReset | A::SvcRlReset => {
                Err("counters that were reset are gone".to_owned())
            }
            A::Purge => Err("the code no longer has the route".to_owned()),
            action => Self::other(action.as_str(), path),
        }
    }

    fn other(action: &str, path: &str) -> Result<Self, String> {
        #[cfg(feature = "flags")]
        match action {
            "flag_created" | "flag_updated" | "flag_enabled" | "flag_disabled" | "flag_deleted" => {
                return Ok(Self::Flag(name(path, "flag:")));
            }
            "segment_created" | "segment_updated" | "segment_deleted" => {
                return Ok(Self::Segment(name(path, "segment:")));
            }
            _ => {}
        }
        #[cfg(feature = "admin")]
        if matches!(action, "announcement_set" | "announcement_deleted") {
            let name = name(path, "announcement:").parse();
            return Ok(Self::Announcement(
                name.map_err(|invalid: Invalid| invalid.to_string())?,
            ));
        }
        let _ = path;
        Err(match action.starts_with("webhook_") {
            true => "the log does not have the secrets of webhooks".to_owned(),
            false => "it changed nothing that can be restored".to_owned(),
        })
    }
}

#[cfg(any(feature = "admin", feature = "flags"))]
fn name(path: &str, kind: &str) -> String {
    path.strip_prefix(kind).unwrap_or(path).to_owned()
}

/// The limit of an entry. Its name is in the policy.
fn limit(entry: &AuditEntry) -> Result<LimitKey, String> {
    let policy = entry.previous.as_ref().or(entry.new.as_ref());
    let policy = policy.ok_or("the log does not have the policy")?;
    let name = policy["name"].as_str();
    let name = name.unwrap_or(RateLimitPolicy::DEFAULT_NAME);
    let scope = match (entry.path.as_str(), &entry.service) {
        ("__global_rl__", _) => LimitScope::Global,
        (path, Some(service)) if path.starts_with("__waygate:svc_rl:") => {
            let service = service.parse();
            LimitScope::Service(service.map_err(|invalid: Invalid| invalid.to_string())?)
        }
        (path, _) => {
            let route = path.parse();
            LimitScope::Route(route.map_err(|invalid: Invalid| invalid.to_string())?)
        }
    };
    let name: PolicyName = name
        .parse()
        .map_err(|invalid: Invalid| invalid.to_string())?;
    Ok(LimitKey::new(scope, name))
}

/// Returns `true` if the entry has deleted the record.
pub(super) fn deletes(entry: &AuditEntry) -> bool {
    use Action as A;
    match &entry.action {
        A::Reset
        | A::RlPolicyDeleted
        | A::GlobalRlDeleted
        | A::SvcRlDeleted
        | A::ConcurrencyPolicyDeleted
        | A::FlagDeleted
        | A::SegmentDeleted => true,
        action => action.as_str() == "announcement_deleted",
    }
}

/// Returns `true` if an entry with this path is about a route, and not about what several routes share.
pub(crate) fn is_of_route(path: &str) -> bool {
    let key = path.parse::<RouteKey>();
    path.starts_with('/') || key.is_ok_and(|key| key.method().is_some())
}

/// Returns what a reverted entry changes, by the services that it belongs to; `None` if it belongs to all of them.
#[cfg(feature = "admin")]
pub(crate) fn scope_of(entry: &AuditEntry) -> Option<LimitScope> {
    match Subject::of(entry).ok()? {
        Subject::Route(key) => Some(LimitScope::Route(key)),
        Subject::Maintenance(scope) => Some(LimitScope::from(&scope)),
        Subject::Rate(key) | Subject::Concurrency(key) => Some(key.scope),
        _ => None,
    }
}
