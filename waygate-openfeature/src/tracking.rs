use serde_json::{Map, Value};

/// Facts about an action of a user, such as the amount of an order.
///
/// ```
/// use waygate_openfeature::TrackingDetails;
///
/// let details = TrackingDetails::default().value(99.5).with("currency", "EUR");
/// assert_eq!(details.numeric_value(), Some(99.5));
/// assert_eq!(details.get("currency"), Some(&"EUR".into()));
/// assert_eq!(details.iter().count(), 1);
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TrackingDetails {
    value: Option<f64>,
    fields: Map<String, Value>,
}

impl TrackingDetails {
    /// Sets the number of the action.
    #[must_use]
    pub fn value(mut self, value: f64) -> Self {
        self.value = Some(value);
        self
    }

    /// Sets a further fact.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.fields.insert(name.into(), value.into());
        self
    }

    /// Returns the number of the action.
    pub fn numeric_value(&self) -> Option<f64> {
        self.value
    }

    /// Returns a further fact.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.fields.get(name)
    }

    /// Returns all further facts.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.fields
            .iter()
            .map(|(name, value)| (name.as_str(), value))
    }
}
