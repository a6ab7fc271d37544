//! A slow, plain interpreter of definitions in JSON, to compare the evaluator with. It follows the documentation of
//! operators, and supports what `generate` makes.

use std::net::IpAddr;

use serde_json::{Map, Value};
use waygate_core::{
    Timestamp,
    flag::{HashAlgorithm, bucket},
};

/// The variation, the reason of the contract, and the position of the rule.
pub(crate) type Answer = (Option<String>, &'static str, Option<usize>);

pub(crate) struct Interpreter<'a> {
    pub(crate) flags: &'a [Value],
    pub(crate) segments: &'a [Value],
    pub(crate) context: &'a Value,
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

impl Interpreter<'_> {
    pub(crate) fn flag(&self, flag: &Value) -> Answer {
        let off = Some(text(&flag["off_variation"]));
        if flag["enabled"] == false {
            return (off, "OFF", None);
        }
        for prerequisite in list(flag, "prerequisites") {
            let mut others = self.flags.iter();
            let other = others.find(|other| other["key"] == prerequisite["flag_key"]);
            let found = other.and_then(|other| self.flag(other).0);
            if found != Some(text(&prerequisite["variation"])) {
                return (off, "PREREQUISITE_FAIL", None);
            }
        }
        let key = self.context["key"].as_str();
        let targets = flag["targets"].as_object().cloned().unwrap_or_default();
        for (variation, keys) in &targets {
            if keys
                .as_array()
                .unwrap()
                .iter()
                .any(|target| target.as_str() == key)
            {
                return (Some(variation.clone()), "TARGET_MATCH", None);
            }
        }
        for (index, rule) in list(flag, "rules").iter().enumerate() {
            let Some(matched) = self.all(list(rule, "clauses")) else {
                return (None, "ERROR", None);
            };
            if matched {
                let served = match (&rule["variation"], &rule["rollout"]) {
                    (Value::Null, Value::Null) => &flag["fallthrough"],
                    (Value::Null, rollout) => rollout,
                    (variation, _) => variation,
                };
                return (Some(self.serve(flag, served)), "RULE_MATCH", Some(index));
            }
        }
        let served = self.serve(flag, &flag["fallthrough"]);
        (Some(served), "FALLTHROUGH", None)
    }

    fn serve(&self, flag: &Value, serve: &Value) -> String {
        let Value::Array(parts) = serve else {
            return text(serve);
        };
        let seed = flag["seed"].as_str().or(flag["key"].as_str()).unwrap();
        let hash = flag["hash"]
            .as_str()
            .map_or(Ok(HashAlgorithm::Murmur3V1), str::parse);
        let key = self.context["key"].as_str().unwrap();
        let bucket = u64::from(bucket(hash.unwrap(), seed, "user", key));
        let mut end = 0;
        for part in parts {
            end += part["weight"].as_u64().unwrap();
            if bucket < end {
                return text(&part["variation"]);
            }
        }
        text(&parts.last().unwrap()["variation"])
    }

    /// `None` if a segment that does not exist decides.
    fn all(&self, clauses: &[Value]) -> Option<bool> {
        let found: Vec<_> = clauses.iter().map(|clause| self.clause(clause)).collect();
        match found.contains(&Some(false)) {
            true => Some(false),
            false => (!found.contains(&None)).then_some(true),
        }
    }

    fn segment(&self, key: &Value) -> Option<bool> {
        let mut segments = self.segments.iter();
        let segment = segments.find(|segment| segment["key"] == *key)?;
        let listed = |name| list(segment, name).contains(&self.context["key"]);
        if listed("excluded") {
            return Some(false);
        }
        let rules = list(segment, "rules").iter();
        match listed("included") {
            true => Some(true),
            false => any(rules.map(|rule| self.all(list(rule, "clauses")))),
        }
    }

    fn attribute(&self, reference: &str) -> Option<Value> {
        let attributes: &Map<String, Value> = self.context["attributes"].as_object().unwrap();
        let value = match reference.strip_prefix('/') {
            Some(pointer) => {
                let (name, rest) = pointer.split_once('/').unwrap_or((pointer, ""));
                let rest = match rest {
                    "" => String::new(),
                    rest => format!("/{rest}"),
                };
                attributes.get(name)?.pointer(&rest).cloned()
            }
            None if reference == "key" => {
                let own = attributes.get("key").unwrap_or(&self.context["key"]);
                Some(own.clone())
            }
            None => attributes.get(reference).cloned(),
        };
        value.filter(|value| !value.is_null())
    }

    fn clause(&self, clause: &Value) -> Option<bool> {
        let operator = clause["operator"].as_str().unwrap();
        let values = list(clause, "values");
        let negate = clause["negate"] == true;
        let positive = operator.replace("is_not", "is").replace("not_", "");
        let inverted = positive != operator || operator == "ne";
        let fold = clause["ignore_case"] == true;
        let is_unusable = |operand| !usable(&positive, operand);
        if positive != "is_set" && (values.is_empty() || values.iter().any(is_unusable)) {
            return Some(false);
        }
        if positive == "in_segment" {
            let member = any(values.iter().map(|key| self.segment(key)));
            return member.map(|member| member ^ inverted ^ negate);
        }
        let holds = match self.attribute(clause["attribute"].as_str().unwrap()) {
            None => match operator {
                "is_not" | "not_in" => !values.contains(&Value::Null),
                "ne" | "not_in_cidr" | "is_not_set" => true,
                _ => false,
            },
            Some(_) if positive == "is_set" => !inverted,
            Some(value) => {
                let mut candidates = vec![&value];
                candidates.extend(value.as_array().into_iter().flatten());
                let mut any = false;
                for candidate in candidates {
                    any |= values
                        .iter()
                        .any(|operand| one(&positive, candidate, operand, fold));
                }
                any ^ inverted
            }
        };
        Some(holds ^ negate)
    }
}

