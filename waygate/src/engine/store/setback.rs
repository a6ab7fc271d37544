use std::collections::BTreeSet;

use waygate_core::port::EntityKey;

/// The losses of the store, until each lost change was repeated or replaced.
#[derive(Debug, Clone)]
pub(crate) struct Setback {
    pub(crate) cause: String,
    /// The records that the lost changes were about; empty if unknown.
    pub(crate) records: BTreeSet<EntityKey>,
}

impl Setback {
    /// Describes the cause for people.
    pub(crate) fn cause(&self) -> String {
        let records: Vec<String> = self.records.iter().map(|key| format!("`{key}`")).collect();
        match &*records {
            [] => format!("{}; what was changed after it is lost", self.cause),
            records => format!(
                "{}; changes of {} are lost, and what they may have closed is closed until it is changed again",
                self.cause,
                records.join(", ")
            ),
        }
    }

    /// Records changes. Returns `true` if nothing is left to repeat.
    pub(crate) fn is_over<'a>(&mut self, changed: impl IntoIterator<Item = &'a EntityKey>) -> bool {
        for key in changed {
            self.records.remove(key);
        }
        self.records.is_empty()
    }
}
