use super::{resolution::Resolution, step::Step};

/// A result with the steps that led to it.
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
/// let explanation = flags.explain("search", &EvaluationContext::new("user-1"), &clock).expect("a flag");
/// assert_eq!(explanation.resolution.as_bool(), Ok(false));
/// assert!(explanation.steps.is_empty(), "the flag has no conditions");
/// # Ok::<(), waygate_core::flag::Problems>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Explanation<'s> {
    /// The result, equal to that of an evaluation without an explanation.
    pub resolution: Resolution<'s>,
    /// The steps in order. Those of a prerequisite come before its outcome.
    pub steps: Vec<Step>,
}
