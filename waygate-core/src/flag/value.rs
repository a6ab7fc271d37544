use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::outcome::ErrorCode;

/// The value of a variation. Numbers convert only without a loss.
///
/// ```
/// use waygate_core::flag::{ErrorCode, FlagValue};
///
/// assert_eq!(FlagValue::Integer(5).as_f64(), Ok(5.0));
/// assert_eq!(FlagValue::Float(5.5).as_i64(), Err(ErrorCode::TypeMismatch));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum FlagValue {
    /// No value: the variation that was chosen does not exist. Only definitions of a store can have one.
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Another number.
    Float(f64),
    /// A string.
    String(Arc<str>),
    /// An object, an array, or a whole number beyond 64 bits with a sign.
    Json(Arc<Value>),
}

/// Whole numbers up to here are exact as floating-point ones.
const EXACT: i64 = 1 << 53;

impl FlagValue {
    /// Returns a boolean.
    ///
    /// # Errors
    /// [`ErrorCode::TypeMismatch`] for other values.
    pub fn as_bool(&self) -> Result<bool, ErrorCode> {
        match self {
            Self::Bool(value) => Ok(*value),
            _ => Err(ErrorCode::TypeMismatch),
        }
    }

    /// Returns a whole number; of floating-point numbers those that are whole, up to 2^53.
    ///
    /// # Errors
    /// [`ErrorCode::TypeMismatch`] for other values.
    pub fn as_i64(&self) -> Result<i64, ErrorCode> {
        match self {
            Self::Integer(integer) => Ok(*integer),
            Self::Float(float) if float.fract() == 0.0 && float.abs() <= EXACT as f64 => {
                Ok(*float as i64)
            }
            _ => Err(ErrorCode::TypeMismatch),
        }
    }

    /// Returns a floating-point number; of whole numbers those up to 2^53.
    ///
    /// # Errors
    /// [`ErrorCode::TypeMismatch`] for other values.
    pub fn as_f64(&self) -> Result<f64, ErrorCode> {
        match self {
            Self::Float(float) => Ok(*float),
            Self::Integer(integer) if integer.unsigned_abs() <= EXACT as u64 => Ok(*integer as f64),
            _ => Err(ErrorCode::TypeMismatch),
        }
    }

    /// Returns a string.
    ///
    /// # Errors
    /// [`ErrorCode::TypeMismatch`] for other values.
    pub fn as_str(&self) -> Result<&str, ErrorCode> {
        match self {
            Self::String(text) => Ok(text),
            _ => Err(ErrorCode::TypeMismatch),
        }
    }

    /// Returns an object or an array.
    ///
    /// # Errors
    /// [`ErrorCode::TypeMismatch`] for other values.
    pub fn as_json(&self) -> Result<&Value, ErrorCode> {
        match self {
            Self::Json(value) if !value.is_number() => Ok(value),
            _ => Err(ErrorCode::TypeMismatch),
        }
    }
}

impl From<&Value> for FlagValue {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::String(text) => Self::String(text.as_str().into()),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => Self::Integer(integer),
                (None, Some(float)) if number.is_f64() => Self::Float(float),
                _ => Self::Json(Arc::new(value.clone())),
            },
            Value::Array(_) | Value::Object(_) => Self::Json(Arc::new(value.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_convert_without_loss_or_not_at_all() {
        let mismatch = Err(ErrorCode::TypeMismatch);
        let value = |value: Value| FlagValue::from(&value);
        assert_eq!(value(json!(3.0)).as_i64(), Ok(3));
        assert_eq!(value(json!(3.5)).as_i64(), mismatch);
        assert_eq!(value(json!(1e300)).as_i64(), mismatch);
        assert_eq!(value(json!(u64::MAX)).as_i64(), mismatch);
        assert_eq!(value(json!(i64::MAX)).as_i64(), Ok(i64::MAX));
        assert_eq!(value(json!(3)).as_f64(), Ok(3.0));
        assert_eq!(
            value(json!(1_u64 << 53)).as_f64(),
            Ok(9_007_199_254_740_992.0)
        );
        let mismatch = Err(ErrorCode::TypeMismatch);
        assert_eq!(value(json!((1_u64 << 53) + 1)).as_f64(), mismatch);
        assert_eq!(value(json!(i64::MIN)).as_f64(), mismatch);
        assert!(value(json!("true")).as_bool().is_err());
        assert!(value(json!(1)).as_bool().is_err());
        assert!(value(json!(1)).as_str().is_err());
        assert!(value(json!(u64::MAX)).as_json().is_err());
        assert!(value(json!([1])).as_json().is_ok());
    }

    #[test]
    fn values_are_written_as_they_were_read() {
        for given in [
            json!(true),
            json!("a"),
            json!(1),
            json!(2.0),
            json!(u64::MAX),
            json!({"a": [null]}),
        ] {
            assert_eq!(
                serde_json::to_value(FlagValue::from(&given)).unwrap(),
                given
            );
        }
    }
}
