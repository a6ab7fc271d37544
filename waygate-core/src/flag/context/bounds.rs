//! The size of a context from outside: an evaluation of many flags compares each value with many operands.

use serde_json::Value;

use super::invalid::InvalidContext;

/// The most members of objects and elements of lists, at all levels together.
const MAX_VALUES: usize = 2_000;
/// The most bytes of all names and strings together.
const MAX_TEXT: usize = 64 * 1024;
/// The most levels of objects and lists.
const MAX_DEPTH: usize = 16;

/// # Errors
/// [`InvalidContext`] with the bound that the context exceeds.
pub(super) fn check(context: &Value) -> Result<(), InvalidContext> {
    let mut left = Left {
        values: MAX_VALUES,
        text: MAX_TEXT,
    };
    left.take(context, MAX_DEPTH)
}

/// What is left of each bound.
struct Left {
    values: usize,
    text: usize,
}

impl Left {
    fn take(&mut self, value: &Value, depth: usize) -> Result<(), InvalidContext> {
        let too_deep = || InvalidContext::new(format!("it nests deeper than {MAX_DEPTH} levels"));
        let below = || depth.checked_sub(1).ok_or_else(too_deep);
        match value {
            Value::String(text) => self.text(text),
            Value::Array(elements) => {
                let below = below()?;
                self.values(elements.len())?;
                elements
                    .iter()
                    .try_for_each(|element| self.take(element, below))
            }
            Value::Object(members) => {
                let below = below()?;
                self.values(members.len())?;
                members.iter().try_for_each(|(name, member)| {
                    self.text(name)?;
                    self.take(member, below)
                })
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        }
    }

    fn values(&mut self, more: usize) -> Result<(), InvalidContext> {
        let too_many = || {
            let what = "members and elements of lists";
            InvalidContext::new(format!("it has more than {MAX_VALUES} {what}"))
        };
        self.values = self.values.checked_sub(more).ok_or_else(too_many)?;
        Ok(())
    }

    fn text(&mut self, more: &str) -> Result<(), InvalidContext> {
        let too_long = || {
            InvalidContext::new(format!(
                "its names and strings have more than {MAX_TEXT} bytes"
            ))
        };
        self.text = self.text.checked_sub(more.len()).ok_or_else(too_long)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn nested(levels: usize) -> Value {
        (1..levels).fold(json!({}), |inner, _| json!({ "a": inner }))
    }

    #[test]
    fn bounds_are_inclusive() {
        let list = |elements: usize| json!({ "groups": vec![1; elements] });
        let text = |bytes: usize| json!({ "note": "a".repeat(bytes) });
        for (largest, beyond, message) in [
            (
                list(MAX_VALUES - 1),
                list(MAX_VALUES),
                "it has more than 2000 members and elements of lists",
            ),
            (
                text(MAX_TEXT - 4),
                text(MAX_TEXT - 3),
                "its names and strings have more than 65536 bytes",
            ),
            (
                nested(MAX_DEPTH),
                nested(MAX_DEPTH + 1),
                "it nests deeper than 16 levels",
            ),
        ] {
            assert_eq!(check(&largest), Ok(()));
            let error = check(&beyond).unwrap_err().to_string();
            assert_eq!(error, format!("invalid evaluation context: {message}"));
        }
    }
}
