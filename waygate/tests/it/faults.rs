//! The application keeps serving while the store fails.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use waygate::{
    ChangeError, Waygate,
    audit::AuditQuery,
    health::Component,
    model::{RouteState, RouteStatus},
    port::{Backend, BackendError, Batch, BoxFuture, BoxStream, CommitError, Image, MemoryBackend},
};

use crate::support::{app, builder};

/// A store that fails on demand.
#[derive(Debug, Default)]
pub(crate) struct Faulty {
    store: MemoryBackend,
    mode: AtomicU8,
}

pub(crate) const FINE: u8 = 0;
pub(crate) const DOWN: u8 = 1;
/// Reads work, and writes are refused.
pub(crate) const FULL: u8 = 2;
const HUNG: u8 = 3;

impl Faulty {
    pub(crate) fn set(&self, mode: u8) {
        self.mode.store(mode, Ordering::SeqCst);
    }

    async fn reach(&self, write: bool) -> Result<(), BackendError> {
        match self.mode.load(Ordering::SeqCst) {
            DOWN => Err(BackendError::Unavailable("connection refused".to_owned())),
            FULL if write => Err(BackendError::NotWritable("no space left".to_owned())),
            HUNG => std::future::pending().await,
            _ => Ok(()),
        }
    }
}

impl Backend for Faulty {
    fn load(&self) -> BoxFuture<'_, Result<Image, BackendError>> {
        Box::pin(async {
            self.reach(false).await?;
            self.store.load().await
        })
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<waygate::model::Revision, CommitError>> {
        Box::pin(async {
            self.reach(true).await?;
            self.store.commit(batch).await
        })
    }

    fn changes(&self) -> BoxStream<'static, waygate::model::Revision> {
        self.store.changes()
    }

    fn audit(
        &self,
        query: AuditQuery,
    ) -> BoxFuture<'_, Result<Vec<waygate::audit::AuditEntry>, BackendError>> {
        self.store.audit(query)
    }

    fn health(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(self.reach(true))
    }
}

async fn engine(backend: &Arc<Faulty>) -> Waygate {
    let waygate = builder().backend(backend.clone()).build().await.unwrap();
    waygate
        .register("GET:/a".parse().unwrap(), RouteState::default())
        .await
        .unwrap();
    waygate
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_only_store_is_reported_before_the_first_change() {
    let backend = Arc::new(Faulty::default());
    backend.set(FULL);
    let waygate = engine(&backend).await;
    let cause = || {
        let health = waygate.health();
        let degraded = health.get(&Component::Store);
        degraded.map(|degraded| degraded.cause.clone())
    };
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert!(cause().is_some_and(|said| said.contains("no space left")));
    // A store that can be read may still refuse writes.
    tokio::time::sleep(std::time::Duration::from_secs(20)).await;
    assert!(cause().is_some());
    backend.set(FINE);
    tokio::time::sleep(std::time::Duration::from_secs(20)).await;
    assert_eq!(cause(), None);
    // The same after a refused change.
    backend.set(FULL);
    assert!(waygate.system().disable("GET:/a", "").await.is_err());
    tokio::time::sleep(std::time::Duration::from_secs(20)).await;
    assert!(cause().is_some());
    backend.set(FINE);
    waygate.system().disable("GET:/a", "").await.unwrap();
    assert_eq!(cause(), None);
}

#[tokio::test(start_paused = true)]
async fn a_start_without_the_store_serves_declarations_and_catches_up() {
    let backend = Arc::new(Faulty::default());
    let before = engine(&backend).await;
    before.system().disable("GET:/a", "incident").await.unwrap();
    drop(before);

    backend.set(DOWN);
    let waygate = engine(&backend).await;
    let app = app(&waygate, &["GET:/a"]).await;
    assert_eq!(
        app.get("/a").await.status(),
        200,
        "the override is unknown yet"
    );
    assert!(
        waygate.health()[&Component::Store]
            .cause
            .contains("connection refused")
    );

    backend.set(FINE);
    until_caught_up(&waygate).await;
    assert_eq!(app.get("/a").await.status(), 503);
    assert!(waygate.health().is_empty());
}

/// Advances paused time past the poll interval.
async fn until_caught_up(waygate: &Waygate) {
    while !waygate.health().is_empty() {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn closed_routes_stay_closed_while_the_store_is_down() {
    let backend = Arc::new(Faulty::default());
    let waygate = engine(&backend).await;
    let app = app(&waygate, &["GET:/a", "GET:/b"]).await;
    waygate
        .system()
        .disable("GET:/a", "incident")
        .await
        .unwrap();
    for mode in [DOWN, HUNG] {
        backend.set(mode);
        let refused = waygate.system().enable("GET:/a", "").await.unwrap_err();
        assert!(
            matches!(refused, ChangeError::Backend(BackendError::Unavailable(_))),
            "{refused}"
        );
        assert_eq!(app.get("/a").await.status(), 503);
        assert_eq!(app.get("/b").await.status(), 200);
        assert!(waygate.health().contains_key(&Component::Store));
    }
    backend.set(FINE);
    waygate.system().enable("GET:/a", "").await.unwrap();
    assert_eq!(app.get("/a").await.status(), 200);
    assert!(!waygate.health().contains_key(&Component::Store));
}

#[tokio::test]
async fn a_full_store_changes_nothing() {
    let backend = Arc::new(Faulty::default());
    let waygate = engine(&backend).await;
    backend.set(FULL);
    let refused = waygate.system().disable("GET:/a", "").await.unwrap_err();
    assert!(
        matches!(refused, ChangeError::Backend(BackendError::NotWritable(_))),
        "{refused}"
    );
    assert_eq!(
        waygate.route("GET:/a").unwrap().view.status,
        RouteStatus::Active
    );
    assert_eq!(waygate.revision().number, 0);
}

/// A store that can be replaced with an empty one, like after `FLUSHALL` or a deleted file.
#[derive(Debug)]
struct Swapped(Arc<arc_swap::ArcSwap<MemoryBackend>>);

impl Backend for Swapped {
    fn load(&self) -> BoxFuture<'_, Result<Image, BackendError>> {
        Box::pin(async { self.0.load_full().load().await })
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<waygate::model::Revision, CommitError>> {
        Box::pin(async { self.0.load_full().commit(batch).await })
    }

    fn changes(&self) -> BoxStream<'static, waygate::model::Revision> {
        self.0.load().changes()
    }

    fn audit(
        &self,
        query: AuditQuery,
    ) -> BoxFuture<'_, Result<Vec<waygate::audit::AuditEntry>, BackendError>> {
        Box::pin(async { self.0.load_full().audit(query).await })
    }

    fn health(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async { Ok(()) })
    }
}

