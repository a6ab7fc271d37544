//! Publishes changes of the stored state: the snapshot for requests, and the events for subscribers.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use waygate_core::{
    Timestamp,
    model::{AuditEntry, LimitKey, Revision, RouteKey},
};

use super::{
    Changed, Event, Inner,
    compiler::{Compiler, KeySources},
    kinds::{RecordId, Routes},
    listing,
    snapshot::Snapshot,
    store::{self, Kind, Record, Shown, View},
    stored::Stored,
    touched::Touched,
};

/// The state in events.
struct Current<'a> {
    snapshot: &'a Snapshot,
    stored: &'a Stored,
    now: Timestamp,
}

impl View for Current<'_> {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn route(&self, key: &RouteKey) -> Option<Arc<dyn Record>> {
        let known = self.snapshot.table.exact(key);
        let known = known.and_then(|slot| listing::of_slot(self.snapshot, slot, self.now));
        let route = known.or_else(|| listing::orphan(self.stored, key, self.now));
        route.map(store::record)
    }

    fn rate_limit(&self, key: &LimitKey) -> Option<Arc<dyn Record>> {
        self.snapshot.limit_record(key).map(store::record)
    }

    fn concurrency_limit(&self, key: &LimitKey) -> Option<Arc<dyn Record>> {
        self.snapshot.concurrency_record(key).map(store::record)
    }
}

impl Inner {
    pub(crate) fn compiler(&self) -> Compiler<'_> {
        Compiler {
            env: &self.env,
            service: self.service.as_ref(),
            book: &self.book,
            counters: &self.counters_handle,
            headers: self.limiting.headers,
            sources: KeySources {
                has_principal: self.principal.is_some(),
            },
            is_part: false,
            bypass: self.snapshot.load().bypass,
            #[cfg(feature = "flags")]
            flags: self.flag_options,
            #[cfg(feature = "flags")]
            flag_facts: &self.flag_facts,
            now: self.clock.now(),
        }
    }

    /// Publishes a snapshot for requests. The caller holds the lock on `stored`.
    pub(crate) fn publish(&self, snapshot: Snapshot) {
        let version = snapshot.version;
        let snapshot = std::sync::Arc::new(snapshot);
        let previous = self.snapshot.swap(snapshot.clone());
        self.channels.announce(version);
        self.follow_unmatched(&previous, &snapshot);
        #[cfg(feature = "flags")]
        if !previous.has_flags_of(&snapshot) {
            snapshot.forget_gate_errors();
            self.note_flags();
        }
    }

    /// Compiles the touched parts, and maintenance if it changed, and publishes them as one snapshot.
    pub(crate) fn publish_next(&self, stored: &Stored, touched: &Touched) {
        let started = self.clock.monotonic();
        let next = self.snapshot.load().next(stored, touched, self.compiler());
        let took = self.clock.monotonic().saturating_sub(started);
        self.observed.note_build(took);
        self.publish(next);
    }

    /// Publishes the changes of another process as one snapshot, and sends an event for each record.
    pub(crate) fn publish_difference(&self, previous: &Stored, next: &Stored) {
        let mut changed = previous.changed(next);
        let table = self.snapshot.load().table.clone();
        for place in previous.newly_in_doubt(next) {
            let routes = table.iter().filter(|route| place.covers(&route.key));
            changed.extend(routes.filter_map(|route| RecordId::new::<Routes>(&route.key)));
        }
        self.publish_next(next, &Touched::by(&changed, next, &table));
        self.announce(next, &changed, &[], next.revision);
    }

    /// Sends an event for each record and each audit line, or for each record if another process wrote the lines.
    pub(crate) fn announce(
        &self,
        stored: &Stored,
        changed: &BTreeSet<RecordId>,
        lines: &[Arc<AuditEntry>],
        revision: Revision,
    ) {
        let snapshot = self.snapshot.load();
        let current = Current {
            snapshot: &snapshot,
            stored,
            now: self.clock.now(),
        };
        let shown = changed.iter().filter_map(|id| {
            let shown = stored.records.of(id)?.shown(id.entity(), &current)?;
            Some(((shown.kind, shown.key.clone()), shown))
        });
        // For subscribers, a policy and its counters are one record.
        let shown: BTreeMap<_, Shown> = shown.collect();
        let send = |shown: &Shown, line: Option<&Arc<AuditEntry>>| {
            self.channels
                .send(Event::Changed(Changed::new(shown, revision, line.cloned())));
        };
        for shown in shown.values() {
            match lines {
                [] => send(shown, None),
                lines => lines.iter().for_each(|line| send(shown, Some(line))),
            }
        }
        if shown.is_empty() {
            for line in lines {
                send(&Shown::new("audit", &line.path, None), Some(line));
            }
        }
    }

    /// Sends an event for a record that another process wrote.
    pub(crate) fn announce_one<K: Kind>(&self, stored: &Stored, key: &K::Key) {
        let id = RecordId::new::<K>(key).into_iter().collect();
        self.announce(stored, &id, &[], stored.revision);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;
    use waygate_core::{
        model::{LimitScope, RouteState},
        port::{Backend, Batch},
    };

    use crate::{Waygate, engine::stored::Stored};

    /// A commit of another process that changes a route, what governs it alone, and what governs all.
    async fn changed() -> (Waygate, Stored, waygate_core::port::Image) {
        let backend = Arc::new(waygate_backends::MemoryBackend::new());
        let builder = Waygate::builder().backend(backend.clone());
        let waygate = builder.build().await.unwrap();
        let key = "GET:/a".parse().unwrap();
        waygate.register(key, RouteState::default()).await.unwrap();
        let stored = waygate.inner.stored.lock().await.clone();
        let state = json!({"state": {"position": {"lifecycle": "maintenance"}}, "declared": {"position": {}}});
        let limit = json!({"policy": {"limit": "5/minute"}});
        let records = [
            ("route/GET:/a", state),
            ("limit/GET:/a#default", limit.clone()),
            ("limit/*#default", limit.clone()),
            ("limit/service:billing#default", limit),
            ("concurrency/*#default", json!({"policy": {"limit": 5}})),
            ("global", json!({"enabled": true})),
        ];
        let mut batch = Batch::new();
        batch.puts = records.map(|(key, value)| (key.into(), value)).to_vec();
        backend.commit(batch).await.unwrap();
        let image = backend.load().await.unwrap();
        (waygate, stored, image)
    }

    #[tokio::test]
    async fn a_commit_of_another_process_is_one_picture() {
        let (waygate, mut stored, image) = changed().await;
        let inner = &waygate.inner;
        let versions = inner.channels.versions();
        let (before, mut events) = (*versions.borrow(), waygate.subscribe());
        inner.take_over(&mut stored, image).unwrap();
        assert_eq!(*versions.borrow(), before + 1);
        let snapshot = inner.snapshot.load();
        assert_eq!(snapshot.revision.number, 1);
        let slot = snapshot.slot(0).unwrap();
        assert_eq!((slot.revision, slot.own_limits.rates.len()), (1, 1));
        assert_eq!(snapshot.policies_of(&LimitScope::Global).len(), 1);
        assert_eq!(snapshot.concurrency_of(&LimitScope::Global).len(), 1);
        let mut kinds = Vec::new();
        while let Some(Some(event)) = futures_util::FutureExt::now_or_never(events.next()) {
            kinds.push(event.changed().unwrap().kind);
        }
        kinds.sort_unstable();
        assert_eq!(
            kinds,
            [
                "concurrency",
                "limit",
                "limit",
                "limit",
                "maintenance",
                "route"
            ]
        );
    }
}
