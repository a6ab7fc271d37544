//! What operators do while the service runs, here by code. The admin API does the same.

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate::{
    Blocked, Operator, Waygate,
    audit::Origin,
    limits::{HitQuery, RateLimitPolicy},
    prelude::*,
    response::BlockReason,
};

pub fn router() -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(search))
        .routes(routes!(beta))
}

/// Search; who is refused gets an answer of our own
#[rate_limit("3/minute", response = slow_down)]
#[utoipa::path(get, path = "/search", responses((status = OK, body = str)))]
async fn search() -> &'static str {
    "found\n"
}

/// `Retry-After` and the counts are added to whatever is answered.
fn slow_down(blocked: &Blocked) -> Response {
    let BlockReason::RateLimited(limited) = blocked.reason() else {
        return blocked.status().into_response();
    };
    let text = format!(
        "{} is enough; come back in {} s\n",
        limited.limit, limited.retry_after
    );
    (StatusCode::TOO_MANY_REQUESTS, text).into_response()
}

/// Try a limit in shadow: it counts and reports, and refuses nobody
#[rate_limit("2/minute", shadow = true)]
#[utoipa::path(get, path = "/beta", responses((status = OK, body = str)))]
async fn beta() -> &'static str {
    "beta\n"
}

/// Operations of the application itself: code may do whatever operators may.
pub fn own(waygate: Waygate) -> Router {
    Router::new()
        .route("/ops/tighten", post(tighten))
        .route("/ops/relax", post(relax))
        .route("/ops/promote", post(promote))
        .route("/ops/would-refuse", get(would_refuse))
        .with_state(waygate)
}

fn operator(waygate: &Waygate) -> Operator {
    waygate.operator(Origin::new("ops", "app"))
}

type Done = Result<StatusCode, (StatusCode, String)>;

fn failed(error: impl ToString) -> (StatusCode, String) {
    (StatusCode::CONFLICT, error.to_string())
}

/// Sets another limit. What was consumed is kept: nobody gets a fresh start.
async fn tighten(State(waygate): State<Waygate>) -> Done {
    let key = "GET:/search#default".parse().map_err(failed)?;
    let limit = "1/minute".parse().map_err(failed)?;
    let policy = RateLimitPolicy::new(limit).map_err(failed)?;
    let set = operator(&waygate).set_rate_limit(key, policy).await;
    set.map(|_| StatusCode::NO_CONTENT).map_err(failed)
}

/// Goes back to what the code declares.
async fn relax(State(waygate): State<Waygate>) -> Done {
    let key = "GET:/search#default".parse().map_err(failed)?;
    let gone = operator(&waygate).delete_rate_limit(key).await;
    gone.map(|_| StatusCode::NO_CONTENT).map_err(failed)
}

/// Lets the limit in shadow refuse from now on. What it has counted counts.
async fn promote(State(waygate): State<Waygate>) -> Done {
    let key = "GET:/beta#default".parse().map_err(failed)?;
    let promoted = operator(&waygate).promote_rate_limit(key).await;
    promoted.map(|_| StatusCode::NO_CONTENT).map_err(failed)
}

/// How many requests the limit in shadow would have refused.
async fn would_refuse(State(waygate): State<Waygate>) -> Json<usize> {
    let query = HitQuery::newest(1_000).route("GET:/beta").enforced(false);
    Json(waygate.rate_limit_hits(&query).len())
}
