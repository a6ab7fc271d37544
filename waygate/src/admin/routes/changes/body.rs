use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::rest::RequestBody;

/// Several changes.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(examples(json!({"changes": [
    {"action": "put_route_in_maintenance", "route": "GET:/orders", "reason": "migration"},
    {"action": "set_rate_limit", "path": "/orders", "method": "GET", "limit": "100/minute"},
    {"action": "set_global_exempt_paths", "exempt_paths": ["/health"]},
]})))]
#[serde(deny_unknown_fields)]
pub(super) struct ChangesRequest {
    /// The changes, in their order.
    #[schema(value_type = Vec<ChangeItem>, min_items = 1, max_items = 1000)]
    pub(super) changes: Vec<Value>,
}

impl RequestBody for ChangesRequest {
    const REQUIRED: bool = true;
    const MAX_BYTES: usize = 1024 * 1024;
}

/// One change. Its other members are those of the body and the query of the operation that its action names.
#[derive(ToSchema)]
#[schema(examples(json!({"action": "disable_route", "route": "GET:/orders", "reason": "incident 12"})))]
#[allow(dead_code, reason = "for the document")]
pub(super) struct ChangeItem {
    /// The id of an operation.
    action: ChangeAction,
    /// The key of the route, for operations on a route. `set_rate_limit` and `set_concurrency_limit` also take `path` and
    /// `method` instead, as alone.
    #[schema(nullable = false, example = "GET:/orders")]
    route: Option<String>,
    /// The service, for operations on a service.
    #[schema(nullable = false, example = "billing")]
    service: Option<String>,
    /// The ETag of the version to change, a list of them, or `*`, as in the header `If-Match`.
    #[schema(nullable = false)]
    if_match: Option<String>,
}

macro_rules! change_actions {
    ($($variant:ident => $word:literal,)+) => {
        /// The operations that can be part of several changes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
        pub(super) enum ChangeAction {
            $(#[serde(rename = $word)] $variant,)+
        }

        impl ChangeAction {
            pub(super) const NAMES: &[&str] = &[$($word),+];

            pub(super) fn parse(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }

            pub(super) fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }
    };
}

change_actions! {
    EnableRoute => "enable_route",
    DisableRoute => "disable_route",
    MaintainRoute => "put_route_in_maintenance",
    EndMaintenance => "end_route_maintenance",
    GateRoute => "gate_route_by_environment",
    ScheduleRoute => "schedule_maintenance",
    CancelRoute => "cancel_schedule",
    DeprecateRoute => "deprecate_route",
    UndeprecateRoute => "undeprecate_route",
    SetAccess => "set_route_access",
    ResetRoute => "reset_route",
    PurgeRoute => "purge_route",
    EnableGlobal => "enable_global_maintenance",
    DisableGlobal => "disable_global_maintenance",
    ScheduleGlobal => "schedule_global_maintenance",
    CancelGlobal => "cancel_global_schedule",
    ExemptGlobal => "set_global_exempt_paths",
    EnableService => "enable_service_maintenance",
    DisableService => "disable_service_maintenance",
    ScheduleService => "schedule_service_maintenance",
    CancelService => "cancel_service_schedule",
    SetRate => "set_rate_limit",
    DeleteRate => "delete_rate_limit",
    PauseRate => "pause_rate_limit",
    ResumeRate => "resume_rate_limit",
    ShadowRate => "shadow_rate_limit",
    PromoteRate => "promote_rate_limit",
    SetGlobalRate => "set_global_rate_limit",
    DeleteGlobalRate => "delete_global_rate_limit",
    ResumeGlobalRate => "enable_global_rate_limit",
    PauseGlobalRate => "disable_global_rate_limit",
    ShadowGlobalRate => "shadow_global_rate_limit",
    PromoteGlobalRate => "promote_global_rate_limit",
    SetServiceRate => "set_service_rate_limit",
    DeleteServiceRate => "delete_service_rate_limit",
    ResumeServiceRate => "enable_service_rate_limit",
    PauseServiceRate => "disable_service_rate_limit",
    ShadowServiceRate => "shadow_service_rate_limit",
    PromoteServiceRate => "promote_service_rate_limit",
    SetConcurrency => "set_concurrency_limit",
    DeleteConcurrency => "delete_concurrency_limit",
    SetGlobalConcurrency => "set_global_concurrency_limit",
    DeleteGlobalConcurrency => "delete_global_concurrency_limit",
    SetServiceConcurrency => "set_service_concurrency_limit",
    DeleteServiceConcurrency => "delete_service_concurrency_limit",
}
