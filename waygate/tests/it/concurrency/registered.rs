//! Concurrency limits with registered functions.

use axum::{Extension, Router, routing::get};
use serde_json::json;
use waygate::{
    Blocked, Responses,
    limits::{ConcurrencyLimitFunctions, Key},
    model::Registration,
    response::RequestParts,
    testing::TestApp,
};

use super::{Door, assert_full, inside, policy, wait};
use crate::support::builder;

fn team(request: &RequestParts) -> Option<Key> {
    Some(request.headers.get("x-team")?.as_bytes().into())
}

async fn team_later(request: &RequestParts) -> Option<Key> {
    tokio::task::yield_now().await;
    team(request)
}

fn come_back(blocked: &Blocked) -> String {
    format!("come back: {}", blocked.reason().code())
}

#[tokio::test]
async fn registered_functions_apply_until_they_are_unregistered() {
    let functions = ConcurrencyLimitFunctions::new;
    let route = || Registration::new("GET:/x".parse().unwrap());
    let one = || policy(json!({ "limit": 1 }));
    let of_route = Responses::new().concurrency_limited(come_back);
    let by_limit = functions().key(team).response(come_back);
    for (registration, register_first) in [
        (route().concurrency_limit_with(one(), by_limit), false),
        (
            route()
                .concurrency_limit_with(one(), functions().key(team_later))
                .responses(of_route),
            true,
        ),
    ] {
        let waygate = builder().build().await.unwrap();
        if register_first {
            waygate.register_all([registration.clone()]).await.unwrap();
        }
        let door = Door::new();
        let router = Router::new()
            .route("/x", get(wait))
            .layer(Extension(door.clone()));
        let app = TestApp::new(waygate.guard(router).await.unwrap().into_router());
        if !register_first {
            waygate.register_all([registration]).await.unwrap();
        }
        let of = |team| app.with_header("x-team", team);
        let red = inside(&of("red"), "/x", &door).await;
        let full = of("red").get("/x").await;
        assert_eq!(full.text(), "come back: CONCURRENCY_LIMIT_EXCEEDED");
        assert_eq!(full.header("retry-after"), Some("1"));
        let blue = inside(&of("blue"), "/x", &door).await;
        // Another registration replaces it: all requests share one key, and the built-in response is back.
        let together = functions().key(|_: &RequestParts| Some(Key::from("all")));
        let next = route().concurrency_limit_with(one(), together);
        waygate.register_all([next]).await.unwrap();
        let green = inside(&of("green"), "/x", &door).await;
        assert_full(&of("yellow").get("/x").await);
        assert!(waygate.unregister(&"GET:/x".parse().unwrap()).await);
        let yellow = inside(&of("yellow"), "/x", &door).await;
        door.let_go(4);
        for request in [red, blue, green, yellow] {
            assert_eq!(request.await.unwrap().status(), 200);
        }
    }
}
