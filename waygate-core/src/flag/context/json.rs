use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use serde_json::{Map, Value, json};

use super::{
    bounds,
    invalid::InvalidContext,
    stored::{EvaluationContext, Single},
};

/// The attributes that the wire contract has beside `attributes`.
const NAMED: [&str; 4] = ["email", "ip", "country", "app_version"];

impl EvaluationContext {
    /// Reads one of three forms:
    ///
    /// * OFREP and OpenFeature: `{"targetingKey": "u1", "plan": "pro"}`. The key is optional; all other members but
    ///   `kind` are attributes.
    /// * The wire contract, section 2.5: `{"key": "u1", "kind": "user", "email": null, "attributes": {"plan": "pro"}}`.
    ///   `attributes` override other members, and `null` is no attribute.
    /// * Several kinds: `{"kind": "multi", "user": {"key": "u1"}, "organization": {"key": "o1"}}`, as LaunchDarkly has
    ///   them. The primary one is `user`, or else the first by name. A `targetingKey` beside them, which OpenFeature puts
    ///   there, is the key of `user`, unless that has one.
    ///
    /// # Errors
    /// [`InvalidContext`] for JSON that is no object, keys or kinds that are no strings, and JSON with more than 2,000
    /// members and elements of lists, 64 KiB of names and strings, or 16 levels.
    pub fn from_json(value: &Value) -> Result<Self, InvalidContext> {
        object(value, "the context")?;
        bounds::check(value)?;
        Self::within_bounds(value)
    }

    /// As [`from_json`](Self::from_json), without its bounds.
    pub(super) fn within_bounds(value: &Value) -> Result<Self, InvalidContext> {
        let members = object(value, "the context")?;
        if members.get("kind").and_then(Value::as_str) != Some("multi") {
            return Ok(Self::from_parts(single(members, None)?, Vec::new()));
        }
        let is_kind = |(name, _): &(&String, &Value)| {
            name.as_str() != "kind" && !OPEN_FEATURE.contains(&name.as_str())
        };
        let kinds = members.iter().filter(is_kind);
        let mut kinds: Vec<Single> = kinds.map(of_kind).collect::<Result<_, _>>()?;
        let user = |single: &Single| *single.kind == *Self::DEFAULT_KIND;
        if let Some(key) = string(members, open_feature(members).unwrap_or("targetingKey"))? {
            match kinds.iter_mut().find(|single| user(single)) {
                Some(user) => drop(user.key.get_or_insert(key.into())),
                None => kinds.push(Single::new(Self::DEFAULT_KIND, Some(key.to_owned()))),
            }
        }
        if kinds.is_empty() {
            return Err(InvalidContext::new(MULTI.to_owned()));
        }
        let primary = kinds.iter().position(user).unwrap_or(0);
        Ok(Self::from_parts(kinds.remove(primary), kinds))
    }
}

impl EvaluationContext {
    /// Returns the context in the form of the wire contract, or of several kinds; [`from_json`](Self::from_json) reads it
    /// back, unless its few members of that form exceed the bounds. A context without a key is in the form of OFREP.
    pub fn to_json(&self) -> Value {
        let mut singles = self.singles();
        let (primary, others) = (singles.next(), singles);
        let json = |single: &Single| {
            let attributes = single
                .attributes()
                .map(|(name, value)| (name.to_owned(), value.clone()));
            let attributes: Map<String, Value> = attributes.collect();
            match &single.key {
                Some(key) => json!({"key": key, "kind": single.kind, "attributes": attributes}),
                None => {
                    let mut members = attributes;
                    members.insert("targetingKey".to_owned(), Value::Null);
                    members.insert("kind".to_owned(), (*single.kind).into());
                    Value::Object(members)
                }
            }
        };
        let named = |single: &Single| (single.kind.to_string(), json(single));
        // Of several contexts of one kind, the first one counts.
        let others = others
            .map(named)
            .fold(Map::new(), |mut all, (kind, context)| {
                all.entry(kind).or_insert(context);
                all
            });
        match primary {
            Some(primary) if others.is_empty() => json(primary),
            primary => {
                let mut members = others;
                members.extend(primary.map(named));
                members.insert("kind".to_owned(), "multi".into());
                Value::Object(members)
            }
        }
    }
}

impl Serialize for EvaluationContext {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for EvaluationContext {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_json(&Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// The names of the targeting key.
const OPEN_FEATURE: [&str; 2] = ["targetingKey", "targeting_key"];

const MULTI: &str = "a context of kind `multi` has an object for each kind, such as `user`";

/// Returns the name of the targeting key.
fn open_feature(members: &Map<String, Value>) -> Option<&'static str> {
    let mut names = OPEN_FEATURE.into_iter();
    names.find(|name| members.contains_key(*name))
}

fn string<'a>(
    members: &'a Map<String, Value>,
    name: &str,
) -> Result<Option<&'a str>, InvalidContext> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(string)) => Ok(Some(string)),
        Some(_) => Err(InvalidContext::new(format!("`{name}` must be a string"))),
    }
}

/// Reads one of several kinds.
fn of_kind((kind, value): (&String, &Value)) -> Result<Single, InvalidContext> {
    match value {
        Value::Object(members) => single(members, Some(kind)),
        _ => Err(InvalidContext::new(format!(
            "`{kind}` must be an object: {MULTI}"
        ))),
    }
}

fn object<'a>(value: &'a Value, name: &str) -> Result<&'a Map<String, Value>, InvalidContext> {
    let expected = || InvalidContext::new(format!("{name} must be an object"));
    value.as_object().ok_or_else(expected)
}

fn single(members: &Map<String, Value>, kind: Option<&str>) -> Result<Single, InvalidContext> {
    let open_feature = open_feature(members);
    let key_name = open_feature.unwrap_or("key");
    let key = string(members, key_name)?;
    let kind = match kind {
        Some(kind) => kind,
        None => string(members, "kind")?.unwrap_or(EvaluationContext::DEFAULT_KIND),
    };
    let mut single = Single::new(kind, key.map(str::to_owned));
    // The form of the contract is known by its `key`; others have plain attributes of these names.
    let contract = open_feature.is_none() && key.is_some();
    let is_attribute = |(name, value): &(&String, &Value)| match name.as_str() {
        "kind" => false,
        "attributes" if contract => !matches!(value, Value::Object(_) | Value::Null),
        name => name != key_name && !(NAMED.contains(&name) && value.is_null()),
    };
    let overriding = match members.get("attributes") {
        Some(Value::Object(attributes)) if contract => Some(attributes),
        _ => None,
    };
    let plain = members.iter().filter(is_attribute);
    let given = plain.chain(overriding.into_iter().flatten());
    single.extend(given.map(|(name, value)| (name.as_str(), value)));
    Ok(single)
}
