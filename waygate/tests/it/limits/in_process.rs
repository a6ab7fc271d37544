//! In-process requests of handlers: each counts, even if it targets the route that admitted the handler.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU32, Ordering},
};

use axum::{
    Extension, Router,
    body::Body,
    extract::{Path, Request, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures_util::stream;
use http::{Extensions, Method};
use serde_json::json;
use tower::ServiceExt;
use waygate::{RouteGuard, Waygate, model::RouteState, testing::TestApp};

use super::set;
use crate::support::builder;

/// The router that a handler calls, once it is complete.
type Inside = Arc<OnceLock<Router>>;

async fn call(inside: &Inside, path: &str, extensions: Extensions) -> Response {
    let method = match path.contains("batch") {
        true => Method::POST,
        false => Method::GET,
    };
    let mut request = Request::new(Body::empty());
    (*request.method_mut(), *request.uri_mut()) = (method, path.parse().unwrap());
    *request.extensions_mut() = extensions;
    inside
        .get()
        .unwrap()
        .clone()
        .oneshot(request)
        .await
        .unwrap()
}

/// Returns how many of ten calls pass.
async fn ten(inside: &Inside, path: &str, extensions: impl Fn() -> Extensions) -> u32 {
    let mut passed = 0;
    for _ in 0..10 {
        passed += u32::from(call(inside, path, extensions()).await.status() == 200);
    }
    passed
}

/// A router with handlers that call it, guarded once, or nested in another guarded router.
async fn called(waygate: &Waygate, router: Router, is_stacked: bool) -> TestApp {
    let inside = Inside::default();
    let router = router.layer(Extension(inside.clone()));
    let mut guarded = waygate.guard(router).await.unwrap().into_router();
    if is_stacked {
        guarded = waygate.guard(guarded).await.unwrap().into_router();
    }
    inside.set(guarded.clone()).unwrap();
    TestApp::new(guarded)
}

fn all(limit: &str) -> serde_json::Value {
    json!({"limit": limit, "key_strategy": "global"})
}

/// Whether the extensions of the in-process request are those of the handler's request.
const TAKES_OVER: [bool; 2] = [false, true];

#[tokio::test]
async fn a_batch_that_calls_its_own_route_is_counted() {
    async fn batch(Extension(inside): Extension<Inside>, request: Request) -> String {
        let (head, _) = request.into_parts();
        match head.uri.query() {
            None => String::new(),
            Some(query) => {
                let takes_over = query == "takes-over";
                let extensions = || match takes_over {
                    true => head.extensions.clone(),
                    false => Extensions::new(),
                };
                ten(&inside, "/batch", extensions).await.to_string()
            }
        }
    }
    for is_stacked in [false, true] {
        for takes_over in TAKES_OVER {
            for scope in ["POST:/batch#default", "*#default"] {
                let waygate = builder().build().await.unwrap();
                let router = Router::new().route("/batch", post(batch));
                let app = called(&waygate, router, is_stacked).await;
                set(&waygate, scope, all("5/hour")).await;
                let query = if takes_over { "takes-over" } else { "fresh" };
                let path = format!("/batch?{query}");
                let answer = app.request(Method::POST, &path, Body::empty()).await;
                assert_eq!(answer.text(), "4", "{scope} {is_stacked} {query}");
                let answer = app.request(Method::POST, "/batch", Body::empty()).await;
                assert_eq!(answer.status(), 429, "{scope} {is_stacked} {query}");
            }
        }
    }
}

#[tokio::test]
async fn a_request_for_another_tenant_is_counted_for_that_one() {
    static RAN: AtomicU32 = AtomicU32::new(0);
    async fn tenant(Extension(inside): Extension<Inside>, Path(tenant): Path<String>) -> String {
        RAN.fetch_add(1, Ordering::Relaxed);
        match &*tenant {
            "mine" => ten(&inside, "/tenants/yours", Extensions::new).await,
            _ => 0,
        }
        .to_string()
    }
    let waygate = builder().build().await.unwrap();
    let router = Router::new().route("/tenants/{tenant}", get(tenant));
    let app = called(&waygate, router, false).await;
    let limit = json!({"limit": "1/hour", "key_strategy": "path:tenant"});
    set(&waygate, "GET:/tenants/{tenant}#default", limit).await;
    assert_eq!(app.get("/tenants/mine").await.text(), "1");
    assert_eq!(RAN.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn each_request_acquires_its_own_permit() {
    async fn held(Extension(inside): Extension<Inside>, request: Request) -> Response {
        if request.uri().query().is_none() {
            let never = stream::pending::<Result<&'static str, std::io::Error>>();
            return Body::from_stream(never).into_response();
        }
        let mut passed = Vec::new();
        for _ in 0..10 {
            let answer = call(&inside, "/held", request.extensions().clone()).await;
            if answer.status() == 200 {
                passed.push(answer);
            }
        }
        passed.len().to_string().into_response()
    }
    for is_stacked in [false, true] {
        let waygate = builder().build().await.unwrap();
        let app = called(
            &waygate,
            Router::new().route("/held", get(held)),
            is_stacked,
        )
        .await;
        let policy = serde_json::from_value(json!({"limit": 3})).unwrap();
        let system = waygate.system();
        let set = system.set_concurrency_limit("GET:/held#default".parse().unwrap(), policy);
        set.await.unwrap();
        assert_eq!(app.get("/held?batch").await.text(), "2", "{is_stacked}");
    }
}

#[tokio::test]
async fn requests_to_several_routes_count_for_each() {
    async fn batch(Extension(inside): Extension<Inside>, request: Request) -> String {
        match request.uri().query() {
            None => String::new(),
            Some(_) => ten(&inside, "/batch", Extensions::new).await.to_string(),
        }
    }
    for scope in ["POST:/batch#default", "/batch#default"] {
        let waygate = builder().build().await.unwrap();
        let whole = "/batch".parse().unwrap();
        waygate
            .register(whole, RouteState::default())
            .await
            .unwrap();
        let own = "POST:/batch".parse().unwrap();
        waygate.register(own, RouteState::default()).await.unwrap();
        let app = called(&waygate, Router::new().route("/batch", post(batch)), false).await;
        set(&waygate, scope, all("5/hour")).await;
        let answer = app.request(Method::POST, "/batch?", Body::empty()).await;
        assert_eq!(answer.text(), "4", "{scope}");
    }
}

/// The route guard of an unguarded router, called by a handler that the layer admitted.
#[tokio::test]
async fn a_route_guard_counts_requests_of_handlers() {
    async fn guard(_: RouteGuard) {}
    async fn batch(State(waygate): State<Waygate>) -> String {
        let inner = Router::new()
            .route("/batch", post(guard))
            .with_state(waygate);
        let inside = Inside::default();
        inside.set(inner).unwrap();
        ten(&inside, "/batch", Extensions::new).await.to_string()
    }
    let waygate = builder().build().await.unwrap();
    let router = Router::new()
        .route("/batch", post(batch))
        .with_state(waygate.clone());
    let guarded = waygate.guard(router).await.unwrap().into_router();
    let again = waygate.guard(guarded).await.unwrap().into_router();
    set(&waygate, "POST:/batch#default", all("5/hour")).await;
    let app = TestApp::new(again);
    let answer = app.request(Method::POST, "/batch", Body::empty()).await;
    assert_eq!(answer.text(), "4");
}

/// A router that is mounted twice, and guarded once more.
#[tokio::test]
async fn a_router_that_is_nested_and_merged_counts_once() {
    let waygate = builder().build().await.unwrap();
    let inner = Router::new().route("/x", get(|| async { "x" }));
    let inner = waygate.guard(inner).await.unwrap().into_router();
    let outer = Router::new().nest("/in", inner.clone()).merge(inner);
    let app = TestApp::new(waygate.guard(outer).await.unwrap().into_router());
    set(&waygate, "*#default", all("10/hour")).await;
    let mut passed = 0;
    for path in ["/in/x", "/x"].into_iter().cycle().take(20) {
        passed += u32::from(app.get(path).await.status() == 200);
    }
    assert_eq!(passed, 10);
}
