use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    flag::words::words,
    model::text::{instant, maybe_instant},
};

/// A change of a flag at a future time.
///
/// ```
/// use serde_json::json;
/// use waygate_core::flag::{ChangeAction, Flag};
///
/// let flag = Flag::parse(&json!({
///     "key": "search", "name": "Search", "type": "boolean",
///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
///     "off_variation": "off",
///     "fallthrough": "off",
///     "scheduled_changes": [{
///         "execute_at": "2030-01-01T00:00:00Z", "action": "update_rollout", "payload": {"variation": "on"},
///     }],
/// }))?;
/// assert_eq!(flag.scheduled_changes[0].action, ChangeAction::UpdateRollout);
/// # Ok::<(), waygate_core::flag::Problems>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct ScheduledChange {
    /// The identity, unique within the flag.
    pub id: String,
    /// The time of the change.
    #[serde(with = "instant")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub execute_at: Timestamp,
    /// The kind of change.
    pub action: ChangeAction,
    /// The arguments, by action.
    pub payload: Value,
    /// The author.
    pub created_by: String,
    /// The time of creation.
    #[serde(with = "maybe_instant")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub created_at: Option<Timestamp>,
}

impl ScheduledChange {
    /// Returns whether both are the same change: what the server keeps about it does not count.
    ///
    /// ```
    /// use serde_json::json;
    /// use waygate_core::flag::{ChangeAction, ScheduledChange};
    ///
    /// let at = "2030-01-01T00:00:00Z".parse()?;
    /// let change = ScheduledChange::new(at, ChangeAction::Disable, json!({}));
    /// let mut other = change.clone();
    /// other.created_by = "alice".to_owned();
    /// assert!(change.is_same(&other));
    /// other.action = ChangeAction::Enable;
    /// assert!(!change.is_same(&other));
    /// # Ok::<(), jiff::Error>(())
    /// ```
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.id, self.execute_at, self.action, &self.payload)
            == (&other.id, other.execute_at, other.action, &other.payload)
    }

    /// Creates a change with a random id. Its author is `system` until a command schedules it.
    ///
    /// ```
    /// use serde_json::json;
    /// use waygate_core::flag::{ChangeAction, ScheduledChange};
    ///
    /// let at = "2030-01-01T00:00:00Z".parse()?;
    /// let change = ScheduledChange::new(at, ChangeAction::UpdateRollout, json!({"variation": "on"}));
    /// assert_eq!(change.execute_at, at);
    /// # Ok::<(), jiff::Error>(())
    /// ```
    pub fn new(execute_at: Timestamp, action: ChangeAction, payload: Value) -> Self {
        Self {
            id: Uuid::new_v4().to_string(),
            execute_at,
            action,
            payload,
            created_by: "system".to_owned(),
            created_at: None,
        }
    }
}

words! {
    /// The kind of a scheduled change. All but `patch` are of the wire contract.
    pub enum ChangeAction: "action" {
        /// Sets `enabled`.
        Enable = "enable",
        /// Clears `enabled`.
        Disable = "disable",
        /// Replaces the fallthrough by `variation`, or else `rollout`, of the payload.
        UpdateRollout = "update_rollout",
        /// Appends the payload to the rules.
        AddRule = "add_rule",
        /// Removes the rule with the `rule_id` of the payload.
        DeleteRule = "delete_rule",
        /// Replaces the members of the payload, as `PATCH` does.
        Patch = "patch",
    }
}
