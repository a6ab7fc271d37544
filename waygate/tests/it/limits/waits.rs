//! The retry times of refusals: one wait is enough, and nothing is promised that cannot hold.

use std::time::Duration;

use axum::{Extension, Router, body::Body, extract::Request, response::IntoResponse, routing::get};
use serde_json::{Value, json};
use waygate::{
    Blocked, Waygate,
    limits::{Cost, DecisionCause, HitQuery},
    rate_limit,
    response::RequestParts,
    testing::{ManualClock, TestApp},
};

use super::{key, limited, policy, set};
use crate::support::{app, builder, clock, with_all_headers};

/// Sends requests until one passes. There is one refusal; it lasts until a second before its end, and all its fields
/// agree.
async fn passes_after_one_wait(
    waygate: &Waygate,
    app: &TestApp,
    clock: &ManualClock,
    path: &str,
) -> u64 {
    let refused = app.get(path).await;
    assert_eq!(refused.status(), 429);
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    let hits = waygate.rate_limit_hits(&HitQuery::newest(1));
    let now: waygate::Timestamp = hits[0].timestamp.parse().unwrap();
    let now = u64::try_from(now.as_second()).unwrap();
    let reset: u64 = refused
        .header("x-ratelimit-reset")
        .unwrap()
        .parse()
        .unwrap();
    assert!(reset >= now + wait, "{reset} {now} {wait}");
    let t = refused
        .header("ratelimit")
        .unwrap()
        .rsplit_once("t=")
        .unwrap();
    assert!(t.1.parse::<u64>().unwrap() >= wait, "{t:?}");
    let error = &refused.json::<Value>()["error"];
    assert_eq!(error["retry_after_seconds"], wait);
    let reset_at: waygate::Timestamp = error["reset_at"].as_str().unwrap().parse().unwrap();
    let ends = u64::try_from(reset_at.as_second()).unwrap();
    assert!((now + wait - 1..=now + wait).contains(&ends), "{reset_at}");
    if wait > 1 {
        clock.advance(Duration::from_secs(wait - 1));
        assert_eq!(app.get(path).await.status(), 429, "a second early");
        clock.advance(Duration::from_secs(1));
    } else {
        clock.advance(Duration::from_secs(wait));
    }
    assert_eq!(app.get(path).await.status(), 200, "after {wait} s");
    wait
}

const ALGORITHMS: [&str; 4] = [
    "fixed_window",
    "sliding_window",
    "moving_window",
    "token_bucket",
];

#[tokio::test]
async fn one_wait_is_enough_on_whole_seconds() {
    for algorithm in ALGORITHMS {
        for cost in [1, 2] {
            let fields = json!({
                "limit": "3/minute", "key_strategy": "global", "algorithm": algorithm, "cost": cost,
            });
            let (waygate, app, clock) = limited(fields).await;
            for _ in 0..3 / cost {
                assert_eq!(app.get("/search").await.status(), 200);
                clock.advance(Duration::from_secs(1));
            }
            passes_after_one_wait(&waygate, &app, &clock, "/search").await;
        }
    }
}

#[tokio::test]
async fn one_wait_is_enough_after_a_limit_was_lowered() {
    for before in ALGORITHMS {
        for after in ALGORITHMS {
            let fields =
                json!({"limit": "10/minute", "key_strategy": "global", "algorithm": before});
            let (waygate, app, clock) = limited(fields).await;
            for _ in 0..9 {
                assert_eq!(app.get("/search").await.status(), 200);
            }
            let fields = json!({"limit": "3/minute", "key_strategy": "global", "algorithm": after, "cost": 2});
            set(&waygate, "GET:/search#default", fields).await;
            let wait = passes_after_one_wait(&waygate, &app, &clock, "/search").await;
            assert!(wait <= 120, "{before} {after}");
        }
    }
}

#[tokio::test]
async fn one_wait_is_enough_after_a_cost_beyond_the_limit() {
    for algorithm in ALGORITHMS {
        let clock = clock();
        let waygate = with_all_headers()
            .clock(clock.clone())
            .build()
            .await
            .unwrap();
        waygate
            .register("GET:/search".parse().unwrap(), Default::default())
            .await
            .unwrap();
        let dear = get(|| async { Extension(Cost(8)).into_response() });
        let router = waygate
            .guard(Router::new().route("/search", dear))
            .await
            .unwrap();
        let app = TestApp::new(router.into_router());
        let fields = json!({"limit": "3/minute", "key_strategy": "global", "algorithm": algorithm});
        set(&waygate, "GET:/search#default", fields).await;
        assert_eq!(app.get("/search").await.status(), 200);
        passes_after_one_wait(&waygate, &app, &clock, "/search").await;
    }
}

#[tokio::test]
async fn no_client_is_asked_to_return_before_the_jitter_is_over() {
    let clock = clock();
    let waygate = with_all_headers()
        .clock(clock.clone())
        .retry_after_jitter(1.0)
        .build()
        .await
        .unwrap();
    let app = app(&waygate, &["GET:/search"]).await;
    set(
        &waygate,
        "GET:/search#default",
        json!({"limit": "1/minute", "key_strategy": "global"}),
    )
    .await;
    app.get("/search").await;
    for _ in 0..20 {
        let refused = app.get("/search").await;
        let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        let reset: u64 = refused
            .header("x-ratelimit-reset")
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(reset, 1_893_456_000 + wait);
        assert_eq!(
            refused.header("ratelimit"),
            Some(&*format!("\"default\";r=0;t={wait}"))
        );
    }
}

