//! Changes of two processes that start together: each is valid, but not both.

use std::{future::Future, pin::Pin};

use serde_json::{Value, json};
use waygate::{
    ChangeError, Waygate,
    flags::{Flag, FlagVersion, Segment, exchange::FlagDocument},
    ofrep::{Audience, Ofrep},
    port::RedisBackend,
};
use waygate_faultproxy::RedisProc;

use crate::support::*;

const ROUNDS: usize = 20;

fn flag(key: &str, members: Value) -> Flag {
    let mut flag = json!({
        "key": key, "name": key, "type": "boolean",
        "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
        "off_variation": "off", "fallthrough": "off",
    });
    flag.as_object_mut()
        .unwrap()
        .extend(members.as_object().unwrap().clone());
    Flag::parse(&flag).unwrap()
}

fn needs(key: &str) -> Value {
    json!({"prerequisites": [{"flag_key": key, "variation": "on"}]})
}

fn without(segment: &str) -> Value {
    json!({"rules": [{
        "clauses": [{"attribute": "key", "operator": "not_in_segment", "values": [segment]}], "variation": "on",
    }]})
}

async fn process(server: &RedisProc) -> Waygate {
    let backend = RedisBackend::open(options(server.addr()));
    let builder = Waygate::builder().allow_unmounted("").backend(backend);
    builder.build().await.unwrap()
}

async fn two(server: &RedisProc) -> [Waygate; 2] {
    [process(server).await, process(server).await]
}

type Outcome = Pin<Box<dyn Future<Output = Result<(), ChangeError>> + Send>>;

fn patch(waygate: &Waygate, key: &str, members: Value) -> Outcome {
    let (system, key) = (waygate.system(), key.to_owned());
    Box::pin(async move { system.patch_flag(&key, members).await.map(drop) })
}

fn import(waygate: &Waygate, flag: &Flag) -> Outcome {
    let system = waygate.system();
    let document = FlagDocument::new(vec![flag.clone()], Vec::new());
    Box::pin(async move { system.import_flags(document).await.map(drop) })
}

fn delete_flag(waygate: &Waygate, key: &str) -> Outcome {
    let (system, key) = (waygate.system(), key.to_owned());
    Box::pin(async move { system.delete_flag(&key).await })
}

fn delete_segment(waygate: &Waygate, key: &str) -> Outcome {
    let (system, key) = (waygate.system(), key.to_owned());
    Box::pin(async move { system.delete_segment(&key).await })
}

/// Saves a draft, and publishes it.
fn publish(waygate: &Waygate, draft: Flag) -> Outcome {
    let system = waygate.system();
    Box::pin(async move {
        let key = draft.key.clone();
        system.save_flag_draft(draft).await?;
        let published = system.publish_flag_draft(key.as_str(), None).await;
        published.map(drop)
    })
}

/// Changes a flag, takes that back, and reverts the second change.
fn revert(waygate: &Waygate, key: &str, members: Value, back: Value) -> Outcome {
    let (waygate, key) = (waygate.clone(), key.to_owned());
    Box::pin(async move {
        let system = waygate.system();
        system.patch_flag(&key, members).await?;
        system.patch_flag(&key, back).await?;
        let last = waygate.flag_history(&key, 1, 0).await.unwrap().remove(0);
        let entry = last.id.to_string();
        let reverted = system.revert_flag(&key, &entry, FlagVersion::Previous);
        reverted.await.map(drop)
    })
}

