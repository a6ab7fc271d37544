use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Window, text};
use crate::grammar::{EnvName, Reason};

/// Where an operator, or a declaration, has put a route. What the route *is* follows from this and the time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// Open or closed.
    #[serde(default, skip_serializing_if = "Lifecycle::is_active")]
    pub lifecycle: Lifecycle,
    /// Why; may be empty.
    #[serde(default, skip_serializing_if = "Reason::is_empty")]
    pub reason: Reason,
    /// The only environments that are served. `None`: all; an empty list: none.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "listed"
    )]
    pub envs: Option<Vec<EnvName>>,
    /// Planned maintenances, the one that was set last at the end. A maintenance that has windows ends with the first of
    /// them; while the route is disabled they do not matter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
}

/// Whether a route is open.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lifecycle {
    /// Open, but for windows and environments.
    #[default]
    Active,
    /// In maintenance until changed, or until the first window has ended, if there is one.
    Maintenance,
    /// Disabled, until changed or until a set time.
    Disabled(Disabled),
}

impl Lifecycle {
    fn is_active(&self) -> bool {
        matches!(self, Self::Active)
    }
}

/// A disabled route, and where it goes back to.
///
/// Environments and windows stay in the [`Position`]; they count again when the route is back.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disabled {
    /// When an operator last disabled it; `None` when only a declaration did.
    #[serde(
        default,
        with = "text::maybe_instant",
        skip_serializing_if = "Option::is_none"
    )]
    pub since: Option<Timestamp>,
    /// When the route goes back by itself to where it was; `None` means never.
    #[serde(
        default,
        with = "text::maybe_instant",
        skip_serializing_if = "Option::is_none"
    )]
    pub until: Option<Timestamp>,
    /// Where the route was before.
    #[serde(default, skip_serializing_if = "Former::is_default")]
    pub former: Former,
}

/// What a disabled route was before; by default, open.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Former {
    /// Whether it was in maintenance until changed, and not open.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub maintenance: bool,
    /// Why; may be empty.
    #[serde(default, skip_serializing_if = "Reason::is_empty")]
    pub reason: Reason,
}

impl Former {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Takes no `null` for a list: it would be no gate at all.
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
    fn what_is_stored_wrongly_is_refused() {
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
