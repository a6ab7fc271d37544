use serde::{Serialize, Serializer};

/// The keys of individual contexts, by variation. In JSON an object from variations to lists of keys; the first with a
/// key decides.
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
