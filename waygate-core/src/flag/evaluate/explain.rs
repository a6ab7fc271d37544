use super::{resolution::Resolution, step::Step};

/// A result with the steps that led to it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Explanation<'s> {
    /// The result, equal to that of an evaluation without an explanation.
    pub resolution: Resolution<'s>,
    /// The steps in order. Those of a prerequisite come before its outcome.
    pub steps: Vec<Step>,
}
