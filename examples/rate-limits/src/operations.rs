//! Operations at run time, here by code. The admin API has the same.

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

/// Search; refused requests get a custom response
#[rate_limit("3/minute", response = slow_down)]
#[utoipa::path(get, path = "/search", responses((status = OK, body = str)))]
async fn search() -> &'static str {
    "found\n"
}

/// `Retry-After` and the counts are added to any response.
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

/// Try a limit in shadow mode: it counts and reports, but does not refuse
#[rate_limit("2/minute", shadow = true)]
#[utoipa::path(get, path = "/beta", responses((status = OK, body = str)))]
async fn beta() -> &'static str {
    "beta\n"
}

/// Operations of the application: code can do everything that operators can.
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

/// Sets another limit. Counts are kept, so there is no fresh start.
async fn tighten(State(waygate): State<Waygate>) -> Done {
    let key = "GET:/search#default".parse().map_err(failed)?;
    let limit = "1/minute".parse().map_err(failed)?;
    let policy = RateLimitPolicy::new(limit).map_err(failed)?;
    let set = operator(&waygate).set_rate_limit(key, policy).await;
    set.map(|_| StatusCode::NO_CONTENT).map_err(failed)
}

/// Restores the declared limit.
async fn relax(State(waygate): State<Waygate>) -> Done {
    let key = "GET:/search#default".parse().map_err(failed)?;
    let gone = operator(&waygate).delete_rate_limit(key).await;
    gone.map(|_| StatusCode::NO_CONTENT).map_err(failed)
}

/// Enforces the limit in shadow mode. Its counts are kept.
async fn promote(State(waygate): State<Waygate>) -> Done {
    let key = "GET:/beta#default".parse().map_err(failed)?;
    let promoted = operator(&waygate).promote_rate_limit(key).await;
    promoted.map(|_| StatusCode::NO_CONTENT).map_err(failed)
}

/// The number of requests that the limit in shadow mode would have refused.
async fn would_refuse(State(waygate): State<Waygate>) -> Json<usize> {
    let query = HitQuery::newest(1_000).route("GET:/beta").enforced(false);
    Json(waygate.rate_limit_hits(&query).len())
}
