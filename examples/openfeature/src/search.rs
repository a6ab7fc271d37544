//! The API: its code depends on OpenFeature alone.

use std::sync::Arc;

use axum::{Json, extract::State, http::HeaderMap};
use open_feature::{Client, EvaluationContext};
use serde::Serialize;
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

#[derive(OpenApi)]
#[openapi(info(title = "Search", version = "1.0.0"))]
struct Document;

pub fn router(flags: Client) -> OpenApiRouter {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(search))
        .with_state(Arc::new(flags))
}

/// The results, and why the caller gets them.
#[derive(Serialize, utoipa::ToSchema)]
struct Found {
    results: &'static str,
    variant: Option<String>,
    reason: String,
    error: Option<String>,
}

/// Search
#[utoipa::path(get, path = "/search", responses((status = OK, body = Found)))]
async fn search(State(flags): State<Arc<Client>>, headers: HeaderMap) -> Json<Found> {
    let user = user(&headers);
    let found = match flags
        .get_bool_details("new-search", Some(&user), None)
        .await
    {
        Ok(details) => Found {
            results: if details.value { "new" } else { "old" },
            variant: details.variant,
            reason: details.reason.unwrap_or_default().to_string(),
            error: None,
        },
        // The SDK has no default values: an error, such as a missing flag, is handled here.
        Err(error) => Found {
            results: "old",
            variant: None,
            reason: "ERROR".to_owned(),
            error: Some(error.code.to_string()),
        },
    };
    Json(found)
}

/// Stands in for real authentication: it trusts the header `x-user`.
fn user(headers: &HeaderMap) -> EvaluationContext {
    let context = EvaluationContext::default();
    match headers.get("x-user").and_then(|name| name.to_str().ok()) {
        Some(name) => context.with_targeting_key(name),
        None => context,
    }
}
