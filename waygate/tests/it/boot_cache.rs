//! Starts while the store is down, from a boot cache.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use waygate::{
    Waygate,
    audit::AuditQuery,
    health::Component,
    model::{RouteState, RouteStatus},
    port::{Backend, BackendError, Batch, BoxFuture, BoxStream, CommitError, Image, OnStoreReset},
};
use waygate_core::model::{Epoch, Revision};

use crate::{
    reseed::{Link, poll, status},
    support::builder,
};

/// A directory that is deleted when the test ends.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        let name = format!("waygate-{}", Epoch::random());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn cache(&self) -> PathBuf {
        self.0.join("cache.json")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn process(backend: impl Backend, cache: &Path, policy: OnStoreReset) -> Waygate {
    let builder = builder().backend(backend).on_store_reset(policy);
    let waygate = builder.boot_cache(cache).build().await.unwrap();
    let state = RouteState::default();
    waygate
        .register("GET:/a".parse().unwrap(), state)
        .await
        .unwrap();
    waygate
}

/// Runs a process that closes a route, until the cache has the change.
async fn closed(link: &Link, cache: &Path) {
    let waygate = process(link.beside(), cache, OnStoreReset::Keep).await;
    waygate
        .system()
        .disable("GET:/a", "incident")
        .await
        .unwrap();
    let wanted = format!("\"revision\": {}", waygate.revision().number);
    let begin = Instant::now();
    while !std::fs::read_to_string(cache).is_ok_and(|text| text.contains(&wanted)) {
        assert!(
            begin.elapsed() < Duration::from_secs(20),
            "nothing was written"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn closed_routes_stay_closed_after_a_start_without_the_store() {
    let (directory, link) = (Directory::new(), Link::default());
    closed(&link, &directory.cache()).await;
    let cut = link.beside();
    cut.cut(true);
    let begun = process(cut.clone(), &directory.cache(), OnStoreReset::Keep).await;
    assert_eq!(status(&begun, "GET:/a"), RouteStatus::Disabled);
    assert!(begun.health().contains_key(&Component::Store));
    assert!(begun.system().enable("GET:/a", "").await.is_err());
    // Without the cache, the route is open.
    let other = Directory::new();
    let cut = link.beside();
    cut.cut(true);
    let unaware = process(cut, &other.cache(), OnStoreReset::Keep).await;
    assert_eq!(status(&unaware, "GET:/a"), RouteStatus::Active);
}

#[tokio::test(start_paused = true)]
async fn the_store_overrides_the_cache_when_it_is_back() {
    let (directory, link) = (Directory::new(), Link::default());
    closed(&link, &directory.cache()).await;
    let cut = link.beside();
    cut.cut(true);
    let begun = process(cut.clone(), &directory.cache(), OnStoreReset::Keep).await;
    let fresh = Directory::new();
    let other = process(link.beside(), &fresh.cache(), OnStoreReset::Keep).await;
    other.system().enable("GET:/a", "over").await.unwrap();
    assert_eq!(status(&begun, "GET:/a"), RouteStatus::Disabled);
    cut.cut(false);
    poll().await;
    assert_eq!(status(&begun, "GET:/a"), RouteStatus::Active);
    assert!(begun.health().is_empty(), "{:?}", begun.health());
    assert_eq!(begun.revision(), other.revision());
}

#[tokio::test(start_paused = true)]
async fn a_store_emptied_while_nothing_ran_opens_no_route() {
    for (policy, is_alarmed, at_last) in [
        (OnStoreReset::Keep, true, RouteStatus::Disabled),
        (OnStoreReset::Reseed, false, RouteStatus::Disabled),
        (OnStoreReset::Accept, false, RouteStatus::Active),
    ] {
        let (directory, link) = (Directory::new(), Link::default());
        closed(&link, &directory.cache()).await;
        link.empty();
        let begun = process(link.beside(), &directory.cache(), policy).await;
        assert_eq!(status(&begun, "GET:/a"), at_last, "{policy:?}");
        poll().await;
        assert_eq!(status(&begun, "GET:/a"), at_last, "{policy:?}");
        let health = begun.health();
        assert_eq!(health.contains_key(&Component::StoreReset), is_alarmed);
        let stored = link.load().await.unwrap().revision.number;
        assert_eq!(stored > 0, policy == OnStoreReset::Reseed);
    }
}

#[tokio::test]
async fn a_damaged_cache_does_not_stop_the_start() {
    let (directory, link) = (Directory::new(), Link::default());
    closed(&link, &directory.cache()).await;
    let text = std::fs::read_to_string(directory.cache()).unwrap();
    std::fs::write(directory.cache(), text.replace("incident", "accident")).unwrap();
    let cut = link.beside();
    cut.cut(true);
    let begun = process(cut, &directory.cache(), OnStoreReset::Keep).await;
    assert_eq!(status(&begun, "GET:/a"), RouteStatus::Active);
    let begun = process(link.beside(), &directory.cache(), OnStoreReset::Keep).await;
    assert_eq!(status(&begun, "GET:/a"), RouteStatus::Disabled);
}

#[tokio::test]
async fn a_cache_that_cannot_be_written_is_reported() {
    let (directory, link) = (Directory::new(), Link::default());
    let waygate = process(link.clone(), &directory.cache(), OnStoreReset::Keep).await;
    std::fs::remove_dir_all(&directory.0).unwrap();
    waygate.system().disable("GET:/a", "").await.unwrap();
    let begin = Instant::now();
    let is_impaired = || waygate.health().contains_key(&Component::BootCache);
    while !is_impaired() {
        assert!(
            begin.elapsed() < Duration::from_secs(20),
            "the failure is not reported"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    std::fs::create_dir(&directory.0).unwrap();
    while is_impaired() {
        assert!(
            begin.elapsed() < Duration::from_secs(20),
            "it is not retried"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(directory.cache().exists());
}

/// A store that never answers.
#[derive(Debug)]
struct Hung;

impl Backend for Hung {
    fn load(&self) -> BoxFuture<'_, Result<Image, BackendError>> {
        Box::pin(std::future::pending())
    }

    fn commit(&self, _: Batch) -> BoxFuture<'_, Result<Revision, CommitError>> {
        Box::pin(std::future::pending())
    }

    fn changes(&self) -> BoxStream<'static, Revision> {
        Box::pin(futures_util::stream::pending())
    }

    fn audit(
        &self,
        _: AuditQuery,
    ) -> BoxFuture<'_, Result<Vec<waygate::audit::AuditEntry>, BackendError>> {
        Box::pin(std::future::pending())
    }

    fn health(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn a_hanging_store_does_not_delay_the_start() {
    let (directory, link) = (Directory::new(), Link::default());
    closed(&link, &directory.cache()).await;
    let begin = Instant::now();
    let begun = process(Hung, &directory.cache(), OnStoreReset::Keep).await;
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(status(&begun, "GET:/a"), RouteStatus::Disabled);
    assert!(begun.health().contains_key(&Component::Store));
}