fn length(request: &RequestParts) -> u32 {
    request.uri.query().map_or(1, |query| query.len() as u32)
}

#[rate_limit("5/minute", key = "global", cost = length, name = "letters", route = "GET /letters")]
#[rate_limit(
    "3/hour",
    key = "global",
    algorithm = "sliding_window",
    route = "GET /letters"
)]
async fn letters() {}

async fn with_letters() -> (Waygate, TestApp) {
    let waygate = builder().clock(clock()).build().await.unwrap();
    let guarded = waygate
        .guard(Router::new().route("/letters", get(letters)))
        .await
        .unwrap();
    (waygate, TestApp::new(guarded.into_router()))
}

#[tokio::test]
async fn requests_that_never_fit_get_no_retry_time() {
    let (waygate, app) = with_letters().await;
    for _ in 0..4 {
        // Using up the other limit changes nothing.
        app.get("/letters").await;
        let request = Request::get("/letters?abcdef").header("x-request-id", "dear");
        let refused = app.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(refused.status(), 429);
        assert_eq!(refused.header("retry-after"), None);
        assert_eq!(refused.header("x-ratelimit-limit"), Some("5"));
        let error = &refused.json::<Value>()["error"];
        assert_eq!(error["code"], "RATE_LIMIT_EXCEEDED");
        assert_eq!(
            error["message"],
            "This request costs more than its rate limit allows"
        );
        assert_eq!(
            (&error["retry_after_seconds"], &error["reset_at"]),
            (&Value::Null, &Value::Null)
        );
        let explained = waygate.explain("dear").unwrap();
        assert_eq!(explained.cause, Some(DecisionCause::TooCostly));
        assert_eq!(explained.refused_by, Some(key("GET:/letters#letters")));
    }
    let refused = app.get("/letters?abcde").await;
    assert!(
        refused.header("retry-after").is_some(),
        "waiting would help"
    );
}

#[tokio::test]
async fn a_custom_response_learns_that_waiting_does_not_help() {
    let waygate = builder().clock(clock()).build().await.unwrap();
    let guarded = waygate
        .guard(Router::new().route("/letters", get(letters)))
        .await
        .unwrap();
    let sorry = |blocked: &Blocked| match blocked.reason() {
        waygate::response::BlockReason::RateLimited(limited) => {
            format!(
                "{} {} {:?}",
                limited.too_costly,
                limited.retry_after,
                blocked.retry_after()
            )
        }
        other => panic!("{other:?}"),
    };
    let responses = waygate::Responses::new().rate_limited(sorry);
    let app = TestApp::new(guarded.responses(responses).into_router());
    let refused = app.get("/letters?abcdef").await;
    assert_eq!(refused.text(), "true 0 None");
}

#[tokio::test]
async fn a_cost_that_never_fits_is_refused() {
    let (waygate, app, _) =
        limited(json!({"limit": "10/minute", "key_strategy": "global", "cost": 5})).await;
    for (at, fields) in [
        (
            "GET:/search#default",
            json!({"limit": "10/minute", "cost": 50}),
        ),
        (
            "*#default",
            json!({"limit": "100/hour; 10/minute", "cost": 11}),
        ),
        (
            "service:billing#default",
            json!({"limit": "10/minute", "burst": 5, "cost": 16}),
        ),
        (
            "GET:/search#default",
            json!({"limit": "100/minute", "tiers": [{"name": "free", "limit": "10/minute"}], "cost": 11}),
        ),
    ] {
        let refused = waygate
            .system()
            .set_rate_limit(key(at), policy(fields))
            .await;
        let text = refused.unwrap_err().to_string();
        assert!(text.contains("no request would ever pass"), "{text}");
    }
    assert_eq!(
        app.get("/search").await.header("x-ratelimit-remaining"),
        Some("5"),
        "as before"
    );
    let report = waygate.report().to_string();
    assert!(
        report.contains("for all callers together; each request costs 5"),
        "{report}"
    );
}

/// On the system clock, which advances between the decision and the response.
#[tokio::test]
async fn a_refusal_ends_when_its_quota_resets() {
    let waygate = builder().build().await.unwrap();
    let app = app(&waygate, &["GET:/search"]).await;
    let fields = json!({"limit": "1/calendar day", "key_strategy": "global"});
    set(&waygate, "GET:/search#default", fields).await;
    let reset_of = async || {
        let answer = app.get("/search").await;
        let reset = answer.header("x-ratelimit-reset").unwrap().to_owned();
        (answer, reset.parse::<i64>().unwrap())
    };
    let (served, mut reset) = reset_of().await;
    assert_eq!(served.status(), 200);
    // A new day starts at midnight.
    let refused = loop {
        match reset_of().await {
            (answer, same) if answer.status() == 429 => {
                assert_eq!(same, reset);
                break answer;
            }
            (_, next) => reset = next,
        }
    };
    assert_eq!(reset % 86_400, 0);
    let body: Value = refused.json();
    let at: waygate::Timestamp = body["error"]["reset_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(at, waygate::Timestamp::from_second(reset).unwrap());
}
