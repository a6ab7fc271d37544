//! Helpers for the cases.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;
use waygate_core::{
    model::{Action, AuditEntry, Revision, RouteStatus},
    port::{AuditQuery, Backend, BackendError, Batch, CommitError, EntityKey, Expected},
};

use super::Harness;

pub(super) type Store = Arc<dyn Backend>;

/// Returns a handle on a new store, and its harness, which may own what the store depends on.
pub(super) async fn store<H: Harness>(new: impl Fn() -> H) -> (H, Store) {
    let harness = new();
    let store = harness.open().await;
    (harness, store)
}

pub(super) fn put(key: impl Into<Key>, value: Value) -> Batch {
    Batch {
        puts: vec![(key.into().0, value)],
        ..Batch::default()
    }
}

pub(super) fn delete(key: impl Into<Key>) -> Batch {
    Batch {
        deletes: vec![key.into().0],
        ..Batch::default()
    }
}

pub(super) fn audit(entries: impl IntoIterator<Item = AuditEntry>) -> Batch {
    Batch {
        audit: entries.into_iter().collect(),
        ..Batch::default()
    }
}

/// Random text as keys.
pub(super) struct Key(pub(super) EntityKey);

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Self(text.as_str().into())
    }
}

/// Builder methods for batches.
pub(super) trait BatchExt {
    fn expecting(self, key: &str, expected: Expected) -> Batch;
    fn putting(self, key: &str, value: Value) -> Batch;
    fn deleting(self, key: &str) -> Batch;
    fn noting(self, entry: AuditEntry) -> Batch;
}

impl BatchExt for Batch {
    fn expecting(mut self, key: &str, expected: Expected) -> Batch {
        self.expected.push((key.into(), expected));
        self
    }

    fn putting(mut self, key: &str, value: Value) -> Batch {
        self.puts.push((key.into(), value));
        self
    }

    fn deleting(mut self, key: &str) -> Batch {
        self.deletes.push(key.into());
        self
    }

    fn noting(mut self, entry: AuditEntry) -> Batch {
        self.audit.push(entry);
        self
    }
}

/// Returns an entry with every optional field empty.
pub(super) fn entry(path: &str) -> AuditEntry {
    AuditEntry {
        id: Uuid::new_v4(),
        timestamp: "2030-01-02T03:04:05.678901Z"
            .parse()
            .unwrap_or(Timestamp::UNIX_EPOCH),
        path: path.to_owned(),
        service: None,
        action: Action::Disable,
        actor: "ada".to_owned(),
        platform: "cli".to_owned(),
        reason: String::new(),
        previous_status: None,
        new_status: None,
        revision: 0,
        previous: None,
        new: None,
        dropped: None,
    }
}

pub(super) fn entry_of(service: &str, path: &str) -> AuditEntry {
    AuditEntry {
        service: Some(service.to_owned()),
        ..entry(path)
    }
}

/// Returns an entry with every field set.
pub(super) fn full_entry() -> AuditEntry {
    AuditEntry {
        action: Action::GlobalExemptPathsSet,
        reason: "wartung: \"früh\"\n\tum 6 \u{1f527}".to_owned(),
        previous_status: Some(RouteStatus::EnvGated),
        new_status: Some(RouteStatus::Maintenance),
        previous: Some(json!({ "envs": ["dev", null], "share": 0.25 })),
        new: Some(json!({ "deep": { "er": [1, -2, u64::MAX] } })),
        dropped: Some(json!({ "windows": [1] })),
        ..entry_of("shop", "/payments")
    }
}

/// Returns the value and the revision of each key.
pub(super) async fn entities(store: &Store) -> BTreeMap<String, (Value, u64)> {
    let image = store.load().await.expect("load");
    let count = image.entities.len();
    let entities: BTreeMap<_, _> = image
        .entities
        .into_iter()
        .map(|(key, entity)| (key.to_string(), (entity.value, entity.revision)))
        .collect();
    assert_eq!(entities.len(), count, "a key stands twice in the image");
    entities
}

pub(super) async fn value(store: &Store, key: &str) -> Option<Value> {
    entities(store).await.remove(key).map(|(value, _)| value)
}

pub(super) async fn revision(store: &Store) -> Revision {
    store.load().await.expect("load").revision
}

pub(super) async fn commit(store: &Store, batch: Batch) -> u64 {
    store.commit(batch).await.expect("commit").number
}

/// Returns the key, the expectation and the actual value of a conflict.
pub(super) async fn conflict(store: &Store, batch: Batch) -> (String, Expected, Expected) {
    match store.commit(batch).await {
        Err(CommitError::Conflict {
            key,
            expected,
            found,
        }) => (key.to_string(), expected, found),
        other => panic!("a conflict was due, not {other:?}"),
    }
}

pub(super) async fn refused(store: &Store, batch: Batch) {
    match store.commit(batch).await {
        Err(CommitError::Backend(BackendError::InvalidBatch(_))) => {}
        other => panic!("`InvalidBatch` was due, not {other:?}"),
    }
}

pub(super) async fn log(store: &Store) -> Vec<AuditEntry> {
    paged(store, AuditQuery::newest(1_000)).await
}

pub(super) async fn paged(store: &Store, query: AuditQuery) -> Vec<AuditEntry> {
    store.audit(query).await.expect("audit")
}

/// Returns the paths of the entries, newest first.
pub(super) async fn paths(store: &Store, query: AuditQuery) -> Vec<String> {
    let page = paged(store, query).await.into_iter();
    page.map(|entry| entry.path).collect()
}
