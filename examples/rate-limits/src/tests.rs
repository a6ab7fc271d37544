//! Tests of such an application, with a manual clock and without sockets.

use std::{net::SocketAddr, time::Duration};

use waygate::{
    Waygate,
    testing::{ManualClock, TestApp, bypass},
};

use super::app;

/// Starts the application, with requests from one address.
async fn start() -> (TestApp, ManualClock) {
    // One second before February starts in Berlin; in UTC it is still January for an hour.
    let clock = ManualClock::at("2030-01-31T22:59:59Z".parse().unwrap());
    let builder = Waygate::builder().clock(clock.clone());
    let (_, router) = app(builder).await.unwrap();
    (from(&TestApp::new(router), "192.0.2.1:1000"), clock)
}

fn from(app: &TestApp, peer: &str) -> TestApp {
    app.from_peer(peer.parse::<SocketAddr>().unwrap())
}

/// Returns how many of these requests pass; the others are answered with 429.
async fn passing(app: &TestApp, path: &str, requests: usize) -> usize {
    let mut passing = 0;
    for _ in 0..requests {
        match app.get(path).await.status().as_u16() {
            200 => passing += 1,
            status => assert_eq!(status, 429, "{path}"),
        }
    }
    passing
}

#[tokio::test]
async fn each_address_has_its_own_counter() {
    let (app, clock) = start().await;
    assert_eq!(passing(&app, "/keys/ip", 3).await, 2);
    assert_eq!(passing(&from(&app, "192.0.2.1:2"), "/keys/ip", 1).await, 0);
    assert_eq!(passing(&from(&app, "192.0.2.2:1"), "/keys/ip", 3).await, 2);
    clock.advance(Duration::from_secs(60));
    assert_eq!(passing(&app, "/keys/ip", 3).await, 2);
}

#[tokio::test]
async fn keys_distinguish_callers() {
    let (app, _) = start().await;
    for (path, header, one, other) in [
        ("/keys/user", "user", "ada", "grace"),
        ("/keys/api-key", "x-api-key", "one", "other"),
        ("/keys/header", "x-tenant", "acme", "umbrella"),
        ("/keys/async-function", "token", "laptop", "desk"),
    ] {
        let (one, other) = (app.with_header(header, one), app.with_header(header, other));
        assert_eq!(passing(&one, path, 3).await, 2, "{path}");
        assert_eq!(passing(&other, path, 3).await, 2, "{path}");
    }
    let phone = app.with_header("token", "phone");
    let same_owner = passing(&phone, "/keys/async-function", 1).await;
    assert_eq!(same_owner, 0, "the laptop's owner");

    assert_eq!(passing(&app, "/keys/path/acme", 3).await, 2);
    assert_eq!(passing(&app, "/keys/path/umbrella", 3).await, 2);
    assert_eq!(passing(&app, "/keys/function?document=1", 3).await, 2);
    assert_eq!(passing(&app, "/keys/function?document=2", 3).await, 2);

    let ada = app.with_header("user", "ada");
    let grace = app.with_header("user", "grace");
    assert_eq!(passing(&ada, "/keys/several/acme", 3).await, 2);
    assert_eq!(passing(&ada, "/keys/several/umbrella", 3).await, 2);
    assert_eq!(passing(&grace, "/keys/several/acme", 3).await, 2);

    assert_eq!(passing(&app, "/keys/global", 1).await, 1);
    let stranger = from(&app, "192.0.2.9:1");
    assert_eq!(passing(&stranger, "/keys/global", 3).await, 1);
}

#[tokio::test]
async fn each_limit_handles_requests_without_a_key() {
    let (app, _) = start().await;
    assert_eq!(passing(&app, "/keys/user", 3).await, 3, "uncounted");
    assert_eq!(passing(&app, "/keys/function", 3).await, 3, "uncounted");
    assert_eq!(passing(&app, "/keys/header", 3).await, 2, "by address");
    let refused = app.get("/keys/api-key").await;
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.header("retry-after"), None);
}

#[tokio::test]
async fn algorithms_differ_at_the_end_of_a_window() {
    let (app, clock) = start().await;
    let paths = ["fixed", "sliding", "moving"].map(|name| format!("/algorithms/{name}-window"));
    // The sliding windows are :00 to :10 and :10 to :20; this starts at :09.
    clock.advance(Duration::from_secs(10));
    for (wait, expected) in [(0, [4, 4, 4]), (6, [0, 2, 0]), (5, [4, 2, 4])] {
        clock.advance(Duration::from_secs(wait));
        for (path, expected) in paths.iter().zip(expected) {
            assert_eq!(passing(&app, path, 6).await, expected, "{path} +{wait} s");
        }
    }

    assert_eq!(passing(&app, "/algorithms/token-bucket", 8).await, 6);
    clock.advance(Duration::from_secs(5));
    assert_eq!(passing(&app, "/algorithms/token-bucket", 2).await, 1);
}

