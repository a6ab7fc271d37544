//! The fields of a type that is a context.

use std::{borrow::Cow, sync::Arc};

use jiff::Timestamp;
use serde_json::Value;

use super::attribute::AttributeValue;

/// A type of fields that can be the key of a context, as `#[derive(FlagContext)]` reads it: a string, perhaps optional.
///
/// ```
/// use waygate_core::flag::ContextKey;
///
/// struct UserId(String);
///
/// impl ContextKey for UserId {
///     fn context_key(&self) -> Option<&str> {
///         Some(&self.0)
///     }
/// }
/// assert_eq!(UserId("u-1".to_owned()).context_key(), Some("u-1"));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the key of a flag context",
    label = "not a string",
    note = "keep the key as a string (`String`, `Arc<str>`, `Option<..>` of one), or implement `waygate::flags::ContextKey`"
)]
pub trait ContextKey {
    /// Returns the key; `None` for an anonymous caller.
    fn context_key(&self) -> Option<&str>;
}

/// A type of fields that can be an attribute of a context, as `#[derive(FlagContext)]` reads it.
///
/// ```
/// use waygate_core::flag::{AttributeValue, ContextAttribute};
///
/// enum Plan { Free, Pro }
///
/// impl ContextAttribute for Plan {
///     fn context_attribute(&self) -> Option<AttributeValue<'_>> {
///         Some(match self { Plan::Free => "free", Plan::Pro => "pro" }.into())
///     }
/// }
/// assert_eq!(Plan::Pro.context_attribute(), Some("pro".into()));
/// # let _ = Plan::Free;
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an attribute of a flag context",
    label = "no attribute",
    note = "use a string, a number (`i64`, `f64` or smaller), `bool`, `Timestamp`, `Vec<String>`, `serde_json::Value` or an `Option` of one, or implement `waygate::flags::ContextAttribute`"
)]
pub trait ContextAttribute {
    /// Returns the value; `None` if there is none.
    fn context_attribute(&self) -> Option<AttributeValue<'_>>;
}

macro_rules! texts {
    ($($type:ty),+) => {$(
        impl ContextKey for $type {
            fn context_key(&self) -> Option<&str> {
                Some(self)
            }
        }

        impl ContextAttribute for $type {
            fn context_attribute(&self) -> Option<AttributeValue<'_>> {
                Some(AttributeValue::String(self))
            }
        }
    )+};
}

texts!(str, String, Box<str>, Arc<str>, Cow<'_, str>);

impl<K: ContextKey + ?Sized> ContextKey for &K {
    fn context_key(&self) -> Option<&str> {
        (**self).context_key()
    }
}

impl<K: ContextKey> ContextKey for Option<K> {
    fn context_key(&self) -> Option<&str> {
        self.as_ref()?.context_key()
    }
}

impl<A: ContextAttribute + ?Sized> ContextAttribute for &A {
    fn context_attribute(&self) -> Option<AttributeValue<'_>> {
        (**self).context_attribute()
    }
}

impl<A: ContextAttribute> ContextAttribute for Option<A> {
    fn context_attribute(&self) -> Option<AttributeValue<'_>> {
        self.as_ref()?.context_attribute()
    }
}

macro_rules! values {
    ($($type:ty => $value:ident),+) => {$(
        impl ContextAttribute for $type {
            fn context_attribute(&self) -> Option<AttributeValue<'_>> {
                Some(AttributeValue::$value((*self).into()))
            }
        }
    )+};
}

values!(bool => Bool, i8 => Integer, i16 => Integer, i32 => Integer, i64 => Integer, u8 => Integer, u16 => Integer,
    u32 => Integer, f32 => Float, f64 => Float, Timestamp => Instant);

impl ContextAttribute for Vec<String> {
    fn context_attribute(&self) -> Option<AttributeValue<'_>> {
        Some(AttributeValue::Strings(self))
    }
}

impl ContextAttribute for Value {
    fn context_attribute(&self) -> Option<AttributeValue<'_>> {
        Some(self.into())
    }
}
