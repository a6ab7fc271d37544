//! Makes scheduled changes of flags when they are due.

use std::{collections::BTreeSet, sync::Arc};

use waygate_core::{
    Printable, Timestamp,
    flag::{Flag, FlagKey, Problems, ScheduledChange, check_flag},
    model::{Action, Origin},
    port::CommitError,
};

use super::change::{put, subject};
use crate::engine::{
    Inner,
    kinds::{Flags, Records},
    store::{Kind, json},
    stored::Stored,
    tx::{By, Tx},
};

impl Inner {
    /// Makes every change that is due, exactly once over all processes of the store, in the order of their times: each
    /// is one commit that expects the flag as it was. Returns the time of the next change.
    pub(crate) async fn make_due_flag_changes(&self) -> Result<Option<Timestamp>, CommitError> {
        self.sow().await?;
        let mut lost = BTreeSet::new();
        loop {
            // Commands can go between two changes.
            let mut stored = self.stored.lock().await;
            let now = self.clock.now();
            let notes = self.snapshot.load().flag_notes.clone();
            // The changes of an unreadable flag are unknown. A lost race is seen with the next snapshot.
            let open = notes.scheduled.iter().filter(|(key, _)| {
                !lost.contains(*key) && !stored.unreadable.contains_key(&Flags::entity(key))
            });
            let Some((key, at)) = open.min_by_key(|(_, at)| **at) else {
                return Ok(None);
            };
            if *at > now {
                return Ok(Some(*at));
            }
            if !self.make_next_change(&mut stored, key, now).await? {
                lost.insert(key.clone());
            }
        }
    }

    /// Makes the first due change of a flag. Returns `false` if another process was faster.
    async fn make_next_change(
        &self,
        stored: &mut Stored,
        key: &FlagKey,
        now: Timestamp,
    ) -> Result<bool, CommitError> {
        let Some(flag) = stored.records.flags.get(key).map(|flag| flag.value.clone()) else {
            return Ok(false);
        };
        let Some(change) = flag.due(now).first().copied().cloned() else {
            return Ok(false);
        };
        let changed = changed(&flag, &change, &stored.records);
        let (mut next, reason) = match changed {
            Ok(next) => (next, format!("scheduled: {}", change.action)),
            Err(problems) => {
                tracing::warn!(flag = %Printable(key), id = %Printable(&change.id), problems = %Printable(&problems), "a scheduled change of a flag no longer applies and was dropped");
                (
                    without(&flag, &change),
                    format!("dropped: scheduled {}: {problems}", change.action),
                )
            }
        };
        next.updated_at = Some(now);
        let by = By::new(Origin::scheduler());
        let mut tx = Tx::new(self, stored, &by);
        tx.now = now;
        let next = Arc::new(next);
        put::<Flags>(&mut tx, key, Some(&*flag), &next);
        let mut line = tx.line(Action::from("flag_updated"), &subject::<Flags>(key));
        line.reason = reason;
        line.previous = Some(json(&flag));
        line.new = Some(json(&next));
        tx.audit(line);
        match tx.commit().await {
            Ok(_) => Ok(true),
            // Another process made it or changed the flag, or the store was replaced.
            Err(CommitError::Conflict { .. } | CommitError::Replaced { .. }) => {
                self.behind.notify_one();
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

/// Returns the flag after a change, if the change adds no problem.
fn changed(flag: &Flag, change: &ScheduledChange, records: &Records) -> Result<Flag, Problems> {
    let next = flag.after(change)?;
    let check = |flag: &Flag| {
        // Later changes are checked when they are due.
        let mut flag = flag.clone();
        flag.scheduled_changes.clear();
        check_flag(&flag, records)
    };
    let known = check(flag).err().unwrap_or_default();
    match check(&next) {
        Err(problems) => problems.without(&known).or(next),
        Ok(()) => Ok(next),
    }
}

fn without(flag: &Flag, change: &ScheduledChange) -> Flag {
    let mut flag = flag.clone();
    flag.scheduled_changes.retain(|other| other.id != change.id);
    flag
}
