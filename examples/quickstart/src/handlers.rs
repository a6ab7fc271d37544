//! The API: each handler declares the initial state of its route.

use axum::Json;
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate::prelude::*;

#[derive(OpenApi)]
#[openapi(info(
    title = "Quickstart",
    version = "1.0.0",
    description = "An API under control."
))]
struct Document;

/// The routes. Nesting, merging and `routes!` work as in axum and utoipa.
pub fn router() -> OpenApiRouter {
    let orders = OpenApiRouter::new().routes(routes!(order));
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(payments))
        .routes(routes!(debug))
        .routes(routes!(users))
        .routes(routes!(search))
        .routes(routes!(health))
        .nest("/orders", orders)
}

/// List payments
#[maintenance(reason = "Back at 04:00 UTC")]
#[utoipa::path(get, path = "/payments", responses((status = OK, body = [u64])))]
pub async fn payments() -> Json<Vec<u64>> {
    Json(vec![1, 2, 3])
}

/// Show internals
#[env_only("dev", "staging")]
#[utoipa::path(get, path = "/debug", responses((status = OK, body = str)))]
pub async fn debug() -> &'static str {
    "internals"
}

/// List users
#[sunset(
    since = "2026-01-01T00:00:00Z",
    sunset = "2028-01-01T00:00:00Z",
    use_instead = "/v2/users"
)]
#[utoipa::path(get, path = "/v1/users", responses((status = OK, body = [str])))]
pub async fn users() -> Json<Vec<&'static str>> {
    Json(vec!["ada", "grace"])
}

/// Search
#[utoipa::path(get, path = "/search", responses((status = OK, body = str)))]
pub async fn search() -> &'static str {
    "found"
}

/// Say that the service lives
#[force_active]
#[utoipa::path(get, path = "/health", responses((status = OK, body = str)))]
pub async fn health() -> &'static str {
    "ok"
}

/// Show an order
#[utoipa::path(get, path = "/{id}", params(("id" = u64, Path)), responses((status = OK, body = u64)))]
pub async fn order(axum::extract::Path(id): axum::extract::Path<u64>) -> Json<u64> {
    Json(id)
}
