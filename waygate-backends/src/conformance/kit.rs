//! Helpers for the cases.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde_json::{Value, json};
use waygate_core::{
    model::{Action, AuditEntry, Origin, Revision, RouteStatus},
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
    Batch::new().put(key.into().0, value)
}

pub(super) fn delete(key: impl Into<Key>) -> Batch {
    Batch::new().delete(key.into().0)
}

pub(super) fn audit(entries: impl IntoIterator<Item = AuditEntry>) -> Batch {
    let mut batch = Batch::new();
    batch.audit = entries.into_iter().collect();
    batch
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

/// Returns an entry with every optional field empty.
pub(super) fn entry(path: &str) -> AuditEntry {
    let time = "2030-01-02T03:04:05.678901Z".parse();
    let time = time.unwrap_or(Timestamp::UNIX_EPOCH);
    AuditEntry::new(&Origin::new("ada", "cli"), Action::Disable, path, time)
}

pub(super) fn entry_of(service: &str, path: &str) -> AuditEntry {
    let mut entry = entry(path);
    entry.service = Some(service.to_owned());
    entry
}

/// Returns an entry with every field set.
pub(super) fn full_entry() -> AuditEntry {
    let mut entry = entry_of("shop", "/payments");
    entry.action = Action::GlobalExemptPathsSet;
    entry.reason = "wartung: \"früh\"\n\tum 6 \u{1f527}".to_owned();
    entry.previous_status = Some(RouteStatus::EnvGated);
    entry.new_status = Some(RouteStatus::Maintenance);
    entry.previous = Some(json!({ "envs": ["dev", null], "share": 0.25 }));
    entry.new = Some(json!({ "deep": { "er": [1, -2, u64::MAX] } }));
    entry.dropped = Some(json!({ "windows": [1] }));
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    entry.traceparent = Some(parent.parse().expect("a traceparent"));
    entry
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
    assert_eq!(entities.len(), count, "a key occurs twice in the image");
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
