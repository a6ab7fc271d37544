use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::model::Action;

/// The response to several changes that were made as one.
///
/// ```
/// use waygate_core::view::AppliedChanges;
///
/// let applied: AppliedChanges = serde_json::from_str(
///     r#"{
///         "ok": true, "batch": "6f2c8a3e-9e0b-4a54-8a1f-2f8f5f1f0c11", "revision": 8,
///         "changes": [{"action": "disable_route", "target": "GET:/payments", "warning": null}]
///     }"#,
/// )?;
/// assert_eq!(applied.changes.len(), 1);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AppliedChanges {
    /// Always `true`.
    pub ok: bool,
    /// The `batch` of their entries in the audit log.
    pub batch: Uuid,
    /// The commit that made them.
    pub revision: u64,
    /// The changes, in the order of the request.
    pub changes: Vec<AppliedChange>,
}

/// One of several changes.
///
/// ```
/// use waygate_core::view::AppliedChange;
///
/// let change = AppliedChange {
///     action: "reset_route".to_owned(),
///     target: "GET:/payments".to_owned(),
///     warning: None,
/// };
/// assert_eq!(change.target, "GET:/payments");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AppliedChange {
    /// The action of the request.
    #[cfg_attr(feature = "schema", schema(example = "disable_route"))]
    pub action: String,
    /// The changed route, service or limit; `*` for all routes.
    #[cfg_attr(feature = "schema", schema(example = "GET:/payments"))]
    pub target: String,
    /// Why the change may not have the intended effect.
    #[cfg_attr(feature = "schema", schema(required))]
    pub warning: Option<String>,
}

/// The response to the revert of a change.
///
/// ```
/// use waygate_core::view::Reverted;
///
/// let reverted: Reverted = serde_json::from_str(
///     r#"{
///         "ok": true, "reverts": "6f2c8a3e-9e0b-4a54-8a1f-2f8f5f1f0c11", "path": "GET:/payments",
///         "action": "disable"
///     }"#,
/// )?;
/// assert_eq!(reverted.path, "GET:/payments");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Reverted {
    /// Always `true`.
    pub ok: bool,
    /// The entry that was reverted.
    pub reverts: Uuid,
    /// Its path.
    #[cfg_attr(feature = "schema", schema(example = "GET:/payments"))]
    pub path: String,
    /// Its action.
    pub action: Action,
}
