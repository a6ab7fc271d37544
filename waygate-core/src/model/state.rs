use serde::{Deserialize, Serialize};

use super::{Access, Deprecation, Position};

/// The state of a route, which, with a request and the time, determines the decision.
///
/// ```
/// use waygate_core::{
///     Timestamp,
///     model::{Access, Deprecation, Lifecycle, Position, RouteState},
/// };
///
/// let access = Access::new(["10.0.0.0/8".parse()?], ["billing:admin".parse()?]);
/// assert!(!access.is_open());
/// let state = RouteState::default()
///     .position(Position::new(Lifecycle::Maintenance, "database upgrade".parse()?))
///     .access(access)
///     .deprecation(Deprecation::default());
/// assert_eq!(state.status(Timestamp::now()).as_str(), "maintenance");
/// assert_ne!(state, RouteState::default().force_active(true));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RouteState {
    /// Open, closed, planned to be closed, or open in some environments.
    #[serde(default)]
    pub position: Position,
    /// The deprecation, which does not block requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecation: Option<Deprecation>,
    /// The callers that may use it.
    #[serde(default, skip_serializing_if = "Access::is_open")]
    pub access: Access,
    /// `true` if the route is always served, and its state cannot be changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force_active: bool,
}

impl RouteState {
    /// Sets whether it is open, closed, planned to be closed, or open in some environments.
    #[must_use]
    pub fn position(mut self, position: Position) -> Self {
        self.position = position;
        self
    }

    /// Sets the deprecation.
    #[must_use]
    pub fn deprecation(mut self, deprecation: impl Into<Option<Deprecation>>) -> Self {
        self.deprecation = deprecation.into();
        self
    }

    /// Sets the callers that may use it.
    #[must_use]
    pub fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// Sets whether it is always served, and refuses changes.
    #[must_use]
    pub fn force_active(mut self, force_active: bool) -> Self {
        self.force_active = force_active;
        self
    }
}

/// The stored record of a route that an operator has changed. Other routes are not stored.
///
/// In earlier versions, windows of a route in maintenance had no effect. Such stored windows are dropped, because
/// they must not open a route that was closed until changed. Records with windows that end the maintenance are
/// marked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Record", into = "Record")]
pub struct RouteOverride {
    /// The state that applies.
    pub state: RouteState,
    /// The declaration at the time of the change. If the declaration differs now, the override still applies, and the
    /// difference is reported as drift.
    pub declared: RouteState,
}

/// The stored form of an override.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    state: RouteState,
    declared: RouteState,
    /// `true` if the maintenance ends with its windows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    ends_with_windows: bool,
}

impl From<Record> for RouteOverride {
    fn from(record: Record) -> Self {
        let Record {
            mut state,
            declared,
            ends_with_windows,
        } = record;
        if state.position.ends_with_windows() && !ends_with_windows {
            state.position.windows.clear();
        }
        Self { state, declared }
    }
}

impl From<RouteOverride> for Record {
    fn from(RouteOverride { state, declared }: RouteOverride) -> Self {
        Self {
            ends_with_windows: state.position.ends_with_windows(),
            state,
            declared,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn stored(lifecycle: Value, mark: bool) -> Value {
        let windows = json!([{ "start": "2029-01-01T00:00:00Z", "end": "2029-01-01T01:00:00Z" }]);
        let position = json!({ "lifecycle": lifecycle, "windows": windows });
        let mut record = json!({ "state": { "position": position }, "declared": {} });
        if mark {
            record["ends_with_windows"] = true.into();
        }
        record
    }

    #[test]
    fn windows_stored_by_earlier_versions_end_no_maintenance() {
        let disabled = |former| json!({ "disabled": { "former": { "maintenance": former } } });
        for (lifecycle, is_in_maintenance) in [
            (json!("maintenance"), true),
            (disabled(true), true),
            (disabled(false), false),
            (json!("active"), false),
        ] {
            for mark in [true, false] {
                let record = stored(lifecycle.clone(), mark);
                let read: RouteOverride = serde_json::from_value(record).unwrap();
                let kept = read.state.position.windows.len();
                assert_eq!(
                    kept == 1,
                    mark || !is_in_maintenance,
                    "{lifecycle}, marked: {mark}"
                );
                let written = serde_json::to_value(&read).unwrap();
                assert_eq!(
                    serde_json::from_value::<RouteOverride>(written).unwrap(),
                    read
                );
            }
        }
    }
}
