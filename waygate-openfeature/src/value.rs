use serde_json::Value;
use waygate_core::flag::FlagType;

/// A value or a default of a flag, borrowed, of any type. Hooks see values in this form.
///
/// ```
/// use waygate_core::flag::FlagType;
/// use waygate_openfeature::ValueRef;
///
/// let value = ValueRef::String("dark");
/// assert_eq!(value.value_type(), FlagType::String);
/// assert_eq!(value.to_json(), "dark");
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum ValueRef<'a> {
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A floating-point number.
    Float(f64),
    /// A text.
    String(&'a str),
    /// A structure.
    Object(&'a Value),
}

impl ValueRef<'_> {
    /// Returns the type. That of structures is [`FlagType::Json`].
    pub fn value_type(self) -> FlagType {
        match self {
            Self::Bool(_) => FlagType::Boolean,
            Self::Integer(_) => FlagType::Integer,
            Self::Float(_) => FlagType::Float,
            Self::String(_) => FlagType::String,
            Self::Object(_) => FlagType::Json,
        }
    }

    /// Copies the value into JSON.
    pub fn to_json(self) -> Value {
        match self {
            Self::Bool(value) => value.into(),
            Self::Integer(value) => value.into(),
            Self::Float(value) => value.into(),
            Self::String(value) => value.into(),
            Self::Object(value) => value.clone(),
        }
    }
}
