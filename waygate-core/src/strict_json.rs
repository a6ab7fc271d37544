use serde::{
    Deserializer,
    de::{
        Error as _, IntoDeserializer, Unexpected, Visitor,
        value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer},
    },
    forward_to_deserialize_any,
};
use serde_json::{Error, Value};

/// A deserializer of a JSON value that never accepts an array as a struct.
///
/// A derived [`Deserialize`](serde::Deserialize) of a struct also accepts an array of its fields in order, with defaults for
/// missing ones, so that `[]` is a struct of defaults. All data from stores and clients is read through this, which applies
/// at every level of the value.
///
/// ```
/// use serde::Deserialize;
/// use serde_json::json;
/// use waygate_core::{StrictJson, model::Access};
///
/// assert!(serde_json::from_value::<Access>(json!([])).unwrap().is_open());
/// let error = Access::deserialize(StrictJson(json!([]))).unwrap_err();
/// assert_eq!(error.to_string(), "invalid type: sequence, expected struct Access");
/// ```
///
/// Untagged and internally tagged enums and flattened fields are read from a copy made by serde, and are not checked.
#[derive(Debug)]
pub struct StrictJson(pub Value);

impl<'de> IntoDeserializer<'de, Error> for StrictJson {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for StrictJson {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(items) => {
                let mut items = SeqDeserializer::new(items.into_iter().map(Self));
                let value = visitor.visit_seq(&mut items)?;
                items.end()?;
                Ok(value)
            }
            Value::Object(members) => {
                let members = members.into_iter();
                let members = members.map(|(name, value)| (Self(Value::String(name)), Self(value)));
                let mut members = MapDeserializer::new(members);
                let value = visitor.visit_map(&mut members)?;
                members.end()?;
                Ok(value)
            }
            plain => plain.deserialize_any(visitor),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(_) => Err(Error::invalid_type(Unexpected::Seq, &visitor)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Value::Object(members) if members.len() == 1 => {
                let members = members.into_iter();
                let members = members.map(|(name, value)| (Self(Value::String(name)), Self(value)));
                let variant = MapAccessDeserializer::new(MapDeserializer::new(members));
                variant.deserialize_enum(name, variants, visitor)
            }
            plain => plain.deserialize_enum(name, variants, visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fmt::Debug};

    use serde::{Deserialize, de::DeserializeOwned};
    use serde_json::{from_value, json};

    use super::*;
    use crate::model::{
        Access, AuditEntry, ConcurrencyPolicy, Deprecation, Disabled, GlobalMaintenance,
        LimitOverride, Origin, Position, RateLimitPolicy, Revision, RouteOverride, RouteState,
        Span, Tier, Window,
    };

    fn strict<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
        T::deserialize(StrictJson(value))
    }

    /// Variants of a value, with each object in turn replaced by an array of its members, and by an empty array.
    fn mistaken(value: &Value) -> Vec<Value> {
        let mut all = Vec::new();
        let inner: Vec<(String, &Value)> = match value {
            Value::Object(members) => {
                all.push(json!([]));
                all.push(members.values().cloned().collect());
                members
                    .iter()
                    .map(|(name, inner)| (name.clone(), inner))
                    .collect()
            }
            Value::Array(items) => {
                let items = items.iter().enumerate();
                items.map(|(at, inner)| (at.to_string(), inner)).collect()
            }
            _ => Vec::new(),
        };
        for (name, inner) in inner {
            for wrong in mistaken(inner) {
                let mut value = value.clone();
                let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
                *value.pointer_mut(&pointer).unwrap() = wrong;
                all.push(value);
            }
        }
        all
    }

    /// Checks that a value is read as by serde, and rejected with any of its objects as an array.
    fn check<T: DeserializeOwned + PartialEq + Debug>(value: Value) {
        assert_eq!(
            strict::<T>(value.clone()).unwrap(),
            from_value(value.clone()).unwrap()
        );
        for wrong in mistaken(&value) {
            let error = strict::<T>(wrong.clone()).expect_err(&wrong.to_string());
            let error = error.to_string();
            assert!(
                error.starts_with("invalid type: sequence, expected"),
                "{wrong}: {error}"
            );
        }
    }

