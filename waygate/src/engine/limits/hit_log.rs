//! The log of refusals in the store: processes share it, and it outlives them.

use std::{
    collections::HashSet,
    pin::pin,
    sync::{Arc, Weak},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use waygate_core::{
    Printable, Timestamp, grammar::ServiceName, model::RouteKey, port::BackendError,
};

use super::{HitQuery, record::HitFacts, stats::Hit};
use crate::engine::{HitRecord, Inner, Waygate};

/// The pause before a write, which gathers refusals.
const PAUSE: Duration = Duration::from_secs(1);
/// The pause after a failed write.
const PAUSE_AFTER_FAULT: Duration = Duration::from_secs(10);
/// The most refusals of one write.
const BATCH: usize = 500;

/// A line of the log: the refusal, and what queries need beside it.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    at: Timestamp,
    hit: HitRecord,
    route: RouteKey,
    key: String,
}

impl Line {
    fn new(hit: Hit, service: Option<&ServiceName>) -> Self {
        Self {
            at: hit.at,
            route: hit.route.clone(),
            key: hit.key.label(),
            hit: hit.record(service),
        }
    }

    fn facts(&self) -> HitFacts<'_> {
        HitFacts {
            at: self.at,
            method: &self.hit.method,
            route: &self.route,
            policy: self.hit.policy.name.as_str(),
            enforced: self.hit.enforced,
        }
    }
}

/// Writes refusals while the engine lives, and the last ones at its shutdown.
pub(crate) async fn run(engine: Weak<Inner>) {
    let Some((arrived, mut version)) = engine.upgrade().map(|inner| {
        let arrived = Arc::clone(&inner.book.arrived);
        (arrived, inner.channels.versions())
    }) else {
        return;
    };
    let mut closed = pin!(async { while version.changed().await.is_ok() {} });
    let (mut written, mut pause, mut is_open) = (0, PAUSE, true);
    while is_open {
        let gathered = async {
            arrived.notified().await;
            tokio::time::sleep(pause).await;
        };
        tokio::select! {
            () = gathered => {}
            () = &mut closed => is_open = false,
        }
        let Some(inner) = engine.upgrade() else {
            return;
        };
        match inner.write_hits(&mut written).await {
            Ok(true) => pause = PAUSE,
            // The store keeps none.
            Ok(false) => return,
            Err(error) => {
                // The health and the log show an outage of the store.
                tracing::debug!(error = %Printable(&error), "cannot write refusals of limits to the store; retrying");
                pause = PAUSE_AFTER_FAULT;
                arrived.notify_one();
            }
        }
    }
}

impl Inner {
    /// Writes the refusals after the first `written`. Returns `false` if the store keeps none.
    async fn write_hits(&self, written: &mut u64) -> Result<bool, BackendError> {
        loop {
            let (hits, next) = self.book.hits_after(*written, BATCH);
            if hits.is_empty() {
                return Ok(true);
            }
            let service = self.service.as_ref();
            let lines = hits.into_iter().map(|hit| Line::new(hit, service));
            // They have no maps with other keys than strings, so this does not fail.
            let lines = lines.filter_map(|line| serde_json::to_string(&line).ok());
            let keep = self.book.max_hits();
            if !self.backend.append_facts(lines.collect(), keep).await? {
                return Ok(false);
            }
            *written = next;
        }
    }
}

impl Waygate {
    /// Returns the newest refusals of all processes of the store, also those before a restart: the last ten thousand are
    /// kept, in a file or in Redis. The others write theirs within about a second. With another store, these are those of this
    /// process, as with [`rate_limit_hits`](Self::rate_limit_hits).
    ///
    /// # Errors
    /// [`BackendError`](crate::port::BackendError) if the store cannot be read.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let waygate = waygate::Waygate::builder().build().await?;
    /// use waygate::limits::HitQuery;
    ///
    /// for hit in waygate.shared_rate_limit_hits(&HitQuery::newest(20)).await? {
    ///     println!("{} {} {}: {}", hit.timestamp, hit.method, hit.path, hit.key);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn shared_rate_limit_hits(
        &self,
        query: &HitQuery,
    ) -> Result<Vec<HitRecord>, BackendError> {
        let lines = self.inner.backend.facts(self.inner.book.max_hits()).await?;
        let mut hits = self.rate_limit_hits(query);
        let own: HashSet<_> = hits.iter().map(|hit| hit.id).collect();
        // Lines of other versions may be of another form.
        let lines = lines.iter();
        let lines = lines.filter_map(|line| serde_json::from_str::<Line>(line).ok());
        let wanted = lines.filter(|line| query.wants(&line.facts(), || line.key.clone()));
        let others = wanted.map(|line| line.hit);
        let others: Vec<HitRecord> = others.filter(|hit| !own.contains(&hit.id)).collect();
        if others.is_empty() {
            return Ok(hits);
        }
        hits.extend(others);
        // A failed write is repeated, and may have been made.
        let mut seen = HashSet::new();
        hits.retain(|hit| seen.insert(hit.id));
        hits.sort_by_cached_key(|hit| std::cmp::Reverse(hit.timestamp.parse::<Timestamp>().ok()));
        hits.truncate(query.limit);
        Ok(hits)
    }
}
