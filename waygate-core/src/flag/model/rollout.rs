use serde::Serialize;

/// The result of a rule or of the fallthrough.
///
/// ```
/// use serde_json::json;
/// use waygate_core::flag::{Flag, Serve};
///
/// let flag = Flag::parse(&json!({
///     "key": "search", "name": "Search", "type": "boolean",
///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
///     "off_variation": "off",
///     "fallthrough": [{"variation": "on", "weight": 20_000}, {"variation": "off", "weight": 80_000}],
/// }))?;
/// assert!(matches!(flag.fallthrough, Serve::Rollout(parts) if parts.len() == 2));
/// # Ok::<(), waygate_core::flag::Problems>(())
/// ```
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
///
/// ```
/// use serde_json::json;
/// use waygate_core::flag::{Flag, Serve};
///
/// let flag = Flag::parse(&json!({
///     "key": "search", "name": "Search", "type": "boolean",
///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
///     "off_variation": "off",
///     "fallthrough": [{"variation": "on", "weight": 20_000}, {"variation": "off", "weight": 80_000}],
/// }))?;
/// let Serve::Rollout(parts) = flag.fallthrough else { panic!("a rollout") };
/// assert_eq!(parts[0].weight, 20_000, "20% of 100,000 buckets");
/// # Ok::<(), waygate_core::flag::Problems>(())
/// ```
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
///
/// ```
/// use serde_json::json;
/// use waygate_core::flag::Flag;
///
/// let flag = Flag::parse(&json!({
///     "key": "search", "name": "Search", "type": "boolean",
///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
///     "off_variation": "off",
///     "fallthrough": "on",
///     "layer": {"layer": "search-page", "from": 0, "to": 50_000},
/// }))?;
/// let layer = flag.layer.expect("a layer");
/// assert_eq!(layer.to - layer.from, 50_000, "half of the contexts");
/// # Ok::<(), waygate_core::flag::Problems>(())
/// ```
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
///
/// ```
/// use serde_json::json;
/// use waygate_core::flag::Flag;
///
/// let flag = Flag::parse(&json!({
///     "key": "search", "name": "Search", "type": "boolean",
///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
///     "off_variation": "off",
///     "fallthrough": "on",
///     "holdout": {"name": "2030", "weight": 5_000},
/// }))?;
/// assert_eq!(flag.holdout.map(|holdout| holdout.weight), Some(5_000));
/// # Ok::<(), waygate_core::flag::Problems>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Holdout {
    /// The name of the holdout.
    pub name: String,
    /// The number of buckets, of 100,000.
    pub weight: u32,
}