    #[test]
    fn no_stored_type_accepts_an_array_as_an_object() {
        let window =
            json!({"start": "2030-01-01T02:00:00Z", "end": "2030-01-01T04:00:00Z", "reason": "db"});
        let disabled = json!({
            "since": "2030-01-01T00:00:00Z", "until": "2030-01-01T01:00:00Z",
            "former": {"maintenance": true, "reason": "db"},
        });
        let position = json!({
            "lifecycle": {"disabled": disabled}, "reason": "r", "envs": ["dev"], "windows": [window],
        });
        let access = json!({"ips": ["10.0.0.0/8"], "roles": ["admin"]});
        let deprecation = json!({"since": "2030-01-01T00:00:00Z", "sunset": "2031-01-01T00:00:00Z", "successor": "/v2"});
        let state = json!({
            "position": position, "deprecation": deprecation, "access": access, "force_active": false,
        });
        let policy = json!({
            "limit": "10/minute", "rollout": 12.5, "tiers": [{"name": "pro", "limit": "20/minute"}],
        });
        let revision = json!({"epoch": "0b8955c8-622a-45a8-8fd8-0e57924ec972", "number": 3});
        check::<Window>(window.clone());
        check::<Disabled>(disabled);
        check::<Position>(position);
        check::<Access>(access);
        check::<Deprecation>(deprecation);
        check::<RouteState>(state.clone());
        check::<RouteOverride>(json!({"state": state, "declared": state}));
        check::<GlobalMaintenance>(json!({"enabled": true, "reason": "r", "exempt_paths": ["/a"]}));
        check::<Tier>(json!({"name": "pro", "limit": "20/minute"}));
        check::<RateLimitPolicy>(policy.clone());
        check::<LimitOverride>(json!({"policy": policy, "declared": policy}));
        let places = json!({"limit": 5, "exempt_ips": ["10.0.0.0/8"]});
        check::<LimitOverride<ConcurrencyPolicy>>(json!({"policy": places, "declared": null}));
        check::<Revision>(revision);
        check::<Span>(window);
        check::<Origin>(json!({"actor": "a", "platform": "cli"}));
        let line = json!({
            "id": "0b8955c8-622a-45a8-8fd8-0e57924ec972", "timestamp": "2026-11-22T22:16:37Z", "path": "/a",
            "action": "enable", "new": [1, {"a": []}],
        });
        assert_eq!(
            strict::<AuditEntry>(line.clone()).unwrap(),
            from_value(line).unwrap()
        );
        let line = json!([
            "0b8955c8-622a-45a8-8fd8-0e57924ec972",
            "2026-11-22T22:16:37Z",
            "/a",
            null,
            "enable"
        ]);
        assert!(strict::<AuditEntry>(line).is_err());
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Form {
        Unit,
        Newtype(Option<Name>),
        Tuple(u8, i64),
        Struct {
            #[serde(default)]
            a: f64,
        },
    }

    #[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
    struct Name(String);

    #[test]
    fn everything_else_is_read_as_serde_does() {
        for value in [
            json!("unit"),
            json!({"unit": null}),
            json!({"unit": 1}),
            json!({"newtype": "a"}),
            json!({"newtype": null}),
            json!("newtype"),
            json!({"tuple": [1, -2]}),
            json!({"tuple": [1]}),
            json!({"tuple": [1, -2, 3]}),
            json!({"struct": {"a": 0.1}}),
            json!({"struct": {}}),
            json!({"unit": null, "tuple": [1, 2]}),
            json!({}),
            json!([]),
            json!(null),
            json!("other"),
        ] {
            let (ours, theirs) = (
                strict::<Form>(value.clone()),
                from_value::<Form>(value.clone()),
            );
            assert_eq!(ours.ok(), theirs.ok(), "{value}");
        }
        assert!(strict::<Form>(json!({"struct": []})).is_err());

        let map = json!({"a": [[1, true], [u64::MAX, false]], "b": []});
        type Map = BTreeMap<Name, Vec<(u64, bool)>>;
        assert_eq!(
            strict::<Map>(map.clone()).unwrap(),
            from_value(map.clone()).unwrap()
        );
        assert_eq!(strict::<Value>(map.clone()).unwrap(), map);
        assert!(strict::<Map>(json!({"a": [[1]]})).is_err());
        assert!(strict::<Map>(json!({"a": [[1, true, 2]]})).is_err());
        assert!(strict::<Map>(json!([])).is_err());
        for value in [
            json!(256),
            json!(-1),
            json!(1.5),
            json!("1"),
            json!(true),
            json!(null),
        ] {
            let (ours, theirs) = (strict::<u8>(value.clone()), from_value::<u8>(value));
            assert_eq!(
                ours.unwrap_err().to_string(),
                theirs.unwrap_err().to_string()
            );
        }
    }
}
