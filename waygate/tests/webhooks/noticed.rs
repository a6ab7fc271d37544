//! Events that no command causes: outages of the store, and rate limits that are nearly used up.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, routing::get};
use waygate::{
    Waygate,
    audit::{AuditEntry, AuditQuery},
    health::Component,
    limits::RateLimitPolicy,
    model::Revision,
    port::{
        Backend, BackendError, Batch, BoxFuture, BoxStream, CommitError, Image, ManualClock,
        MemoryBackend,
    },
    testing::TestApp,
};

use crate::{
    receiver::{Answer, Got, OK, Receiver},
    support::{backend, clock, hook, options, start, until},
};

const SECOND: Duration = Duration::from_secs(1);

/// The way of one process to the store.
#[derive(Debug)]
struct Link {
    store: MemoryBackend,
    is_down: AtomicBool,
}

impl Link {
    fn new(store: &MemoryBackend) -> Arc<Self> {
        Arc::new(Self {
            store: store.clone(),
            is_down: AtomicBool::new(false),
        })
    }

    fn reach(&self) -> Result<(), BackendError> {
        match self.is_down.load(Ordering::SeqCst) {
            true => Err(BackendError::Unavailable("connection refused".to_owned())),
            false => Ok(()),
        }
    }
}

impl Backend for Link {
    fn load(&self) -> BoxFuture<'_, Result<Image, BackendError>> {
        Box::pin(async {
            self.reach()?;
            self.store.load().await
        })
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<Revision, CommitError>> {
        Box::pin(async {
            self.reach()?;
            self.store.commit(batch).await
        })
    }

    fn changes(&self) -> BoxStream<'static, Revision> {
        self.store.changes()
    }

    fn audit(&self, query: AuditQuery) -> BoxFuture<'_, Result<Vec<AuditEntry>, BackendError>> {
        Box::pin(async {
            self.reach()?;
            self.store.audit(query).await
        })
    }

    fn health(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async { self.reach() })
    }
}

struct Replica {
    waygate: Waygate,
    link: Arc<Link>,
}

impl Replica {
    async fn start(
        store: &MemoryBackend,
        clock: &ManualClock,
        receiver: &Receiver,
        events: &[&str],
    ) -> Self {
        let link = Link::new(store);
        let builder = Waygate::builder()
            .backend(link.clone())
            .clock(clock.clone())
            .webhook_options(options(&[receiver]))
            .webhook(hook("ops", receiver).events(events.iter().copied()));
        Self {
            waygate: start(builder).await,
            link,
        }
    }

    async fn lose_store(&self) {
        self.link.is_down.store(true, Ordering::SeqCst);
        self.waygate
            .system()
            .disable("GET:/1", "r")
            .await
            .unwrap_err();
        assert!(self.waygate.health().contains_key(&Component::Store));
    }

    async fn find_store(&self) {
        self.link.is_down.store(false, Ordering::SeqCst);
        until(async || {
            let _ = self.waygate.system().disable("GET:/1", "r").await;
            !self.waygate.health().contains_key(&Component::Store)
        })
        .await;
    }
}

fn types(got: &[Got]) -> Vec<String> {
    let types = got.iter().map(|got| got.json()["type"].clone());
    types
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}

/// Lets time pass until this many requests have come.
async fn pass_until(clock: &ManualClock, receiver: &Receiver, count: usize) -> Vec<Got> {
    until(async || {
        clock.advance(SECOND);
        receiver.got().len() >= count
    })
    .await;
    receiver.got()
}

/// The actions about the store in the audit log, oldest first, with the ids of the events.
async fn logged(store: &MemoryBackend) -> Vec<(String, String)> {
    let entries = store.audit(AuditQuery::oldest(1_000)).await.unwrap();
    let about = entries.iter().filter(|entry| entry.path == "__store__");
    about
        .map(|entry| {
            let id = format!("msg_{}", entry.id.simple());
            (entry.action.to_string(), id)
        })
        .collect()
}

#[tokio::test]
async fn each_replica_reports_an_outage_and_one_writes_it() {
    let (store, clock, receiver) = (backend(), clock(), Receiver::start([OK]).await);
    let one = Replica::start(&store, &clock, &receiver, &["store.*"]).await;
    let other = Replica::start(&store, &clock, &receiver, &["store.*"]).await;
    let revision = store.load().await.unwrap().revision.number;
    until(async || {
        let known = [&one, &other].map(|replica| replica.waygate.revision().number);
        known == [revision; 2]
    })
    .await;
    one.lose_store().await;
    other.lose_store().await;
    let early = pass_until(&clock, &receiver, 2).await;
    assert_eq!(types(&early), ["store.degraded", "store.degraded"]);
    let ids: BTreeSet<&str> = early.iter().map(|got| got.header("webhook-id")).collect();
    assert_eq!(
        ids.len(),
        1,
        "a receiver can ignore the second one: {ids:?}"
    );
    assert_eq!(early[0].json()["data"]["revision"], revision);
    assert!(logged(&store).await.is_empty());

    one.find_store().await;
    other.find_store().await;
    let all = pass_until(&clock, &receiver, 3).await;
    assert_eq!(types(&all)[2], "store.recovered");
    let log = logged(&store).await;
    let actions: Vec<&str> = log.iter().map(|(action, _)| action.as_str()).collect();
    assert_eq!(actions, ["store_degraded", "store_recovered"]);
    assert_eq!(log[0].1, all[0].header("webhook-id"));
    // A later outage is another event, and nothing of the first one is left.
    one.lose_store().await;
    let all = pass_until(&clock, &receiver, 4).await;
    assert_eq!(types(&all)[3], "store.degraded");
    assert_ne!(all[3].header("webhook-id"), log[0].1);
}

