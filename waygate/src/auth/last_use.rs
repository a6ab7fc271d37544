//! The last use of each token: exact in the memory of this process, and coarse in the store.
//!
//! A token is written at most once a minute, and the uses of half a minute in one commit. No request waits for it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use waygate_core::{
    Printable, Timestamp,
    port::{Batch, Expected},
};

use super::{
    table,
    token::{Token, TokenHash, TokenId},
};
use crate::engine::{Inner, Kind, Tokens as Stored};

/// The age of a stored last use after which it is written again.
const COARSE: Duration = Duration::from_secs(60);
/// The time for which uses are collected.
const COLLECTED: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(crate) struct LastUse(Mutex<Uses>);

#[derive(Debug, Default)]
struct Uses {
    noted: HashMap<TokenId, Use>,
    /// `true` while a task waits to write them.
    is_scheduled: bool,
}

#[derive(Debug, Clone, Copy)]
struct Use {
    hash: TokenHash,
    at: Timestamp,
    /// `true` if the store has an older one.
    is_due: bool,
}

impl LastUse {
    /// Notes a use of a token, and has it written later.
    pub(super) fn note(self: &Arc<Self>, engine: &Arc<Inner>, token: &Token) {
        let at = engine.clock.now();
        let stored = token.record.last_used_at;
        let is_due = stored.is_none_or(|stored| is_older(stored, at));
        let mut uses = self.uses();
        let hash = token.hash;
        uses.noted.insert(hash.id(), Use { hash, at, is_due });
        if is_due && !uses.is_scheduled {
            uses.is_scheduled = true;
            let write = write_later(Arc::downgrade(engine), Arc::downgrade(self));
            drop(engine.runtime.spawn(write));
        }
    }

    /// The last use of a token, as far as this process knows.
    pub(crate) fn of(&self, token: &Token) -> Option<Timestamp> {
        let noted = self.uses().noted.get(&token.hash.id()).map(|it| it.at);
        noted.max(token.record.last_used_at)
    }

    fn uses(&self) -> MutexGuard<'_, Uses> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the uses to write, and forgets tokens that the store no longer has.
    fn take(&self, engine: &Inner) -> Vec<Use> {
        let snapshot = engine.snapshot.load();
        let mut uses = self.uses();
        uses.is_scheduled = false;
        uses.noted.retain(|_, it| {
            snapshot
                .records
                .tokens
                .contains(&it.hash.to_string().into_boxed_str())
        });
        let mut due = Vec::new();
        for noted in uses.noted.values_mut().filter(|it| it.is_due) {
            noted.is_due = false;
            due.push(*noted);
        }
        due
    }
}

fn is_older(stored: Timestamp, now: Timestamp) -> bool {
    now.duration_since(stored).unsigned_abs() >= COARSE
}

async fn write_later(engine: Weak<Inner>, uses: Weak<LastUse>) {
    tokio::time::sleep(COLLECTED).await;
    let (Some(engine), Some(uses)) = (engine.upgrade(), uses.upgrade()) else {
        return;
    };
    let batch = batch(&engine, uses.take(&engine));
    if batch.puts.is_empty() {
        return;
    }
    // After a lost race, or while the store fails, the next use is written.
    if let Err(error) = engine.write_entities(batch).await {
        tracing::debug!(error = %Printable(error), "the last uses of tokens were not written");
    }
}

/// The writes of uses that no other process has written in the meantime.
fn batch(engine: &Inner, uses: Vec<Use>) -> Batch {
    let snapshot = engine.snapshot.load();
    let mut batch = Batch::new();
    for Use { hash, at, .. } in uses {
        let Some(entity) = snapshot
            .records
            .tokens
            .get(&hash.to_string().into_boxed_str())
        else {
            continue;
        };
        let Some(Token { mut record, .. }) = table::read(hash, entity) else {
            continue;
        };
        if record
            .last_used_at
            .is_some_and(|stored| !is_older(stored, at))
        {
            continue;
        }
        record.last_used_at = Some(at);
        let key = Stored::entity(&hash.to_string().into());
        let value = serde_json::to_value(&record).unwrap_or_default();
        batch = batch
            .expect(key.clone(), Expected::Revision(entity.revision))
            .put(key, value);
    }
    batch
}
