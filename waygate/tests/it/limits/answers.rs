//! Responses of limited routes.

use std::time::Duration;

use axum::{Extension, Router, extract::Request, routing::get};
use http::Method;
use serde_json::{Value, json};
use waygate::{
    Blocked, Responses,
    limits::{Cost, RateLimitHeaders},
    model::RouteState,
    testing::{TestApp, bypass},
};

use super::{key, limited, set, status};
use crate::support::{app, builder, clock, with_all_headers};

#[tokio::test]
async fn a_limit_admits_its_quota_and_sends_headers() {
    let (_, app, clock) = limited(json!({"limit": "2/minute", "key_strategy": "global"})).await;
    for remaining in ["1", "0"] {
        let answer = app.get("/search").await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.header("x-ratelimit-limit"), Some("2"));
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(remaining));
        assert_eq!(answer.header("x-ratelimit-reset"), Some("1893456060"));
        assert_eq!(
            answer.header("ratelimit"),
            Some(&*format!("\"default\";r={remaining};t=60"))
        );
        assert_eq!(
            answer.header("ratelimit-policy"),
            Some("\"default\";q=2;w=60")
        );
    }
    clock.advance(Duration::from_millis(10_500));
    let refused = app.get("/search?page=2").await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.header("retry-after"), Some("50"));
    assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
    assert_eq!(
        refused.json::<Value>(),
        json!({"error": {
            "code": "RATE_LIMIT_EXCEEDED", "message": "Too many requests", "limit": "2/minute",
            "retry_after_seconds": 50, "reset_at": "2030-01-01T00:01:00+00:00", "path": "/search",
        }})
    );
    let free = app.get("/free").await;
    assert_eq!(
        (free.status(), free.header("ratelimit")),
        (200.try_into().unwrap(), None)
    );
    clock.advance(Duration::from_millis(49_500));
    assert_eq!(app.get("/search").await.status(), 200);
}

#[tokio::test]
async fn problem_details_name_the_quota() {
    let (_, app, _) = limited(json!({"limit": "0/minute", "key_strategy": "global"})).await;
    let accept = Request::get("/search").header("accept", "application/problem+json");
    let refused = app
        .send(accept.body(axum::body::Body::empty()).unwrap())
        .await;
    let problem: Value = refused.json();
    assert_eq!(
        problem["type"],
        "https://iana.org/assignments/http-problem-types#quota-exceeded"
    );
    assert_eq!(problem["status"], 429);
    assert_eq!(problem["violated-policies"], json!(["default"]));
}

#[tokio::test]
async fn several_rates_are_charged_all_or_nothing() {
    let (_, app, clock) =
        limited(json!({"limit": "2/second; 3/hour", "key_strategy": "global"})).await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(app.get("/search").await.status().as_u16());
    }
    clock.advance(Duration::from_secs(1));
    for _ in 0..2 {
        statuses.push(app.get("/search").await.status().as_u16());
    }
    // The third was refused by the rate per second, and was not charged to the rate per hour.
    assert_eq!(statuses, [200, 200, 429, 200, 429]);
    let refused = app.get("/search").await;
    assert_eq!(refused.header("x-ratelimit-limit"), Some("3"));
    assert_eq!(
        refused.header("ratelimit-policy"),
        Some("\"default-hour\";q=3;w=3600")
    );
}

#[tokio::test]
async fn every_policy_in_a_response_has_its_own_name() {
    let waygate = with_all_headers()
        .service("billing")
        .clock(clock())
        .build()
        .await
        .unwrap();
    let router = axum::Router::new().route("/named", axum::routing::any(async || "named"));
    let app = TestApp::new(waygate.guard(router).await.unwrap().into_router());
    for at in [
        "*#default",
        "service:billing#default",
        "/named#default",
        "GET:/named#default",
    ] {
        let fields = json!({"limit": "9/minute", "key_strategy": "global"});
        set(&waygate, at, fields).await;
    }
    set(
        &waygate,
        "*#nightly",
        json!({"limit": "99/hour", "key_strategy": "global"}),
    )
    .await;
    let answer = app.get("/named").await;
    let policies = answer.header("ratelimit-policy").unwrap();
    let names: Vec<&str> = policies
        .split(", ")
        .map(|item| item.split(';').next().unwrap())
        .collect();
    let expected = [
        "\"global\"",
        "\"global-nightly\"",
        "\"service\"",
        "\"default\"",
        "\"GET\"",
    ];
    assert_eq!(names, expected, "{policies}");
    let tightest = answer.header("ratelimit").unwrap();
    assert!(tightest.starts_with("\"global\";r=8"), "{tightest}");
}

