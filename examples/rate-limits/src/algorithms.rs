//! The algorithms.

use utoipa_axum::{router::OpenApiRouter, routes};
use waygate::prelude::*;

pub fn router() -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(fixed_window))
        .routes(routes!(sliding_window))
        .routes(routes!(moving_window))
        .routes(routes!(token_bucket))
        .routes(routes!(several_rates))
}

/// Count in a window that opens with the first request: cheap, and the default
#[rate_limit("4 per 10 seconds", algorithm = "fixed_window")]
#[utoipa::path(get, path = "/fixed-window", responses((status = OK, body = str)))]
async fn fixed_window() -> &'static str {
    "served\n"
}

/// Count in two windows, weighting the older one: no fresh start at the end of a window
#[rate_limit("4 per 10 seconds", algorithm = "sliding_window")]
#[utoipa::path(get, path = "/sliding-window", responses((status = OK, body = str)))]
async fn sliding_window() -> &'static str {
    "served\n"
}

/// Log every request: exact, for small limits
#[rate_limit("4 per 10 seconds", algorithm = "moving_window")]
#[utoipa::path(get, path = "/moving-window", responses((status = OK, body = str)))]
async fn moving_window() -> &'static str {
    "served\n"
}

/// Refill evenly: a burst of six, then one every five seconds
#[rate_limit("2 per 10 seconds", algorithm = "token_bucket", burst = 6)]
#[utoipa::path(get, path = "/token-bucket", responses((status = OK, body = str)))]
async fn token_bucket() -> &'static str {
    "served\n"
}

/// Enforce several rates together: no bursts, and at most five an hour
#[rate_limit("2/second; 5/hour")]
#[utoipa::path(get, path = "/several-rates", responses((status = OK, body = str)))]
async fn several_rates() -> &'static str {
    "served\n"
}
