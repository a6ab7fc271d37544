use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use super::{RecurringWindow, Window, text};
use crate::grammar::{EnvName, Reason};

/// The state set by an operator or a declaration. Together with the time, it determines the effective state.
///
/// ```
/// use waygate_core::{
///     Timestamp,
///     model::{Effective, Lifecycle, Position},
/// };
///
/// let closed = Position::new(Lifecycle::Maintenance, "database upgrade".parse()?);
/// let now = Timestamp::now();
/// assert!(matches!(closed.effective(now), Effective::Maintenance { .. }));
/// assert_eq!(closed.next_change(now), None);
/// let staging = Position::default().envs(vec!["staging".parse()?]);
/// assert!(matches!(staging.effective(now), Effective::EnvGated { .. }));
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Position {
    /// Open or closed.
    #[serde(default, skip_serializing_if = "Lifecycle::is_active")]
    pub lifecycle: Lifecycle,
    /// The reason; may be empty.
    #[serde(default, skip_serializing_if = "Reason::is_empty")]
    pub reason: Reason,
    /// The only environments in which it is served. `None`: all; an empty list: none.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "listed"
    )]
    pub envs: Option<Vec<EnvName>>,
    /// Planned maintenance windows, in the order in which they were added. Current maintenance ends with the first of
    /// them. They have no effect while the route is disabled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
    /// Recurring maintenance windows. They have no effect while the route is disabled or in maintenance until changed,
    /// which they do not end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recurring: Vec<RecurringWindow>,
}

/// The lifecycle of a route.
///
/// ```
/// use waygate_core::model::{Lifecycle, RouteState};
///
/// assert_eq!(RouteState::default().position.lifecycle, Lifecycle::Active);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Lifecycle {
    /// Open, except for windows and environments.
    #[default]
    Active,
    /// In maintenance until changed, or until the end of the first window.
    Maintenance,
    /// Disabled, until changed or until a set time.
    Disabled(Disabled),
}

impl Lifecycle {
    fn is_active(&self) -> bool {
        matches!(self, Self::Active)
    }
}

/// A disabled route with its former state.
///
/// Environments and windows stay in the [`Position`]; they apply again when the route is restored.
///
/// ```
/// use waygate_core::model::{Disabled, Lifecycle, Position};
///
/// let closed = Position::new(Lifecycle::Disabled(Disabled::default()), "incident 12".parse()?);
/// if let Lifecycle::Disabled(disabled) = closed.lifecycle {
///     assert_eq!(disabled.until, None);
/// }
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Disabled {
    /// The time of the last disable by an operator; `None` if only a declaration did.
    #[serde(
        default,
        with = "text::maybe_instant",
        skip_serializing_if = "Option::is_none"
    )]
    pub since: Option<Timestamp>,
    /// The time when the former state is restored; `None` is never.
    #[serde(
        default,
        with = "text::maybe_instant",
        skip_serializing_if = "Option::is_none"
    )]
    pub until: Option<Timestamp>,
    /// The former state.
    #[serde(default, skip_serializing_if = "Former::is_default")]
    pub former: Former,
}

/// The former state of a disabled route; open by default.
///
/// ```
/// use waygate_core::model::{Disabled, Former};
///
/// assert_eq!(Disabled::default().former, Former::default());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Former {
    /// `true` if it was in maintenance until changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub maintenance: bool,
    /// The reason; may be empty.
    #[serde(default, skip_serializing_if = "Reason::is_empty")]
    pub reason: Reason,
}

impl Former {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Rejects `null` for a list, which would remove the gate.
fn listed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<EnvName>>, D::Error> {
    Vec::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json, to_value};

    use super::*;

    #[test]
    fn an_untouched_position_is_stored_as_nothing() {
        assert_eq!(to_value(Position::default()).unwrap(), json!({}));
        assert_eq!(
            from_value::<Position>(json!({})).unwrap(),
            Position::default()
        );
    }

    #[test]
    fn every_form_is_stored_in_full() {
        for stored in [
            json!({"lifecycle": "maintenance", "reason": "db"}),
            json!({"envs": []}),
            json!({"envs": ["dev"], "windows": [
                {"start": "2030-01-01T02:00:00Z", "end": "2030-01-01T04:00:00Z", "reason": ""},
            ]}),
            json!({"lifecycle": {"disabled": {}}}),
            json!({"lifecycle": {"disabled": {
                "since": "2030-01-01T00:00:00.000001Z",
                "until": "2030-01-01T01:00:00Z",
                "former": {"maintenance": true, "reason": "db"},
            }}}),
        ] {
            let position: Position = from_value(stored.clone()).unwrap();
            assert_eq!(to_value(&position).unwrap(), stored);
        }
    }

    #[test]
    fn malformed_records_are_refused() {
        let window =
            |end: &str| json!({"windows": [{"start": "2030-01-01T02:00:00Z", "end": end}]});
        for stored in [
            json!({"status": "maintenance"}),
            json!({"lifecycle": "closed"}),
            json!({"lifecycle": {"disabled": {"till": "2030-01-01T00:00:00Z"}}}),
            json!({"envs": ["Dev Env"]}),
            json!({"envs": null}),
            json!({"reason": "a\nb"}),
            window("2030-01-01T02:00:00Z"),
            window("tomorrow"),
            Value::Null,
        ] {
            assert!(from_value::<Position>(stored.clone()).is_err(), "{stored}");
        }
    }
}
