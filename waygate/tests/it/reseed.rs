//! Stores that lose everything, or go back in time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use serde_json::json;
use waygate::{
    Waygate,
    audit::{Action, AuditQuery},
    health::Component,
    model::{GlobalMaintenance, RouteState, RouteStatus},
    port::{
        Backend, BackendError, Batch, BoxFuture, BoxStream, CommitError, Entity, Image,
        MemoryBackend, OnStoreReset,
    },
};
use waygate_core::model::{Epoch, Revision};

use crate::support::builder;

/// A process's connection to a shared store that can be replaced with an empty one, as by `FLUSHALL`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Link {
    store: Arc<ArcSwap<MemoryBackend>>,
    is_cut: Arc<AtomicBool>,
}

impl Link {
    /// Another process's connection to the same store.
    pub(crate) fn beside(&self) -> Self {
        let store = self.store.clone();
        Self {
            store,
            ..Self::default()
        }
    }

    pub(crate) fn empty(&self) {
        self.store.store(Arc::default());
    }

    pub(crate) fn cut(&self, is_cut: bool) {
        self.is_cut.store(is_cut, Ordering::SeqCst);
    }

    fn reach(&self) -> Result<Arc<MemoryBackend>, BackendError> {
        if self.is_cut.load(Ordering::SeqCst) {
            return Err(BackendError::Unavailable("the link is cut".to_owned()));
        }
        Ok(self.store.load_full())
    }
}

impl Backend for Link {
    fn load(&self) -> BoxFuture<'_, Result<Image, BackendError>> {
        Box::pin(async { self.reach()?.load().await })
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<Revision, CommitError>> {
        Box::pin(async { self.reach()?.commit(batch).await })
    }

    /// No hints are sent, so the poll has to find out.
    fn changes(&self) -> BoxStream<'static, Revision> {
        Box::pin(futures_util::stream::pending())
    }

    fn audit(
        &self,
        query: AuditQuery,
    ) -> BoxFuture<'_, Result<Vec<waygate::audit::AuditEntry>, BackendError>> {
        Box::pin(async { self.reach()?.audit(query).await })
    }

    fn health(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async { self.reach().map(drop) })
    }
}

async fn process(backend: impl Backend, policy: OnStoreReset) -> Waygate {
    let builder = builder().backend(backend).on_store_reset(policy);
    let waygate = builder.build().await.unwrap();
    for key in ["GET:/a", "GET:/b"] {
        let state = RouteState::default();
        waygate.register(key.parse().unwrap(), state).await.unwrap();
    }
    waygate
}

/// Waits longer than the poll interval.
pub(crate) async fn poll() {
    tokio::time::sleep(Duration::from_secs(7)).await;
}

pub(crate) fn status(waygate: &Waygate, key: &str) -> RouteStatus {
    waygate.route(key).unwrap().view.status
}

/// Stores something of every kind.
async fn fill(waygate: &Waygate) {
    let operator = waygate.system();
    operator.disable("GET:/a", "incident").await.unwrap();
    operator.set_maintenance("GET:/b", "db").await.unwrap();
    let global = json!({ "enabled": true, "reason": "deploy", "exempt_paths": ["/a"] });
    let global: GlobalMaintenance = serde_json::from_value(global).unwrap();
    operator
        .enable_global_maintenance(global.clone())
        .await
        .unwrap();
    operator
        .enable_service_maintenance("billing", global)
        .await
        .unwrap();
    for key in ["*#default", "GET:/a#default"] {
        let policy = serde_json::from_value(json!({ "limit": "5/minute" })).unwrap();
        operator
            .set_rate_limit(key.parse().unwrap(), policy)
            .await
            .unwrap();
        let policy = serde_json::from_value(json!({ "limit": 5 })).unwrap();
        operator
            .set_concurrency_limit(key.parse().unwrap(), policy)
            .await
            .unwrap();
    }
    operator
        .reset_rate_limits(
            "*#default"
                .parse::<waygate::limits::LimitKey>()
                .unwrap()
                .scope,
        )
        .await
        .unwrap();
}

/// The values of all entities, except the record about the reseed.
async fn values(link: &Link) -> Vec<(String, serde_json::Value)> {
    let image = link.load().await.unwrap();
    let mut values: Vec<_> = image
        .entities
        .into_iter()
        .map(|(key, entity)| (key.to_string(), entity.value))
        .filter(|(key, _)| key != "reseed")
        .collect();
    values.sort_by(|a, b| a.0.cmp(&b.0));
    values
}

