//! The default algorithm.

use axum::{body::Body, extract::Request};
use http::header;
use serde_json::json;
use tower::ServiceExt;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate::{
    admin::{Admin, Credentials},
    limits::{Algorithm, LimitScope},
    rate_limit,
};

use crate::support::builder;

#[rate_limit("5/minute", name = "unnamed")]
#[rate_limit("5/calendar day", name = "daily")]
#[rate_limit("9/minute", name = "named", algorithm = "moving_window")]
#[utoipa::path(get, path = "/default-algorithm", responses((status = OK)))]
async fn handler() -> &'static str {
    "served"
}

/// The algorithms of the route's limits by name, after one was set over the admin API without an algorithm.
async fn algorithms(default: Option<Algorithm>) -> Vec<(String, Algorithm)> {
    let engine = match default {
        Some(algorithm) => builder().default_algorithm(algorithm),
        None => builder(),
    };
    let waygate = engine.build().await.unwrap();
    let guarded = waygate
        .guard(OpenApiRouter::new().routes(routes!(handler)))
        .await
        .unwrap();
    let router = guarded
        .admin(
            "/waygate",
            Admin::from(Credentials::none().open_to_everyone_i_accept_the_risk()),
        )
        .into_router();
    for (path, body) in [
        (
            "/waygate/api/rate-limits",
            json!({"path": "/default-algorithm", "name": "set", "limit": "7/minute"}),
        ),
        (
            "/waygate/api/rate-limits",
            json!({"path": "/default-algorithm", "name": "monthly", "limit": "7/calendar month"}),
        ),
        (
            "/waygate/api/global-rate-limit",
            json!({"limit": "100/minute"}),
        ),
    ] {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        let request = request.body(Body::from(body.to_string())).unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), 201, "{path}");
    }
    let route = LimitScope::Route("GET:/default-algorithm".parse().unwrap());
    let everything = waygate.rate_limits_of(&LimitScope::Global);
    let all = waygate.rate_limits_of(&route).into_iter().chain(everything);
    all.map(|record| {
        let policy = record.policy;
        (policy.name.to_string(), policy.algorithm)
    })
    .collect()
}

#[tokio::test]
async fn limits_without_an_algorithm_have_the_default() {
    for (default, expected) in [
        (None, Algorithm::FixedWindow),
        (Some(Algorithm::TokenBucket), Algorithm::TokenBucket),
    ] {
        let mut found = algorithms(default).await;
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        let expected = [
            ("daily", Algorithm::FixedWindow),
            ("default", expected),
            ("monthly", Algorithm::FixedWindow),
            ("named", Algorithm::MovingWindow),
            ("set", expected),
            ("unnamed", expected),
        ];
        assert_eq!(found, expected.map(|(name, of)| (name.to_owned(), of)));
    }
    assert_eq!(handler().await, "served");
}

#[tokio::test]
async fn refusals_name_the_default_algorithm() {
    let waygate = builder().default_algorithm(Algorithm::MovingWindow);
    let waygate = waygate.build().await.unwrap();
    let guarded = waygate
        .guard(OpenApiRouter::new().routes(routes!(handler)))
        .await
        .unwrap();
    let open = Credentials::none().open_to_everyone_i_accept_the_risk();
    let router = guarded.admin("/waygate", Admin::from(open)).into_router();
    let blame = "moving_window is the application's default: name another `algorithm`";
    for (body, blamed) in [
        (json!({"limit": "5000/minute"}), true),
        (
            json!({"limit": "5000/minute", "algorithm": "moving_window"}),
            false,
        ),
        (json!({"limit": "5/minute", "tier_resolver": " "}), false),
    ] {
        let request = Request::post("/waygate/api/global-rate-limit")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()));
        let answer = router.clone().oneshot(request.unwrap()).await.unwrap();
        assert_eq!(answer.status(), 400, "{body}");
        let text = axum::body::to_bytes(answer.into_body(), usize::MAX).await;
        let text = String::from_utf8(text.unwrap().to_vec()).unwrap();
        assert_eq!(text.contains(blame), blamed, "{body}: {text}");
    }
}
