//! Concurrency limits: enforcement, and changes by operators.

mod attributes;
mod operators;
mod registered;
mod shared;
mod sockets;
mod upgrades;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Extension, Router,
    body::Body,
    extract::Request,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinHandle};
use tower::ServiceExt;
use waygate::{
    Blocked, Responses, Waygate,
    client::Roles,
    limits::{ConcurrencyPolicy, ConcurrencyRecord, HitQuery, LimitKey},
    model::RouteState,
    testing::{TestApp, TestResponse, bypass},
};

use crate::support::{builder, clock, with_all_headers};

/// Where handlers wait until the test lets them go on.
#[derive(Clone)]
struct Door {
    inside: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl Door {
    fn new() -> Self {
        let closed = || Arc::new(Semaphore::new(0));
        Self {
            inside: closed(),
            open: closed(),
        }
    }

    /// Reports the handler as waiting, and waits.
    async fn pass(&self) {
        self.inside.add_permits(1);
        self.open.acquire().await.unwrap().forget();
    }

    /// Returns when one more handler waits.
    async fn entered(&self) {
        self.inside.acquire().await.unwrap().forget();
    }

    fn let_go(&self, handlers: usize) {
        self.open.add_permits(handlers);
    }
}

async fn wait(Extension(door): Extension<Door>) -> &'static str {
    door.pass().await;
    "done"
}

/// A body of one chunk that never ends.
async fn endless() -> Body {
    let part = stream::iter([Ok::<_, std::io::Error>("part")]);
    Body::from_stream(part.chain(stream::pending()))
}

/// Upgrades the connection, which stays open for as long as its handler waits.
async fn switch(Extension(door): Extension<Door>, request: Request) -> Response {
    tokio::spawn(async move {
        let _connection = hyper::upgrade::on(request).await;
        door.pass().await;
    });
    let headers = [("connection", "upgrade"), ("upgrade", "raw")];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

async fn dies() {
    panic!("a handler that dies");
}

const BUSY: &str = "GET:/busy#default";
const SWITCH: &str = "GET:/switch#default";

fn key(text: &str) -> LimitKey {
    text.parse().unwrap()
}

fn policy(fields: Value) -> ConcurrencyPolicy {
    serde_json::from_value(fields).unwrap()
}

async fn set(waygate: &Waygate, at: &str, fields: Value) -> ConcurrencyRecord {
    let operator = waygate.system();
    let set = operator.set_concurrency_limit(key(at), policy(fields));
    set.await.unwrap()
}

fn routes(door: &Door) -> Router {
    Router::new()
        .route("/busy", get(wait))
        .route("/t/{tenant}", get(wait))
        .route("/endless", get(endless))
        .route("/dies", get(dies))
        .route("/switch", get(switch))
        .layer(Extension(door.clone()))
}

async fn guarded(waygate: &Waygate, door: &Door) -> Router {
    let keys = [
        "GET:/busy",
        "GET:/t/{tenant}",
        "GET:/endless",
        "GET:/dies",
        "GET:/switch",
    ];
    for route in keys {
        let key = route.parse().unwrap();
        waygate.register(key, RouteState::default()).await.unwrap();
    }
    waygate.guard(routes(door)).await.unwrap().into_router()
}

/// An engine with a limit on `GET:/busy`, and the door of its handlers.
async fn limited(fields: Value) -> (Waygate, TestApp, Door) {
    let waygate = with_all_headers().clock(clock()).build().await.unwrap();
    let door = Door::new();
    let app = TestApp::new(guarded(&waygate, &door).await);
    set(&waygate, BUSY, fields).await;
    (waygate, app, door)
}

/// Starts a request that waits in its handler.
async fn inside(app: &TestApp, path: &'static str, door: &Door) -> JoinHandle<TestResponse> {
    let app = app.clone();
    let request = tokio::spawn(async move { app.get(path).await });
    door.entered().await;
    request
}

fn in_use(waygate: &Waygate, at: &str) -> u64 {
    waygate.concurrency_limit(&key(at)).unwrap().in_use
}

#[track_caller]
fn assert_full(answer: &TestResponse) {
    assert_eq!(answer.status(), 429, "{}", answer.text());
    let error = answer.json::<Value>()["error"].clone();
    assert_eq!(error["code"], "CONCURRENCY_LIMIT_EXCEEDED");
}

#[tokio::test]
async fn a_limit_admits_as_many_requests_as_it_says() {
    let (waygate, app, door) = limited(json!({"limit": 2})).await;
    let first = inside(&app, "/busy", &door).await;
    let second = inside(&app, "/busy", &door).await;
    let refused = app.get("/busy?page=2").await;
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(
        refused.header("ratelimit-policy"),
        Some("\"default\";q=2;qu=\"concurrent-requests\"")
    );
    assert_eq!(refused.header("ratelimit"), None);
    assert_eq!(
        refused.json::<Value>(),
        json!({"error": {
            "code": "CONCURRENCY_LIMIT_EXCEEDED", "message": "Too many requests at a time", "limit": 2,
            "retry_after_seconds": 1, "path": "/busy",
        }})
    );
    let record = waygate.concurrency_limit(&key(BUSY)).unwrap();
    assert_eq!((record.in_use, record.refused), (2, 1));
    assert_eq!(
        record.meaning,
        "at most 2 requests at a time, for all callers together"
    );

    door.let_go(1);
    assert_eq!(first.await.unwrap().text(), "done");
    let third = inside(&app, "/busy", &door).await;
    assert_full(&app.get("/busy").await);
    door.let_go(2);
    for request in [second, third] {
        let answer = request.await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.header("ratelimit-policy"), None);
        assert_eq!(answer.header("content-length"), Some("4"));
    }
    assert_eq!(in_use(&waygate, BUSY), 0);
}

