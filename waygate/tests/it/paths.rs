//! The paths at which Waygate itself serves something.

use axum::{
    Router,
    routing::{any, get, post},
};
use waygate::{Credentials, Guarded, testing::TestApp};

use crate::support::builder;

async fn guarded() -> Guarded {
    let router = Router::new()
        .route("/docs", get(async || "own"))
        .route("/raw", any(async || "own"))
        .route("/only-post", post(async || "own"))
        .route("/ops/restart", post(async || "own"))
        .route("/files/{*rest}", get(async || "own"));
    builder()
        .build()
        .await
        .unwrap()
        .guard(router)
        .await
        .unwrap()
}

fn admin(guarded: Guarded, prefix: &str) -> Guarded {
    guarded.admin(prefix, Credentials::new("admin", "secret"))
}

#[tokio::test]
async fn a_path_that_is_none_or_taken_is_an_error_of_ours() {
    type Call = fn(Guarded) -> Guarded;
    let cases: [(Call, &str, &str); 13] = [
        (|api| api.docs("help"), "`.docs(\"help\")`", "write `/help`"),
        (|api| api.docs(""), "`.docs(\"\")`", "begins with `/`"),
        (
            |api| api.docs("/{page}"),
            "`.docs(\"/{page}\")`",
            "a fixed path",
        ),
        (
            |api| api.openapi("/*"),
            "`.openapi(\"/*\")`",
            "a fixed path",
        ),
        (
            |api| api.openapi("/a b"),
            "`.openapi(\"/a b\")`",
            "' ' cannot stand",
        ),
        (|api| admin(api, "/"), "`.admin(\"/\")`", "hide the API"),
        (|api| admin(api, "/:x"), "`.admin(\"/:x\")`", "a fixed path"),
        (
            |api| api.docs("/docs"),
            "`.docs(\"/docs\")`",
            "a route at `/docs`",
        ),
        (
            |api| api.openapi("/raw"),
            "`.openapi(\"/raw\")`",
            "a route at `/raw`",
        ),
        (
            |api| admin(api, "/ops"),
            "`.admin(\"/ops\")`",
            "a route at `/ops/restart`",
        ),
        (
            |api| admin(api, "/files"),
            "`.admin(\"/files\")`",
            "a route at `/files/{*rest}`",
        ),
        (
            |api| admin(api, "/help/").docs("/help"),
            "`.docs(\"/help\")`",
            "`.admin(\"/help/\")` serves the same path",
        ),
        (
            |api| api.docs("/help").openapi("/help/events"),
            "`.docs(\"/help\")`",
            "`.openapi(\"/help/events\")` serves the same path",
        ),
    ];
    for (call, what, why) in cases {
        let error = call(guarded().await).try_into_router().unwrap_err();
        let text = error.to_string();
        assert!(text.contains(what) && text.contains(why), "{text}");
        assert_eq!(format!("{error:?}"), text);
    }
    let twice = admin(admin(guarded().await, "/waygate"), "/waygate");
    assert!(twice.try_into_router().is_err());
}

#[tokio::test]
async fn free_paths_are_served() {
    let api = guarded().await.docs("/only-post/").openapi("/files.json");
    let api = api.admin("/opsy/", Credentials::new("admin", "secret"));
    let app = TestApp::new(api.try_into_router().unwrap());
    for path in ["/docs", "/only-post/", "/files.json", "/files/x"] {
        assert_eq!(app.get(path).await.status(), 200, "{path}");
    }
    assert_eq!(app.get("/opsy/api/health").await.status(), 401);
}

#[tokio::test]
#[should_panic(expected = "`.docs(\"help\")`: a path begins with `/`; write `/help`")]
async fn into_router_panics_with_that_text() {
    let _ = guarded().await.docs("help").into_router();
}
