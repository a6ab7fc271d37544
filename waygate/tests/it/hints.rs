//! Hints from the store can move a poll forward, but never delay it.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::stream;
use tokio::time::{Instant, sleep};
use waygate::{
    Waygate,
    audit::AuditQuery,
    health::Component,
    model::{Revision, RouteState, RouteStatus},
    port::{Backend, BackendError, Batch, BoxFuture, BoxStream, CommitError, Image, MemoryBackend},
};

use crate::support::builder;

/// A store that sends the same revision every second, once it has one.
#[derive(Debug, Clone, Default)]
struct Chatty {
    store: Arc<MemoryBackend>,
    says: Arc<OnceLock<Revision>>,
    is_away: Arc<AtomicBool>,
}

impl Chatty {
    fn reach(&self) -> Result<&MemoryBackend, BackendError> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(BackendError::Unavailable("connection refused".to_owned()));
        }
        Ok(&self.store)
    }
}

impl Backend for Chatty {
    fn load(&self) -> BoxFuture<'_, Result<Image, BackendError>> {
        Box::pin(async { self.reach()?.load().await })
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<Revision, CommitError>> {
        Box::pin(async { self.reach()?.commit(batch).await })
    }

    fn changes(&self) -> BoxStream<'static, Revision> {
        let says = self.says.clone();
        Box::pin(stream::unfold(says, async |says| {
            loop {
                sleep(Duration::from_secs(1)).await;
                if let Some(revision) = says.get() {
                    return Some((*revision, says));
                }
            }
        }))
    }

    fn audit(
        &self,
        query: AuditQuery,
    ) -> BoxFuture<'_, Result<Vec<waygate::audit::AuditEntry>, BackendError>> {
        self.store.audit(query)
    }

    fn health(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async { self.reach().map(drop) })
    }
}

async fn process(backend: impl Backend) -> Waygate {
    let waygate = builder().backend(backend).build().await.unwrap();
    waygate
        .register("GET:/a".parse().unwrap(), RouteState::default())
        .await
        .unwrap();
    waygate
}

#[tokio::test(start_paused = true)]
async fn repeated_hints_do_not_delay_polls() {
    let backend = Chatty::default();
    let waygate = process(backend.clone()).await;
    waygate.system().disable("GET:/a", "first").await.unwrap();
    backend.says.set(waygate.revision()).unwrap();
    let other = process(Chatty {
        says: Arc::default(),
        ..backend
    })
    .await;
    other.system().enable("GET:/a", "second").await.unwrap();
    // Longer than the poll interval.
    sleep(Duration::from_secs(7)).await;
    let route = waygate.route("GET:/a").unwrap();
    assert_eq!(route.view.status, RouteStatus::Active);
    assert_eq!(waygate.revision(), other.revision());
}

#[tokio::test(start_paused = true)]
async fn any_hint_shows_that_the_store_is_back() {
    let backend = Chatty::default();
    let waygate = process(backend.clone()).await;
    waygate.system().disable("GET:/a", "").await.unwrap();
    backend.says.set(waygate.revision()).unwrap();
    for _ in 0..3 {
        backend.is_away.store(true, Ordering::SeqCst);
        waygate.system().enable("GET:/a", "").await.unwrap_err();
        assert!(waygate.health().contains_key(&Component::Store));
        backend.is_away.store(false, Ordering::SeqCst);
        let start = Instant::now();
        while waygate.health().contains_key(&Component::Store) {
            sleep(Duration::from_millis(10)).await;
            assert!(start.elapsed() < Duration::from_millis(1_100));
        }
    }
}
