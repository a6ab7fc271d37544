use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::text;

/// The state of the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Health {
    /// `ok`, or `degraded`: the API is served from the last known state.
    #[cfg_attr(feature = "schema", schema(example = "ok"))]
    pub status: String,
    /// The revision that applies to requests: `<epoch>-<number>`.
    pub revision: String,
    /// The impaired components.
    pub components: BTreeMap<String, Degraded>,
    /// Active or planned maintenance of all routes, or of the service of this process; missing if there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub maintenance: Vec<MaintenanceNotice>,
    /// The modes in which requests were counted for rate limits since the process started.
    pub counting: CountingModes,
}

/// The readiness of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Readiness {
    /// Always `true`.
    pub ready: bool,
    /// The parts and their state, with `?verbose`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(nullable = false))]
    pub parts: Option<BTreeMap<String, String>>,
}

/// The version of the admin API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ApiVersion {
    /// The version of the API. It changes only if clients must.
    #[cfg_attr(feature = "schema", schema(example = "1"))]
    pub api_version: String,
    /// The version of Waygate, for authenticated clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(nullable = false))]
    pub version: Option<String>,
}

/// An impaired component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Degraded {
    /// Since when.
    #[serde(with = "text::instant")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub since: Timestamp,
    /// The cause. Files are named without their directories; the log of the service shows the full paths.
    pub cause: String,
}

/// Active or planned maintenance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct MaintenanceNotice {
    /// `global`, or `service:<name>`.
    #[cfg_attr(feature = "schema", schema(example = "global"))]
    pub scope: String,
    /// `on` or `planned`.
    #[cfg_attr(feature = "schema", schema(example = "planned"))]
    pub state: String,
    /// The reason; may be empty.
    pub reason: String,
    /// The start; `null` if it was switched on immediately.
    #[serde(with = "text::maybe_instant")]
    #[cfg_attr(
        feature = "schema",
        schema(required, value_type = Option<String>, format = DateTime)
    )]
    pub start: Option<Timestamp>,
    /// The end; `null` if there is none.
    #[serde(with = "text::maybe_instant")]
    #[cfg_attr(
        feature = "schema",
        schema(required, value_type = Option<String>, format = DateTime)
    )]
    pub end: Option<Timestamp>,
}

/// The mode in which a request was counted.
///
/// ```
/// use waygate_core::view::CountingMode;
///
/// let mode: CountingMode = serde_json::from_str("\"local\"")?;
/// assert_eq!(mode, CountingMode::Local);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CountingMode {
    /// By the configured counters.
    Authoritative,
    /// By the process's own counters, because the shared ones are unreachable.
    Local,
    /// Passed uncounted, because the shared counters are unreachable.
    Open,
    /// Refused, because the shared counters are unreachable.
    Closed,
}

/// The number of requests counted in each mode since the process started.
///
/// ```
/// use waygate_core::view::CountingModes;
///
/// let modes: CountingModes = serde_json::from_str(r#"{"authoritative": 1, "local": 0, "open": 0, "closed": 0}"#)?;
/// assert_eq!(modes.authoritative, 1);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct CountingModes {
    /// By the configured counters.
    pub authoritative: u64,
    /// By the process's own counters, while the shared ones were unreachable.
    pub local: u64,
    /// Passed uncounted, while the shared counters were unreachable.
    pub open: u64,
    /// Refused, while the shared counters were unreachable.
    pub closed: u64,
}