#[tokio::test(start_paused = true)]
async fn an_emptied_store_opens_no_route() {
    use waygate::port::OnStoreReset;
    for (policy, status) in [
        (OnStoreReset::Keep, RouteStatus::Disabled),
        (OnStoreReset::Accept, RouteStatus::Active),
    ] {
        let store = Arc::new(arc_swap::ArcSwap::from_pointee(MemoryBackend::new()));
        let builder = builder()
            .backend(Swapped(store.clone()))
            .on_store_reset(policy);
        let waygate = builder.build().await.unwrap();
        waygate
            .register("GET:/a".parse().unwrap(), RouteState::default())
            .await
            .unwrap();
        waygate
            .system()
            .disable("GET:/a", "incident")
            .await
            .unwrap();
        let seen = waygate.revision();

        store.store(Arc::new(MemoryBackend::new()));
        tokio::time::sleep(std::time::Duration::from_secs(10)).await;
        assert_eq!(
            waygate.route("GET:/a").unwrap().view.status,
            status,
            "{policy:?}"
        );
        match policy {
            OnStoreReset::Keep => {
                assert!(waygate.health().contains_key(&Component::StoreReset));
                let refused = waygate.system().enable("GET:/a", "").await.unwrap_err();
                assert!(refused.to_string().contains(&seen.to_string()), "{refused}");
                let config = waygate::model::GlobalMaintenance::default();
                let refused = waygate.system().enable_global_maintenance(config).await;
                assert!(
                    refused.is_err(),
                    "a store that lost its data is not written to"
                );
            }
            _ => assert!(!waygate.health().contains_key(&Component::StoreReset)),
        }
    }
}

#[tokio::test]
async fn one_unreadable_record_does_not_affect_the_others() {
    let store = Arc::new(MemoryBackend::new());
    let batch = Batch::new()
        .put("route/GET:/a", serde_json::json!({ "from": "the future" }))
        .put("route/nonsense", serde_json::json!(1))
        .put(
            "global",
            serde_json::json!({ "enabled": true, "reason": "deploy" }),
        );
    store.commit(batch).await.unwrap();
    let waygate = builder().backend(store).build().await.unwrap();
    waygate
        .register("GET:/a".parse().unwrap(), RouteState::default())
        .await
        .unwrap();
    waygate
        .register("GET:/b".parse().unwrap(), RouteState::default())
        .await
        .unwrap();
    let status = |key| waygate.route(key).unwrap().view.status;
    assert_eq!(status("GET:/a"), RouteStatus::Maintenance);
    assert_eq!(status("GET:/b"), RouteStatus::Active);
    assert!(waygate.global_maintenance().maintenance.enabled);
    until(|| waygate.health().contains_key(&Component::Records)).await;
    assert!(
        waygate.health()[&Component::Records]
            .cause
            .contains("route/nonsense")
    );
    // An operator's change replaces the unreadable record.
    waygate
        .system()
        .disable("GET:/a", "repaired")
        .await
        .unwrap();
    let reset = waygate.system().reset("GET:/a").await.unwrap();
    assert_eq!(reset.view.status, RouteStatus::Active);
}