#[tokio::test]
async fn what_could_not_be_sent_during_an_outage_comes_after_it() {
    let (store, clock) = (backend(), clock());
    let receiver = Receiver::start([Answer::Is(500, "", ""), OK]).await;
    let one = Replica::start(&store, &clock, &receiver, &["store.*"]).await;
    one.lose_store().await;
    let failed = pass_until(&clock, &receiver, 1).await;
    one.find_store().await;
    let all = pass_until(&clock, &receiver, 3).await;
    let sent: BTreeSet<String> = types(&all[1..]).into_iter().collect();
    assert_eq!(sent.len(), 2, "{sent:?}");
    let degraded = all[1..]
        .iter()
        .find(|got| got.json()["type"] == "store.degraded");
    assert_eq!(
        degraded.unwrap().header("webhook-id"),
        failed[0].header("webhook-id")
    );
}

#[tokio::test]
async fn a_short_outage_is_not_reported() {
    let (store, clock, receiver) = (backend(), clock(), Receiver::start([OK]).await);
    let one = Replica::start(&store, &clock, &receiver, &[]).await;
    one.lose_store().await;
    for _ in 0..8 {
        clock.advance(SECOND);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    one.find_store().await;
    for _ in 0..20 {
        clock.advance(SECOND);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    one.waygate.system().enable("GET:/1", "r").await.unwrap();
    until(async || types(&receiver.got()).contains(&"route.enabled".to_owned())).await;
    let all: BTreeSet<String> = types(&receiver.got()).into_iter().collect();
    assert!(
        all.iter().all(|event| event.starts_with("route.")),
        "{all:?}"
    );
    assert!(logged(&store).await.is_empty());
}

#[tokio::test]
async fn a_busy_limit_is_reported_once_in_a_window_by_all_replicas_together() {
    let (store, clock, receiver) = (backend(), clock(), Receiver::start([OK]).await);
    let all_events = Receiver::start([OK]).await;
    let mut replicas = Vec::new();
    for _ in 0..2 {
        let builder = Waygate::builder()
            .backend(store.clone())
            .clock(clock.clone())
            .webhook_options(options(&[&receiver, &all_events]))
            .webhook(hook("ops", &receiver).events(["limit.threshold"]))
            .webhook(hook("all", &all_events));
        let waygate = builder.allow_unmounted("").build().await.unwrap();
        let router = Router::new().route("/busy", get(async || "x"));
        let app = TestApp::new(waygate.guard(router).await.unwrap().into_router());
        replicas.push((waygate, app));
    }
    let policy = RateLimitPolicy::new("5/hour".parse().unwrap()).unwrap();
    let key = "GET:/busy#default".parse().unwrap();
    let system = replicas[0].0.system();
    system.set_rate_limit(key, policy).await.unwrap();
    let use_up = async || {
        for (_, app) in &replicas {
            app.get("/busy").await;
        }
        clock.advance(SECOND);
        tokio::time::sleep(Duration::from_millis(3)).await;
    };
    until(async || {
        use_up().await;
        !receiver.got().is_empty()
    })
    .await;
    for _ in 0..30 {
        use_up().await;
    }
    let busy = async || {
        let log = store.audit(AuditQuery::oldest(1_000)).await.unwrap();
        let busy = log
            .into_iter()
            .filter(|entry| entry.action.as_str() == "limit_threshold");
        busy.collect::<Vec<_>>()
    };
    assert_eq!(busy().await.len(), 1);
    let event = receiver.got()[0].json();
    assert_eq!(event["data"]["route"], "GET:/busy");
    assert_eq!(event["data"]["new"]["policy"], "default");
    clock.advance(Duration::from_secs(3_600));
    until(async || {
        use_up().await;
        receiver.got().len() == 2
    })
    .await;
    let log = busy().await;
    assert_eq!(log.len(), 2);
    let refused = log[1].new.as_ref().unwrap()["refused"].as_u64().unwrap();
    assert!(refused >= 20, "those since the last event: {refused}");
    // It is only for endpoints that name it.
    replicas[0]
        .0
        .system()
        .disable("GET:/busy", "r")
        .await
        .unwrap();
    until(async || types(&all_events.got()).contains(&"route.disabled".to_owned())).await;
    assert!(!types(&all_events.got()).contains(&"limit.threshold".to_owned()));
}
