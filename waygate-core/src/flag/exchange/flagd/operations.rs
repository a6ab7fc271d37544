//! Clauses and segments as operations of JSONLogic.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::expression::Untranslatable;
use crate::flag::model::{Clause, Operator, Segment};

/// Writes conditions with the segments of a document.
pub(super) struct Operations<'a> {
    pub(super) segments: BTreeMap<&'a str, &'a Segment>,
}

type Written = Result<Value, Untranslatable>;

/// The longest chain of segments.
const MAX_DEPTH: u8 = 10;

impl Operations<'_> {
    /// Writes clauses that must all match. `pointer` is that of their list.
    pub(super) fn all(&self, clauses: &[Clause], pointer: &str, depth: u8) -> Written {
        let written = clauses
            .iter()
            .enumerate()
            .map(|(at, clause)| self.clause(clause, &format!("{pointer}/{at}"), depth));
        let mut written: Vec<Value> = written.collect::<Result<_, _>>()?;
        Ok(match (written.len(), written.pop()) {
            (_, None) => Value::Bool(true),
            (1, Some(only)) => only,
            (_, Some(last)) => {
                written.push(last);
                json!({"and": written})
            }
        })
    }

    fn clause(&self, clause: &Clause, pointer: &str, depth: u8) -> Written {
        let refused = |message: &str| {
            Err(Untranslatable {
                pointer: pointer.to_owned(),
                operator: Some(clause.operator.as_str().to_owned()),
                message: message.to_owned(),
            })
        };
        if clause.ignore_case {
            return refused("flagd does not compare without regard to case");
        }
        if clause.context_kind.is_some() {
            return refused("flagd has contexts of one kind");
        }
        if clause
            .values
            .iter()
            .any(|value| value.is_null() || value.is_object() || value.is_array())
        {
            return refused("flagd compares with strings, numbers and booleans");
        }
        let in_segment = matches!(
            clause.operator,
            Operator::InSegment | Operator::NotInSegment
        );
        let var = match variable(&clause.attribute) {
            Some(name) => json!({"var": name}),
            None if in_segment => Value::Null,
            None => return refused("flagd cannot name this attribute"),
        };
        let is_set = json!({"!=": [var, null]});
        let any = |write: &dyn Fn(&Value) -> Value| or(clause.values.iter().map(write).collect());
        let ordered = |operator: &str| {
            // Without the attribute, JSONLogic compares with zero.
            let any = any(&|value| json!({operator: [var, value]}));
            json!({"and": [is_set, any]})
        };
        let version = |operator: &str| any(&|value| json!({"sem_ver": [var, operator, value]}));
        let positive = match clause.operator {
            Operator::Is | Operator::IsNot | Operator::In | Operator::NotIn => {
                json!({"in": [var, clause.values]})
            }
            Operator::Contains | Operator::NotContains => any(&|value| json!({"in": [value, var]})),
            Operator::StartsWith | Operator::NotStartsWith => {
                any(&|value| json!({"starts_with": [var, value]}))
            }
            Operator::EndsWith | Operator::NotEndsWith => {
                any(&|value| json!({"ends_with": [var, value]}))
            }
            Operator::Eq | Operator::Ne => any(&|value| json!({"==": [var, value]})),
            Operator::Gt => ordered(">"),
            Operator::Gte => ordered(">="),
            Operator::Lt => ordered("<"),
            Operator::Lte => ordered("<="),
            Operator::IsSet | Operator::IsNotSet => is_set.clone(),
            Operator::SemverEq => version("="),
            Operator::SemverLt => version("<"),
            Operator::SemverGt => version(">"),
            Operator::SemverLte => version("<="),
            Operator::SemverGte => version(">="),
            Operator::InSegment | Operator::NotInSegment => {
                let keys = clause.values.iter().filter_map(Value::as_str);
                let members = keys.map(|key| self.segment(key, pointer, depth));
                or(members.collect::<Result<_, _>>()?)
            }
            Operator::Matches
            | Operator::NotMatches
            | Operator::Before
            | Operator::After
            | Operator::InCidr
            | Operator::NotInCidr => return refused("flagd has no such operator"),
        };
        let texts = matches!(
            clause.operator,
            Operator::Contains
                | Operator::NotContains
                | Operator::StartsWith
                | Operator::NotStartsWith
                | Operator::EndsWith
                | Operator::NotEndsWith
        );
        if texts && !clause.values.iter().all(Value::is_string) {
            return refused("flagd looks for strings only");
        }
        if let Some(Value::String(version)) = clause.values.iter().find(|value| is_long(value))
            && clause.operator.as_str().starts_with("semver")
        {
            return refused(&format!(
                "`{version}` has four numbers; versions of flagd have three"
            ));
        }
        let written = match clause.operator {
            Operator::IsNot
            | Operator::NotIn
            | Operator::Ne
            | Operator::IsNotSet
            | Operator::NotInSegment => {
                json!({"!": [positive]})
            }
            // Without the attribute, these do not match.
            Operator::NotContains | Operator::NotStartsWith | Operator::NotEndsWith => {
                json!({"and": [is_set, {"!": [positive]}]})
            }
            _ => positive,
        };
        Ok(match clause.negate {
            true => json!({"!": [written]}),
            false => written,
        })
    }

    fn segment(&self, key: &str, pointer: &str, depth: u8) -> Written {
        let refused = |message: String| Untranslatable {
            pointer: pointer.to_owned(),
            operator: Some(Operator::InSegment.as_str().to_owned()),
            message,
        };
        let Some(segment) = self.segments.get(key) else {
            return Err(refused(format!("there is no segment `{key}`")));
        };
        match depth {
            0 => Ok(json!({"$ref": key})),
            // References in `$evaluators` depend on their order.
            _ => self.members(segment, depth),
        }
    }

    /// Writes whether a context is a member of a segment.
    pub(super) fn members(&self, segment: &Segment, depth: u8) -> Written {
        let key = &segment.key;
        let refused = |pointer: String, message: String| Untranslatable {
            pointer,
            operator: None,
            message,
        };
        let place = format!("/segments/{key}");
        if segment.context_kind.is_some() {
            let message = format!("the segment `{key}` is of a kind of context; flagd has one");
            return Err(refused(place, message));
        }
        if depth > MAX_DEPTH {
            return Err(refused(
                place,
                "the segments form a chain that is too long".to_owned(),
            ));
        }
        let listed = |keys: &[String]| json!({"in": [{"var": "targetingKey"}, keys]});
        let mut any = Vec::new();
        if !segment.included.is_empty() || segment.rules.is_empty() {
            any.push(listed(&segment.included));
        }
        for (at, rule) in segment.rules.iter().enumerate() {
            let place = format!("{place}/rules/{at}");
            if rule.weight.is_some() {
                let message = format!(
                    "the segment `{key}` has a share of contexts, which flagd cannot express"
                );
                return Err(refused(place, message));
            }
            any.push(self.all(&rule.clauses, &format!("{place}/clauses"), depth + 1)?);
        }
        let any = or(any);
        Ok(match segment.excluded.is_empty() {
            true => any,
            false => json!({"and": [{"!": [listed(&segment.excluded)]}, any]}),
        })
    }
}

fn or(mut any: Vec<Value>) -> Value {
    match (any.len(), any.pop()) {
        (_, None) => Value::Bool(false),
        (1, Some(only)) => only,
        (_, Some(last)) => {
            any.push(last);
            json!({"or": any})
        }
    }
}

/// Returns the name of an attribute in JSONLogic, where dots separate levels.
pub(super) fn variable(attribute: &str) -> Option<String> {
    let name = match attribute.strip_prefix('/') {
        Some(reference) => {
            let names = reference
                .split('/')
                .map(|name| name.replace("~1", "/").replace("~0", "~"));
            let names: Vec<String> = names.collect();
            if names
                .iter()
                .any(|name| name.contains('.') || name.is_empty())
            {
                return None;
            }
            names.join(".")
        }
        None if attribute.contains('.') => return None,
        None => attribute.to_owned(),
    };
    match name.as_str() {
        "key" => Some("targetingKey".to_owned()),
        "kind" => None,
        _ => Some(name),
    }
}

fn is_long(value: &Value) -> bool {
    let numbers = value
        .as_str()
        .and_then(|version| version.split(['-', '+']).next());
    numbers.is_some_and(|numbers| numbers.matches('.').count() > 2)
}