/// Method names can be of any length, and the log of refusals keeps many entries.
#[tokio::test]
async fn long_methods_are_truncated_in_the_log_of_refusals() {
    let waygate = builder().clock(clock()).build().await.unwrap();
    let (door, route) = (Door::new(), "/every-method".parse().unwrap());
    waygate
        .register(route, RouteState::default())
        .await
        .unwrap();
    let routes = Router::new().route("/every-method", axum::routing::any(wait));
    let guarded = waygate.guard(routes.layer(Extension(door.clone()))).await;
    let router = guarded.unwrap().into_router();
    let app = TestApp::new(router.clone());
    set(&waygate, "/every-method#default", json!({"limit": 1})).await;
    let request = inside(&app, "/every-method", &door).await;
    let long = Request::builder()
        .method(&*"M".repeat(1_000))
        .uri("/every-method");
    let refused = router.oneshot(long.body(Body::empty()).unwrap()).await;
    assert_eq!(refused.unwrap().status(), 429);
    let hits = waygate.rate_limit_hits(&HitQuery::newest(5));
    let [hit] = &*hits else { panic!("{hits:?}") };
    assert_eq!(&*hit.method, "M".repeat(16));
    door.let_go(1);
    request.await.unwrap();
}

#[tokio::test]
async fn a_refusal_is_a_problem_and_a_hit() {
    let (waygate, app, door) = limited(json!({"limit": 1})).await;
    let request = inside(&app, "/busy", &door).await;
    let problem = app.with_header("accept", "application/problem+json");
    let problem: Value = problem.get("/busy").await.json();
    assert_eq!(
        problem["type"],
        "https://iana.org/assignments/http-problem-types#quota-exceeded"
    );
    assert_eq!(problem["violated-policies"], json!(["default"]));
    let hits = waygate.rate_limit_hits(&HitQuery::newest(5).enforced(true));
    let [hit] = &*hits else { panic!("{hits:?}") };
    assert_eq!(
        (&*hit.path, &*hit.method, &*hit.limit),
        ("/busy", "GET", "1 at a time")
    );
    assert_eq!(hit.policy, key(BUSY));
    assert_eq!(hit.key, "waygate:ratelimit:GET:/busy:*");
    door.let_go(1);
    request.await.unwrap();
}

