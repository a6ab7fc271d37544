use std::sync::Arc;

use serde_json::Value;

use crate::{
    error::EvaluationError,
    provider::{FlagRequest, Provider, Resolution},
    value::ValueRef,
};

type Resolved<T> = Result<Resolution<T>, EvaluationError>;

/// The default of a caller, which says the type of the value.
pub(super) trait DefaultValue: Copy {
    type Value;

    fn resolve(self, provider: &dyn Provider, request: &FlagRequest<'_>) -> Resolved<Self::Value>;
    fn into_value(self) -> Self::Value;
    fn view(&self) -> ValueRef<'_>;
    fn view_value(value: &Self::Value) -> ValueRef<'_>;
}

macro_rules! default_value {
    ($($default:ty, $value:ty, $resolve:ident, $variant:ident, $into:expr;)+) => {$(
        impl DefaultValue for $default {
            type Value = $value;

            fn resolve(self, provider: &dyn Provider, request: &FlagRequest<'_>) -> Resolved<$value> {
                provider.$resolve(request, self)
            }

            fn into_value(self) -> $value {
                $into(self)
            }

            fn view(&self) -> ValueRef<'_> {
                ValueRef::$variant(*self)
            }

            fn view_value(value: &$value) -> ValueRef<'_> {
                ValueRef::$variant(View::view(value))
            }
        }
    )+};
}

/// Borrows what is behind an `Arc`, and copies the rest.
trait View<'a> {
    type To;
    fn view(&'a self) -> Self::To;
}

impl<'a, T: ?Sized + 'a> View<'a> for Arc<T> {
    type To = &'a T;
    fn view(&'a self) -> &'a T {
        self
    }
}

macro_rules! copied {
    ($($type:ty),+) => {$(
        impl View<'_> for $type {
            type To = Self;
            fn view(&self) -> Self {
                *self
            }
        }
    )+};
}

copied!(bool, i64, f64);

default_value! {
    bool, bool, resolve_bool, Bool, std::convert::identity;
    i64, i64, resolve_integer, Integer, std::convert::identity;
    f64, f64, resolve_float, Float, std::convert::identity;
    &str, Arc<str>, resolve_string, String, Arc::from;
    &Value, Arc<Value>, resolve_object, Object, |value: &Value| Arc::new(value.clone());
}