#[tokio::test]
async fn headers_are_those_of_the_tightest_policy() {
    let (waygate, app, _) = limited(json!({"limit": "9/minute", "key_strategy": "global"})).await;
    set(
        &waygate,
        "*#default",
        json!({"limit": "4/hour", "key_strategy": "global", "exempt_routes": ["/free"]}),
    )
    .await;
    let answer = app.get("/search").await;
    assert_eq!(answer.header("x-ratelimit-limit"), Some("4"));
    assert_eq!(
        answer.header("ratelimit-policy"),
        Some("\"global\";q=4;w=3600, \"default\";q=9;w=60")
    );
    assert_eq!(app.get("/free").await.header("x-ratelimit-limit"), None);
    for _ in 0..3 {
        app.get("/search").await;
    }
    assert_eq!(app.get("/search").await.status(), 429);
    // Requests that the global policy refused were not charged to the route's.
    waygate
        .system()
        .delete_rate_limit(key("*#default"))
        .await
        .unwrap();
    assert_eq!(
        app.get("/search").await.header("x-ratelimit-remaining"),
        Some("4")
    );
}

#[tokio::test]
async fn head_counts_as_get_and_preflights_do_not_count() {
    let (_, app, _) = limited(json!({"limit": "1/hour", "key_strategy": "global"})).await;
    let preflight = || {
        Request::options("/search")
            .header("origin", "https://example.com")
            .header("access-control-request-method", "GET")
            .body(axum::body::Body::empty())
            .unwrap()
    };
    for _ in 0..3 {
        assert_ne!(app.send(preflight()).await.status(), 429);
    }
    assert_eq!(app.request(Method::HEAD, "/search", "").await.status(), 200);
    assert_eq!(app.get("/search").await.status(), 429);
    assert_eq!(bypass(app.get("/search")).await.status(), 200);
}

#[tokio::test]
async fn a_response_can_set_its_cost() {
    let waygate = builder().clock(clock()).build().await.unwrap();
    let key = "GET:/export/{cost}";
    waygate
        .register(key.parse().unwrap(), RouteState::default())
        .await
        .unwrap();
    let export = |axum::extract::Path(cost): axum::extract::Path<u32>| async move {
        (Extension(Cost(cost)), "rows")
    };
    let router = Router::new().route("/export/{cost}", get(export));
    let app = TestApp::new(waygate.guard(router).await.unwrap().into_router());
    set(
        &waygate,
        "GET:/export/{cost}#default",
        json!({"limit": "100/hour", "cost": 10, "key_strategy": "global"}),
    )
    .await;
    assert_eq!(
        app.get("/export/30").await.header("x-ratelimit-remaining"),
        Some("90")
    );
    assert_eq!(
        app.get("/export/0").await.header("x-ratelimit-remaining"),
        Some("60")
    );
    assert_eq!(
        app.get("/export/10").await.header("x-ratelimit-remaining"),
        Some("60")
    );
    assert_eq!(app.get("/export/500").await.status(), 200);
    assert_eq!(
        app.get("/export/0").await.status(),
        429,
        "the late cost exceeded the limit"
    );
}

