//! Changes by operators, and their effect.

use serde_json::json;
use waygate::limits::{HitQuery, LimitScope};

use super::{key, limited, set};
use crate::support::{app, builder};

#[tokio::test]
async fn a_service_has_its_own_policy_and_maintenance() {
    let waygate = builder().service("billing").build().await.unwrap();
    let app = app(&waygate, &["GET:/search"]).await;
    set(
        &waygate,
        "service:billing#default",
        json!({"limit": "1/hour", "key_strategy": "global"}),
    )
    .await;
    set(
        &waygate,
        "service:other#default",
        json!({"limit": "0/hour", "key_strategy": "global"}),
    )
    .await;
    assert_eq!(app.get("/search").await.status(), 200);
    assert_eq!(app.get("/search").await.status(), 429);

    let operator = waygate.system();
    operator
        .enable_service_maintenance("other", Default::default())
        .await
        .unwrap();
    assert_eq!(app.get("/search").await.status(), 429);
    operator
        .enable_service_maintenance("billing", Default::default())
        .await
        .unwrap();
    assert_eq!(app.get("/search").await.status(), 503);
    // Only global maintenance applies to unknown URLs.
    assert_eq!(app.get("/unknown").await.status(), 404);
    operator
        .disable_service_maintenance("billing")
        .await
        .unwrap();
    // The end of its maintenance resets its counters.
    assert_eq!(app.get("/search").await.status(), 200);
    assert_eq!(app.get("/search").await.status(), 429);
}

#[tokio::test]
async fn a_blocked_request_is_not_charged() {
    let (waygate, app, _) = limited(json!({"limit": "2/hour", "key_strategy": "global"})).await;
    waygate.system().disable("GET:/search", "").await.unwrap();
    for _ in 0..3 {
        assert_eq!(app.get("/search").await.status(), 503);
    }
    waygate.system().enable("GET:/search", "").await.unwrap();
    assert_eq!(
        app.get("/search").await.header("x-ratelimit-remaining"),
        Some("1")
    );
}

#[tokio::test]
async fn a_change_keeps_the_count() {
    let (waygate, app, _) = limited(json!({"limit": "5/hour", "key_strategy": "global"})).await;
    for _ in 0..3 {
        app.get("/search").await;
    }
    for (limit, algorithm, remaining) in [
        ("10/hour", "fixed_window", "6"),
        ("20/hour", "sliding_window", "15"),
        ("4/hour", "fixed_window", "0"),
    ] {
        let fields = json!({"limit": limit, "algorithm": algorithm, "key_strategy": "global"});
        set(&waygate, "GET:/search#default", fields).await;
        let answer = app.get("/search").await;
        assert_eq!(
            answer.header("x-ratelimit-remaining"),
            Some(remaining),
            "{limit}"
        );
    }
    assert_eq!(app.get("/search").await.status(), 429);
    let scope = LimitScope::Route("GET:/search".parse().unwrap());
    waygate.system().reset_rate_limits(scope).await.unwrap();
    assert_eq!(
        app.get("/search").await.header("x-ratelimit-remaining"),
        Some("3")
    );
}

#[tokio::test]
async fn a_policy_can_be_paused_shadowed_and_promoted() {
    let (waygate, app, _) =
        limited(json!({"limit": "1/hour", "key_strategy": "global", "shadow": true})).await;
    let (operator, key) = (waygate.system(), key("GET:/search#default"));
    for _ in 0..3 {
        let answer = app.get("/search").await;
        assert_eq!(
            (answer.status().as_u16(), answer.header("ratelimit")),
            (200, None)
        );
    }
    let record = waygate.rate_limit(&key).unwrap();
    assert_eq!((record.counts.allowed, record.counts.would_refuse), (1, 2));
    let shadowed = HitQuery::newest(10).enforced(false);
    assert_eq!(waygate.rate_limit_hits(&shadowed).len(), 2);

    operator.promote_rate_limit(key.clone()).await.unwrap();
    assert_eq!(
        app.get("/search").await.status(),
        429,
        "shadow counts are kept"
    );
    operator.pause_rate_limit(key.clone()).await.unwrap();
    assert_eq!(app.get("/search").await.status(), 200);
    let resumed = operator.resume_rate_limit(key).await.unwrap();
    assert!(resumed.overridden && !resumed.policy.shadow);
    assert_eq!(app.get("/search").await.status(), 429);
}

