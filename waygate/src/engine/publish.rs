//! From a change of what is stored to the picture that requests read, and to what subscribers hear.

use std::collections::BTreeSet;

use waygate_core::model::{AuditEntry, LimitKey, LimitScope, Revision, RouteKey};

use super::{
    Event, Inner,
    limits::KeySources,
    record::{self, orphan},
    record_id::RecordId,
    snapshot::{Compiler, Snapshot},
    stored::{Stored, kind},
    table::Table,
};

/// What has to be compiled again.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    pub(crate) slots: Vec<usize>,
    /// Whether the limits are among it that more than one route meets.
    pub(crate) levels: bool,
}

impl Touched {
    /// The route in this slot.
    pub(crate) fn slot(slot: usize) -> Self {
        Self {
            slots: vec![slot],
            levels: false,
        }
    }

    /// A route, also one that was unregistered.
    pub(crate) fn route(key: &RouteKey, table: &Table) -> Self {
        Self {
            slots: table.slot_of(key).into_iter().collect(),
            levels: false,
        }
    }

    fn add(&mut self, scope: &LimitScope, table: &Table) {
        match scope {
            LimitScope::Route(key) => {
                self.slots.extend(table.limited(key).or(table.slot_of(key)));
                // Extension methods meet it at the route that takes all of them.
                let whole = key.path().parse::<RouteKey>().ok();
                self.slots
                    .extend(whole.and_then(|whole| table.exact(&whole)));
            }
            // Every route meets it.
            LimitScope::Global | LimitScope::Service(_) => self.levels = true,
        }
    }

    /// What changes of these limits touch.
    pub(crate) fn limits<'a>(keys: impl IntoIterator<Item = &'a LimitKey>, table: &Table) -> Self {
        let mut touched = Self::default();
        for key in keys {
            touched.add(&key.scope, table);
        }
        touched
    }

    fn records(changed: &BTreeSet<RecordId>, table: &Table) -> Self {
        let mut touched = Self::default();
        for id in changed {
            match id {
                RecordId::Route(key) => touched.slots.extend(table.slot_of(key)),
                RecordId::Limit(key) | RecordId::Concurrency(key) | RecordId::Counters(key) => {
                    touched.add(&key.scope, table);
                }
                // Every picture looks at these.
                RecordId::Maintenance(_) | RecordId::Other(_) => {}
                // Only the audit log depends on it.
                RecordId::Schedule(_) => {}
            }
        }
        touched.slots.sort_unstable();
        touched.slots.dedup();
        touched
    }
}