async fn reseeds(waygate: &Waygate) -> usize {
    let lines = waygate.audit(AuditQuery::newest(100)).await.unwrap();
    let lines = lines.iter();
    lines
        .filter(|line| line.action == Action::StoreReseeded)
        .count()
}

#[tokio::test(start_paused = true)]
async fn replicas_restore_an_emptied_store() {
    let link = Link::default();
    let mut fleet = Vec::new();
    for _ in 0..3 {
        fleet.push(process(link.beside(), OnStoreReset::Reseed).await);
    }
    fill(&fleet[0]).await;
    poll().await;
    let (before, known) = (values(&link).await, fleet[0].revision());
    assert!(before.len() > 8, "{before:?}");

    link.empty();
    poll().await;
    poll().await;
    assert_eq!(values(&link).await, before);
    let now = fleet[0].revision();
    assert_ne!(now.epoch, known.epoch);
    for process in &fleet {
        assert_eq!(process.revision(), now);
        assert!(process.health().is_empty(), "{:?}", process.health());
        assert_eq!(status(process, "GET:/a"), RouteStatus::Disabled);
        assert_eq!(reseeds(process).await, 1);
    }
    // A process that starts now sees the route as closed, and all accept changes.
    let fresh = process(link.beside(), OnStoreReset::Keep).await;
    assert_eq!(status(&fresh, "GET:/a"), RouteStatus::Disabled);
    fleet[1].system().enable("GET:/a", "over").await.unwrap();
    poll().await;
    assert_eq!(status(&fleet[2], "GET:/a"), RouteStatus::Active);
    assert_eq!(status(&fresh, "GET:/a"), RouteStatus::Active);

    // Once more: what was restored is restored again.
    link.empty();
    poll().await;
    poll().await;
    for process in fleet.iter().chain([&fresh]) {
        assert_eq!(status(process, "GET:/b"), RouteStatus::Maintenance);
        assert!(process.health().is_empty(), "{:?}", process.health());
    }
}

#[tokio::test(start_paused = true)]
async fn the_most_recent_knowledge_wins() {
    let (link, late) = (Link::default(), Link::default());
    let late = Link {
        store: link.store.clone(),
        ..late
    };
    let ahead = process(link.clone(), OnStoreReset::Reseed).await;
    let behind = process(late.clone(), OnStoreReset::Reseed).await;
    ahead.system().disable("GET:/b", "first").await.unwrap();
    poll().await;
    late.cut(true);
    ahead.system().disable("GET:/a", "second").await.unwrap();
    ahead.system().enable("GET:/b", "over").await.unwrap();
    poll().await;
    link.cut(true);
    link.empty();
    late.cut(false);
    poll().await;
    // It has restored what it knew.
    assert_eq!(status(&behind, "GET:/a"), RouteStatus::Active);
    assert_eq!(reseeds(&behind).await, 1);
    link.cut(false);
    poll().await;
    poll().await;
    assert_eq!(ahead.revision(), behind.revision());
    for process in [&ahead, &behind] {
        assert_eq!(status(process, "GET:/a"), RouteStatus::Disabled);
        assert_eq!(status(process, "GET:/b"), RouteStatus::Active);
        assert!(process.health().is_empty(), "{:?}", process.health());
    }
}

