//! Flags that work only in part, in health and in the report.

use waygate_core::{Printable, flag::reference_faults};

use crate::engine::{Component, Inner};

/// The most of them in one message.
const MOST: usize = 20;

impl Inner {
    /// Describes the flags and segments that work only in part, and those of the program that were not written.
    pub(crate) fn flag_faults(&self) -> Vec<String> {
        let snapshot = self.snapshot.load();
        let notes = snapshot.flag_notes.clone();
        let references = reference_faults(&snapshot.records);
        let references = references
            .iter()
            .map(|(key, problems)| format!("`flag:{}`: {}", Printable(key), Printable(problems)));
        let faults = notes.faults().chain(references);
        faults.chain(self.sowing.refused()).collect()
    }

    /// Updates the health of flags.
    pub(crate) fn note_flags(&self) {
        let mut faults = self.flag_faults();
        if faults.is_empty() {
            return self.monitor.recover(Component::Flags);
        }
        let more = faults.len().saturating_sub(MOST);
        faults.truncate(MOST);
        if more > 0 {
            faults.push(format!("and {more} more"));
        }
        let cause = faults.join("; ");
        self.monitor
            .degrade(Component::Flags, cause, self.clock.now());
    }
}
