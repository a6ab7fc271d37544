//! The adapter over real connections.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::{net::SocketAddr, num::NonZeroU32, sync::Arc};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_adapter::{App, Held, Route};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::Value;
use tokio::{net::TcpListener, sync::Notify, task};
use waygate::{
    Waygate, WaygateBuilder,
    client::TrustedProxies,
    decision::{Decision, RequestHead},
    limits::{ConcurrencyPolicy, RateLimitPolicy},
    model::{Deprecation, GlobalMaintenance, RouteKey, RouteState},
};

async fn ok(_: Request<Incoming>) -> Response<String> {
    Response::new("served".to_owned())
}

fn key(text: &str) -> RouteKey {
    text.parse().unwrap()
}

/// Serves the routes on a free port.
async fn serve(waygate: &Waygate, routes: Vec<Route>) -> SocketAddr {
    let app = App::new(waygate.clone(), routes).await.unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    task::spawn(app.serve(listener));
    address
}

fn builder() -> WaygateBuilder {
    Waygate::builder()
}

async fn send(at: SocketAddr, request: Request<Empty<Bytes>>) -> Response<String> {
    let (mut parts, body) = request.into_parts();
    parts.uri = format!("http://{at}{}", parts.uri).parse().unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client
        .request(Request::from_parts(parts, body))
        .await
        .unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Response::from_parts(parts, String::from_utf8(body.into()).unwrap())
}

async fn get(at: SocketAddr, path: &str) -> Response<String> {
    send(at, Request::get(path).body(Empty::new()).unwrap()).await
}

async fn call(at: SocketAddr, method: Method, path: &str) -> Response<String> {
    let request = Request::builder().method(method).uri(path);
    send(at, request.body(Empty::new()).unwrap()).await
}

