//! What the report of the start says of the engine itself.

use super::Inner;

impl Inner {
    /// Each with its name.
    pub(crate) fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![("environment", self.environment_in_words())];
        facts.extend((self.settings.clone()).map(|settings| ("settings", settings)));
        facts.extend((self.service.as_ref()).map(|service| ("service", service.to_string())));
        facts.push(("state", self.backend.describe()));
        facts.push(("counters", self.counters_in_words()));
        facts
    }

    fn counters_in_words(&self) -> String {
        if let Some(shared) = &self.counters.shared {
            return shared.store.describe();
        }
        #[cfg(feature = "file")]
        if let Some(snapshot) = &self.counter_snapshot {
            return format!("in memory, kept in file `{}`", snapshot.path().display());
        }
        "in memory of this process; they end with it".to_owned()
    }
}
