//! The facts about requests.

use std::{future::pending, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Path, Request},
    routing::{any, get},
};
use futures_util::{FutureExt, future::poll_immediate};
use http::{Method, StatusCode};
use tower::ServiceExt;
use waygate::{
    Waygate,
    limits::{LimitKey, RateLimitPolicy},
    model::RouteState,
    testing::{ManualClock, TestApp},
    traffic::{Traffic, TrafficHistory},
};

use crate::support::{app, at, builder, clock};

async fn with_clock() -> (Waygate, ManualClock) {
    let clock = clock();
    let waygate = builder().clock(clock.clone()).build().await.unwrap();
    (waygate, clock)
}

async fn guard(waygate: &Waygate, router: Router) -> Router {
    waygate.guard(router).await.unwrap().into_router()
}

fn total(waygate: &Waygate, route: &str) -> Traffic {
    waygate.traffic(route).unwrap().total
}

/// The traffic of requests that no controlled route governs.
fn unmatched(waygate: &Waygate) -> Traffic {
    let all = waygate.traffic_of_all(60).into_iter();
    let mut unmatched = all.filter(|route| route.path.is_none());
    unmatched.next().unwrap().traffic
}

/// Serves `/status/{code}` with that status, after the time in the query in milliseconds.
fn statuses(clock: &ManualClock) -> Router {
    let clock = clock.clone();
    let answer = async move |Path(code): Path<u16>, request: Request| {
        let millis = request
            .uri()
            .query()
            .map_or(0, |query| query.parse().unwrap());
        clock.advance(Duration::from_millis(millis));
        StatusCode::from_u16(code).unwrap()
    };
    Router::new().route("/status/{code}", get(answer))
}

#[tokio::test]
async fn responses_are_counted_by_status_with_their_latency() {
    let (waygate, clock) = with_clock().await;
    let app = TestApp::new(guard(&waygate, statuses(&clock)).await);
    for path in [
        "/status/200",
        "/status/204?5",
        "/status/101?6",
        "/status/302?80",
        "/status/404?600",
        "/status/500?9000",
        "/status/503?11000",
    ] {
        app.get(path).await;
    }
    assert_eq!(
        app.request(Method::HEAD, "/status/200", "").await.status(),
        200
    );
    let traffic = total(&waygate, "GET:/status/{code}");
    assert_eq!(
        (traffic.requests, traffic.errors, traffic.aborted),
        (8, 2, 0)
    );
    let statuses = serde_json::to_value(traffic.statuses).unwrap();
    let wanted = serde_json::json!({"1xx": 1, "2xx": 3, "3xx": 1, "4xx": 1, "5xx": 2});
    assert_eq!(statuses, wanted);
    assert!(traffic.blocked.is_empty());
    let latency = &traffic.latency;
    assert_eq!((latency.count, latency.sum), (8, 20.691));
    let counts: Vec<u64> = latency.buckets.iter().map(|bucket| bucket.count).collect();
    assert_eq!(counts, [3, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 1, 1]);
    assert_eq!(latency.buckets.last().unwrap().le, None);
    assert_eq!(latency.quantile(0.5), Some(0.01));
}

#[tokio::test]
async fn blocked_requests_are_counted_by_reason_and_are_no_errors() {
    let (waygate, _clock) = with_clock().await;
    let app = app(&waygate, &["GET:/x", "GET:/limited"]).await;
    let system = waygate.system();
    let policy = RateLimitPolicy::new("1/hour".parse().unwrap()).unwrap();
    let key: LimitKey = "GET:/limited#default".parse().unwrap();
    system.set_rate_limit(key, policy).await.unwrap();
    system.set_maintenance("GET:/x", "later").await.unwrap();
    assert_eq!(app.get("/x").await.status(), 503);
    system.disable("GET:/x", "later").await.unwrap();
    assert_eq!(app.get("/x").await.status(), 503);
    system.set_env_only("GET:/x", &["dev"]).await.unwrap();
    assert_eq!(app.get("/x").await.status(), 403);
    system.enable("GET:/x", "now").await.unwrap();
    assert_eq!(app.get("/x").await.status(), 200);
    let traffic = total(&waygate, "GET:/x");
    assert_eq!((traffic.requests, traffic.errors), (4, 0));
    assert_eq!(traffic.statuses.server_error, 2);
    assert_eq!(traffic.latency.count, 1, "only the handler's");
    let blocked = serde_json::to_value(&traffic.blocked).unwrap();
    let wanted = serde_json::json!({"disabled": 1, "env_gated": 1, "maintenance": 1});
    assert_eq!(blocked, wanted);

    for status in [200, 429, 429] {
        assert_eq!(app.get("/limited").await.status(), status);
    }
    let traffic = total(&waygate, "GET:/limited");
    assert_eq!((traffic.requests, traffic.blocked["rate_limit"]), (3, 2));
}

#[tokio::test]
async fn unmatched_requests_are_one_series() {
    let (waygate, _clock) = with_clock().await;
    let app = app(&waygate, &["GET:/x"]).await;
    for path in ["/a", "/b", "/c/d"] {
        assert_eq!(app.get(path).await.status(), 404);
    }
    assert_eq!(app.post("/x", &()).await.status(), 405);
    let traffic = unmatched(&waygate);
    assert_eq!((traffic.requests, traffic.statuses.client_error), (4, 4));
    assert_eq!(total(&waygate, "GET:/x").requests, 0);
}

