use super::outcome::{Outcome, Undecided};
use crate::flag::{
    compile::CompiledFlag,
    outcome::{Cause, ContractReason, ErrorCode, Reason},
    value::FlagValue,
};

/// The result of an evaluation (OpenFeature: resolution details), borrowed from the [`FlagSet`](super::FlagSet).
///
/// ```
/// use std::sync::Arc;
///
/// use serde_json::json;
/// use waygate_core::{
///     flag::{CompileOptions, CompiledFlag, EvaluationContext, Flag, FlagSet},
///     port::ManualClock,
/// };
///
/// # let search = json!({
/// #     "key": "search", "name": "Search", "type": "boolean",
/// #     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
/// #     "off_variation": "off", "fallthrough": "off",
/// # });
/// let (flag, _) = CompiledFlag::compile(Arc::new(Flag::parse(&search)?), CompileOptions::default());
/// let mut flags = FlagSet::new();
/// flags.insert_flag(Arc::new(flag));
/// let clock = ManualClock::at("2030-01-01T00:00:00Z".parse().unwrap());
/// let resolution = flags.evaluate("search", &EvaluationContext::new("user-1"), &clock).expect("a flag");
/// assert_eq!((resolution.variation(), resolution.as_bool()), (Some("off"), Ok(false)));
/// assert_eq!(resolution.reason().as_str(), "STATIC");
/// assert_eq!(resolution.error(), None);
/// # Ok::<(), waygate_core::flag::Problems>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Resolution<'s> {
    flag: &'s CompiledFlag,
    outcome: Outcome<'s>,
}

impl<'s> Resolution<'s> {
    pub(super) fn new(flag: &'s CompiledFlag, outcome: Outcome<'s>) -> Self {
        Self { flag, outcome }
    }

    /// Returns the key of the flag.
    pub fn flag_key(&self) -> &'s str {
        self.flag.definition().key.as_str()
    }

    /// Returns the position of the variation.
    #[inline]
    pub(super) fn position(&self) -> Option<u16> {
        self.outcome.variation
    }

    /// Returns the name of the variation (OpenFeature: variant); `None` if an error left no result.
    pub fn variation(&self) -> Option<&'s str> {
        let named = self.flag.variation(self.outcome.variation?)?;
        Some(&named.name)
    }

    /// Returns the position of the variation in [`CompiledFlag::values`].
    pub fn variation_index(&self) -> Option<usize> {
        self.outcome.variation.map(usize::from)
    }

    /// Returns the value; [`FlagValue::Null`] without a variation, or if the definition has none of its name.
    pub fn value(&self) -> &'s FlagValue {
        let named = self
            .outcome
            .variation
            .and_then(|at| self.flag.variation(at));
        named.map_or(&FlagValue::Null, |named| &named.value)
    }

    /// Returns the value as a boolean.
    ///
    /// # Errors
    /// The error of the evaluation, or [`ErrorCode::TypeMismatch`].
    pub fn as_bool(&self) -> Result<bool, ErrorCode> {
        self.checked()?.as_bool()
    }

    /// Returns the value as a whole number.
    ///
    /// # Errors
    /// As [`as_bool`](Self::as_bool), and for numbers that would lose precision.
    pub fn as_i64(&self) -> Result<i64, ErrorCode> {
        self.checked()?.as_i64()
    }

    /// Returns the value as a floating-point number.
    ///
    /// # Errors
    /// As [`as_i64`](Self::as_i64).
    pub fn as_f64(&self) -> Result<f64, ErrorCode> {
        self.checked()?.as_f64()
    }

    /// Returns the value as a string.
    ///
    /// # Errors
    /// As [`as_bool`](Self::as_bool).
    pub fn as_str(&self) -> Result<&'s str, ErrorCode> {
        self.checked()?.as_str()
    }

    /// Returns the value as an object or an array.
    ///
    /// # Errors
    /// As [`as_bool`](Self::as_bool).
    pub fn as_json(&self) -> Result<&'s serde_json::Value, ErrorCode> {
        self.checked()?.as_json()
    }

    fn checked(&self) -> Result<&'s FlagValue, ErrorCode> {
        self.error().map_or_else(|| Ok(self.value()), Err)
    }

    /// Counts that the caller takes its own default instead, since the value is of another type than it needs.
    pub fn count_default(&self) {
        if let Some(tally) = self.flag.tally() {
            tally.count_default();
        }
    }

    /// Returns the step that decided.
    pub fn cause(&self) -> Cause<'s> {
        self.outcome.cause
    }

    /// Returns the reason in the words of OpenFeature.
    #[inline]
    pub fn reason(&self) -> Reason {
        match self.outcome.cause {
            Cause::Disabled | Cause::Prerequisite { .. } => Reason::Disabled,
            Cause::Error(_) => Reason::Error,
            Cause::Static => Reason::Static,
            _ if self.outcome.bucket.is_some() => Reason::Split,
            Cause::Target | Cause::Rule { .. } => Reason::TargetingMatch,
            Cause::Holdout | Cause::Layer | Cause::Fallthrough => Reason::Default,
        }
    }

    /// Returns the reason in the words of the wire contract.
    pub fn contract_reason(&self) -> ContractReason {
        self.outcome.cause.contract_reason()
    }

    /// Returns the error.
    pub fn error(&self) -> Option<ErrorCode> {
        match self.outcome.cause {
            Cause::Error(code) => Some(code),
            _ => None,
        }
    }

    /// Returns the error in words.
    pub fn error_message(&self) -> Option<&'static str> {
        match self.outcome.undecided {
            Some(Undecided::Missing) => {
                return Some("A rule uses a segment that does not exist or cannot be read");
            }
            Some(Undecided::Cycle) => return Some("A segment of a rule needs itself"),
            Some(Undecided::Limit) => {
                return Some(
                    "The segments of the rules form a chain of more than 10, or take more than 10000 decisions",
                );
            }
            None => {}
        }
        self.error().map(|code| match code {
            // The text of the wire contract.
            ErrorCode::General => "Prerequisite depth limit exceeded",
            ErrorCode::TargetingKeyMissing => "The rollout needs the key of the context",
            ErrorCode::InvalidContext => {
                "The rollout needs an attribute that is a text or a whole number"
            }
            _ => "The rollout has no variations",
        })
    }

    /// Returns the position of the rule that matched.
    pub fn rule_index(&self) -> Option<usize> {
        match self.outcome.cause {
            Cause::Rule { index, .. } => Some(index),
            _ => None,
        }
    }

    /// Returns the id of the rule that matched.
    pub fn rule_id(&self) -> Option<&'s str> {
        match self.outcome.cause {
            Cause::Rule { id, .. } => Some(id),
            _ => None,
        }
    }

    /// Returns the key of the prerequisite that failed.
    pub fn prerequisite_key(&self) -> Option<&'s str> {
        match self.outcome.cause {
            Cause::Prerequisite { key } => Some(key),
            _ => None,
        }
    }

    /// Returns the bucket that decided, from 0 to 99,999.
    pub fn bucket(&self) -> Option<u32> {
        self.outcome.bucket
    }
}
