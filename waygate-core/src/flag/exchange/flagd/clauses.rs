//! Comparisons as clauses.

use serde_json::{Value, json};

use super::{
    alternatives::Alternatives,
    expression::{Comparison, Expression, Node, Precedence, Untranslatable},
};
use crate::flag::{
    model::{Clause, Operator},
    operand::Version,
};

type Translated = Result<Alternatives, Untranslatable>;

pub(super) fn clause(attribute: &str, operator: Operator, values: Vec<Value>) -> Clause {
    Clause {
        attribute: attribute.to_owned(),
        operator,
        values,
        negate: false,
        ignore_case: false,
        context_kind: None,
    }
}

/// An attribute that JSONLogic takes for true.
pub(super) fn truthy(attribute: &str) -> Clause {
    let falsy = vec![json!(false), json!(0), json!(""), json!([]), Value::Null];
    clause(attribute, Operator::IsNot, falsy)
}

pub(super) fn comparison(
    node: &Node,
    comparison: Comparison,
    [one, other]: &[Box<Node>; 2],
    now: i64,
) -> Translated {
    use Expression::{Attribute, Literal, Timestamp};
    match (&one.expression, &other.expression) {
        (Attribute(name), Literal(value)) => attribute(node, name, comparison, value),
        (Literal(value), Attribute(name)) => attribute(node, name, comparison.flipped(), value),
        (Timestamp, Literal(value)) => time(node, now, comparison, value),
        (Literal(value), Timestamp) => time(node, now, comparison.flipped(), value),
        _ => Err(node.untranslatable("a clause compares one attribute with constants")),
    }
}

fn attribute(node: &Node, name: &str, comparison: Comparison, value: &Value) -> Translated {
    let one = |operator, values| Ok(Alternatives::clause(clause(name, operator, values)));
    let constant = || vec![value.clone()];
    match (comparison, value) {
        (_, Value::Array(_) | Value::Object(_)) => {
            Err(node.untranslatable("a comparison with a list; use `in`"))
        }
        (Comparison::Equal | Comparison::StrictEqual, Value::Null) => {
            one(Operator::IsNotSet, Vec::new())
        }
        (Comparison::NotEqual | Comparison::StrictNotEqual, Value::Null) => {
            one(Operator::IsSet, Vec::new())
        }
        // Numbers that are written as strings are equal as well.
        (Comparison::Equal, Value::Number(_)) => one(Operator::Eq, constant()),
        (Comparison::NotEqual, Value::Number(_)) => one(Operator::Ne, constant()),
        (Comparison::Equal, _) => one(Operator::Is, loosely(value)),
        (Comparison::NotEqual, _) => one(Operator::IsNot, loosely(value)),
        (Comparison::StrictEqual, _) => one(Operator::Is, constant()),
        (Comparison::StrictNotEqual, _) => one(Operator::IsNot, constant()),
        (Comparison::Less, Value::Number(_)) => one(Operator::Lt, constant()),
        (Comparison::LessOrEqual, Value::Number(_)) => one(Operator::Lte, constant()),
        (Comparison::Greater, Value::Number(_)) => one(Operator::Gt, constant()),
        (Comparison::GreaterOrEqual, Value::Number(_)) => one(Operator::Gte, constant()),
        _ => Err(node.untranslatable("an order of strings; compare with a number")),
    }
}

/// The values that equal a string or a boolean if types do not count: also the number of the string.
fn loosely(value: &Value) -> Vec<Value> {
    let number = value.as_str().and_then(|text| text.parse().ok());
    let number = number.map(|number: serde_json::Number| number.into());
    std::iter::once(value.clone()).chain(number).collect()
}

fn time(node: &Node, now: i64, comparison: Comparison, value: &Value) -> Translated {
    let Some(limit) = seconds(value) else {
        let message = "expected a whole number of seconds since 1970 beside `$flagd.timestamp`";
        return Err(node.untranslatable(message));
    };
    Ok(Alternatives::constant(match comparison {
        Comparison::Equal | Comparison::StrictEqual => now == limit,
        Comparison::NotEqual | Comparison::StrictNotEqual => now != limit,
        Comparison::Less => now < limit,
        Comparison::LessOrEqual => now <= limit,
        Comparison::Greater => now > limit,
        Comparison::GreaterOrEqual => now >= limit,
    }))
}

pub(super) fn seconds(value: &Value) -> Option<i64> {
    let float = || value.as_f64().filter(|number| number.fract() == 0.0);
    value
        .as_i64()
        .or_else(|| float().map(|number| number as i64))
}

pub(super) fn within(node: &Node, [one, other]: &[Box<Node>; 2]) -> Translated {
    match (&one.expression, &other.expression) {
        (Expression::Attribute(name), Expression::Literal(Value::Array(values))) => Ok(
            Alternatives::clause(clause(name, Operator::In, values.clone())),
        ),
        (Expression::Literal(part @ Value::String(_)), Expression::Attribute(name)) => {
            let contains = clause(name, Operator::Contains, vec![part.clone()]);
            Ok(Alternatives::clause(contains))
        }
        _ => {
            let message = "use an attribute in a list of constants, or a string in an attribute";
            Err(node.untranslatable(message))
        }
    }
}

pub(super) fn affix(node: &Node, operator: Operator, [one, other]: &[Box<Node>; 2]) -> Translated {
    match (&one.expression, &other.expression) {
        (Expression::Attribute(name), Expression::Literal(part @ Value::String(_))) => Ok(
            Alternatives::clause(clause(name, operator, vec![part.clone()])),
        ),
        _ => Err(node.untranslatable("expected an attribute and a string")),
    }
}

/// Invalid versions satisfy no comparison, not even `!=`.
pub(super) fn versions(
    node: &Node,
    one: &Node,
    precedence: Precedence,
    other: &Node,
) -> Translated {
    let (Expression::Attribute(name), Expression::Literal(Value::String(text))) =
        (&one.expression, &other.expression)
    else {
        return Err(node.untranslatable("expected an attribute and a string with a version"));
    };
    let Some(version) = Version::parse(text) else {
        return Err(node.untranslatable(format!("`{text}` is no version such as `1.2.3`")));
    };
    let is = |operator, version: String| clause(name, operator, vec![version.into()]);
    let single = |operator| Ok(Alternatives::clause(is(operator, text.clone())));
    // The least version of a series is its first pre-release.
    let series = |first: [u64; 3], next: [u64; 3]| {
        let least = |[major, minor, patch]: [u64; 3]| format!("{major}.{minor}.{patch}-0");
        Ok(Alternatives::all(vec![
            is(Operator::SemverGte, least(first)),
            is(Operator::SemverLt, least(next)),
        ]))
    };
    let [major, minor, ..] = version.numbers();
    match precedence {
        Precedence::Equal => single(Operator::SemverEq),
        Precedence::Less => single(Operator::SemverLt),
        Precedence::LessOrEqual => single(Operator::SemverLte),
        Precedence::Greater => single(Operator::SemverGt),
        Precedence::GreaterOrEqual => single(Operator::SemverGte),
        Precedence::NotEqual => {
            let [less, greater] = [Operator::SemverLt, Operator::SemverGt]
                .map(|operator| Alternatives::clause(is(operator, text.clone())));
            Ok(less.or(greater))
        }
        Precedence::SameMajor => series([major, 0, 0], [major.saturating_add(1), 0, 0]),
        Precedence::SameMinor => series([major, minor, 0], [major, minor.saturating_add(1), 0]),
    }
}
