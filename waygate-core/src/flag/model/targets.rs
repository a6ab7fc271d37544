use serde::{Serialize, Serializer};

/// The keys of individual contexts, by variation. In JSON an object from variations to lists of keys; the first with a
/// key decides.
///
/// ```
/// use serde_json::json;
/// use waygate_core::flag::Flag;
///
/// let flag = Flag::parse(&json!({
///     "key": "search", "name": "Search", "type": "boolean",
///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
///     "off_variation": "off",
///     "fallthrough": "off",
///     "targets": {"on": ["user-1", "user-2"]},
/// }))?;
/// assert_eq!(flag.targets.len(), 2);
/// # Ok::<(), waygate_core::flag::Problems>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Targets(pub Vec<(String, Vec<String>)>);

impl Targets {
    /// Returns the number of keys.
    pub fn len(&self) -> usize {
        self.0.iter().map(|(_, keys)| keys.len()).sum()
    }

    /// Returns whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Serialize for Targets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(variation, keys)| (variation, keys)))
    }
}

/// The keys of individual contexts of one kind.
///
/// ```
/// use serde_json::json;
/// use waygate_core::flag::Flag;
///
/// let flag = Flag::parse(&json!({
///     "key": "search", "name": "Search", "type": "boolean",
///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
///     "off_variation": "off",
///     "fallthrough": "off",
///     "context_targets": [{"context_kind": "organization", "variation": "on", "values": ["org-1"]}],
/// }))?;
/// assert_eq!(flag.context_targets[0].context_kind, "organization");
/// # Ok::<(), waygate_core::flag::Problems>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct ContextTargets {
    /// The kind of context.
    pub context_kind: String,
    /// The name of the variation.
    pub variation: String,
    /// The keys.
    pub values: Vec<String>,
}