#[tokio::test]
async fn several_rates_apply_together() {
    let (app, clock) = start().await;
    let mut passed = Vec::new();
    for _ in 0..4 {
        passed.push(passing(&app, "/algorithms/several-rates", 3).await);
        clock.advance(Duration::from_secs(1));
    }
    assert_eq!(passed, [2, 2, 1, 0]);
}

#[tokio::test]
async fn the_plan_determines_the_limit() {
    let (app, _) = start().await;
    assert_eq!(passing(&app, "/reports", 5).await, 1, "a guest");
    let ada = app.with_header("user", "ada");
    assert_eq!(passing(&ada, "/reports", 5).await, 2, "free");
    let grace = app.with_header("user", "grace");
    assert_eq!(passing(&grace, "/reports", 5).await, 4, "pro");
}

#[tokio::test]
async fn exemptions_are_by_network_and_by_role() {
    let (app, _) = start().await;
    let staff = app.with_header("user", "linus");
    let office = from(&app, "10.1.2.3:1");
    for (caller, expected) in [(staff, 3), (office, 3), (app, 1)] {
        assert_eq!(passing(&caller, "/internal", 3).await, expected);
    }
}

#[tokio::test]
async fn calendar_months_start_in_the_configured_time_zone() {
    let (app, clock) = start().await;
    let customer = app.with_header("x-api-key", "customer");
    for status in [200, 200, 200, 429] {
        assert_eq!(customer.post("/translate", &()).await.status(), status);
    }
    let refused = customer.post("/translate", &()).await;
    assert_eq!(refused.header("retry-after"), Some("1"));
    clock.advance(Duration::from_secs(1));
    assert_eq!(customer.post("/translate", &()).await.status(), 200);
}

#[tokio::test]
async fn requests_are_charged_their_cost() {
    let (app, _) = start().await;
    assert_eq!(passing(&app, "/export", 3).await, 2);

    assert_eq!(passing(&app, "/rows?count=9", 1).await, 1);
    assert_eq!(passing(&app, "/rows?count=2", 1).await, 0);
    assert_eq!(passing(&app, "/rows?count=1", 1).await, 1);

    let first = app.get("/search-all").await;
    assert_eq!(first.header("x-ratelimit-remaining"), Some("9"), "before");
    let second = app.get("/search-all").await;
    assert_eq!(
        second.header("x-ratelimit-remaining"),
        Some("1"),
        "10 - 8 - 1"
    );
}

#[tokio::test]
async fn responses_report_the_remaining_quota() {
    let (app, _) = start().await;
    let answer = app.get("/search").await;
    assert_eq!(answer.header("x-ratelimit-limit"), Some("3"));
    assert_eq!(answer.header("ratelimit"), Some("\"default\";r=2;t=60"));
    passing(&app, "/search", 2).await;
    let refused = app.get("/search").await;
    assert_eq!(refused.text(), "3/minute is enough; come back in 60 s\n");
    assert_eq!(refused.header("retry-after"), Some("60"));
}

#[tokio::test]
async fn an_operator_changes_a_limit_while_the_service_runs() {
    let (app, _) = start().await;
    assert_eq!(passing(&app, "/search", 2).await, 2);
    assert_eq!(app.post("/ops/tighten", &()).await.status(), 204);
    assert_eq!(passing(&app, "/search", 1).await, 0, "2 of 1 are used");
    assert_eq!(app.post("/ops/relax", &()).await.status(), 204);
    assert_eq!(passing(&app, "/search", 2).await, 1, "2 of 3 were used");
}

#[tokio::test]
async fn a_shadow_limit_refuses_only_after_promotion() {
    let (app, _) = start().await;
    assert_eq!(passing(&app, "/beta", 5).await, 5);
    assert_eq!(app.get("/ops/would-refuse").await.text(), "3");
    assert_eq!(app.post("/ops/promote", &()).await.status(), 204);
    assert_eq!(passing(&app, "/beta", 1).await, 0);
}

#[tokio::test]
async fn one_limit_applies_to_all_routes_together() {
    let (app, _) = start().await;
    assert_eq!(passing(&app, "/keys/user", 101).await, 100);
    assert_eq!(passing(&app, "/reports", 1).await, 0);
    assert_eq!(passing(&app, "/health", 1).await, 1, "exempt");
}

#[tokio::test]
async fn business_logic_can_be_tested_without_limits() {
    let (app, _) = start().await;
    assert_eq!(bypass(passing(&app, "/keys/ip", 5)).await, 5);
}