#[tokio::test(start_paused = true)]
async fn an_operator_can_restore_the_store() {
    let link = Link::default();
    let one = process(link.beside(), OnStoreReset::Keep).await;
    let other = process(link.beside(), OnStoreReset::Keep).await;
    assert!(!one.system().reseed_store().await.unwrap());
    one.system().disable("GET:/a", "incident").await.unwrap();
    assert!(!other.system().reseed_store().await.unwrap());
    assert_eq!(status(&other, "GET:/a"), RouteStatus::Disabled);

    link.empty();
    poll().await;
    for process in [&one, &other] {
        assert!(process.health().contains_key(&Component::StoreReset));
    }
    assert!(one.system().reseed_store().await.unwrap());
    assert!(!other.system().reseed_store().await.unwrap());
    assert_eq!(one.revision(), other.revision());
    for process in [&one, &other] {
        assert_eq!(status(process, "GET:/a"), RouteStatus::Disabled);
        assert!(process.health().is_empty());
        assert_eq!(reseeds(process).await, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_changed_after_it_was_emptied_is_left_alone() {
    let link = Link::default();
    for policy in [OnStoreReset::Keep, OnStoreReset::Reseed] {
        link.empty();
        let cut = link.beside();
        let waygate = process(cut.clone(), policy).await;
        waygate
            .system()
            .disable("GET:/a", "incident")
            .await
            .unwrap();
        cut.cut(true);
        link.empty();
        let fresh = process(link.beside(), OnStoreReset::Keep).await;
        fresh.system().disable("GET:/b", "new").await.unwrap();
        let before = values(&link).await;
        cut.cut(false);
        poll().await;
        let refused = waygate.system().reseed_store().await.unwrap_err();
        assert!(refused.to_string().contains("was known"), "{refused}");
        assert_eq!(values(&link).await, before);
        assert_eq!(status(&waygate, "GET:/a"), RouteStatus::Disabled);
        assert!(waygate.health().contains_key(&Component::StoreReset));
    }
}

/// A store that shows a given image.
#[derive(Debug, Clone)]
struct Shown(Arc<ArcSwap<Image>>);

impl Backend for Shown {
    fn load(&self) -> BoxFuture<'_, Result<Image, BackendError>> {
        Box::pin(async { Ok((**self.0.load()).clone()) })
    }

    fn commit(&self, _: Batch) -> BoxFuture<'_, Result<Revision, CommitError>> {
        let refused = BackendError::NotWritable("it only shows".to_owned());
        Box::pin(async { Err(refused.into()) })
    }

    fn changes(&self) -> BoxStream<'static, Revision> {
        Box::pin(futures_util::stream::pending())
    }

    fn audit(
        &self,
        _: AuditQuery,
    ) -> BoxFuture<'_, Result<Vec<waygate::audit::AuditEntry>, BackendError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn health(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async { Ok(()) })
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_went_back_in_time_is_not_trusted_when_its_numbers_grow_again() {
    let epoch = Epoch::random();
    // A closed route, with the state that a real commit writes.
    let sample = Link::default();
    let writer = process(sample.clone(), OnStoreReset::Keep).await;
    writer.system().disable("GET:/a", "incident").await.unwrap();
    let closed = sample.load().await.unwrap().entities[0].1.value.clone();
    let image = |number: u64, routes: &[(&str, u64)]| {
        Image::new(
            Revision { epoch, number },
            routes
                .iter()
                .map(|(key, revision)| {
                    let (revision, value) = (*revision, closed.clone());
                    (
                        format!("route/{key}").as_str().into(),
                        Entity::new(revision, value),
                    )
                })
                .collect(),
        )
    };
    let shown = Arc::new(ArcSwap::from_pointee(image(9, &[("GET:/a", 8)])));
    let waygate = process(Shown(shown.clone()), OnStoreReset::Keep).await;
    let show = async |image: Image| -> (RouteStatus, bool) {
        shown.store(Arc::new(image));
        poll().await;
        let is_alarmed = waygate.health().contains_key(&Component::StoreReset);
        (status(&waygate, "GET:/a"), is_alarmed)
    };
    let kept = (RouteStatus::Disabled, true);
    // Commits 6 to 9 are lost, and their numbers are used again.
    assert_eq!(show(image(5, &[])).await, kept);
    assert_eq!(show(image(7, &[("GET:/b", 7)])).await, kept);
    assert_eq!(show(image(9, &[("GET:/b", 7)])).await, kept);
    assert_eq!(show(image(12, &[("GET:/b", 7)])).await, kept);
    assert_eq!(show(image(12, &[("GET:/a", 6)])).await, kept);
    assert_eq!(show(image(12, &[("GET:/a", 8), ("GET:/b", 7)])).await, kept);
    // The store that had them is back.
    let back = image(12, &[("GET:/a", 8), ("GET:/b", 11)]);
    assert_eq!(show(back).await, (RouteStatus::Disabled, false));
    assert_eq!(status(&waygate, "GET:/b"), RouteStatus::Disabled);
    assert_eq!(
        show(image(13, &[])).await,
        (RouteStatus::Active, false),
        "a deletion can be detected again"
    );
}
