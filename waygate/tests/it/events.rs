//! Events: one per command, in the process that made the change and in the others.

use std::sync::Arc;

use futures_util::FutureExt;
use serde_json::json;
use waygate::{
    Waygate,
    audit::{Action, AuditQuery},
    events::{Event, Events},
    limits::{LimitKey, LimitScope},
    model::{Access, Deprecation, GlobalMaintenance, Interval, RouteState},
    port::{MemoryBackend, OnStoreReset},
};

use crate::{
    reseed::Link,
    support::{at, builder, clock},
};

async fn engine(backend: &Arc<MemoryBackend>, keys: &[&str]) -> Waygate {
    let builder = builder().clock(clock()).backend(backend.clone());
    let waygate = builder.build().await.unwrap();
    for key in keys {
        let state = RouteState::default();
        waygate.register(key.parse().unwrap(), state).await.unwrap();
    }
    waygate
}

/// Drains the events that have arrived.
fn arrived(events: &mut Events) -> Vec<Event> {
    std::iter::from_fn(|| events.next().now_or_never().flatten()).collect()
}

/// Two processes on one store, with subscribers.
struct Pair {
    one: Waygate,
    two: Waygate,
    here: Events,
    there: Events,
}

impl Pair {
    /// The events of the last command, in both processes.
    async fn heard(&mut self, name: &str) -> (Vec<Event>, Vec<Event>) {
        while self.two.revision() != self.one.revision() {
            tokio::task::yield_now().await;
        }
        let (here, there) = (arrived(&mut self.here), arrived(&mut self.there));
        let revision = self.one.revision().number;
        let lines = self.one.audit(AuditQuery::newest(5)).await.unwrap();
        let lines: Vec<_> = lines.iter().filter(|l| l.revision == revision).collect();
        assert!(!lines.is_empty(), "{name} wrote no line");
        for line in lines {
            let mut heard = here.iter().filter_map(Event::audit);
            assert!(
                heard.any(|audit| audit == line),
                "{name}: {line:?} not in {here:?}"
            );
        }
        assert!(!there.is_empty(), "{name}: no event in the other process");
        assert!(
            there.iter().all(|event| event.audit().is_none()),
            "{name}: {there:?}"
        );
        (here, there)
    }
}

#[tokio::test]
async fn every_command_is_an_event_in_all_processes() {
    let backend = Arc::new(MemoryBackend::new());
    let former = engine(&backend, &["GET:/gone"]).await;
    former.system().disable("GET:/gone", "").await.unwrap();
    drop(former);
    let one = engine(&backend, &["GET:/a"]).await;
    let two = engine(&backend, &["GET:/a"]).await;
    let mut pair = Pair {
        here: one.subscribe(),
        there: two.subscribe(),
        one: one.clone(),
        two,
    };
    let system = one.system();
    macro_rules! heard {
        ($($name:ident($($argument:expr),*);)*) => {$(
            system.$name($($argument),*).await.unwrap();
            pair.heard(stringify!($name)).await;
        )*};
    }
    let limit: LimitKey = "GET:/a#default".parse().unwrap();
    let global: LimitKey = "*#default".parse().unwrap();
    let rate =
        || serde_json::from_value(json!({"limit": "5/minute", "key_strategy": "ip"})).unwrap();
    let places = || serde_json::from_value(json!({"limit": 5})).unwrap();
    let window = Interval::parse("2030-01-01T02:00:00Z", "2030-01-01T04:00:00Z").unwrap();
    heard! {
        enable("GET:/a", "");
        disable("GET:/a", "");
        disable_until("GET:/a", at("2030-01-01T01:00:00Z"), "");
        set_maintenance("GET:/a", "");
        schedule("GET:/a", window, "");
        cancel_schedule("GET:/a", None);
        set_env_only("GET:/a", &["dev"]);
        deprecate("GET:/a", Some(Deprecation::default()));
        set_access("GET:/a", Access::default());
        reset("GET:/a");
        enable_global_maintenance(GlobalMaintenance::default());
        set_global_exempt_paths(&["/a"]);
        disable_global_maintenance();
        enable_service_maintenance("billing", GlobalMaintenance::default());
        disable_service_maintenance("billing");
        set_rate_limit(limit.clone(), rate());
        pause_rate_limit(limit.clone());
        resume_rate_limit(limit.clone());
        shadow_rate_limit(limit.clone());
        promote_rate_limit(limit.clone());
        reset_rate_limits(limit.scope.clone());
        reset_rate_limits_of_path("/a");
        reset_rate_limit_key(limit.clone(), &["192.0.2.1"]);
        delete_rate_limit(limit.clone());
        set_rate_limit(global.clone(), rate());
        reset_rate_limits(LimitScope::Global);
        delete_rate_limit(global.clone());
        set_concurrency_limit(limit.clone(), places());
        delete_concurrency_limit(limit.clone());
    }
    system.purge("GET:/gone").await.unwrap();
    let (here, there) = pair.heard("purge").await;
    for event in here.iter().chain(&there) {
        let changed = event.changed().unwrap();
        assert_eq!((changed.kind, &*changed.key), ("route", "GET:/gone"));
        assert!(changed.route().is_none() && changed.record().is_none());
    }
    assert_eq!(here[0].audit().unwrap().action, Action::Purge);
}

