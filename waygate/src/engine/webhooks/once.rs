//! Events that every process notices, and one of them writes.

use waygate_core::{Timestamp, model::AuditEntry};

use crate::engine::{
    kinds::{EventMarks, Marks},
    store::Kind,
    tx::{Attempt, Change, Tx},
};

/// Writes lines, unless a process has written them since they were noticed.
pub(super) struct Once {
    /// The record of marks.
    pub(super) group: Box<str>,
    pub(super) name: String,
    /// The time at which it was noticed. A later mark is about the same.
    pub(super) since: Timestamp,
    /// The new mark.
    pub(super) until: Timestamp,
    pub(super) lines: Vec<AuditEntry>,
}

impl Change for Once {
    /// `false` if another process was first.
    type Done = bool;

    fn subject(&self) -> String {
        EventMarks::entity(&self.group).to_string()
    }

    async fn attempt(&self, mut tx: Tx<'_>) -> Result<bool, Attempt> {
        let known = tx.stored.records.event_marks.get(&self.group);
        let Marks(mut marks) = known.map(|known| known.value.clone()).unwrap_or_default();
        if marks.get(&self.name).is_some_and(|mark| *mark > self.since) {
            return Ok(false);
        }
        let now = tx.now;
        marks.retain(|_, mark| *mark > now);
        marks.insert(self.name.clone(), self.until);
        tx.put::<EventMarks>(&self.group, &Marks(marks));
        for line in &self.lines {
            tx.audit(line.clone());
        }
        tx.commit().await?;
        Ok(true)
    }
}
