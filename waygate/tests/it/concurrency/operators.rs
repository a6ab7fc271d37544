//! Changes by operators while requests are running.

use std::sync::Arc;

use serde_json::json;
use waygate::{audit::AuditQuery, limits::DecisionCause, port::MemoryBackend};

use super::{BUSY, Door, assert_full, guarded, in_use, inside, key, limited, policy, set};
use crate::support::builder;

#[tokio::test]
async fn changes_apply_to_running_requests() {
    let (waygate, app, door) = limited(json!({"limit": 1})).await;
    let mut requests = vec![inside(&app, "/busy", &door).await];
    let raised = set(&waygate, BUSY, json!({"limit": 3})).await;
    assert_eq!(
        (raised.in_use, raised.overridden, raised.drifted),
        (1, true, false)
    );
    requests.push(inside(&app, "/busy", &door).await);
    requests.push(inside(&app, "/busy", &door).await);
    set(&waygate, BUSY, json!({"limit": 2})).await;
    door.let_go(1);
    while in_use(&waygate, BUSY) == 3 {
        tokio::task::yield_now().await;
    }
    assert_full(&app.get("/busy").await);
    let operator = waygate.system();
    assert!(operator.delete_concurrency_limit(key(BUSY)).await.unwrap());
    assert_eq!(waygate.concurrency_limit(&key(BUSY)), None);
    requests.push(inside(&app, "/busy", &door).await);
    door.let_go(3);
    for request in requests {
        assert_eq!(request.await.unwrap().status(), 200);
    }
    assert_eq!(waygate.concurrency_limits(), []);
    assert_eq!(set(&waygate, BUSY, json!({"limit": 1})).await.in_use, 0);
}

#[tokio::test]
async fn every_change_is_one_audit_entry_and_one_event() {
    let (waygate, _, _) = limited(json!({"limit": 5})).await;
    let mut events = waygate.subscribe();
    let operator = waygate.system();
    set(&waygate, BUSY, json!({"limit": 6, "key_strategy": "user"})).await;
    for was_set in [true, false] {
        let deleted = operator.delete_concurrency_limit(key(BUSY)).await;
        assert_eq!(deleted.unwrap(), was_set);
    }
    let log = waygate.audit(AuditQuery::newest(20)).await.unwrap();
    let lines: Vec<_> = log
        .iter()
        .rev()
        .map(|line| format!("{} {} {}", line.path, line.action, line.reason))
        .collect();
    assert_eq!(
        lines,
        [
            "GET:/busy concurrency_policy_set 5 at a time · global",
            "GET:/busy concurrency_policy_updated 6 at a time · user",
            "GET:/busy concurrency_policy_deleted ",
        ]
    );
    for expected in [Some(6), None] {
        let event = events.next().await.unwrap();
        let changed = event.changed().unwrap();
        assert_eq!((changed.kind, &*changed.key), ("concurrency", BUSY));
        assert!(event.audit().is_some());
        let limit = changed.concurrency_limit();
        assert_eq!(limit.map(|limit| limit.policy.limit.get()), expected);
    }
    let stale = operator.clone().if_revision(7);
    let refused = stale.set_concurrency_limit(key(BUSY), policy(json!({"limit": 1})));
    assert!(
        refused
            .await
            .unwrap_err()
            .to_string()
            .contains("GET:/busy#default")
    );
}

#[tokio::test]
async fn changes_reach_other_and_later_processes() {
    let backend = Arc::new(MemoryBackend::new());
    let engine = async || {
        let built = builder().backend(backend.clone()).build().await;
        let waygate = built.unwrap();
        drop(guarded(&waygate, &Door::new()).await);
        waygate
    };
    let (one, other) = (engine().await, engine().await);
    let mut events = other.subscribe();
    for at in [BUSY, "*#default"] {
        set(&one, at, json!({"limit": 4})).await;
        loop {
            let event = events.next().await.unwrap();
            let changed = event.changed().unwrap();
            if let Some(limit) = changed.concurrency_limit() {
                assert_eq!((&*changed.key, event.audit()), (at, None));
                assert_eq!(limit.policy.limit.get(), 4);
                break;
            }
        }
    }
    assert_eq!(one.concurrency_limits(), other.concurrency_limits());
    assert_eq!(
        engine().await.concurrency_limits(),
        one.concurrency_limits()
    );
}

#[tokio::test]
async fn a_custom_key_without_a_key_function_is_refused() {
    let (waygate, _, _) = limited(json!({"limit": 5})).await;
    for (source, expected) in [
        ("custom", "here with a key function"),
        ("path:tenant", "`/busy` has no such parameter"),
    ] {
        let policy = policy(json!({"limit": 1, "key_strategy": source}));
        let operator = waygate.system();
        let refused = operator.set_concurrency_limit(key(BUSY), policy).await;
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains(expected), "{refused}");
    }
    let known = json!({"limit": 1, "key_strategy": "path:tenant"});
    set(&waygate, "GET:/t/{tenant}#default", known).await;
}

#[tokio::test]
async fn a_refusal_is_explained() {
    let (waygate, app, door) = limited(json!({"limit": 1})).await;
    let request = inside(&app, "/busy", &door).await;
    assert_full(&app.with_header("x-request-id", "r1").get("/busy").await);
    let explained = waygate.explain("r1").unwrap();
    assert_eq!((explained.passed, explained.steps.len()), (false, 0));
    assert_eq!(explained.refused_by, Some(key(BUSY)));
    assert_eq!(explained.cause, Some(DecisionCause::Concurrency));
    door.let_go(1);
    assert_eq!(request.await.unwrap().status(), 200);
}