#[tokio::test]
async fn adding_and_removing_a_shorter_rate_keeps_the_count() {
    let (waygate, app, _) =
        limited(json!({"limit": "10/second; 20/hour", "key_strategy": "global"})).await;
    for _ in 0..5 {
        app.get("/search").await;
    }
    for (limit, remaining) in [
        ("20/hour", "14"),
        ("20/hour; 15/second", "9"),
        ("50/hour", "42"),
    ] {
        let fields = json!({"limit": limit, "key_strategy": "global"});
        set(&waygate, "GET:/search#default", fields).await;
        let answer = app.get("/search").await;
        assert_eq!(
            answer.header("x-ratelimit-remaining"),
            Some(remaining),
            "{limit}"
        );
    }
}

#[tokio::test]
async fn every_change_is_one_audit_entry() {
    let (waygate, _, _) = limited(json!({"limit": "5/minute"})).await;
    let (operator, key) = (waygate.system(), key("GET:/search#default"));
    set(
        &waygate,
        "GET:/search#default",
        json!({"limit": "6/minute", "key_strategy": "user"}),
    )
    .await;
    operator.pause_rate_limit(key.clone()).await.unwrap();
    operator.pause_rate_limit(key.clone()).await.unwrap();
    operator.reset_rate_limits(key.scope.clone()).await.unwrap();
    operator.delete_rate_limit(key.clone()).await.unwrap();
    operator.delete_rate_limit(key).await.unwrap();
    set(&waygate, "*#default", json!({"limit": "7/minute"})).await;
    let log = waygate
        .audit(waygate::audit::AuditQuery::newest(20))
        .await
        .unwrap();
    let lines: Vec<_> = log
        .iter()
        .rev()
        .map(|line| format!("{} {} {}", line.path, line.action, line.reason))
        .collect();
    assert_eq!(
        lines,
        [
            "GET:/search rl_policy_set 5/minute · fixed_window · ip",
            "GET:/search rl_policy_updated 6/minute · fixed_window · user",
            "GET:/search rl_policy_updated 6/minute · fixed_window · user",
            "GET:/search rl_reset ",
            "GET:/search rl_policy_deleted ",
            "__global_rl__ global_rl_set 7/minute · fixed_window · ip",
        ]
    );
}

#[tokio::test]
async fn commands_on_a_missing_limit_suggest_another() {
    let (waygate, _, _) = limited(json!({"limit": "5/minute"})).await;
    let gentle = json!({"name": "gentle", "limit": "2/minute"});
    set(&waygate, "GET:/search#gentle", gentle.clone()).await;
    set(&waygate, "service:billing#gentle", gentle).await;
    let system = waygate.system();
    for (missing, meant) in [
        (
            "GET:/search#gentel",
            "`: did you mean `GET:/search#gentle`?",
        ),
        ("/search#gentel", "`: did you mean `GET:/search#gentle`?"),
        (
            "service:biling#gentle",
            "`: did you mean `service:billing#gentle`?",
        ),
        ("GET:/search#elsewhere", "`"),
        ("*#gentel", "`"),
    ] {
        let limit = || key(missing);
        for outcome in [
            system.pause_rate_limit(limit()).await.map(drop),
            system.resume_rate_limit(limit()).await.map(drop),
            system.shadow_rate_limit(limit()).await.map(drop),
            system.promote_rate_limit(limit()).await.map(drop),
            system.reset_rate_limit_key(limit(), &["::1"]).await,
        ] {
            let outcome: Result<(), waygate::ChangeError> = outcome;
            let shown = missing.replace("/search", "GET:/search");
            let shown = shown.replace("GET:GET:", "GET:");
            let error = outcome.unwrap_err().to_string();
            assert_eq!(error, format!("there is no limit `{shown}{meant}"));
        }
        let deleted = system.delete_rate_limit(limit()).await;
        assert_eq!(format!("{deleted:?}"), "Ok(false)");
        let deleted = system.delete_concurrency_limit(limit()).await;
        assert_eq!(format!("{deleted:?}"), "Ok(false)");
    }
    let deleted = system.delete_rate_limit(key("GET:/search#gentle")).await;
    assert_eq!(format!("{deleted:?}"), "Ok(true)");
}