#[tokio::test]
async fn resetting_one_key_keeps_the_others() {
    let backend = Arc::new(MemoryBackend::new());
    let waygate = engine(&backend, &["GET:/a"]).await;
    let app = crate::support::app(&waygate, &["GET:/a"]).await;
    let limit: LimitKey = "GET:/a#default".parse().unwrap();
    let rate = serde_json::from_value(json!({"limit": "1/minute", "key_strategy": "ip"})).unwrap();
    let system = waygate.system();
    system.set_rate_limit(limit.clone(), rate).await.unwrap();
    let (one, other) = (
        app.from_peer(([192, 0, 2, 1], 1)),
        app.from_peer(([192, 0, 2, 2], 1)),
    );
    for app in [&one, &other] {
        assert_eq!(app.get("/a").await.status(), 200);
        assert_eq!(app.get("/a").await.status(), 429);
    }
    system
        .reset_rate_limit_key(limit, &["192.0.2.1"])
        .await
        .unwrap();
    assert_eq!(one.get("/a").await.status(), 200);
    assert_eq!(other.get("/a").await.status(), 429);
}

#[tokio::test]
async fn a_service_removed_by_another_process_is_an_event() {
    let backend = Arc::new(MemoryBackend::new());
    let waygate = engine(&backend, &[]).await;
    let config = GlobalMaintenance::default();
    let system = waygate.system();
    system
        .enable_service_maintenance("billing", config)
        .await
        .unwrap();
    let mut events = waygate.subscribe();
    let batch = waygate::port::Batch::new().delete("service/billing");
    waygate::port::Backend::commit(&*backend, batch)
        .await
        .unwrap();
    let event = events.next().await.unwrap();
    let changed = event.changed().unwrap();
    assert_eq!(
        (changed.kind, &*changed.key),
        ("maintenance", "service:billing")
    );
    assert!(!changed.maintenance().unwrap().enabled);
}

#[tokio::test(start_paused = true)]
async fn a_reseed_is_an_event_in_all_processes() {
    let link = Link::default();
    let process = async |policy| {
        let builder = builder().backend(link.beside()).on_store_reset(policy);
        builder.build().await.unwrap()
    };
    let one = process(OnStoreReset::Keep).await;
    one.system()
        .enable_global_maintenance(GlobalMaintenance::default())
        .await
        .unwrap();
    let two = process(OnStoreReset::Keep).await;
    let (mut here, mut there) = (one.subscribe(), two.subscribe());
    link.empty();
    assert!(one.system().reseed_store().await.unwrap());
    let is_reseed = |event: &Event| event.changed().unwrap().kind == "store";
    let audit = loop {
        let event = here.next().await.unwrap();
        match is_reseed(&event) {
            true => break event.audit().unwrap().clone(),
            false => assert!(event.audit().is_none(), "{event:?}"),
        }
    };
    assert_eq!(audit.action, Action::StoreReseeded);
    crate::reseed::poll().await;
    let followed = arrived(&mut there);
    let reseeds = || followed.iter().filter(|event| is_reseed(event));
    assert!(reseeds().all(|event| event.audit().is_none()));
    assert_eq!(reseeds().count(), 1, "{followed:?}");
}