#[tokio::test]
async fn a_permit_is_held_until_the_body_is_sent_or_dropped() {
    let waygate = builder().build().await.unwrap();
    let router = guarded(&waygate, &Door::new()).await;
    let at = "GET:/endless#default";
    set(&waygate, at, json!({"limit": 1})).await;
    let ask = || Request::get("/endless").body(Body::empty()).unwrap();
    for _ in 0..2 {
        let answer: Response = router.clone().oneshot(ask()).await.unwrap();
        assert_eq!((answer.status().as_u16(), in_use(&waygate, at)), (200, 1));
        let refused = router.clone().oneshot(ask()).await.unwrap();
        assert_eq!(refused.status(), 429);
        let mut body = answer.into_body().into_data_stream();
        let part = body.next().await.unwrap();
        assert_eq!((part.unwrap(), in_use(&waygate, at)), ("part".into(), 1));
        drop(body);
        assert_eq!(in_use(&waygate, at), 0);
    }
}

#[tokio::test]
async fn a_cancelled_request_releases_its_permit() {
    let (waygate, app, door) = limited(json!({"limit": 1})).await;
    let request = inside(&app, "/busy", &door).await;
    assert_full(&app.get("/busy").await);
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    assert_eq!(in_use(&waygate, BUSY), 0);
    let request = inside(&app, "/busy", &door).await;
    door.let_go(1);
    assert_eq!(request.await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_panicking_handler_releases_its_permit() {
    let (waygate, app, _) = limited(json!({"limit": 1})).await;
    set(&waygate, "GET:/dies#default", json!({"limit": 1})).await;
    for _ in 0..3 {
        let app = app.clone();
        let request = tokio::spawn(async move { app.get("/dies").await });
        assert!(request.await.unwrap_err().is_panic());
        assert_eq!(in_use(&waygate, "GET:/dies#default"), 0);
    }
}

#[tokio::test]
async fn refused_requests_consume_no_quota() {
    let (waygate, app, door) = limited(json!({"limit": 1})).await;
    let quota = json!({"limit": "2/hour", "key_strategy": "global"});
    let quota = serde_json::from_value(quota).unwrap();
    let set = waygate.system().set_rate_limit(key(BUSY), quota).await;
    assert!(set.unwrap().overridden);
    let request = inside(&app, "/busy", &door).await;
    for _ in 0..3 {
        assert_full(&app.get("/busy").await);
    }
    door.let_go(2);
    for (answer, remaining) in [(request.await.unwrap(), "1"), (app.get("/busy").await, "0")] {
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(remaining));
    }
    // The used-up rate limit refuses without keeping the permit.
    for _ in 0..2 {
        let refused = app.get("/busy").await;
        assert_eq!(
            refused.json::<Value>()["error"]["code"],
            "RATE_LIMIT_EXCEEDED"
        );
        assert_eq!(in_use(&waygate, BUSY), 0);
    }
}

#[tokio::test]
async fn a_refusal_by_a_rate_limit_releases_the_permit_before_the_response_is_sent() {
    let waygate = builder().clock(clock()).build().await.unwrap();
    let router = guarded(&waygate, &Door::new()).await;
    set(&waygate, BUSY, json!({"limit": 1})).await;
    let quota = json!({"limit": "0/hour", "key_strategy": "global"});
    let quota = serde_json::from_value(quota).unwrap();
    let operator = waygate.system();
    operator.set_rate_limit(key(BUSY), quota).await.unwrap();
    let ask = || Request::get("/busy").body(Body::empty()).unwrap();
    let answer: Response = router.clone().oneshot(ask()).await.unwrap();
    assert_eq!((answer.status().as_u16(), in_use(&waygate, BUSY)), (429, 0));
    assert!(answer.headers().contains_key("x-ratelimit-limit"));
}

/// Checks that two permits allow `same` twice, and `other` besides.
async fn assert_key(strategy: &str, same: (&'static str, &str), other: (&'static str, &str)) {
    let (waygate, app, door) = limited(json!({"limit": 9})).await;
    let at = match strategy {
        "path:tenant" => "GET:/t/{tenant}#default",
        _ => BUSY,
    };
    set(&waygate, at, json!({"limit": 1, "key_strategy": strategy})).await;
    let asked = |(path, header): (&'static str, &str)| match header.split_once('=') {
        Some(("ip", ip)) => (app.from_peer(SocketAddr::new(ip.parse().unwrap(), 1)), path),
        Some((name, value)) => (app.with_header(name, value), path),
        None => (app.clone(), path),
    };
    let ((same, path), (other, other_path)) = (asked(same), asked(other));
    let first = inside(&same, path, &door).await;
    assert_full(&same.get(path).await);
    let second = inside(&other, other_path, &door).await;
    door.let_go(2);
    for request in [first, second] {
        assert_eq!(request.await.unwrap().status(), 200, "{strategy}");
    }
}

#[tokio::test]
async fn each_key_has_its_own_permits() {
    let busy = |header| ("/busy", header);
    assert_key("ip", busy("ip=192.0.2.1"), busy("ip=192.0.2.2")).await;
    assert_key("api_key", busy("x-api-key=one"), busy("x-api-key=two")).await;
    assert_key("header:x-team", busy("x-team=a"), busy("x-team=b")).await;
    assert_key("path:tenant", ("/t/acme", ""), ("/t/other", "")).await;
    // Requests without a key are not counted.
    assert_key("api_key", busy("x-api-key=one"), busy("")).await;
}

#[tokio::test]
async fn networks_and_roles_can_be_exempt() {
    let fields = json!({"limit": 1, "exempt_ips": ["10.0.0.0/8"], "exempt_roles": ["staff"]});
    let waygate = builder().build().await.unwrap();
    let door = Door::new();
    let router = guarded(&waygate, &door).await;
    set(&waygate, BUSY, fields).await;
    let app = TestApp::new(router.clone());
    let staff = TestApp::new(router.layer(Extension(Roles::new(["staff"]))));
    let counted = inside(&app, "/busy", &door).await;
    assert_full(&app.get("/busy").await);
    let neighbour = app.from_peer(SocketAddr::new([10, 1, 2, 3].into(), 1));
    let mut requests = vec![counted, inside(&neighbour, "/busy", &door).await];
    requests.push(inside(&staff, "/busy", &door).await);
    assert_eq!(in_use(&waygate, BUSY), 1);
    door.let_go(4);
    assert_eq!(bypass(app.get("/busy")).await.status(), 200);
    for request in requests {
        assert_eq!(request.await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn a_limit_can_apply_to_all_routes() {
    let (waygate, app, door) = limited(json!({"limit": 2})).await;
    set(&waygate, "*#default", json!({"limit": 1})).await;
    let request = inside(&app, "/busy", &door).await;
    for path in ["/t/acme", "/busy"] {
        assert_full(&app.get(path).await);
    }
    // A request that one limit refuses holds no permit of another.
    assert_eq!(
        (in_use(&waygate, "*#default"), in_use(&waygate, BUSY)),
        (1, 1)
    );
    door.let_go(1);
    request.await.unwrap();
    assert_eq!(
        (in_use(&waygate, "*#default"), in_use(&waygate, BUSY)),
        (0, 0)
    );
}

#[tokio::test]
async fn the_application_can_answer_refusals() {
    let waygate = builder().build().await.unwrap();
    let door = Door::new();
    let key = "GET:/busy".parse().unwrap();
    waygate.register(key, RouteState::default()).await.unwrap();
    let sorry = |blocked: &Blocked| format!("{} later", blocked.reason().code());
    let guarded = waygate.guard(routes(&door)).await.unwrap();
    let guarded = guarded.responses(Responses::new().concurrency_limited(sorry));
    let app = TestApp::new(guarded.into_router());
    set(&waygate, BUSY, json!({"limit": 1})).await;
    let request = inside(&app, "/busy", &door).await;
    let refused = app.get("/busy").await;
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.text(), "CONCURRENCY_LIMIT_EXCEEDED later");
    door.let_go(1);
    request.await.unwrap();
}
