//! Corrections of requests that cost less or more than charged, in the window that was charged or not at all.

use std::{future::poll_fn, pin::Pin, sync::Arc, task::Poll, time::Duration};

use axum::{
    Extension, Router,
    body::{Body, Bytes},
    extract::Request,
    routing::{get, post},
};
use futures_util::stream;
use serde_json::json;
use tokio::{
    sync::{Notify, oneshot},
    task::JoinHandle,
};
use tower::ServiceExt;
use waygate::{
    Waygate,
    decision::{Decision, Pass, RequestHead},
    limits::Cost,
    testing::{ManualClock, TestApp},
};

use super::{key, policy, set, status};
use crate::support::builder;

/// A service with one limit for all its routes: `/slow` waits until it is released, and then costs nothing.
struct Service {
    clock: ManualClock,
    app: TestApp,
    go: Arc<Notify>,
}

impl Service {
    async fn new(now: &str, limit: serde_json::Value) -> Self {
        let clock = ManualClock::at(now.parse().unwrap());
        let waygate = builder().clock(clock.clone()).build().await.unwrap();
        let go = Arc::new(Notify::new());
        let wait = go.clone();
        let slow = move || {
            let wait = wait.clone();
            async move {
                wait.notified().await;
                (Extension(Cost(0)), "slow")
            }
        };
        let router = Router::new()
            .route("/slow", get(slow))
            .route("/quick", get(|| async { "quick" }));
        let app = TestApp::new(waygate.guard(router).await.unwrap().into_router());
        set(&waygate, "*#default", limit).await;
        Self { clock, app, go }
    }

    async fn begin(&self) -> JoinHandle<u16> {
        let app = self.app.clone();
        let (sent, begun) = oneshot::channel();
        let slow = tokio::spawn(async move {
            let mut answer = std::pin::pin!(status(&app, "/slow", &[]));
            // Charged by the first poll.
            let first = polled(answer.as_mut()).await;
            assert!(first.is_pending());
            sent.send(()).unwrap();
            answer.await
        });
        begun.await.unwrap();
        slow
    }

    async fn end(&self, slow: JoinHandle<u16>) {
        self.go.notify_one();
        assert_eq!(slow.await.unwrap(), 200);
    }

    /// Sends requests until one is refused, and returns how many passed.
    async fn passes(&self) -> usize {
        passes(&self.app, "/quick").await
    }

    fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

/// Polls a future once.
async fn polled<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

async fn passes(app: &TestApp, path: &str) -> usize {
    let mut passed = 0;
    while status(app, path, &[]).await == 200 {
        passed += 1;
    }
    passed
}

fn by(algorithm: &str, limit: &str) -> serde_json::Value {
    json!({"limit": limit, "algorithm": algorithm, "key_strategy": "global"})
}

const START: &str = "2030-01-01T00:00:00Z";

#[tokio::test]
async fn a_used_up_window_gets_no_refund_from_the_one_before() {
    let service = Service::new(START, by("fixed_window", "5/minute")).await;
    assert_eq!(status(&service.app, "/quick", &[]).await, 200);
    service.advance(50);
    let slow = service.begin().await;
    assert_eq!(service.passes().await, 3);
    service.advance(10);
    assert_eq!(service.passes().await, 5);
    service.end(slow).await;
    assert_eq!(service.passes().await, 0);
}

#[tokio::test]
async fn a_day_gets_no_refund_from_the_day_before() {
    let limit = json!({"limit": "5/calendar day", "key_strategy": "global"});
    let service = Service::new("2030-01-01T23:59:50Z", limit).await;
    let slow = service.begin().await;
    service.advance(20);
    assert_eq!(service.passes().await, 5);
    service.end(slow).await;
    assert_eq!(service.passes().await, 0);
}

#[tokio::test]
async fn units_that_have_decayed_are_not_refunded() {
    let service = Service::new(START, by("sliding_window", "5/minute")).await;
    service.advance(30);
    let slow = service.begin().await;
    service.advance(59);
    let before = service.passes().await;
    service.end(slow).await;
    assert_eq!(before + service.passes().await, 5);
}

#[tokio::test]
async fn refilled_tokens_are_not_refunded() {
    let service = Service::new(START, by("token_bucket", "5/minute")).await;
    let slow = service.begin().await;
    service.advance(50);
    assert_eq!(service.passes().await, 5);
    service.end(slow).await;
    assert_eq!(service.passes().await, 0);
}

#[tokio::test]
async fn a_refund_removes_the_request_from_the_log_and_no_later_one() {
    let service = Service::new(START, by("moving_window", "2/minute")).await;
    let slow = service.begin().await;
    service.advance(50);
    assert_eq!(service.passes().await, 1);
    service.end(slow).await;
    assert_eq!(service.passes().await, 1);
    service.advance(11);
    assert_eq!(service.passes().await, 0, "both still count");
}

#[tokio::test]
async fn each_rate_refunds_what_still_counts() {
    for algorithm in ["fixed_window", "sliding_window", "moving_window"] {
        let service = Service::new(START, by(algorithm, "5/minute")).await;
        let slow = service.begin().await;
        service.advance(10);
        assert_eq!(service.passes().await, 4, "{algorithm}");
        service.end(slow).await;
        assert_eq!(service.passes().await, 1, "{algorithm}");
    }
    let service = Service::new(START, by("fixed_window", "1/minute; 3/hour")).await;
    let slow = service.begin().await;
    service.advance(60);
    assert_eq!(service.passes().await, 1);
    service.end(slow).await;
    assert_eq!(
        service.passes().await,
        0,
        "nothing is refunded to this minute"
    );
    service.advance(60);
    assert_eq!(service.passes().await, 1);
    service.advance(60);
    assert_eq!(service.passes().await, 1, "the hour gets the refund");
}

#[waygate::disabled(reason = "closed", route = "POST /refunds/own")]
async fn closed(_: Bytes) {}

/// Any client can do this alone.
#[tokio::test]
async fn unfinished_bodies_to_a_closed_handler_open_no_limit() {
    let clock = ManualClock::at(START.parse().unwrap());
    let waygate: Waygate = builder().clock(clock.clone()).build().await.unwrap();
    let router = Router::new()
        .route("/refunds/own", post(closed))
        .route("/refunds/legacy", post(closed))
        .route("/refunds/quick", get(|| async { "quick" }));
    let router = waygate.guard(router).await.unwrap().into_router();
    let app = TestApp::new(router.clone());
    set(&waygate, "*#default", by("fixed_window", "5/minute")).await;
    assert_eq!(status(&app, "/refunds/quick", &[]).await, 200);
    clock.advance(Duration::from_secs(50));
    let mut unfinished = Vec::new();
    for _ in 0..4 {
        let (end, ended) = oneshot::channel::<()>();
        let body = stream::once(async move {
            let _ = ended.await;
            Ok::<_, std::io::Error>("x")
        });
        let request = Request::post("/refunds/legacy").body(Body::from_stream(body));
        let mut answer = Box::pin(router.clone().oneshot(request.unwrap()));
        assert!(polled(answer.as_mut()).await.is_pending());
        unfinished.push((end, answer));
    }
    clock.advance(Duration::from_secs(10));
    assert_eq!(passes(&app, "/refunds/quick").await, 5);
    for (end, answer) in unfinished {
        end.send(()).unwrap();
        assert_eq!(answer.await.unwrap().status(), 503);
    }
    assert_eq!(passes(&app, "/refunds/quick").await, 0);
}

const ALGORITHMS: [&str; 4] = [
    "fixed_window",
    "sliding_window",
    "moving_window",
    "token_bucket",
];

/// An engine with the limited route `GET:/items`.
async fn engine(limit: serde_json::Value) -> (Waygate, ManualClock) {
    let clock = ManualClock::at(START.parse().unwrap());
    let waygate = builder().clock(clock.clone()).build().await.unwrap();
    let route = "GET:/items".parse().unwrap();
    waygate.register(route, Default::default()).await.unwrap();
    set(&waygate, "GET:/items#default", limit).await;
    (waygate, clock)
}

async fn admit(waygate: &Waygate) -> Option<Pass> {
    let (parts, ()) = Request::get("/items").body(()).unwrap().into_parts();
    let head = RequestHead::new(&parts).matched("/items");
    match waygate.admit(head.peer([192, 0, 2, 1].into())).await {
        Decision::Serve(pass) => Some(pass),
        Decision::Refuse(_) => None,
    }
}

async fn admitted(waygate: &Waygate) -> Vec<Pass> {
    let mut passes = Vec::new();
    while let Some(pass) = admit(waygate).await {
        passes.push(pass);
        assert!(passes.len() < 1_000, "no end");
    }
    passes
}

/// Corrections of a request that was admitted before the limit changed.
#[tokio::test]
async fn a_correction_by_an_earlier_limit_opens_no_later_one() {
    for from in ALGORITHMS {
        for to in ALGORITHMS {
            for (cost, wait) in [(4, 0), (4, 70), (6, 0), (6, 70)] {
                let mut before = by(from, "10/minute");
                before["cost"] = json!(5);
                let (waygate, clock) = engine(before).await;
                let mut slow = admit(&waygate).await.unwrap();
                let after = policy(by(to, "100/hour"));
                let operator = waygate.system();
                let set = operator.set_rate_limit(key("GET:/items#default"), after);
                set.await.unwrap();
                for wait in [0, wait] {
                    clock.advance(Duration::from_secs(wait));
                    admitted(&waygate).await;
                }
                slow.correct(cost);
                drop(slow);
                let more = admitted(&waygate).await.len();
                let refunded = 5usize.saturating_sub(cost as usize);
                assert!(
                    more <= refunded,
                    "{from} -> {to}, {cost} instead of 5 after {wait} s: {more} more"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_reset_key_gets_no_refund_of_earlier_requests() {
    for algorithm in ALGORITHMS {
        let (waygate, clock) = engine(json!({"limit": "10/minute", "algorithm": algorithm})).await;
        let earlier = admitted(&waygate).await;
        assert_eq!(earlier.len(), 10, "{algorithm}");
        clock.advance(Duration::from_millis(1_500));
        let operator = waygate.system();
        let reset = operator.reset_rate_limit_key(key("GET:/items#default"), &["192.0.2.1"]);
        reset.await.unwrap();
        clock.advance(Duration::from_millis(100));
        let later = admitted(&waygate).await;
        assert_eq!(later.len(), 10, "{algorithm}");
        for mut pass in earlier {
            pass.correct(0);
        }
        assert_eq!(admitted(&waygate).await.len(), 0, "{algorithm}");
        for mut pass in later {
            pass.correct(0);
        }
        assert_eq!(admitted(&waygate).await.len(), 10, "{algorithm}");
    }
}
