//! Requests refused for a missing key. Waiting does not help, so the status is not 429.

use axum::{Router, response::IntoResponse, routing::get};
use http::StatusCode;
use serde_json::{Value, json};
use waygate::{
    Blocked, Responses, RouteGuard, Waygate, WaygateBuilder, limits::KeyPart, model::Registration,
    response::BlockReason, testing::TestApp,
};

use super::{key, set};
use crate::support::{app, builder, clock};

const LIMIT: &str = "GET:/search#default";

async fn refusing(builder: WaygateBuilder, source: &str, word: &str) -> (Waygate, TestApp) {
    let waygate = builder.clock(clock()).build().await.unwrap();
    let app = app(&waygate, &["GET:/search"]).await;
    let fields = json!({"limit": "9/hour", "key_strategy": source, "on_missing_key": word});
    set(&waygate, LIMIT, fields).await;
    (waygate, app)
}

#[tokio::test]
async fn the_status_depends_on_the_missing_key_or_the_setting() {
    for (source, word, status, challenge, missing) in [
        ("user", "block", 401, Some("Bearer"), "user"),
        ("api_key", "block", 401, Some("ApiKey"), "api_key"),
        ("header:X-Tenant", "block", 400, None, "header:x-tenant"),
        ("ip", "block", 400, None, "ip"),
        (
            "user, header:x-tenant",
            "block",
            401,
            Some("Bearer"),
            "user",
        ),
        (
            "header:x-tenant, user",
            "block",
            400,
            None,
            "header:x-tenant",
        ),
        ("user", "bad_request", 400, None, "user"),
        ("api_key", "bad_request", 400, None, "api_key"),
        (
            "header:x-tenant",
            "unauthorized",
            401,
            Some("Bearer"),
            "header:x-tenant",
        ),
    ] {
        let (_, app) = refusing(builder(), source, word).await;
        let answer = app.get("/search").await;
        let case = format!("{source} {word}");
        assert_eq!(answer.status(), status, "{case}");
        assert_eq!(answer.header("www-authenticate"), challenge, "{case}");
        for header in ["retry-after", "ratelimit", "x-ratelimit-limit"] {
            assert_eq!(answer.header(header), None, "{case}");
        }
        let error = &answer.json::<Value>()["error"];
        assert_eq!(error["code"], "RATE_LIMIT_KEY_MISSING", "{case}");
        assert_eq!(error["missing"], missing, "{case}");
        assert_eq!(error["path"], "/search", "{case}");
        for member in ["limit", "retry_after_seconds", "reset_at"] {
            assert_eq!(error.get(member), None, "{case}");
        }

        let problem = app.with_header("accept", "application/problem+json");
        let problem = problem.get("/search").await;
        assert_eq!(problem.status(), status, "{case}");
        let problem = problem.json::<Value>();
        assert_eq!(
            problem["type"],
            "urn:waygate:problem:rate-limit-key-missing"
        );
        assert_eq!(problem["status"], status);
        let page = app.with_header("accept", "text/html").get("/search").await;
        let title = if status == 401 {
            "Unauthorized"
        } else {
            "Bad request"
        };
        assert!(page.text().contains(title), "{}", page.text());
    }
}

#[tokio::test]
async fn keys_that_are_present_are_not_requested() {
    let (_, app) = refusing(builder(), "api_key, header:x-tenant", "block").await;
    let known = app.with_header("x-api-key", "k");
    assert_eq!(known.get("/search").await.status(), 400);
    let named = app.with_header("x-tenant", "t");
    assert_eq!(named.get("/search").await.status(), 401);
    assert_eq!(
        known
            .with_header("x-tenant", "t")
            .get("/search")
            .await
            .status(),
        200
    );
}

#[tokio::test]
async fn the_challenge_is_configured_by_the_application() {
    let builder = || builder().challenge("Bearer realm=\"shop\"");
    for source in ["user", "api_key"] {
        let (_, app) = refusing(builder(), source, "block").await;
        let answer = app.get("/search").await;
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Bearer realm=\"shop\"")
        );
    }
    let refused = Waygate::builder().challenge("realm=\"shop\"").build().await;
    let refused = refused.unwrap_err().to_string();
    assert!(
        refused.contains(".challenge(..)") && refused.contains("Bearer realm"),
        "{refused}"
    );
}

fn short(blocked: &Blocked) -> impl IntoResponse + use<> {
    let BlockReason::KeyMissing(missing) = blocked.reason() else {
        return (StatusCode::IM_A_TEAPOT, String::new());
    };
    let part = missing.missing.as_ref().map(KeyPart::to_string);
    (blocked.status(), format!("no {}", part.unwrap_or_default()))
}

#[tokio::test]
async fn custom_responses_see_the_missing_key() {
    let limit = json!({"limit": "9/hour", "key_strategy": "user", "on_missing_key": "block"});
    let answered = async |responses: Responses| {
        let waygate = builder().build().await.unwrap();
        let router = Router::new().route("/search", get(async || "found"));
        let guarded = waygate.guard(router).await.unwrap().responses(responses);
        let app = TestApp::new(guarded.into_router());
        set(&waygate, LIMIT, limit.clone()).await;
        let answer = app.get("/search").await;
        assert_eq!(answer.header("retry-after"), None);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        (answer.status().as_u16(), answer.text())
    };
    let expected = (401, "no user".to_owned());
    assert_eq!(
        answered(Responses::new().key_missing(short)).await,
        expected
    );
    assert_eq!(
        answered(Responses::new().rate_limited(short)).await,
        expected
    );
    let other = |_: &Blocked| StatusCode::IM_A_TEAPOT;
    let both = Responses::new().rate_limited(other).key_missing(short);
    assert_eq!(answered(both).await, expected);
}

#[tokio::test]
async fn the_extractor_refuses_the_same_way() {
    let waygate = builder().build().await.unwrap();
    let registration = Registration::new("GET:/search".parse().unwrap());
    waygate.register_all([registration]).await.unwrap();
    set(
        &waygate,
        LIMIT,
        json!({"limit": "9/hour", "key_strategy": "user", "on_missing_key": "block"}),
    )
    .await;
    let router = Router::new().route("/search", get(async |_: RouteGuard| "found"));
    let app = TestApp::new(router.with_state(waygate.clone()));
    let answer = app.with_header("x-request-id", "r").get("/search").await;
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    assert_eq!(answer.header("retry-after"), None);
    let explained = waygate.explain("r").unwrap();
    assert_eq!(explained.refused_by, Some(key(LIMIT)));
}