impl Inner {
    pub(crate) fn compiler(&self) -> Compiler<'_> {
        Compiler {
            env: &self.env,
            service: self.service.as_ref(),
            book: &self.book,
            counters: &self.counters,
            sources: KeySources {
                has_principal: self.principal.is_some(),
            },
            is_part: false,
            bypass: self.snapshot.load().bypass,
            now: self.clock.now(),
        }
    }

    /// Makes a picture the one that requests read. The caller holds the lock on `stored`.
    pub(crate) fn publish(&self, snapshot: Snapshot) {
        let version = snapshot.version;
        let snapshot = std::sync::Arc::new(snapshot);
        self.snapshot.store(snapshot.clone());
        self.channels.announce(version);
        self.note_unmatched(&snapshot);
    }

    /// Compiles what was touched, and maintenance if it was changed, and publishes it as one picture.
    pub(crate) fn publish_next(&self, stored: &Stored, touched: &Touched) {
        let snapshot = self.snapshot.load();
        self.publish(snapshot.next(stored, touched, self.compiler()));
    }

    /// Publishes what another process has changed, all of it at once, and sends an event for each record.
    pub(crate) fn publish_difference(&self, previous: &Stored, next: &Stored) {
        let mut changed = previous.changed(next);
        let table = self.snapshot.load().table.clone();
        for place in previous.newly_in_doubt(next) {
            let routes = table.iter().filter(|route| place.covers(&route.key));
            changed.extend(routes.map(|route| RecordId::Route(route.key.clone())));
        }
        self.publish_next(next, &Touched::records(&changed, &table));
        let snapshot = self.snapshot.load();
        let (mut rates, mut others) = (BTreeSet::new(), Vec::new());
        for id in changed {
            match id {
                RecordId::Route(key) => self.send_changed_route(&snapshot, &key, next),
                RecordId::Maintenance(scope) => {
                    let maintenance = next.maintenance(&scope).value.at(self.clock.now());
                    self.send(scope.event(maintenance, next.revision, None));
                }
                RecordId::Limit(key) | RecordId::Counters(key) => {
                    rates.insert(key);
                }
                RecordId::Concurrency(key) => {
                    self.send(Event::Concurrency {
                        limit: snapshot.concurrency_record(&key).map(Box::new),
                        key,
                        audit: None,
                    });
                }
                RecordId::Other(key) if key.as_str() == kind::RESEED => {
                    self.send(Event::StoreReseeded {
                        revision: next.revision,
                        audit: None,
                    });
                }
                RecordId::Other(key) => others.push(key),
                // Moves with the lines of transitions, which are events of their own.
                RecordId::Schedule(_) => {}
            }
        }
        for key in rates {
            self.send_rate_limit(&snapshot, key, None);
        }
        if !others.is_empty() {
            self.send(Event::Records {
                keys: others,
                revision: next.revision,
                audit: None,
            });
        }
    }

    fn send_changed_route(&self, snapshot: &Snapshot, key: &RouteKey, stored: &Stored) {
        if let Some(slot) = snapshot.table.exact(key) {
            return self.send_route(snapshot, slot, None);
        }
        match orphan(stored, key, self.clock.now()) {
            Some(route) => self.send(Event::Route {
                route: Box::new(route),
                audit: None,
            }),
            None => self.send_purged(key, stored.revision, None),
        }
    }

    pub(crate) fn send_purged(
        &self,
        key: &RouteKey,
        revision: Revision,
        audit: Option<Box<AuditEntry>>,
    ) {
        self.send(Event::RoutePurged {
            key: key.clone(),
            revision,
            audit,
        });
    }

    pub(crate) fn send_rate_limit(
        &self,
        snapshot: &Snapshot,
        key: LimitKey,
        audit: Option<Box<AuditEntry>>,
    ) {
        self.send(Event::RateLimit {
            limit: snapshot.limit_record(&key).map(Box::new),
            key,
            audit,
        });
    }

    pub(crate) fn send_route(
        &self,
        snapshot: &Snapshot,
        slot: usize,
        audit: Option<Box<AuditEntry>>,
    ) {
        if let Some(route) = record::of_slot(snapshot, slot, self.clock.now()) {
            self.send(Event::Route {
                route: Box::new(route),
                audit,
            });
        }
    }

    pub(crate) fn send(&self, event: Event) {
        // Without a subscriber nothing is to be done.
        self.channels.send(event);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;
    use waygate_core::{
        model::RouteState,
        port::{Backend, Batch},
    };

    use super::*;
    use crate::{Waygate, engine::stored::Stored};

    /// A commit of another process that changes a route, what governs it alone, and what governs all.
    async fn changed() -> (Waygate, Stored, waygate_core::port::Image) {
        let backend = Arc::new(waygate_backends::MemoryBackend::new());
        let builder = Waygate::builder().shared_backend(backend.clone());
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
        let batch = Batch {
            puts: records.map(|(key, value)| (key.into(), value)).to_vec(),
            ..Batch::default()
        };
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
            kinds.push(match event {
                Event::Route { .. } => "route",
                Event::Global { .. } => "global",
                Event::RateLimit { .. } => "rate",
                Event::Concurrency { .. } => "concurrency",
                other => panic!("{other:?}"),
            });
        }
        kinds.sort_unstable();
        assert_eq!(
            kinds,
            ["concurrency", "global", "rate", "rate", "rate", "route"]
        );
    }
}
