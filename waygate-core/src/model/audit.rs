use std::{borrow::Cow, fmt};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use super::{Origin, RouteStatus, TraceParent, text};

/// Declares [`Action`] from one table of variants and words.
macro_rules! actions {
    ($($variant:ident => $word:literal,)+) => {
        /// An action in the audit log (wire contract, section 10, and extensions).
        ///
        /// ```
        /// use waygate_core::model::Action;
        ///
        /// assert_eq!(Action::from("maintenance_on"), Action::MaintenanceOn);
        /// assert_eq!(Action::from("announcement_set").as_str(), "announcement_set");
        /// ```
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[allow(missing_docs)]
        pub enum Action {
            $($variant,)+
            /// An action without a variant: of a setting, such as `announcement_set`, or of another version. Kept
            /// unchanged, so that the log loses nothing.
            Other(Box<str>),
        }

        impl Action {
            /// Returns the word in the log.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Other(word) => word,
                }
            }
        }

        impl From<&str> for Action {
            fn from(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)+
                    other => Self::Other(other.into()),
                }
            }
        }

        #[cfg(test)]
        const WORDS: &[&str] = &[$($word),+];
    };
}

actions! {
    Enable => "enable",
    Disable => "disable",
    MaintenanceOn => "maintenance_on",
    MaintenanceOff => "maintenance_off",
    EnvGate => "env_gate",
    Schedule => "schedule",
    ScheduleCancelled => "schedule_cancelled",
    Deprecate => "deprecate",
    AccessSet => "access_set",
    Reset => "reset",
    Purge => "purge",
    GlobalMaintenanceOn => "global_maintenance_on",
    GlobalMaintenanceOff => "global_maintenance_off",
    GlobalMaintenanceScheduled => "global_maintenance_scheduled",
    GlobalExemptPathsSet => "global_exempt_paths_set",
    ServiceExemptPathsSet => "service_exempt_paths_set",
    ServiceMaintenanceOn => "service_maintenance_on",
    ServiceMaintenanceOff => "service_maintenance_off",
    ServiceMaintenanceScheduled => "service_maintenance_scheduled",
    GlobalScheduleCancelled => "global_schedule_cancelled",
    ServiceScheduleCancelled => "service_schedule_cancelled",
    RlPolicySet => "rl_policy_set",
    RlPolicyUpdated => "rl_policy_updated",
    RlPolicyDeleted => "rl_policy_deleted",
    RlReset => "rl_reset",
    GlobalRlSet => "global_rl_set",
    GlobalRlUpdated => "global_rl_updated",
    GlobalRlDeleted => "global_rl_deleted",
    GlobalRlReset => "global_rl_reset",
    GlobalRlEnabled => "global_rl_enabled",
    GlobalRlDisabled => "global_rl_disabled",
    SvcRlSet => "svc_rl_set",
    SvcRlUpdated => "svc_rl_updated",
    SvcRlDeleted => "svc_rl_deleted",
    SvcRlReset => "svc_rl_reset",
    SvcRlEnabled => "svc_rl_enabled",
    SvcRlDisabled => "svc_rl_disabled",
    ConcurrencyPolicySet => "concurrency_policy_set",
    ConcurrencyPolicyUpdated => "concurrency_policy_updated",
    ConcurrencyPolicyDeleted => "concurrency_policy_deleted",
    FlagCreated => "flag_created",
    FlagUpdated => "flag_updated",
    FlagEnabled => "flag_enabled",
    FlagDisabled => "flag_disabled",
    FlagDeleted => "flag_deleted",
    SegmentCreated => "segment_created",
    SegmentUpdated => "segment_updated",
    SegmentDeleted => "segment_deleted",
    Login => "login",
    Logout => "logout",
    LoginRefused => "login_refused",
    TokenCreated => "token_created",
    TokenRevoked => "token_revoked",
    StoreReseeded => "store_reseeded",
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Action {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = Cow::<'de, str>::deserialize(deserializer)?;
        Ok(Self::from(&*word))
    }
}

