use crate::flag::model::WeightedVariation;

/// The result of a rule.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    Variation(String),
    Rollout(Rollout),
}

/// A rollout by the hash `flagd-v2`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rollout {
    pub(super) seed: String,
    /// `None` is the key of the context.
    pub(super) by: Option<String>,
    pub(super) parts: Vec<WeightedVariation>,
}
