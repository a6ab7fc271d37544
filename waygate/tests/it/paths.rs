//! Paths that Waygate itself serves.

use std::collections::BTreeMap;

use axum::{
    Router,
    routing::{any, get, post},
};
use proptest::prelude::*;
use waygate::{Guarded, admin::Credentials, testing::TestApp};

use crate::support::builder;

async fn guarded() -> Guarded {
    let router = Router::new()
        .route("/docs", get(async || "own"))
        .route("/raw", any(async || "own"))
        .route("/only-post", post(async || "own"))
        .route("/ops/restart", post(async || "own"))
        .route("/files/{*rest}", get(async || "own"))
        .nest_service("/service", any(async || "own"));
    guard(router).await
}

async fn guard(router: Router) -> Guarded {
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
async fn invalid_and_taken_paths_are_errors() {
    type Call = fn(Guarded) -> Guarded;
    let cases: [(Call, &str, &str); 26] = [
        (|api| api.docs("help"), "`.docs(\"help\")`", "write `/help`"),
        (|api| api.docs(""), "`.docs(\"\")`", "starts with `/`"),
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
            "\"a b\" is not valid in a path; write `/a%20b`",
        ),
        (
            |api| api.openapi("/v1/\"spec\".json"),
            "`.openapi(\"/v1/\\\"spec\\\".json\")`",
            "write `/v1/%22spec%22.json`",
        ),
        (
            |api| api.openapi(""),
            "`.openapi(\"\")`",
            "write `/openapi.json`",
        ),
        (
            |api| api.docs("/a/../b"),
            "`.docs(\"/a/../b\")`",
            "write `/b`",
        ),
        (
            |api| api.docs("/./help"),
            "`.docs(\"/./help\")`",
            "write `/help`",
        ),
        (
            |api| api.docs("//help//"),
            "`.docs(\"//help//\")`",
            "write `/help/`",
        ),
        (|api| admin(api, ""), "`.admin(\"\")`", "hide the API"),
        (|api| admin(api, "//"), "`.admin(\"//\")`", "hide the API"),
        (|api| admin(api, "ops"), "`.admin(\"ops\")`", "write `/ops`"),
        (
            |api| api.docs("/help?a=b"),
            "`.docs(\"/help?a=b\")`",
            "write `/help`",
        ),
        (
            |api| api.docs("/openapi.json"),
            "`.docs(\"/openapi.json\")` serves the same path",
            "the document of the page would be at `/openapi.json`; name another path for it with `.openapi(..)`",
        ),
        (
            |api| api.docs("/service"),
            "`.docs(\"/service\")`",
            "a route at `/service/{*rest}`; choose another path",
        ),
        (
            |api| admin(api, "/service/"),
            "`.admin(\"/service/\")`",
            "a route at `/service/{*rest}`; choose another path",
        ),
        (
            |api| api.openapi("/service/"),
            "`.openapi(\"/service/\")`",
            "a route at `/service/{*rest}`; choose another path",
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
async fn a_route_in_place_of_the_document_of_a_page() {
    let api = || guard(Router::new().route("/openapi.json", get(async || "own")));
    let error = api().await.docs("/help").try_into_router().unwrap_err();
    assert_eq!(
        error.to_string(),
        "`.docs(\"/help\")`: the API has a route at `/openapi.json`, and the document of the page would be at \
         `/openapi.json`; name another path for it with `.openapi(..)`"
    );
    let app = api().await.docs("/help").openapi("/live.json");
    let app = TestApp::new(app.try_into_router().unwrap());
    assert_eq!(app.get("/openapi.json").await.text(), "own");
    assert_eq!(app.get("/live.json").await.status(), 200);
}

/// An API with one route, added in each way that axum supports.
fn router_of(kind: usize, path: &str) -> Router {
    let own = || any(async || "own");
    match kind {
        0 => Router::new().route(path, get(async || "own")),
        1 => Router::new().route(path, post(async || "own")),
        2 => Router::new().route(path, own()),
        3 => Router::new().route_service(path, own()),
        4 if path.len() > 1 && !path.contains(['{', '*']) => {
            Router::new().nest_service(path, own())
        }
        5 if path.len() > 1 && !path.contains(['{', '*']) => {
            let inner = Router::new().route("/", get(async || "own"));
            Router::new().nest(path, inner.fallback(async || "none"))
        }
        _ => Router::new().fallback(async || "none"),
    }
}

type Serve = fn(Guarded, &str) -> Guarded;

/// The paths that each call serves, with the statuses that identify it.
const CALLS: [(Serve, &str, &[u16]); 3] = [
    (|api, path| api.docs(path), "", &[200, 307]),
    (|api, path| api.openapi(path), "", &[200]),
    (|api, path| admin(api, path), "/api/health", &[401]),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_path_is_served_or_refused(
        (kind, route) in (0..7_usize, "(/(docs|events|x|\\{p\\}|docs\\{p\\}|openapi[.]json)){1,2}/?|/|/docs/\\{\\*rest\\}|/\\{\\*rest\\}"),
        given in prop::collection::vec((0..3_usize, "(/?(docs|x|events|openapi.json|[.]{1,2}|%2e|[a-z%\"<?#:ü *{}\\\\]{1,3})?){0,3}/{0,2}"), 1..4),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut guarded = guard(router_of(kind, &route)).await;
            for (call, path) in &given {
                guarded = CALLS[*call].0(guarded, path);
            }
            let Ok(router) = guarded.try_into_router() else {
                return;
            };
            let app = TestApp::new(router);
            // The last document and the last page count.
            let last: BTreeMap<usize, &String> = given.iter().map(|(call, path)| (*call, path)).collect();
            for (call, path) in last {
                let (_, below, expected) = CALLS[call];
                let path = match below {
                    "" => path.clone(),
                    below => format!("{}{below}", path.trim_end_matches('/')),
                };
                let status = app.get(&path).await.status().as_u16();
                assert!(expected.contains(&status), "{path}: {status}");
                assert!(requested_as_written(&path), "{path}");
            }
        });
    }
}

/// Whether clients send the path unchanged.
fn requested_as_written(path: &str) -> bool {
    let is_plain = |segment: &str| !matches!(segment, "." | ".." | "%2e");
    !path.contains("//") && path.is_ascii() && path.split('/').all(is_plain)
}

#[tokio::test]
#[should_panic(expected = "`.docs(\"help\")`: a path starts with `/`; write `/help`")]
async fn into_router_panics_with_the_same_text() {
    let _ = guarded().await.docs("help").into_router();
}
