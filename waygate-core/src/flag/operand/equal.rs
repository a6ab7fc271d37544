use serde_json::Value;

use super::number::Number;
use crate::flag::context::AttributeValue;

/// Returns whether an attribute equals an operand. Numbers are equal by value: 5 and 5.0. `true` equals 1 if `booleans`,
/// as in Python.
pub(crate) fn equal(value: AttributeValue<'_>, operand: &Value, booleans: bool) -> bool {
    match (value, operand) {
        (AttributeValue::String(one), Value::String(other)) => one == other,
        (AttributeValue::String(_), _) | (_, Value::String(_)) => false,
        (AttributeValue::Bool(one), Value::Bool(other)) => one == *other,
        (AttributeValue::Strings(one), Value::Array(other)) => {
            let same = |(one, other): (&String, &Value)| Some(one.as_str()) == other.as_str();
            one.len() == other.len() && one.iter().zip(other).all(same)
        }
        (AttributeValue::Json(one), other @ (Value::Array(_) | Value::Object(_))) => {
            same(one, other, booleans)
        }
        (_, Value::Bool(_) | Value::Number(_)) => {
            let operand = Number::of(operand.into(), booleans);
            let value = Number::of(value, booleans);
            let order = value
                .zip(operand)
                .and_then(|(one, other)| one.compare(other));
            order.is_some_and(|order| order.is_eq())
        }
        _ => false,
    }
}

fn same(one: &Value, other: &Value, booleans: bool) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            let mut pairs = one.iter().zip(other);
            one.len() == other.len() && pairs.all(|(one, other)| same(one, other, booleans))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, one)| {
                    let other = other.get(name);
                    other.is_some_and(|other| same(one, other, booleans))
                })
        }
        (Value::Null, other) => other.is_null(),
        // Of another form: `equal` would come back here.
        (_, Value::Array(_) | Value::Object(_)) => false,
        _ => equal(one.into(), other, booleans),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_of_different_forms_are_not_equal() {
        let values = [
            json!(null),
            json!(true),
            json!(1),
            json!(u64::MAX),
            json!("a"),
            json!([1]),
            json!({"a": 1}),
            json!([[1]]),
            json!([{"a": 1}]),
            json!({"a": [1]}),
        ];
        for (at, one) in values.iter().enumerate() {
            for (other_at, other) in values.iter().enumerate() {
                // An attribute that is `null` is none.
                let same = at == other_at && !one.is_null();
                assert_eq!(equal(one.into(), other, false), same, "{one} {other}");
            }
        }
    }
}
