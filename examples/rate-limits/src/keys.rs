//! Rate-limit keys, each value of which has its own counter. Every limit here is two requests a minute.

use axum::extract::Path;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate::prelude::*;

pub fn router() -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(by_ip))
        .routes(routes!(by_user))
        .routes(routes!(by_api_key))
        .routes(routes!(all_together))
        .routes(routes!(by_header))
        .routes(routes!(by_path))
        .routes(routes!(by_several))
        .routes(routes!(by_function))
        .routes(routes!(by_async_function))
}

/// Count by the client's address, which is the default
#[rate_limit("2/minute")]
#[utoipa::path(get, path = "/ip", responses((status = OK, body = str)))]
async fn by_ip() -> &'static str {
    "counted by address\n"
}

/// Count by the caller; anonymous requests pass uncounted
#[rate_limit("2/minute", key = "user")]
#[utoipa::path(get, path = "/user", responses((status = OK, body = str)))]
async fn by_user() -> &'static str {
    "counted by user\n"
}

/// Count by `X-API-Key`; requests without one are refused
#[rate_limit("2/minute", key = "api_key", on_missing_key = "block")]
#[utoipa::path(get, path = "/api-key", responses((status = OK, body = str)))]
async fn by_api_key() -> &'static str {
    "counted by API key\n"
}

/// Count all requests together
#[rate_limit("2/minute", key = "global")]
#[utoipa::path(get, path = "/global", responses((status = OK, body = str)))]
async fn all_together() -> &'static str {
    "counted together\n"
}

/// Count by a header; requests without it are counted by address
#[rate_limit("2/minute", key = "header:X-Tenant", on_missing_key = "fallback_ip")]
#[utoipa::path(get, path = "/header", responses((status = OK, body = str)))]
async fn by_header() -> &'static str {
    "counted by header\n"
}

/// Count by a path parameter
#[rate_limit("2/minute", key = "path:tenant")]
#[utoipa::path(get, path = "/path/{tenant}", params(("tenant" = String, Path)), responses((status = OK, body = str)))]
async fn by_path(Path(tenant): Path<String>) -> String {
    format!("counted for {tenant}\n")
}

/// Count by user and tenant: each user has a counter for each tenant
#[rate_limit("2/minute", key = ["user", "path:tenant"])]
#[utoipa::path(get, path = "/several/{tenant}", params(("tenant" = String, Path)), responses((status = OK, body = str)))]
async fn by_several(Path(tenant): Path<String>) -> String {
    format!("counted by user, for {tenant}\n")
}

/// Count by the result of a function
#[rate_limit("2/minute", key = document)]
#[utoipa::path(get, path = "/function", responses((status = OK, body = str)))]
async fn by_function() -> &'static str {
    "counted by document\n"
}

/// Returns the document named in the query. `None` is a request without a key.
fn document(request: &RequestParts) -> Option<Key> {
    let query = request.uri.query()?;
    let mut fields = query.split('&');
    fields.find_map(|field| field.strip_prefix("document=").map(Key::from))
}

/// Count by the result of an async function
#[rate_limit("2/minute", key = owner_of_token)]
#[utoipa::path(get, path = "/async-function", responses((status = OK, body = str)))]
async fn by_async_function() -> &'static str {
    "counted by the token's owner\n"
}

/// An async function can look something up; here, both tokens of one owner share a counter.
async fn owner_of_token(request: &RequestParts) -> Option<Key> {
    let token = request.headers.get("token")?.to_str().ok()?;
    look_up(token).await.map(Key::from)
}

/// Stands in for a database.
async fn look_up(token: &str) -> Option<u64> {
    match token {
        "laptop" | "phone" => Some(7),
        "desk" => Some(8),
        _ => None,
    }
}
