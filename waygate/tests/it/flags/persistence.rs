//! Flags in files: restarts, two processes, the boot cache, unreadable records, and many flags.

use std::{path::Path, sync::Arc, time::Duration};

use serde_json::{Value, json};
use waygate::{
    Waygate,
    flags::{EvaluationContext, Flag, Segment},
    health::Component,
    port::{Backend, Batch, FileBackend, MemoryBackend},
};

use crate::{
    boot_cache::Directory,
    faults::{DOWN, Faulty},
    support::builder,
};

fn definition(key: &str) -> Value {
    json!({
        "key": key, "name": "New search", "type": "json", "description": "naïve \u{1f50e}\nsecond line",
        "variations": [
            {"name": "on", "value": {"limit": 9_007_199_254_740_991_u64, "ratio": 0.1, "none": null, "list": [1, "a", null]}},
            {"name": "off", "value": []},
        ],
        "off_variation": "off",
        "targets": {"off": ["user-9"], "on": ["user-1"]},
        "rules": [{
            "id": "r1",
            "clauses": [{"attribute": "key", "operator": "in_segment", "values": ["beta"]}],
            "rollout": [{"variation": "on", "weight": 100_000}],
        }],
        "fallthrough": [{"variation": "on", "weight": 0}, {"variation": "off", "weight": 100_000}],
        "progressive": {
            "variation": "on", "baseline": "off", "start": "2930-01-01T00:00:00Z",
            "stages": [{"after_seconds": 0, "weight": 1}],
        },
        "scheduled_changes": [{"id": "1", "execute_at": "2930-01-01T00:00:00Z", "action": "disable"}],
        "maintainer": null, "expires_at": "2931-01-01T00:00:00Z",
    })
}

fn beta() -> Segment {
    let clause = json!({"attribute": "plan", "operator": "semver_gt", "values": ["1.2.0"]});
    let rules = json!([{"id": "s1", "clauses": [clause]}]);
    let beta = json!({"key": "beta", "name": "Beta", "included": ["user-2"], "rules": rules});
    Segment::parse(&beta).unwrap()
}

async fn process(path: &Path) -> Waygate {
    let file = FileBackend::builder(path).poll_interval(Duration::from_millis(10));
    let backend = file.open().await.unwrap();
    builder().backend(backend).build().await.unwrap()
}

fn variations(waygate: &Waygate) -> Vec<Option<String>> {
    let flags = waygate.flags();
    let of = |user: &str| {
        let resolution = flags.evaluate("search", &EvaluationContext::new(user))?;
        resolution.variation().map(str::to_owned)
    };
    ["user-1", "user-2", "user-3", "user-9"].map(of).to_vec()
}

fn on(which: [bool; 4]) -> Vec<Option<String>> {
    which
        .map(|on| Some(if on { "on" } else { "off" }.to_owned()))
        .to_vec()
}

async fn until(waygate: &Waygate, condition: impl Fn() -> bool) {
    let mut events = waygate.subscribe();
    while !condition() {
        let waited = tokio::time::timeout(Duration::from_secs(20), events.next());
        waited.await.expect("an event").expect("the engine lives");
    }
}

#[tokio::test]
async fn flags_survive_in_every_format_and_processes_follow() {
    for name in ["state.json", "state.yaml", "state.toml"] {
        let directory = Directory::new();
        let path = directory.0.join(name);
        let (one, other) = (process(&path).await, process(&path).await);
        let system = one.system();
        system.create_segment(beta()).await.unwrap();
        let flag = Flag::parse(&definition("search")).unwrap();
        let stored = system.create_flag(flag).await.unwrap();
        assert_eq!(variations(&one), on([true, true, false, false]), "{name}");
        until(&other, || other.flags().flag("search").is_ok()).await;
        assert_eq!(variations(&other), on([true, true, false, false]), "{name}");
        assert_eq!(other.flags().flag("search").unwrap(), stored, "{name}");
        assert_eq!(
            other.flags().segment("beta").unwrap(),
            one.flags().segment("beta").unwrap(),
            "{name}"
        );

        other.system().disable_flag("search").await.unwrap();
        until(&one, || !one.flags().flag("search").unwrap().flag.enabled).await;
        assert_eq!(variations(&one), on([false; 4]), "{name}");
        other.system().enable_flag("search").await.unwrap();
        let last = other.flags().flag("search").unwrap();
        for waygate in [one, other] {
            waygate.shutdown().await;
        }
        let third = process(&path).await;
        assert_eq!(third.flags().flag("search").unwrap(), last, "{name}");
        assert_eq!(variations(&third), on([true, true, false, false]), "{name}");
        assert!(third.health().is_empty(), "{name}: {:?}", third.health());
    }
}

#[tokio::test]
async fn a_start_without_the_store_has_the_flags_of_the_boot_cache() {
    let directory = Directory::new();
    let cache = directory.0.join("cache.json");
    let backend = Arc::new(Faulty::default());
    let start = || {
        builder()
            .backend(backend.clone())
            .boot_cache(&cache)
            .build()
    };
    let first = start().await.unwrap();
    first.system().create_segment(beta()).await.unwrap();
    let flag = Flag::parse(&definition("search")).unwrap();
    first.system().create_flag(flag).await.unwrap();
    let wanted = format!("\"revision\": {}", first.revision().number);
    let started = std::time::Instant::now();
    while !std::fs::read_to_string(&cache).is_ok_and(|text| text.contains(&wanted)) {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "nothing was written"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let stored = first.flags().flag("search").unwrap();
    first.shutdown().await;
    backend.set(DOWN);
    let second = start().await.unwrap();
    assert!(second.health().contains_key(&Component::Store));
    assert_eq!(second.flags().flag("search").unwrap(), stored);
    assert_eq!(variations(&second), on([true, true, false, false]));
}

#[tokio::test]
async fn a_change_of_one_of_10_000_flags_compiles_one() {
    let backend = Arc::new(MemoryBackend::new());
    let mut batch = Batch::new();
    for nth in 0..10_000 {
        let key = format!("flag-{nth}");
        let mut flag = definition(&key);
        flag["rules"] = json!([]);
        batch
            .puts
            .push((format!("flag/{key}").as_str().into(), flag));
    }
    backend.commit(batch).await.unwrap();
    let waygate = builder().backend(backend).build().await.unwrap();
    let before = waygate.flags();
    waygate.system().disable_flag("flag-77").await.unwrap();
    let after = waygate.flags();
    let changed: Vec<&str> = before
        .set()
        .flags()
        .filter(|flag| {
            let key = flag.definition().key.as_str();
            !Arc::ptr_eq(flag, after.set().flag(key).unwrap())
        })
        .map(|flag| flag.definition().key.as_str())
        .collect();
    assert_eq!(changed, ["flag-77"]);
    // Readers keep their snapshot, and wait for no change.
    let user = EvaluationContext::new("user-1");
    let [old, new] = [&before, &after].map(|flags| flags.evaluate("flag-77", &user).unwrap());
    assert_eq!(
        [old.variation(), new.variation()],
        [Some("on"), Some("off")]
    );
}
