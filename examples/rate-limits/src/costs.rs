//! Requests that cost more than one unit. Every limit here is ten a minute.

use axum::{Extension, extract::Query, response::IntoResponse};
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate::{limits::Cost, prelude::*};

pub fn router() -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(export))
        .routes(routes!(rows))
        .routes(routes!(search_all))
}

/// Cost five each time
#[rate_limit("10/minute", cost = 5)]
#[utoipa::path(get, path = "/export", responses((status = OK, body = str)))]
async fn export() -> &'static str {
    "everything\n"
}

/// Cost the amount that the request asks for
#[rate_limit("10/minute", cost = asked)]
#[utoipa::path(get, path = "/rows", params(("count" = u32, Query)), responses((status = OK, body = str)))]
async fn rows(Query(Count { count }): Query<Count>) -> String {
    "row\n".repeat(count.min(10) as usize)
}

#[derive(serde::Deserialize)]
struct Count {
    count: u32,
}

fn asked(request: &RequestParts) -> u32 {
    let count = Query::<Count>::try_from_uri(&request.uri);
    count.map_or(1, |Query(Count { count })| count)
}

/// Cost the amount that the work took
///
/// One unit is charged in advance; `Cost` in the response corrects it, up or down, before the next request.
#[rate_limit("10/minute")]
#[utoipa::path(get, path = "/search-all", responses((status = OK, body = str)))]
async fn search_all() -> impl IntoResponse {
    let pages_read = 8;
    (Extension(Cost(pages_read)), "found on page 8\n")
}
