use std::collections::BTreeMap;

use serde_json::Value;

/// Data of a caller for the hooks of one evaluation. Hooks cannot change it. A point in time is a string in the form of RFC 3339.
///
/// ```
/// use waygate_openfeature::HookHints;
///
/// let hints = HookHints::default().with("reason", "nightly job").with("attempt", 2);
/// assert_eq!(hints.get("attempt"), Some(&2.into()));
/// assert_eq!(hints.iter().count(), 2);
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HookHints(BTreeMap<String, Value>);

impl HookHints {
    /// Sets a hint.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// Returns a hint.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Returns all hints, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}
