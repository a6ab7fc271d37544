//! Unreadable records open nothing that was closed.

#[cfg(feature = "flags")]
mod flags;
mod kinds;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use axum::{Router, routing::get};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use waygate::{
    Waygate,
    health::Component,
    limits::LimitKey,
    model::{GlobalMaintenance, Interval, RouteState, RouteStatus},
    port::{Backend, Batch, FileBackend, OnStoreReset},
    rate_limit,
    testing::TestApp,
};
use waygate_core::model::Epoch;

use crate::{
    reseed::{Link, status},
    support::builder,
};

/// A directory that is deleted when the test ends.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("waygate-{}", Epoch::random()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn state(&self) -> PathBuf {
        self.0.join("state.json")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A process that serves `/a`, `/b`, `/forced` and `/counted`, with its state in a file.
struct Process {
    waygate: Waygate,
    app: TestApp,
    /// Runs its background tasks, which end with the process and write no file afterwards.
    runtime: Option<Runtime>,
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A runtime cannot be dropped within another one, and waits for blocking tasks.
            let ended = std::thread::spawn(|| drop(runtime)).join();
            ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    }
}

#[rate_limit("1/minute", key = "global", route = "GET /counted")]
async fn counted() -> &'static str {
    "counted"
}

async fn with(backend: impl Backend) -> Process {
    serve(builder().backend(backend).build().await.unwrap()).await
}

async fn serve(waygate: Waygate) -> Process {
    let forced = RouteState::default().force_active(true);
    for (key, state) in [
        ("GET:/a", RouteState::default()),
        ("GET:/b", RouteState::default()),
        ("GET:/forced", forced),
    ] {
        waygate.register(key.parse().unwrap(), state).await.unwrap();
    }
    let answer = || async { "served" };
    let router = Router::new()
        .route("/a", get(answer))
        .route("/b", get(answer))
        .route("/forced", get(answer))
        .route("/counted", get(counted));
    let app = TestApp::new(waygate.guard(router).await.unwrap().into_router());
    Process {
        waygate,
        app,
        runtime: None,
    }
}

async fn start(path: &Path) -> Process {
    let file = FileBackend::builder(path).poll_interval(Duration::from_millis(10));
    let mut threads = tokio::runtime::Builder::new_multi_thread();
    let runtime = threads.worker_threads(1).enable_all().build().unwrap();
    let started = runtime.spawn(async { with(file.open().await.unwrap()).await });
    let mut process = started.await.unwrap();
    process.runtime = Some(runtime);
    process
}

impl Process {
    async fn answers(&self, path: &str) -> u16 {
        self.app.get(path).await.status().as_u16()
    }

    fn records(&self) -> String {
        let health = self.waygate.health();
        let records = health.get(&Component::Records);
        records.map_or_else(String::new, |degraded| degraded.cause.clone())
    }