fn code(response: &Response<String>) -> String {
    let body: Value = serde_json::from_str(response.body()).unwrap();
    body["error"]["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn operators_close_and_open_routes() {
    let waygate = builder().build().await.unwrap();
    let at = serve(&waygate, vec![Route::new(key("GET:/items/{id}"), ok)]).await;
    assert_eq!(get(at, "/items/7").await.body(), "served");

    waygate
        .system()
        .disable("/items/{id}", "incident")
        .await
        .unwrap();
    let closed = get(at, "/items/7").await;
    assert_eq!(closed.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(code(&closed), "ROUTE_DISABLED");
    assert_eq!(closed.headers()[header::CACHE_CONTROL], "no-store");

    waygate.system().enable("/items/{id}", "").await.unwrap();
    assert_eq!(get(at, "/items/7").await.body(), "served");
}

#[tokio::test]
async fn unknown_paths_and_methods_follow_global_maintenance() {
    let waygate = builder().build().await.unwrap();
    let at = serve(&waygate, vec![Route::new(key("GET:/items"), ok)]).await;
    let post = || Request::post("/items").body(Empty::new()).unwrap();
    assert_eq!(get(at, "/unknown").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(
        send(at, post()).await.status(),
        StatusCode::METHOD_NOT_ALLOWED
    );

    let maintenance = GlobalMaintenance::default();
    waygate
        .system()
        .enable_global_maintenance(maintenance)
        .await
        .unwrap();
    for response in [
        get(at, "/unknown").await,
        send(at, post()).await,
        get(at, "/items").await,
    ] {
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(code(&response), "MAINTENANCE_MODE");
    }
}

#[tokio::test]
async fn head_requests_follow_the_route_of_get() {
    let waygate = builder().build().await.unwrap();
    let policy = RateLimitPolicy::new("2/hour".parse().unwrap()).unwrap();
    let items = Route::new(key("GET:/items"), ok).declare(|route| route.rate_limit(policy));
    let jobs = Route::new(key("POST:/jobs"), ok);
    let at = serve(&waygate, vec![items, jobs]).await;

    let head = call(at, Method::HEAD, "/items").await;
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(head.headers()["x-ratelimit-remaining"], "1");
    assert_eq!(head.headers()[header::CONTENT_LENGTH], "6");
    assert_eq!(head.body(), "");
    assert_eq!(
        get(at, "/items").await.headers()["x-ratelimit-remaining"],
        "0"
    );
    let refused = call(at, Method::HEAD, "/items").await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);

    waygate.system().disable("GET:/items", "").await.unwrap();
    let closed = call(at, Method::HEAD, "/items").await;
    assert_eq!(closed.status(), StatusCode::SERVICE_UNAVAILABLE);
    let other = call(at, Method::HEAD, "/jobs").await;
    assert_eq!(other.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(other.headers()[header::ALLOW], "POST");
}

#[tokio::test]
async fn responses_of_405_list_the_methods() {
    let waygate = builder().build().await.unwrap();
    let routes = ["POST:/items", "GET:/items"].map(|text| Route::new(key(text), ok));
    let at = serve(&waygate, routes.into()).await;
    let refused = call(at, Method::DELETE, "/items").await;
    assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(refused.headers()[header::ALLOW], "GET, HEAD, POST");
    assert!(
        !get(at, "/unknown")
            .await
            .headers()
            .contains_key(header::ALLOW)
    );
}

#[tokio::test]
async fn a_second_handler_for_the_same_requests_is_an_error() {
    for (one, other) in [
        ("GET:/items", "GET:/items"),
        ("GET:/items/{id}", "POST:/items/{name}"),
    ] {
        let waygate = builder().build().await.unwrap();
        let routes = [one, other].map(|text| Route::new(key(text), ok));
        let error = App::new(waygate.clone(), routes.into())
            .await
            .err()
            .unwrap();
        assert!(error.to_string().contains("/items"), "{error}");
        assert!(waygate.routes().is_empty(), "nothing is registered");
    }
}

#[tokio::test]
async fn rate_limits_count_clients_and_write_headers() {
    let proxies = TrustedProxies::networks(["127.0.0.0/8".parse().unwrap()]);
    let waygate = builder().trusted_proxies(proxies).build().await.unwrap();
    let policy = RateLimitPolicy::new("2/hour".parse().unwrap()).unwrap();
    let route = Route::new(key("GET:/items"), ok).declare(|route| route.rate_limit(policy));
    let at = serve(&waygate, vec![route]).await;
    let from = |client: &str| {
        let request = Request::get("/items").header("x-forwarded-for", client);
        send(at, request.body(Empty::new()).unwrap())
    };
    for remaining in ["1", "0"] {
        let served = from("203.0.113.7").await;
        assert_eq!(served.status(), StatusCode::OK);
        assert_eq!(served.headers()["x-ratelimit-limit"], "2");
        assert_eq!(served.headers()["x-ratelimit-remaining"], remaining);
    }
    let refused = from("203.0.113.7").await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(code(&refused), "RATE_LIMIT_EXCEEDED");
    assert!(refused.headers().contains_key(header::RETRY_AFTER));
    assert_eq!(refused.headers()["x-ratelimit-remaining"], "0");
    assert_eq!(from("203.0.113.8").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn permits_are_held_while_a_request_is_served() {
    let waygate = builder().build().await.unwrap();
    let (started, finish) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = {
        let (started, finish) = (started.clone(), finish.clone());
        move |_| {
            let (started, finish) = (started.clone(), finish.clone());
            async move {
                started.notify_one();
                finish.notified().await;
                Response::new("served".to_owned())
            }
        }
    };
    let policy = ConcurrencyPolicy::new(NonZeroU32::MIN);
    let route = Route::new(key("GET:/slow"), slow);
    let route = route.declare(|route| route.concurrency_limit(policy));
    let at = serve(&waygate, vec![route]).await;
    let first = task::spawn(async move { get(at, "/slow").await });
    started.notified().await;
    let refused = get(at, "/slow").await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(code(&refused), "CONCURRENCY_LIMIT_EXCEEDED");
    finish.notify_one();
    assert_eq!(first.await.unwrap().body(), "served");
    finish.notify_one();
    assert_eq!(get(at, "/slow").await.body(), "served");
}

#[tokio::test]
async fn permits_are_released_when_the_body_ends() {
    let waygate = builder().build().await.unwrap();
    let policy = ConcurrencyPolicy::new(NonZeroU32::MIN);
    let route = Route::new(key("GET:/items"), ok);
    let route = route.declare(|route| route.concurrency_limit(policy));
    drop(App::new(waygate.clone(), vec![route]).await.unwrap());
    let (parts, ()) = Request::get("/items").body(()).unwrap().into_parts();
    let admit = || waygate.admit(RequestHead::new(&parts).matched("/items"));
    let Decision::Serve(pass) = admit().await else {
        panic!("the permit is free");
    };

    let mut body = Held::new("served".to_owned(), pass);
    assert!(body.frame().await.unwrap().is_ok());
    assert!(matches!(admit().await, Decision::Refuse(_)));
    assert!(body.frame().await.is_none());
    assert!(matches!(admit().await, Decision::Serve(_)));
    drop(body);
}

#[tokio::test]
async fn deprecated_routes_are_announced() {
    let waygate = builder().build().await.unwrap();
    let sunset = "2030-01-01T00:00:00Z".parse().unwrap();
    let deprecation = Deprecation::new(None, Some(sunset), None).unwrap();
    let state = RouteState::default().deprecation(deprecation);
    let route = Route::new(key("GET:/old"), ok).declare(|route| route.state(state));
    let at = serve(&waygate, vec![route]).await;
    let served = get(at, "/old").await;
    assert_eq!(served.body(), "served");
    assert_eq!(served.headers()["sunset"], "Tue, 01 Jan 2030 00:00:00 GMT");
}