/// One entry of the audit log: one change, written in the same commit as the change (wire contract, section 2.3).
///
/// For reading, `id`, `timestamp`, `path` and `action` are required; the rest is optional.
///
/// ```
/// use waygate_core::{
///     Timestamp,
///     model::{Action, AuditEntry, Origin},
/// };
///
/// let alice = Origin::new("alice", "cli");
/// let mut entry = AuditEntry::new(&alice, Action::Disable, "GET:/payments", Timestamp::now());
/// entry.reason = "incident 12".to_owned();
/// assert_eq!(entry.actor, "alice");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct AuditEntry {
    /// Unique.
    pub id: Uuid,
    /// The time in UTC, to the microsecond.
    #[serde(with = "text::instant")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub timestamp: Timestamp,
    /// The route's key, `__global__`, `__global_rl__`, `__waygate:svc_global:<service>__`,
    /// `__waygate:svc_rl:<service>__`, `auth:<user>`, or, for a setting, its kind and name, such as
    /// `announcement:upgrade`.
    pub path: String,
    /// The service, in a fleet.
    #[cfg_attr(feature = "schema", schema(required))]
    pub service: Option<String>,
    /// The tags of the route's operations in the OpenAPI document of the process that made the change; omitted if there
    /// are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>))]
    pub tags: Vec<String>,
    /// The action.
    pub action: Action,
    /// The author: a user, a user's token (`alice/deploy`), `scheduler`, `system` or `anonymous`.
    #[serde(default = "system")]
    #[cfg_attr(feature = "schema", schema(required))]
    pub actor: String,
    /// The platform.
    #[serde(default = "system")]
    #[cfg_attr(feature = "schema", schema(required))]
    pub platform: String,
    /// The reason; may be empty.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(required))]
    pub reason: String,
    /// The status before the change.
    #[cfg_attr(feature = "schema", schema(required))]
    pub previous_status: Option<RouteStatus>,
    /// The status after the change.
    #[cfg_attr(feature = "schema", schema(required))]
    pub new_status: Option<RouteStatus>,
    /// The number of the commit, set by the backend.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(required))]
    pub revision: u64,
    /// The stored value before the change, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>, nullable = false))]
    pub previous: Option<serde_json::Value>,
    /// The stored value after the change, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>, nullable = false))]
    pub new: Option<serde_json::Value>,
    /// Other settings that the change has dropped, such as planned windows, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>, nullable = false))]
    pub dropped: Option<serde_json::Value>,
    /// The id that all entries of one bulk change share; missing otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(nullable = false))]
    pub batch: Option<Uuid>,
    /// The id of the entry that this change has reverted; missing otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(nullable = false))]
    pub reverts: Option<Uuid>,
    /// The `traceparent` of the change (W3C Trace Context), if it was made in a trace; missing otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, nullable = false))]
    pub traceparent: Option<TraceParent>,
}

impl AuditEntry {
    /// Creates an entry with a random id and every optional field empty.
    pub fn new(
        origin: &Origin,
        action: Action,
        path: impl Into<String>,
        timestamp: Timestamp,
    ) -> Self {
        Self {
            id: Uuid::new_v4(),
            timestamp,
            path: path.into(),
            service: None,
            tags: Vec::new(),
            action,
            actor: origin.actor.clone(),
            platform: origin.platform.clone(),
            reason: String::new(),
            previous_status: None,
            new_status: None,
            revision: 0,
            previous: None,
            new: None,
            dropped: None,
            batch: None,
            reverts: None,
            traceparent: origin.traceparent,
        }
    }
}

fn system() -> String {
    Origin::system().actor
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json, to_value};

    use super::*;

    #[test]
    fn every_action_of_the_wire_contract_is_known() {
        for word in [
            "enable",
            "disable",
            "maintenance_on",
            "env_gate",
            "global_maintenance_on",
            "global_maintenance_off",
            "service_maintenance_on",
            "service_maintenance_off",
            "rl_policy_set",
            "rl_policy_updated",
            "rl_policy_deleted",
            "rl_reset",
            "global_rl_set",
            "global_rl_updated",
            "global_rl_deleted",
            "global_rl_reset",
            "global_rl_enabled",
            "global_rl_disabled",
            "svc_rl_set",
            "svc_rl_updated",
            "svc_rl_deleted",
            "svc_rl_reset",
            "svc_rl_enabled",
            "svc_rl_disabled",
            "flag_created",
            "flag_updated",
            "flag_enabled",
            "flag_disabled",
            "flag_deleted",
            "segment_created",
            "segment_updated",
            "segment_deleted",
        ] {
            assert!(WORDS.contains(&word), "{word}");
        }
        for word in WORDS {
            let action = Action::from(*word);
            assert!(!matches!(action, Action::Other(_)));
            assert_eq!(action.to_string(), *word);
            assert_eq!(
                from_value::<Action>(to_value(&action).unwrap()).unwrap(),
                action
            );
        }
    }

    #[test]
    fn an_action_of_another_version_is_kept() {
        let action: Action = from_value(json!("teleport")).unwrap();
        assert_eq!(action, Action::Other("teleport".into()));
        assert_eq!(to_value(&action).unwrap(), json!("teleport"));
    }

    #[test]
    fn optional_fields_have_defaults() {
        let entry: AuditEntry = from_value(json!({
            "id": "0b8955c8-622a-45a8-8fd8-0e57924ec972",
            "timestamp": "2026-11-22T22:16:37.216046",
            "path": "__global__",
            "action": "global_maintenance_on",
        }))
        .unwrap();
        assert_eq!(
            to_value(&entry).unwrap(),
            json!({
                "id": "0b8955c8-622a-45a8-8fd8-0e57924ec972",
                "timestamp": "2026-11-22T22:16:37.216046Z",
                "path": "__global__",
                "service": null,
                "action": "global_maintenance_on",
                "actor": "system",
                "platform": "system",
                "reason": "",
                "previous_status": null,
                "new_status": null,
                "revision": 0,
            })
        );
        for required in ["id", "timestamp", "path", "action"] {
            let mut partial = to_value(&entry).unwrap();
            partial.as_object_mut().unwrap().remove(required);
            let error = from_value::<AuditEntry>(partial).unwrap_err().to_string();
            assert_eq!(error, format!("missing field `{required}`"));
        }
    }
}
