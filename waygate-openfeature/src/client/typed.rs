//! The methods that evaluate flags, by type.

/// Declares them for a type, with the evaluator and the options of its calls.
macro_rules! typed {
    ($of:ty, |$self:ident| $client:expr, $options:expr; $(
        $what:literal, $value:ident, $details:ident, $default:ty, $result:ty;
    )+) => {
        impl $of {$(
            #[doc = concat!("Evaluates a flag as ", $what, ". After an error, the value is the default.")]
            pub fn $value<'c>(
                &$self,
                key: &str,
                default: $default,
                context: impl Into<Option<&'c ::waygate_core::flag::EvaluationContext>>,
            ) -> $result {
                $client.evaluate($options, key, default, context.into(), false).value
            }

            #[doc = concat!("Evaluates a flag as ", $what, ", with details. After an error, the value is the default.")]
            pub fn $details<'k, 'c>(
                &$self,
                key: &'k str,
                default: $default,
                context: impl Into<Option<&'c ::waygate_core::flag::EvaluationContext>>,
            ) -> crate::details::EvaluationDetails<'k, $result> {
                $client.evaluate($options, key, default, context.into(), true)
            }
        )+}
    };
    ($of:ty, |$self:ident| $client:expr, $options:expr) => {
        typed! { $of, |$self| $client, $options;
            "a boolean", bool, bool_details, bool, bool;
            "a whole number", integer, integer_details, i64, i64;
            "a floating-point number", float, float_details, f64, f64;
            "a string", string, string_details, &str, ::std::sync::Arc<str>;
            "a structure", object, object_details, &::serde_json::Value, ::std::sync::Arc<::serde_json::Value>;
        }
    };
}

pub(super) use typed;
