use serde::Serialize;

/// The result of a rule or of the fallthrough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum Serve {
    /// One variation, by name.
    Variation(String),
    /// A variation by the bucket of the context.
    Rollout(Vec<WeightedVariation>),
}

/// A part of a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct WeightedVariation {
    /// The name of the variation.
    pub variation: String,
    /// The number of its buckets, of 100,000 in total. Parts take buckets in order, so that the first can grow without
    /// moving any of its contexts.
    pub weight: u32,
}

/// A part of a mutual-exclusion layer. Each context is in one bucket of the layer, so in one flag at most if the parts
/// do not overlap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct LayerRange {
    /// The name of the layer.
    pub layer: String,
    /// The first bucket, from 0.
    pub from: u32,
    /// The bucket after the last, up to 100,000.
    pub to: u32,
}

/// The contexts that are kept out: those with a bucket below `weight`. Flags with the same name keep out the same
/// contexts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Holdout {
    /// The name of the holdout.
    pub name: String,
    /// The number of buckets, of 100,000.
    pub weight: u32,
}