/// Starts two changes together, in rounds with keys of their own: exactly one succeeds.
async fn exactly_one(changes: impl Fn(&[Waygate; 2], &str, &str) -> [Outcome; 2]) {
    let server = RedisProc::start();
    let engines = two(&server).await;
    for nth in 0..ROUNDS {
        let (one, other) = (format!("a-{nth}"), format!("b-{nth}"));
        let system = engines[0].system();
        system.create_flag(flag(&one, json!({}))).await.unwrap();
        system.create_flag(flag(&other, json!({}))).await.unwrap();
        let segment = json!({"key": other, "name": "Banned", "included": ["mallory"]});
        let segment = Segment::parse(&segment).unwrap();
        system.create_segment(segment).await.unwrap();
        level(&engines).await;
        let [left, right] = changes(&engines, &one, &other);
        let (left, right) = tokio::join!(left, right);
        assert!(left.is_ok() != right.is_ok(), "{left:?}, {right:?}");
        level(&engines).await;
    }
    assert!(engines.iter().all(|engine| engine.health().is_empty()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prerequisites_form_no_cycle() {
    exactly_one(|[left, right], one, other| {
        [
            patch(left, one, needs(other)),
            patch(right, other, needs(one)),
        ]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn imported_prerequisites_form_no_cycle() {
    exactly_one(|[left, right], one, other| {
        [
            import(left, &flag(one, needs(other))),
            import(right, &flag(other, needs(one))),
        ]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn published_and_reverted_prerequisites_form_no_cycle() {
    exactly_one(|[left, right], one, other| {
        let back = json!({"prerequisites": []});
        [
            publish(left, flag(one, needs(other))),
            revert(right, other, needs(one), back),
        ]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_that_a_draft_or_a_revert_uses_stays() {
    exactly_one(|[left, right], one, other| {
        [
            publish(left, flag(one, without(other))),
            delete_segment(right, other),
        ]
    })
    .await;
    exactly_one(|[left, right], one, other| {
        let back = json!({"rules": []});
        [
            revert(left, one, without(other), back),
            delete_segment(right, other),
        ]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flag_that_another_process_starts_to_need_stays() {
    exactly_one(|[left, right], one, other| {
        [patch(left, one, needs(other)), delete_flag(right, other)]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_variation_that_another_process_starts_to_need_stays() {
    let renamed = json!({
        "variations": [{"name": "yes", "value": true}, {"name": "off", "value": false}],
    });
    exactly_one(|[left, right], one, other| {
        [
            patch(left, one, needs(other)),
            patch(right, other, renamed.clone()),
        ]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_that_another_process_starts_to_use_stays() {
    exactly_one(|[left, right], one, other| {
        [
            patch(left, one, without(other)),
            delete_segment(right, other),
        ]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flags_of_two_processes_share_no_bucket_of_a_layer() {
    let layer = |layer: &str| json!({"layer": {"layer": layer, "from": 0, "to": 50_000}});
    exactly_one(|[left, right], one, other| {
        [
            patch(left, one, layer(one)),
            patch(right, other, layer(one)),
        ]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_is_held_whatever_another_process_did_before() {
    let server = RedisProc::start();
    let [one, other] = two(&server).await;
    let progressive = json!({"progressive": {
        "variation": "on", "baseline": "off", "start": "2026-01-01T00:00:00Z",
        "stages": [{"after_seconds": 0, "weight": 1_000}, {"after_seconds": 3_600_000_000_u64, "weight": 100_000}],
    }});
    let system = one.system();
    system
        .create_flag(flag("search", progressive))
        .await
        .unwrap();
    system.hold_flag_rollout("search").await.unwrap();
    for _ in 0..ROUNDS {
        system.resume_flag_rollout("search").await.unwrap();
        // This process may not know it yet.
        other.system().hold_flag_rollout("search").await.unwrap();
        system.enable_flag("search").await.unwrap();
        let flag = one.flags().flag("search").unwrap().flag;
        let rollout = flag.progressive.as_ref().unwrap();
        let last = serde_json::to_value(rollout.holds.last().unwrap()).unwrap();
        assert_eq!(last["until"], Value::Null, "{last}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_of_one_flag_succeed() {
    let server = RedisProc::start();
    let engines = two(&server).await;
    let system = engines[0].system();
    system.create_flag(flag("search", json!({}))).await.unwrap();
    level(&engines).await;
    let writes = (0..200_usize).map(|nth| {
        let members = json!({"description": nth.to_string()});
        tokio::spawn(patch(&engines[nth % 2], "search", members))
    });
    for write in writes.collect::<Vec<_>>() {
        write.await.unwrap().unwrap();
    }
}

/// The tag and the value for one client.
async fn fetched(waygate: &Waygate, known: Option<&str>) -> (u16, String, Value) {
    use tower::ServiceExt;
    let mut request = http::Request::post("/ofrep/v1/evaluate/flags");
    if let Some(tag) = known {
        request = request.header("if-none-match", tag);
    }
    let body = axum::body::Body::from(r#"{"context": {"targetingKey": "user-1"}}"#);
    let request = request.header("content-type", "application/json");
    let router = waygate.ofrep(Ofrep::open(Audience::Server));
    let response = router.oneshot(request.body(body).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let tag = response.headers()["etag"].to_str().unwrap().to_owned();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20)
        .await
        .unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    (status, tag, body["flags"][0]["value"].clone())
}

// Two commits have the same number, and different content.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tag_from_before_a_failover_is_another() {
    let (master, replica) = (RedisProc::start(), RedisProc::start());
    replica.replicate(master.addr());
    replica.wait_synced();
    let one = process(&master).await;
    let system = one.system();
    system.create_flag(flag("search", json!({}))).await.unwrap();
    master.wait_replicas(1);
    replica.promote();
    let lost = system
        .patch_flag("search", json!({"fallthrough": "on"}))
        .await
        .unwrap();
    let (_, tag, value) = fetched(&one, None).await;
    assert_eq!(value, true);
    let other = process(&replica).await;
    let members = json!({"name": "renamed"});
    let next = other.system().patch_flag("search", members).await.unwrap();
    assert_eq!(next.revision, lost.revision);
    let (status, _, value) = fetched(&other, Some(&tag)).await;
    assert_eq!((status, value), (200, json!(false)));
}