fn any(each: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let found: Vec<_> = each.collect();
    match found.contains(&Some(true)) {
        true => Some(true),
        false => (!found.contains(&None)).then_some(false),
    }
}

fn one(operator: &str, value: &Value, operand: &Value, fold: bool) -> bool {
    let lower = |text: String| match fold {
        true => text.to_lowercase(),
        false => text,
    };
    let texts = plain(value).map(lower).zip(plain(operand).map(lower));
    let numbers = number(value).zip(number(operand));
    let moments = moment(value).zip(moment(operand));
    let versions = version(value).zip(version(operand));
    match operator {
        "is" | "in" => match (value, operand) {
            (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
            (Value::String(_), Value::String(_)) => texts.is_some_and(|(one, other)| one == other),
            _ => value == operand,
        },
        "contains" => texts.is_some_and(|(one, other)| one.contains(&other)),
        "starts_with" => texts.is_some_and(|(one, other)| one.starts_with(&other)),
        "ends_with" => texts.is_some_and(|(one, other)| one.ends_with(&other)),
        // Patterns are literal texts here.
        "matches" => texts.is_some_and(|(one, other)| one.contains(&other)),
        "gt" => numbers.is_some_and(|(one, other)| one > other),
        "gte" => numbers.is_some_and(|(one, other)| one >= other),
        "lt" => numbers.is_some_and(|(one, other)| one < other),
        "lte" => numbers.is_some_and(|(one, other)| one <= other),
        "eq" | "ne" => numbers.is_some_and(|(one, other)| one == other),
        "before" => moments.is_some_and(|(one, other)| one < other),
        "after" => moments.is_some_and(|(one, other)| one > other),
        "semver_eq" => versions.is_some_and(|(one, other)| one == other),
        "semver_lt" => versions.is_some_and(|(one, other)| one < other),
        "semver_gt" => versions.is_some_and(|(one, other)| one > other),
        "semver_lte" => versions.is_some_and(|(one, other)| one <= other),
        "semver_gte" => versions.is_some_and(|(one, other)| one >= other),
        "in_cidr" => network(value, operand).unwrap_or(false),
        other => panic!("{other}"),
    }
}

/// Returns whether an operator can use an operand.
fn usable(operator: &str, operand: &Value) -> bool {
    match operator {
        "contains" | "starts_with" | "ends_with" | "matches" => plain(operand).is_some(),
        "gt" | "gte" | "lt" | "lte" | "eq" | "ne" => number(operand).is_some(),
        "before" | "after" => moment(operand).is_some(),
        "semver_eq" | "semver_lt" | "semver_gt" | "semver_lte" | "semver_gte" => {
            version(operand).is_some()
        }
        "in_cidr" => network(&"10.0.0.1".into(), operand).is_some(),
        _ => true,
    }
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        _ => value.as_f64(),
    }
}

/// Milliseconds since 1970, or a day.
fn moment(value: &Value) -> Option<i64> {
    let Value::String(text) = value else {
        return value.as_i64();
    };
    let instant: Timestamp = format!("{text}T00:00:00Z").parse().ok()?;
    (text.len() == 10).then(|| instant.as_millisecond())
}

/// A version, and its fourth number. Missing numbers are 0.
fn version(value: &Value) -> Option<(semver::Version, u64)> {
    let text = plain(value)?;
    let (core, rest) = text.split_at(text.find(['-', '+']).unwrap_or(text.len()));
    let mut numbers: Vec<&str> = core.split('.').collect();
    if numbers.len() == 1 && rest.starts_with('-') {
        return None;
    }
    numbers.resize(numbers.len().max(4), "0");
    let [major, minor, patch, fourth] = numbers[..] else {
        return None;
    };
    let version = format!("{major}.{minor}.{patch}{rest}");
    Some((semver::Version::parse(&version).ok()?, fourth.parse().ok()?))
}

/// Networks of eight bits.
fn network(value: &Value, operand: &Value) -> Option<bool> {
    let address: IpAddr = value.as_str()?.parse().ok()?;
    let network: u8 = operand.as_str()?.strip_suffix(".0.0.0/8")?.parse().ok()?;
    match address {
        IpAddr::V4(address) => Some(address.octets()[0] == network),
        IpAddr::V6(_) => Some(false),
    }
}