    async fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let begin = Instant::now();
        while !condition(self) {
            let waited = begin.elapsed();
            assert!(
                waited < Duration::from_secs(20),
                "{what}: {:?}",
                self.waygate.health()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Edits the state file as a person would, without a checksum.
fn edit(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut document: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    document.as_object_mut().unwrap().remove("checksum");
    change(&mut document["entities"]);
    fs::write(path, document.to_string()).unwrap();
}

#[tokio::test]
async fn a_typo_in_a_closed_route_does_not_open_it() {
    // With and without an older generation that contains the record.
    for older in [true, false] {
        let directory = Directory::new();
        let path = directory.state();
        let process = start(&path).await;
        let system = process.waygate.system();
        system.disable("GET:/a", "incident").await.unwrap();
        if older {
            system.disable("GET:/b", "too").await.unwrap();
        }
        drop((system, process));
        let mut good = Value::Null;
        edit(&path, |entities| {
            let value = &mut entities["route/GET:/a"]["value"];
            good = value.clone();
            *value = json!({ "stat": value["state"], "declared": value["declared"] });
        });

        let process = start(&path).await;
        assert_eq!(process.answers("/a").await, 503, "older: {older}");
        let health = process.records();
        assert!(health.contains("`route/GET:/a`: "), "{health}");
        let expected = match older {
            true => (RouteStatus::Disabled, "its last known value applies"),
            false => (RouteStatus::Maintenance, "the route is closed until"),
        };
        assert_eq!(status(&process.waygate, "GET:/a"), expected.0);
        assert!(health.contains(expected.1), "{health}");

        edit(&path, |entities| {
            entities["route/GET:/a"]["value"] = good;
        });
        process
            .until("mended", |process| process.records().is_empty())
            .await;
        assert_eq!(status(&process.waygate, "GET:/a"), RouteStatus::Disabled);
        assert_eq!(process.answers("/a").await, 503);
        process.waygate.system().enable("GET:/a", "").await.unwrap();
        assert_eq!(process.answers("/a").await, 200);
    }
}

#[tokio::test]
async fn the_next_change_repairs_the_record() {
    let directory = Directory::new();
    let path = directory.state();
    let process = start(&path).await;
    process
        .waygate
        .system()
        .disable("GET:/a", "")
        .await
        .unwrap();
    drop(process);
    for change in ["enable", "reset"] {
        edit(&path, |entities| {
            entities["route/GET:/a"] =
                json!({ "revision": 1, "value": { "of": "a later version" } });
        });
        let process = start(&path).await;
        assert_eq!(process.answers("/a").await, 503);
        let system = process.waygate.system();
        match change {
            "enable" => system.enable("GET:/a", "checked").await.unwrap(),
            _ => system.reset("GET:/a").await.unwrap(),
        };
        assert_eq!(process.answers("/a").await, 200, "{change}");
        assert_eq!(process.records(), "", "{change}");
        drop((system, process));
        assert_eq!(start(&path).await.answers("/a").await, 200, "{change}");
    }
}

#[tokio::test]
async fn an_older_generation_opens_nothing_that_was_closed_since() {
    let directory = Directory::new();
    let path = directory.state();
    let process = start(&path).await;
    let system = process.waygate.system();
    system.enable("GET:/a", "for now").await.unwrap();
    system.disable("GET:/a", "incident").await.unwrap();
    drop((system, process));
    edit(&path, |entities| {
        entities["route/GET:/a"]["value"]["state"]["position"]["lifecycle"] = json!("disabeld");
    });
    let process = start(&path).await;
    assert_eq!(process.answers("/a").await, 503);
    assert_eq!(
        process.answers("/b").await,
        200,
        "other records are unaffected"
    );
}

#[tokio::test]
async fn unreadable_maintenance_is_on_unless_it_says_off() {
    let directory = Directory::new();
    let path = directory.state();
    let process = start(&path).await;
    let global = GlobalMaintenance::default();
    let system = process.waygate.system();
    system.enable_global_maintenance(global).await.unwrap();
    drop((system, process));
    for (record, answer) in [
        (json!({ "enabld": true }), 503),
        (json!({ "enabled": "yes" }), 503),
        (json!({ "enabled": true, "reason": 3 }), 503),
        (json!({ "enabled": false, "reasn": "" }), 200),
    ] {
        edit(&path, |entities| {
            entities["global"]["value"] = record.clone()
        });
        let process = start(&path).await;
        assert_eq!(process.answers("/a").await, answer, "{record}");
        assert_eq!(process.answers("/forced").await, 200, "{record}");
        assert!(process.records().contains("`global`: "), "{record}");
        let system = process.waygate.system();
        system.disable_global_maintenance().await.unwrap();
        assert_eq!(process.answers("/a").await, 200, "{record}");
        assert_eq!(process.records(), "", "{record}");
    }
}

#[tokio::test]
async fn an_unreadable_limit_leaves_the_declared_one() {
    let directory = Directory::new();
    let path = directory.state();
    let process = start(&path).await;
    let key: LimitKey = "GET:/counted#default".parse().unwrap();
    let policy = serde_json::from_value(json!({ "limit": "100/minute" })).unwrap();
    let system = process.waygate.system();
    system.set_rate_limit(key.clone(), policy).await.unwrap();
    drop((system, process));
    edit(&path, |entities| {
        entities["limit/GET:/counted#default"]["value"]["policy"]["limit"] = json!("1oo/minute");
    });
    let process = start(&path).await;
    assert_eq!(process.answers("/counted").await, 200);
    assert_eq!(process.answers("/counted").await, 429);
    let health = process.records();
    assert!(
        health.contains("what the code declares applies, and no limit where it declares none"),
        "{health}"
    );
    let system = process.waygate.system();
    system.delete_rate_limit(key).await.unwrap();
    assert_eq!(process.records(), "");
}

/// Renames a record.
fn rename(path: &Path, from: &str, to: &str) {
    edit(path, |entities| {
        let entities = entities.as_object_mut().unwrap();
        let record = entities.remove(from).unwrap();
        entities.insert(to.to_owned(), record);
    });
}

#[tokio::test]
async fn a_typo_in_the_key_of_a_closed_route_does_not_open_it() {
    // With and without an older generation that contains the record.
    for older in [true, false] {
        for typo in ["GTE:/a", "GET /a", "GET:a", ":/a"] {
            let directory = Directory::new();
            let path = directory.state();
            let process = start(&path).await;
            let system = process.waygate.system();
            system.disable("GET:/a", "incident").await.unwrap();
            if older {
                system.disable("GET:/b", "too").await.unwrap();
            }
            drop((system, process));
            let bad = format!("route/{typo}");
            rename(&path, "route/GET:/a", &bad);

            let process = start(&path).await;
            let post = "POST:/a".parse().unwrap();
            let open = RouteState::default();
            process.waygate.register(post, open).await.unwrap();
            assert_eq!(process.answers("/a").await, 503, "{typo}, older: {older}");
            let b = if older { 503 } else { 200 };
            assert_eq!(process.answers("/b").await, b, "other paths are unaffected");
            let health = process.records();
            assert!(health.contains(&format!("`{bad}`: ")), "{health}");
            let expected = match older {
                true => (
                    RouteStatus::Disabled,
                    RouteStatus::Active,
                    "its last known value applies",
                ),
                false => (
                    RouteStatus::Maintenance,
                    RouteStatus::Maintenance,
                    "the routes of its path are closed until",
                ),
            };
            assert_eq!(status(&process.waygate, "GET:/a"), expected.0, "{typo}");
            assert_eq!(status(&process.waygate, "POST:/a"), expected.1, "{typo}");
            assert!(health.contains(expected.2), "{health}");

            rename(&path, &bad, "route/GET:/a");
            process
                .until("mended", |process| process.records().is_empty())
                .await;
            assert_eq!(status(&process.waygate, "GET:/a"), RouteStatus::Disabled);
            assert_eq!(status(&process.waygate, "POST:/a"), RouteStatus::Active);
            process.waygate.system().enable("GET:/a", "").await.unwrap();
            assert_eq!(process.answers("/a").await, 200);
        }
    }
}

#[tokio::test]
async fn a_changed_route_is_no_longer_closed_by_a_misspelled_key() {
    for (change, older) in [
        ("enable", true),
        ("enable", false),
        ("reset", true),
        ("reset", false),
    ] {
        let directory = Directory::new();
        let path = directory.state();
        let process = start(&path).await;
        let system = process.waygate.system();
        system.disable("GET:/a", "incident").await.unwrap();
        if older {
            system.enable("GET:/b", "").await.unwrap();
        }
        drop((system, process));
        rename(&path, "route/GET:/a", "route/GTE:/a");
        let process = start(&path).await;
        assert_eq!(process.answers("/a").await, 503, "{change}");
        let system = process.waygate.system();
        match change {
            "enable" => system.enable("GET:/a", "checked").await.unwrap(),
            _ => system.reset("GET:/a").await.unwrap(),
        };
        assert_eq!(process.answers("/a").await, 200, "{change}");
        // Reading the store again changes nothing.
        edit(&path, |entities| {
            entities["limit/GET:/b#default"] =
                json!({ "revision": 1, "value": { "policy": { "limit": "9/hour" } } });
        });
        process
            .until("seen", |process| process.waygate.rate_limits().len() == 2)
            .await;
        assert_eq!(process.answers("/a").await, 200, "{change}");
        assert!(process.records().contains("`route/GTE:/a`"));
        drop((system, process));
        let process = start(&path).await;
        assert_eq!(process.answers("/a").await, 200, "{change}");
        edit(&path, |entities| {
            entities.as_object_mut().unwrap().remove("route/GTE:/a");
        });
        process
            .until("mended", |process| process.records().is_empty())
            .await;
        assert_eq!(process.answers("/a").await, 200, "{change}");
    }
}

#[tokio::test]
async fn a_running_process_keeps_the_candidates_of_a_misspelled_key() {
    let directory = Directory::new();
    let path = directory.state();
    let process = start(&path).await;
    let system = process.waygate.system();
    system.disable("GET:/a", "incident").await.unwrap();
    rename(&path, "route/GET:/a", "route/GTE:/a");
    process
        .until("seen", |process| !process.records().is_empty())
        .await;
    assert_eq!(status(&process.waygate, "GET:/a"), RouteStatus::Disabled);
    assert_eq!(process.answers("/a").await, 503);
    // Nothing is known that this could refer to.
    edit(&path, |entities| {
        entities["route/GTE:/b"] = json!({ "revision": 1, "value": {} });
    });
    process
        .until("closed", |process| {
            status(&process.waygate, "GET:/b") == RouteStatus::Maintenance
        })
        .await;
    assert_eq!(process.answers("/b").await, 503);
    assert_eq!(process.answers("/forced").await, 200);
    edit(&path, |entities| {
        entities.as_object_mut().unwrap().remove("route/GTE:/b");
    });
    process
        .until("open", |process| {
            status(&process.waygate, "GET:/b") == RouteStatus::Active
        })
        .await;
    assert_eq!(status(&process.waygate, "GET:/a"), RouteStatus::Disabled);
    system.enable("GET:/a", "").await.unwrap();
    assert_eq!(process.answers("/a").await, 200);
}

#[tokio::test]
async fn the_last_known_limit_replaces_an_unreadable_one() {
    let limit: LimitKey = "GET:/a#default".parse().unwrap();
    for typo in ["value", "key"] {
        let directory = Directory::new();
        let path = directory.state();
        let process = start(&path).await;
        let system = process.waygate.system();
        let policy = json!({ "limit": "1/hour", "key_strategy": "global" });
        let policy = serde_json::from_value(policy).unwrap();
        system.set_rate_limit(limit.clone(), policy).await.unwrap();
        let places = serde_json::from_value(json!({ "limit": 3 })).unwrap();
        let set = system.set_concurrency_limit(limit.clone(), places);
        set.await.unwrap();
        system.disable("GET:/b", "").await.unwrap();
        drop((system, process));
        for kind in ["limit", "concurrency"] {
            let good = format!("{kind}/{limit}");
            match typo {
                "key" => rename(&path, &good, &good.replace("GET", "GTE")),
                _ => edit(&path, |entities| {
                    entities[&good]["value"]["policy"]["limit"] = json!("1/huor");
                }),
            }
        }
        let process = start(&path).await;
        let health = process.records();
        let applies = health.matches("its last known value applies").count();
        assert_eq!(applies, 2, "{health}");
        let places = process.waygate.concurrency_limit(&limit).unwrap();
        assert_eq!(places.policy.limit.get(), 3, "{typo}");
        assert_eq!(process.answers("/a").await, 200, "{typo}");
        assert_eq!(process.answers("/a").await, 429, "{typo}");
        // A change repairs the value; a key can be repaired only in the store.
        let system = process.waygate.system();
        system.delete_rate_limit(limit.clone()).await.unwrap();
        let deleted = system.delete_concurrency_limit(limit.clone());
        deleted.await.unwrap();
        assert_eq!(process.answers("/a").await, 200, "{typo}");
        assert_eq!(process.records().is_empty(), typo == "value");
    }
}

#[tokio::test]
async fn an_unreadable_store_closes_everything_until_it_can_be_read() {
    let directory = Directory::new();
    let path = directory.state();
    let process = start(&path).await;
    let system = process.waygate.system();
    for reason in ["one", "two", "three"] {
        system.disable("GET:/a", reason).await.unwrap();
    }
    drop((system, process));
    let good = fs::read(&path).unwrap();
    let newer = json!({ "format": 2, "epoch": Epoch::random(), "shards": [] }).to_string();
    for bad in ["{ \"format\": 1, ", &newer] {
        for age in ["", ".1", ".2"] {
            let name = format!("{}{age}", path.display());
            fs::write(name, bad).unwrap();
        }
        let process = start(&path).await;
        assert_eq!(process.answers("/a").await, 503);
        assert_eq!(process.answers("/b").await, 503);
        assert_eq!(process.answers("/forced").await, 200);
        let health = process.waygate.health();
        let cause = &health[&Component::Store].cause;
        assert!(cause.contains("everything is closed"), "{cause}");
        let system = process.waygate.system();
        assert!(system.disable_global_maintenance().await.is_err());
        assert_eq!(process.answers("/b").await, 503);

        fs::write(&path, &good).unwrap();
        process
            .until("repaired", |process| process.waygate.health().is_empty())
            .await;
        assert_eq!(process.answers("/a").await, 503);
        assert_eq!(process.answers("/b").await, 200);
        assert!(!process.waygate.global_maintenance().maintenance.enabled);
    }
}

#[tokio::test]
async fn routes_closed_after_the_remaining_generation_are_closed_again() {
    let directory = Directory::new();
    let path = directory.state();
    let process = start(&path).await;
    let system = process.waygate.system();
    system.enable("GET:/a", "").await.unwrap();
    system.enable("GET:/b", "").await.unwrap();
    system.disable("GET:/a", "incident").await.unwrap();
    drop((system, process));
    fs::write(&path, "{ \"format\": 1, ").unwrap();
    let process = start(&path).await;
    assert_eq!(process.answers("/a").await, 503);
    assert_eq!(process.answers("/b").await, 200);
    let route = process.waygate.route("GET:/a").unwrap();
    assert_eq!(route.view.status, RouteStatus::Disabled);
    assert_eq!(route.view.reason.as_str(), "incident");
    let health = process.records();
    assert!(
        health.contains("state.json.1") && health.contains("`route/GET:/a`"),
        "{health}"
    );
    drop(process);
    // It was stored again, so the next start has it.
    let process = start(&path).await;
    assert_eq!(process.answers("/a").await, 503);
    drop(process);

    // Any change other than a closing may have been undone, so everything is closed until an operator looks.
    let process = start(&path).await;
    let system = process.waygate.system();
    let window = Interval::parse("2030-01-01T00:00:00Z", "2030-01-01T01:00:00Z").unwrap();
    system.schedule("GET:/b", window, "").await.unwrap();
    system
        .enable_global_maintenance(GlobalMaintenance::default())
        .await
        .unwrap();
    drop((system, process));
    fs::remove_file(format!("{}.1", path.display())).unwrap();
    fs::write(&path, "").unwrap();
    let process = start(&path).await;
    assert!(process.waygate.global_maintenance().maintenance.enabled);
    let system = process.waygate.system();
    system.disable_global_maintenance().await.unwrap();
    assert_eq!(process.answers("/b").await, 503);
    let health = process.records();
    assert!(
        health.contains("`route/GET:/b`") && !health.contains("`global`"),
        "{health}"
    );
    system.enable("GET:/b", "looked at").await.unwrap();
    assert_eq!(process.records(), "");
    assert_eq!(process.answers("/b").await, 200);
}

async fn put(link: &Link, key: &str, value: Value) {
    let batch = Batch::new().put(key, value);
    link.commit(batch).await.unwrap();
}

#[tokio::test]
async fn open_routes_of_a_boot_cache_may_have_been_closed_since() {
    let (directory, link) = (Directory::new(), Link::default());
    let cache = directory.0.join("cache.json");
    let build = async || {
        let builder = builder().backend(link.beside()).boot_cache(&cache);
        let builder = builder.on_store_reset(OnStoreReset::Keep);
        serve(builder.build().await.unwrap()).await
    };
    let process = build().await;
    let system = process.waygate.system();
    system.disable("GET:/a", "incident").await.unwrap();
    system.enable("GET:/b", "fine").await.unwrap();
    let revision = format!("\"revision\": {}", process.waygate.revision().number);
    process
        .until("kept", |_| {
            fs::read_to_string(&cache).is_ok_and(|text| text.contains(&revision))
        })
        .await;
    drop((system, process));
    for key in ["route/GET:/a", "route/GET:/b"] {
        put(&link, key, json!({ "of": "a later version" })).await;
    }
    let process = build().await;
    assert_eq!(status(&process.waygate, "GET:/a"), RouteStatus::Disabled);
    assert_eq!(process.answers("/a").await, 503);
    assert_eq!(process.answers("/b").await, 503);
}

#[tokio::test(start_paused = true)]
async fn a_running_process_keeps_what_it_knows_and_closes_the_rest() {
    let link = Link::default();
    let process = with(link.beside()).await;
    process.waygate.system().enable("GET:/a", "").await.unwrap();
    for key in ["route/GET:/a", "route/GET:/b"] {
        put(&link, key, json!({ "of": "a later version" })).await;
    }
    crate::reseed::poll().await;
    assert_eq!(process.answers("/a").await, 200, "known to be open");
    assert_eq!(
        process.answers("/b").await,
        503,
        "nothing is known about it"
    );
    let health = process.records();
    assert!(
        health.contains("route/GET:/a") && health.contains("route/GET:/b"),
        "{health}"
    );
    let orphan = "route/GET:/gone";
    put(&link, orphan, json!(1)).await;
    crate::reseed::poll().await;
    let orphans = process.waygate.orphans().await;
    assert_eq!(orphans[0].key.as_str(), "GET:/gone");
    process.waygate.system().purge("GET:/gone").await.unwrap();
    assert!(!process.records().contains(orphan));
}

/// Returns the value with each of its objects, one at a time, replaced with an empty array.
fn without_names(value: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    if let Value::Object(members) = value {
        all.push(json!([]));
        for (name, inner) in members {
            all.extend(without_names(inner).into_iter().map(|wrong| {
                let mut value = value.clone();
                value[name] = wrong;
                value
            }));
        }
    }
    all
}

#[tokio::test]
async fn an_array_is_never_accepted_as_an_object() {
    let directory = Directory::new();
    let path = directory.state();
    let process = start(&path).await;
    let system = process.waygate.system();
    system.disable("GET:/a", "incident").await.unwrap();
    let network = serde_json::from_value(json!({ "ips": ["10.0.0.0/8"] })).unwrap();
    system.set_access("GET:/b", network).await.unwrap();
    let policy = serde_json::from_value(json!({ "limit": "1/hour" })).unwrap();
    let key: LimitKey = "GET:/counted#default".parse().unwrap();
    system.set_rate_limit(key.clone(), policy).await.unwrap();
    let policy = serde_json::from_value(json!({ "limit": 1 })).unwrap();
    system
        .set_concurrency_limit(key.clone(), policy)
        .await
        .unwrap();
    system.reset_rate_limits(key.scope).await.unwrap();
    drop((system, process));
    let mut records = Value::Null;
    edit(&path, |entities| records = entities.clone());
    let good = fs::read(&path).unwrap();
    let mut checked = 0;
    for (name, record) in records.as_object().unwrap() {
        for wrong in without_names(&record["value"]) {
            edit(&path, |entities| {
                *entities = records.clone();
                entities[name]["value"] = wrong.clone();
            });
            let process = start(&path).await;
            let health = process.records();
            assert!(
                health.contains(&format!("`{name}`: ")),
                "{name} = {wrong}: {health}"
            );
            assert_eq!(process.answers("/a").await, 503, "{name} = {wrong}");
            assert_ne!(process.answers("/b").await, 200, "{name} = {wrong}");
            checked += 1;
        }
    }
    assert!(checked > 12, "{checked}");

    // The record itself.
    edit(&path, |entities| {
        *entities = records.clone();
        entities["route/GET:/a"] = json!([1, entities["route/GET:/a"]["value"]]);
    });
    let process = start(&path).await;
    assert_eq!(process.answers("/a").await, 503);
    assert!(!process.waygate.health().is_empty());
    drop(process);

    // While a process runs.
    fs::write(&path, good).unwrap();
    let process = start(&path).await;
    assert_eq!(process.records(), "");
    // Wait until the process has rewritten the edited file, or it would overwrite the next edit.
    let is_sealed = || fs::read_to_string(&path).is_ok_and(|text| text.contains("checksum"));
    for pointer in ["/state/access", "/state/position", "/state"] {
        edit(&path, |entities| {
            *entities = records.clone();
            for name in ["route/GET:/a", "route/GET:/b"] {
                if let Some(inner) = entities[name]["value"].pointer_mut(pointer) {
                    *inner = json!([]);
                }
            }
        });
        process
            .until(pointer, |process| {
                !process.records().is_empty() && is_sealed()
            })
            .await;
        assert_eq!(process.answers("/a").await, 503, "{pointer}");
        assert_eq!(process.answers("/b").await, 403, "{pointer}");
        edit(&path, |entities| *entities = records.clone());
        process
            .until("mended", |process| {
                process.records().is_empty() && is_sealed()
            })
            .await;
    }
}

#[tokio::test]
async fn an_unreadable_lost_change_closes_its_target() {
    let directory = Directory::new();
    let path = directory.state();
    let process = start(&path).await;
    let system = process.waygate.system();
    system.enable("GET:/a", "").await.unwrap();
    system.disable("GET:/a", "incident").await.unwrap();
    let global = GlobalMaintenance::default();
    system.enable_global_maintenance(global).await.unwrap();
    drop((system, process));
    let log = PathBuf::from(format!("{}.audit.jsonl", path.display()));
    let lines = fs::read_to_string(&log).unwrap();
    let lines = lines.lines().map(|line| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        line["new"] = json!([]);
        format!("{line}\n")
    });
    fs::write(&log, lines.collect::<String>()).unwrap();
    fs::remove_file(format!("{}.1", path.display())).unwrap();
    fs::write(&path, "").unwrap();
    let process = start(&path).await;
    assert!(process.waygate.global_maintenance().maintenance.enabled);
    let system = process.waygate.system();
    system.disable_global_maintenance().await.unwrap();
    assert_eq!(process.answers("/a").await, 503);
    let health = process.records();
    assert!(health.contains("`route/GET:/a`"), "{health}");
}

/// Sets maintenance with exemptions, and then without them; either the record or the change is lost.
#[tokio::test]
async fn withdrawn_exemptions_do_not_come_back() {
    for (withdrawn, is_lost) in [
        (json!({"exempt_paths": ["/a"]}), true),
        (json!({"exempt_paths": ["/a"]}), false),
        (json!({"exempt_ips": ["0.0.0.0/0"]}), true),
        (json!({"exempt_ips": ["0.0.0.0/0"]}), false),
    ] {
        let directory = Directory::new();
        let path = directory.state();
        let process = start(&path).await;
        let system = process.waygate.system();
        for config in [withdrawn.clone(), json!({})] {
            let config = serde_json::from_value(config).unwrap();
            system.enable_global_maintenance(config).await.unwrap();
        }
        drop((system, process));
        match is_lost {
            true => fs::write(&path, "").unwrap(),
            false => edit(&path, |entities| {
                entities["global"]["value"]["reason"] = json!(3)
            }),
        }
        let process = start(&path).await;
        let client = process.app.from_peer(SocketAddr::from(([192, 0, 2, 1], 1)));
        let answer = client.get("/a").await.status();
        assert_eq!(answer, 503, "{withdrawn} {is_lost}");
    }
}