#[tokio::test]
async fn a_late_cost_changes_no_other_window() {
    for algorithm in [
        "fixed_window",
        "sliding_window",
        "moving_window",
        "token_bucket",
    ] {
        let clock = clock();
        let waygate = builder().clock(clock.clone()).build().await.unwrap();
        let route = "GET:/export";
        waygate
            .register(route.parse().unwrap(), RouteState::default())
            .await
            .unwrap();
        let slow = clock.clone();
        // The first request takes longer than two windows, and then refunds its cost.
        let export = move |request: Request| async move {
            if request.headers().contains_key("x-slow") {
                slow.advance(Duration::from_secs(130));
                return (Extension(Cost(0)), "rows");
            }
            (Extension(Cost(1)), "rows")
        };
        let router = Router::new().route("/export", get(export));
        let app = TestApp::new(waygate.guard(router).await.unwrap().into_router());
        let fields = json!({"limit": "3/minute", "algorithm": algorithm, "key_strategy": "global"});
        set(&waygate, "GET:/export#default", fields).await;
        assert_eq!(status(&app, "/export", &[("x-slow", "1")]).await, 200);
        let mut passed = 0;
        for _ in 0..5 {
            passed += u32::from(status(&app, "/export", &[]).await == 200);
        }
        assert_eq!(passed, 3, "{algorithm}");
    }
}

#[tokio::test]
async fn the_application_chooses_the_headers() {
    let item = Some("\"default\";r=0;t=3600");
    for (headers, legacy, standard) in [
        (None, Some("0"), None),
        (Some(RateLimitHeaders::Off), None, None),
        (Some(RateLimitHeaders::Legacy), Some("0"), None),
        (Some(RateLimitHeaders::Standard), None, item),
        (Some(RateLimitHeaders::Both), Some("0"), item),
    ] {
        let builder = builder().clock(clock());
        let builder = match headers {
            Some(headers) => builder.rate_limit_headers(headers),
            None => builder,
        };
        let waygate = builder.build().await.unwrap();
        let app = app(&waygate, &["GET:/search"]).await;
        set(
            &waygate,
            "GET:/search#default",
            json!({"limit": "1/hour", "key_strategy": "global"}),
        )
        .await;
        for _ in 0..2 {
            let answer = app.get("/search").await;
            assert_eq!(answer.header("x-ratelimit-remaining"), legacy);
            assert_eq!(answer.header("ratelimit"), standard);
        }
        assert_eq!(app.get("/search").await.header("retry-after"), Some("3600"));
    }
}

#[tokio::test]
async fn retries_can_be_spread_with_jitter() {
    let builder = builder().clock(clock()).retry_after_jitter(0.5);
    let waygate = builder.build().await.unwrap();
    let app = app(&waygate, &["GET:/search"]).await;
    set(
        &waygate,
        "GET:/search#default",
        json!({"limit": "0/hour", "key_strategy": "global"}),
    )
    .await;
    let mut seen = std::collections::HashSet::new();
    for _ in 0..20 {
        let wait = app
            .get("/search")
            .await
            .header("retry-after")
            .unwrap()
            .parse::<u64>()
            .unwrap();
        assert!((3600..=5400).contains(&wait));
        seen.insert(wait);
    }
    assert!(seen.len() > 1);
}

#[tokio::test]
async fn headers_are_added_to_custom_responses() {
    let waygate = builder().clock(clock()).build().await.unwrap();
    waygate
        .register("GET:/search".parse().unwrap(), RouteState::default())
        .await
        .unwrap();
    let router = Router::new().route("/search", get(|| async { "found" }));
    let sorry = |blocked: &Blocked| format!("{} later", blocked.reason().code());
    let guarded = waygate.guard(router).await.unwrap();
    let app = TestApp::new(
        guarded
            .responses(Responses::new().rate_limited(sorry))
            .into_router(),
    );
    set(
        &waygate,
        "GET:/search#default",
        json!({"limit": "0/hour", "key_strategy": "global"}),
    )
    .await;
    let refused = app.get("/search").await;
    assert_eq!(refused.header("retry-after"), Some("3600"));
    assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
    assert_eq!(refused.text(), "RATE_LIMIT_EXCEEDED later");
}

#[tokio::test]
async fn a_configured_number_of_refusals_is_kept() {
    for capacity in [0, 2] {
        let waygate = builder().hit_log_capacity(capacity).build().await.unwrap();
        let app = app(&waygate, &["GET:/search"]).await;
        set(&waygate, "GET:/search#default", json!({"limit": "0/hour"})).await;
        for _ in 0..3 {
            assert_eq!(app.get("/search").await.status(), 429);
        }
        let hits = waygate.rate_limit_hits(&waygate::limits::HitQuery::newest(5));
        assert_eq!(hits.len(), capacity);
    }
}
