//! `#[utoipa::path]` and `#[axum::debug_handler]` anywhere among ours, under any name.

use axum::{Json, extract::Path};
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate::{allowed_ips as from, env_only as only, maintenance as maint};

/// Documented.
#[maint(reason = "a")]
#[only("dev")]
#[from("10.0.0.0/8")]
#[utoipa::path(get, path = "/one/{id}", responses((status = OK, body = u64)))]
#[axum::debug_handler]
pub(crate) async fn one(Path(id): Path<u64>) -> Json<u64> {
    Json(id)
}

#[axum::debug_handler]
#[utoipa::path(get, path = "/two", responses((status = OK)), extensions(("x-mine" = json!(1))))]
#[waygate::deprecated(sunset = "2030-01-01T00:00:00Z")]
/// Documented in between.
#[only("dev")]
async fn two(_: String) {}

#[only("dev")]
#[axum::debug_handler]
#[utoipa::path(post, path = "/three")]
#[maint(reason = "c")]
async fn three() -> Result<(), &'static str> {
    Ok(())
}

async fn tenant(_: &waygate::response::RequestParts) -> Option<waygate::limits::Key> {
    None
}

#[waygate::rate_limit("10/s", key = tenant)]
#[waygate::rate_limit("100/minute")]
#[utoipa::path(get, path = "/four")]
#[waygate::concurrency_limit(5)]
#[waygate::rate_limit("1000/hour", name = "per-hour")]
#[waygate::concurrency_limit(1, key = "ip")]
async fn four() {}

#[utoipa::path(get, path = "/five")]
#[waygate::concurrency_limit(1, key = tenant)]
#[waygate::rate_limit("10/s", key = "path:known_at_start_only")]
async fn five() {}

#[test]
fn it_compiles() {
    let inner = OpenApiRouter::<()>::new()
        .routes(routes!(one))
        .routes(routes!(two, three))
        .routes(routes!(four))
        .routes(routes!(five));
    let (_, document) = OpenApiRouter::new().nest("/v1", inner).split_for_parts();
    assert_eq!(document.paths.paths.len(), 5);
}
