use jiff::Timestamp;
use serde_json::Value;

/// The name of an attribute, with a hash that is computed once, when a flag is compiled.
///
/// ```
/// use waygate_core::flag::AttributeName;
///
/// assert_eq!(AttributeName::new("plan").as_str(), "plan");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeName {
    text: Box<str>,
    hash: u64,
}

impl AttributeName {
    /// Creates a name.
    pub fn new(text: &str) -> Self {
        Self {
            text: text.into(),
            hash: hash(text),
        }
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn hash(&self) -> u64 {
        self.hash
    }
}

/// FNV-1a, by which the attributes of a context are sorted. Names with equal hashes are compared.
pub(super) fn hash(text: &str) -> u64 {
    let step = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

/// The value of an attribute, borrowed from its context.
///
/// A list satisfies a clause if any of its elements does.
///
/// ```
/// use waygate_core::flag::AttributeValue;
///
/// assert_eq!(AttributeValue::from("pro"), AttributeValue::String("pro"));
/// assert_eq!(AttributeValue::from(5_u32), AttributeValue::Integer(5));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum AttributeValue<'a> {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Another number.
    Float(f64),
    /// A string.
    String(&'a str),
    /// A point in time.
    Instant(Timestamp),
    /// A list of strings.
    Strings(&'a [String]),
    /// Any JSON: lists, objects, numbers beyond 64 bits with a sign. `null` is as good as no attribute.
    Json(&'a Value),
}

impl<'a> From<&'a Value> for AttributeValue<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Bool(value) => Self::Bool(*value),
            Value::String(text) => Self::String(text),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => Self::Integer(integer),
                (None, Some(float)) if number.is_f64() => Self::Float(float),
                _ => Self::Json(value),
            },
            _ => Self::Json(value),
        }
    }
}

impl From<AttributeValue<'_>> for Value {
    fn from(value: AttributeValue<'_>) -> Self {
        match value {
            AttributeValue::Bool(value) => value.into(),
            AttributeValue::Integer(value) => value.into(),
            AttributeValue::Float(value) => value.into(),
            AttributeValue::String(value) => value.into(),
            AttributeValue::Instant(value) => value.to_string().into(),
            AttributeValue::Strings(value) => value.into(),
            AttributeValue::Json(value) => value.clone(),
        }
    }
}

impl<'a> From<&'a str> for AttributeValue<'a> {
    fn from(text: &'a str) -> Self {
        Self::String(text)
    }
}

impl<'a> From<&'a String> for AttributeValue<'a> {
    fn from(text: &'a String) -> Self {
        Self::String(text)
    }
}

impl<'a> From<&'a [String]> for AttributeValue<'a> {
    fn from(texts: &'a [String]) -> Self {
        Self::Strings(texts)
    }
}

macro_rules! from {
    ($($type:ty => $value:ident),+) => {$(
        impl From<$type> for AttributeValue<'_> {
            fn from(value: $type) -> Self {
                Self::$value(value.into())
            }
        }
    )+};
}

from!(bool => Bool, i64 => Integer, i32 => Integer, u32 => Integer, u16 => Integer, f64 => Float, f32 => Float,
    Timestamp => Instant);
