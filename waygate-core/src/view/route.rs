use serde::{Deserialize, Serialize};

use crate::model::{Dropped, RouteView};

/// The current state of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Route {
    /// The state of the route.
    #[serde(flatten)]
    pub view: RouteView,
    /// `true` if an operator has changed the route.
    pub overridden: bool,
    /// `true` if the declaration in the code has changed since an operator changed the route.
    pub drifted: bool,
    /// `true` if the route is stored, but no longer exists in the code.
    pub orphaned: bool,
    /// The entity tag, for `If-Match`.
    pub etag: String,
    /// The flags that gate the route, if any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flag_gates: Vec<FlagGate>,
    /// In the response to a change: how it may differ from what was intended, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(nullable = false))]
    pub warning: Option<String>,
    /// In the response to a change: the settings that it dropped from the route, if any.
    #[serde(default, skip_serializing_if = "Dropped::is_empty")]
    pub dropped: Dropped,
}

/// A flag that gates a route: it is served only while the flag is on for the caller.
///
/// ```
/// use waygate_core::view::FlagGate;
///
/// assert_eq!(FlagGate::new("new-checkout", 404).otherwise, 404);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct FlagGate {
    /// The key of the flag.
    pub flag: String,
    /// The status of the response while the flag is off: 404 or 403. A function of the application may set another.
    pub otherwise: u16,
    /// The default of the flag, which decides while the flag cannot be evaluated.
    #[serde(default)]
    pub default: bool,
    /// The requests that the default has decided, since the process started.
    #[serde(default)]
    pub defaults: u64,
    /// The errors of evaluations since the last change of the flags, such as `FLAG_NOT_FOUND`, if any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
    /// The requests without a caller while the flag depended on it, since the process started.
    #[serde(default)]
    pub without_caller: u64,
    /// Those of `without_caller` with a caller in their handler: the layer that inserts it is inside of the guard.
    #[serde(default)]
    pub late_callers: u64,
}

impl FlagGate {
    /// Creates a gate with a flag that is off by default.
    pub fn new(flag: impl Into<String>, otherwise: u16) -> Self {
        Self {
            flag: flag.into(),
            otherwise,
            default: false,
            defaults: 0,
            errors: Vec::new(),
            without_caller: 0,
            late_callers: 0,
        }
    }
}
