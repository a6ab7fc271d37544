//! Hints from the store can move a poll forward, but never delay it.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
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
async fn a_lost_hint_delays_a_change_by_five_seconds_at_most() {
    let backend = Ending::new(usize::MAX);
    let (waygate, other) = (
        process(backend.clone()).await,
        process(backend.clone()).await,
    );
    for change in 0..50 {
        // A change at any time within an interval.
        sleep(Duration::from_millis(137 * change)).await;
        other.system().disable("GET:/a", "").await.unwrap();
        other.system().enable("GET:/a", "").await.unwrap();
        let start = Instant::now();
        while waygate.revision() != other.revision() {
            sleep(Duration::from_millis(10)).await;
        }
        assert!(
            start.elapsed() <= Duration::from_millis(5_050),
            "{:?}",
            start.elapsed()
        );
    }
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

/// A store with streams of hints that end, except those after the first `ends`.
#[derive(Debug, Clone)]
struct Ending {
    store: Arc<MemoryBackend>,
    ends: usize,
    streams: Arc<AtomicUsize>,
}

impl Ending {
    fn new(ends: usize) -> Self {
        Self {
            store: Arc::default(),
            ends,
            streams: Arc::default(),
        }
    }
}

impl Backend for Ending {
    fn load(&self) -> BoxFuture<'_, Result<Image, BackendError>> {
        self.store.load()
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<Revision, CommitError>> {
        self.store.commit(batch)
    }

    fn changes(&self) -> BoxStream<'static, Revision> {
        match self.streams.fetch_add(1, Ordering::SeqCst) < self.ends {
            true => Box::pin(stream::empty()),
            false => self.store.changes(),
        }
    }

    fn audit(
        &self,
        query: AuditQuery,
    ) -> BoxFuture<'_, Result<Vec<waygate::audit::AuditEntry>, BackendError>> {
        self.store.audit(query)
    }

    fn health(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        self.store.health()
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_hints_that_ends_is_opened_again() {
    let backend = Ending::new(2);
    let waygate = process(backend.clone()).await;
    let is_deaf = || waygate.health().contains_key(&Component::Sync);
    while !is_deaf() {
        sleep(Duration::from_millis(10)).await;
    }
    let start = Instant::now();
    while is_deaf() {
        sleep(Duration::from_millis(10)).await;
        assert!(start.elapsed() < Duration::from_secs(30));
    }
    assert_eq!(backend.streams.load(Ordering::SeqCst), 3);
    // Hints are heard again: a poll would take seconds.
    let other = process(backend).await;
    other.system().disable("GET:/a", "").await.unwrap();
    let start = Instant::now();
    while waygate.revision() != other.revision() {
        sleep(Duration::from_millis(10)).await;
        assert!(start.elapsed() < Duration::from_secs(1));
    }
    assert!(!is_deaf());
}

#[tokio::test(start_paused = true)]
async fn a_store_without_hints_stays_degraded_and_is_polled() {
    let backend = Ending::new(usize::MAX);
    let (waygate, other) = (
        process(backend.clone()).await,
        process(backend.clone()).await,
    );
    let mut seen = Vec::new();
    for _ in 0..100 {
        other.system().disable("GET:/a", "").await.unwrap();
        other.system().enable("GET:/a", "").await.unwrap();
        sleep(Duration::from_secs(7)).await;
        assert_eq!(waygate.revision(), other.revision());
        seen.extend(waygate.health().get(&Component::Sync).map(|it| it.since));
    }
    assert_eq!(seen.len(), 100);
    seen.dedup();
    assert_eq!(seen.len(), 1, "it does not recover in between");
    // One for each poll, not one for each end.
    assert!(backend.streams.load(Ordering::SeqCst) < 1_000);
}
