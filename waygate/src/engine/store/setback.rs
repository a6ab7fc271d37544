use std::collections::BTreeSet;

use waygate_core::port::EntityKey;

/// What the store has lost, until each of the lost changes was made again or replaced.
#[derive(Debug, Clone)]
pub(crate) struct Setback {
    pub(crate) cause: String,
    /// What the lost changes were about; empty when that is not known.
    pub(crate) records: BTreeSet<EntityKey>,
}

impl Setback {
    /// For people.
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

    /// Takes note of a change; `true` when nothing is left to be made again.
    pub(crate) fn is_over<'a>(&mut self, changed: impl IntoIterator<Item = &'a EntityKey>) -> bool {
        for key in changed {
            self.records.remove(key);
        }
        self.records.is_empty()
    }
}
