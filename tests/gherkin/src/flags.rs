use serde_json::{Map, Value, json};

const FLAGS: &str = include_str!("../../data/openfeature/test-flags.json");

/// A flag of the specification.
#[derive(Debug, Clone)]
pub struct FlagData {
    /// The key.
    pub key: String,
    /// The values by name.
    pub variants: Map<String, Value>,
    /// The name of the value without a rule that matches.
    pub default_variant: Option<String>,
    /// `true` if the result is the default of the caller.
    pub disabled: bool,
    /// The facts about the flag.
    pub metadata: Map<String, Value>,
    /// The only rule.
    pub rule: Option<Rule>,
}

/// The attributes that must be equal, or greater for numbers, and the variant then.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Pairs of names and values.
    pub equal: Vec<(&'static str, Value)>,
    /// A number that an attribute must exceed.
    pub greater: Option<(&'static str, i64)>,
    /// The name of the value.
    pub variant: &'static str,
}

/// Returns the flags of the specification, and `context-aware`, which an older feature needs and the file lacks.
///
/// # Panics
/// If the file is not as expected.
pub fn flag_data() -> Vec<FlagData> {
    let flags: Map<String, Value> = serde_json::from_str(FLAGS).expect("the flags are JSON");
    let mut all: Vec<FlagData> = flags
        .into_iter()
        .map(|(key, flag)| read(key, &flag))
        .collect();
    let variants = json!({"internal": "INTERNAL", "external": "EXTERNAL"});
    all.push(FlagData {
        key: "context-aware".to_owned(),
        variants: variants.as_object().expect("an object").clone(),
        default_variant: Some("external".to_owned()),
        disabled: false,
        metadata: Map::new(),
        rule: Some(Rule {
            equal: vec![
                ("fn", "Sulisław".into()),
                ("ln", "Świętopełk".into()),
                ("age", 29.into()),
                ("customer", false.into()),
            ],
            greater: None,
            variant: "internal",
        }),
    });
    all
}

fn read(key: String, flag: &Value) -> FlagData {
    let object = |name: &str| flag[name].as_object().cloned().unwrap_or_default();
    let email = || ("email", Value::from("ballmer@macrosoft.com"));
    let rule = match flag["contextEvaluator"].as_str() {
        None => None,
        Some("email == 'ballmer@macrosoft.com' ? 'zero' : ''") => Some(Rule {
            equal: vec![email()],
            greater: None,
            variant: "zero",
        }),
        Some("!customer && email == 'ballmer@macrosoft.com' && age > 10 ? 'internal' : ''") => {
            Some(Rule {
                equal: vec![("customer", false.into()), email()],
                greater: Some(("age", 10)),
                variant: "internal",
            })
        }
        Some(other) => panic!("a new expression: {other}"),
    };
    FlagData {
        key,
        variants: object("variants"),
        default_variant: flag["defaultVariant"].as_str().map(str::to_owned),
        disabled: flag["disabled"] == true,
        metadata: object("flagMetadata"),
        rule,
    }
}

impl Rule {
    /// Returns whether a context satisfies the rule.
    pub fn matches<'v>(&self, get: impl Fn(&str) -> Option<&'v Value>) -> bool {
        let equal = self
            .equal
            .iter()
            .all(|(name, value)| get(name) == Some(value));
        let greater = |(name, least): &(&str, i64)| {
            get(name)
                .and_then(Value::as_i64)
                .is_some_and(|value| value > *least)
        };
        equal && self.greater.as_ref().is_none_or(greater)
    }
}

/// Returns the same flags as definitions of Waygate. Those without a default variant have no counterpart there, and the
/// facts about flags are left out.
pub fn waygate_flags() -> Vec<Value> {
    let flags = flag_data().into_iter();
    let definition = |flag: FlagData| {
        let default = flag.default_variant?;
        let of_type = |value: &Value| match value {
            Value::Bool(_) => "boolean",
            Value::String(_) => "string",
            Value::Number(number) if number.is_i64() => "integer",
            Value::Number(_) => "float",
            _ => "json",
        };
        let kind = flag.variants.values().next().map(of_type)?;
        // The value of a disabled flag is its off variation: the one that is not the default.
        let off = flag.variants.keys().find(|name| **name != default)?;
        let variations = flag.variants.iter();
        let variations = variations.map(|(name, value)| json!({"name": name, "value": value}));
        let rules = flag.rule.iter().map(|rule| {
            let clause = |name, operator: &str, value| {
                json!({"attribute": name, "operator": operator, "values": [value]})
            };
            let equal = rule.equal.iter();
            let equal = equal.map(|(name, value)| clause(*name, "is", value.clone()));
            let greater = rule.greater.iter();
            let greater = greater.map(|(name, least)| clause(*name, "gt", (*least).into()));
            let clauses: Vec<Value> = equal.chain(greater).collect();
            json!({"id": "rule", "clauses": clauses, "variation": rule.variant})
        });
        Some(json!({
            "key": flag.key, "name": flag.key, "type": kind, "enabled": !flag.disabled,
            "variations": variations.collect::<Vec<_>>(),
            "off_variation": off, "fallthrough": default, "rules": rules.collect::<Vec<_>>(),
        }))
    };
    flags.filter_map(definition).collect()
}
