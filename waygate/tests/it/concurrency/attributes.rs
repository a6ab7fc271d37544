//! Limits declared with `#[concurrency_limit]`.

use axum::{Extension, Router, routing::get};
use serde_json::json;
use waygate::{
    Blocked, Waygate, concurrency_limit, force_active, limits::Key, response::RequestParts,
    testing::TestApp,
};

use super::{Door, assert_full, in_use, inside, key, set, wait};
use crate::support::{builder, clock};

#[concurrency_limit(1, route = "GET /declared/plain")]
async fn plain(door: Extension<Door>) -> &'static str {
    wait(door).await
}

#[force_active(route = "GET /declared/forced")]
#[concurrency_limit(1)]
async fn forced(door: Extension<Door>) -> &'static str {
    wait(door).await
}

fn team(request: &RequestParts) -> Option<Key> {
    Some(request.headers.get("x-team")?.as_bytes().into())
}

async fn team_later(request: &RequestParts) -> Option<Key> {
    tokio::task::yield_now().await;
    team(request)
}

fn come_back(blocked: &Blocked) -> String {
    format!("come back: {}", blocked.reason().message())
}

#[concurrency_limit(9, route = "GET /declared/team")]
#[concurrency_limit(1, key = team, name = "team", response = come_back)]
async fn by_team(door: Extension<Door>) -> &'static str {
    wait(door).await
}

#[concurrency_limit(1, key = team_later, route = "GET /declared/later")]
#[waygate::rate_limit("3/hour", key = team_later)]
async fn by_team_later(door: Extension<Door>) -> &'static str {
    wait(door).await
}

async fn declared() -> (Waygate, TestApp, Door) {
    let waygate = builder().clock(clock()).build().await.unwrap();
    let door = Door::new();
    let router = Router::new()
        .route("/declared/plain", get(plain))
        .route("/declared/forced", get(forced))
        .route("/declared/team", get(by_team))
        .route("/declared/later", get(by_team_later))
        .layer(Extension(door.clone()));
    let router = waygate.guard(router).await.unwrap().into_router();
    (waygate, TestApp::new(router), door)
}

#[tokio::test]
async fn declarations_apply_until_an_operator_overrides_them() {
    let (waygate, app, door) = declared().await;
    let at = "GET:/declared/plain#default";
    let record = waygate.concurrency_limit(&key(at)).unwrap();
    assert_eq!((record.overridden, record.revision.number), (false, 0));
    let first = inside(&app, "/declared/plain", &door).await;
    assert_full(&app.get("/declared/plain").await);
    assert!(set(&waygate, at, json!({"limit": 2})).await.overridden);
    let second = inside(&app, "/declared/plain", &door).await;
    let operator = waygate.system();
    assert!(operator.delete_concurrency_limit(key(at)).await.unwrap());
    let back = waygate.concurrency_limit(&key(at)).unwrap();
    assert_eq!(
        (back.overridden, back.policy.limit.get(), back.in_use),
        (false, 1, 2)
    );
    assert_full(&app.get("/declared/plain").await);
    door.let_go(2);
    for request in [first, second] {
        assert_eq!(request.await.unwrap().status(), 200);
    }
    let keys: Vec<_> = waygate
        .concurrency_limits()
        .iter()
        .map(|record| record.key.to_string())
        .collect();
    assert_eq!(
        keys,
        [
            "GET:/declared/forced#default",
            "GET:/declared/later#default",
            "GET:/declared/plain#default",
            "GET:/declared/team#default",
            "GET:/declared/team#team",
        ]
    );
}

#[tokio::test]
async fn force_active_routes_are_limited() {
    let (_, app, door) = declared().await;
    let request = inside(&app, "/declared/forced", &door).await;
    assert_full(&app.get("/declared/forced").await);
    door.let_go(1);
    assert_eq!(request.await.unwrap().status(), 200);
}

#[tokio::test]
async fn key_functions_can_be_sync_or_async() {
    for path in ["/declared/team", "/declared/later"] {
        let (waygate, app, door) = declared().await;
        let (red, blue) = (
            app.with_header("x-team", "red"),
            app.with_header("x-team", "blue"),
        );
        let first = inside(&red, path, &door).await;
        let refused = red.get(path).await;
        match path {
            "/declared/team" => {
                let text = refused.text();
                assert_eq!(text, "come back: Too many requests at a time");
                // A request that one limit refuses holds no permit of the others.
                assert_eq!(in_use(&waygate, "GET:/declared/team#default"), 1);
            }
            _ => assert_full(&refused),
        }
        let second = inside(&blue, path, &door).await;
        let keyless = inside(&app, path, &door).await;
        door.let_go(3);
        for request in [first, second, keyless] {
            assert_eq!(request.await.unwrap().status(), 200);
        }
        if path == "/declared/later" {
            door.let_go(1);
            let answer = red.get(path).await;
            assert_eq!(answer.header("x-ratelimit-remaining"), Some("1"));
        }
    }
}