#[tokio::test]
async fn a_dropped_response_is_aborted_and_a_panic_is_an_error() {
    let (waygate, _clock) = with_clock().await;
    let router = Router::new()
        .route("/never", get(async || pending::<()>().await))
        .route("/panics", get(async || -> () { panic!("a test") }));
    let app = guard(&waygate, router).await;
    let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    let mut never = Box::pin(app.clone().oneshot(get("/never")));
    assert!(poll_immediate(never.as_mut()).await.is_none());
    assert_eq!(waygate.traffic("GET:/never").unwrap().in_progress, 1);
    drop(never);
    let history = waygate.traffic("GET:/never").unwrap();
    let traffic = &history.total;
    assert_eq!(
        (traffic.requests, traffic.aborted, history.in_progress),
        (1, 1, 0)
    );
    assert_eq!((traffic.errors, traffic.latency.count), (0, 0));

    // The future is dropped after the panic was caught, as by a layer that catches panics.
    let panics = std::panic::AssertUnwindSafe(app.oneshot(get("/panics")));
    assert!(panics.catch_unwind().await.is_err());
    let traffic = total(&waygate, "GET:/panics");
    assert_eq!(
        (traffic.requests, traffic.errors, traffic.aborted),
        (1, 1, 0)
    );
    assert_eq!(traffic.statuses.server_error, 1);
}

#[tokio::test]
async fn a_request_through_two_guarded_routers_counts_once() {
    let (waygate, _clock) = with_clock().await;
    let inner = guard(&waygate, Router::new().route("/x", get(async || "x"))).await;
    let outer = Router::new()
        .nest("/api", inner)
        .route("/own", any(async || "own"));
    let app = TestApp::new(guard(&waygate, outer).await);
    for _ in 0..3 {
        assert_eq!(app.get("/api/x").await.status(), 200);
    }
    assert_eq!(app.get("/own").await.status(), 200);
    let all = waygate.traffic_of_all(60);
    let requests: u64 = all.iter().map(|route| route.traffic.requests).sum();
    assert_eq!(requests, 4);
}

/// Waits until the background task has noted the requests of the minutes before.
async fn minutes(waygate: &Waygate, starts: &[&str]) -> TrafficHistory {
    loop {
        let history = waygate.traffic("GET:/x").unwrap();
        let found: Vec<_> = history.minutes.iter().map(|minute| minute.start).collect();
        let wanted: Vec<_> = starts.iter().map(|start| at(start)).collect();
        if found == wanted {
            return history;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn the_last_hour_is_known_by_minute() {
    let (waygate, clock) = with_clock().await;
    let app = app(&waygate, &["GET:/x", "GET:/idle"]).await;
    let minute = Duration::from_secs(60);
    app.get("/x").await;
    app.get("/x").await;
    let first = "2030-01-01T00:00:00Z";
    let now = minutes(&waygate, &[first]).await;
    assert_eq!(
        now.minutes[0].traffic.requests, 2,
        "before the minute is over"
    );
    clock.advance(minute);
    // Until the task has seen the end of the first minute, its requests count for the second one.
    minutes(&waygate, &[first]).await;
    app.get("/x").await;
    let second = "2030-01-01T00:01:00Z";
    let history = minutes(&waygate, &[first, second]).await;
    let requests = |history: &TrafficHistory| -> Vec<u64> {
        let minutes = history.minutes.iter();
        minutes.map(|minute| minute.traffic.requests).collect()
    };
    assert_eq!(requests(&history), [2, 1]);
    let (x, idle) = ("GET:/x".parse().unwrap(), "GET:/idle".parse().unwrap());
    assert_eq!(waygate.recent_requests([&x, &idle], 60), 3);
    assert_eq!(waygate.recent_requests([&x], 1), 1);
    let all = waygate.traffic_of_all(2);
    let (first_of_all, last) = (&all[0], &all[1]);
    assert_eq!(first_of_all.path.as_deref(), Some("/x"));
    assert_eq!(
        (first_of_all.minutes, first_of_all.traffic.requests),
        (2, 3)
    );
    assert_eq!(last.traffic.requests, 0);

    clock.advance(minute * 58);
    assert_eq!(requests(&minutes(&waygate, &[first, second]).await), [2, 1]);
    clock.advance(minute);
    assert_eq!(requests(&minutes(&waygate, &[second]).await), [1]);
    clock.advance(minute * 2);
    minutes(&waygate, &[]).await;
    assert_eq!(waygate.recent_requests([&x], 60), 0);
    assert_eq!(total(&waygate, "GET:/x").requests, 3);
}

#[tokio::test]
async fn an_engine_may_count_no_requests() {
    let waygate = builder().count_requests(false).build().await.unwrap();
    let app = app(&waygate, &["GET:/x"]).await;
    assert_eq!(app.get("/x").await.status(), 200);
    let history = waygate.traffic("GET:/x").unwrap();
    assert_eq!((history.total.requests, history.minutes.len()), (0, 0));
    assert!(waygate.traffic_of_all(60).is_empty());
}

#[tokio::test]
async fn the_facts_survive_a_registration() {
    let (waygate, _clock) = with_clock().await;
    let app = app(&waygate, &["GET:/x"]).await;
    app.get("/x").await;
    let more = "GET:/more".parse().unwrap();
    waygate.register(more, RouteState::default()).await.unwrap();
    app.get("/x").await;
    assert_eq!(total(&waygate, "GET:/x").requests, 2);
}
