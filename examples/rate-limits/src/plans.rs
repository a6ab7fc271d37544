//! Plans, exemptions, and quotas of the calendar.

use utoipa_axum::{router::OpenApiRouter, routes};
use waygate::prelude::*;

pub fn router() -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(reports))
        .routes(routes!(internal))
        .routes(routes!(translate))
}

/// Allow what the caller's plan allows
///
/// The plan is the attribute `plan` of `Account`. Guests have none, and are counted by address.
#[rate_limit(
    "1/minute",
    tiers = { free = "2/minute", pro = "4/minute", enterprise = "unlimited" },
    on_missing_key = "fallback_ip",
)]
#[utoipa::path(get, path = "/reports", responses((status = OK, body = str)))]
async fn reports() -> &'static str {
    "reports\n"
}

/// Exempt the office and the staff
#[rate_limit("1/minute", exempt_ips = ["10.0.0.0/8"], exempt_roles = ["staff"])]
#[utoipa::path(get, path = "/internal", responses((status = OK, body = str)))]
async fn internal() -> &'static str {
    "internal\n"
}

/// Sell a number of requests per calendar month, in the time zone of Berlin
#[rate_limit(
    "3/calendar month",
    key = "api_key",
    on_missing_key = "block",
    time_zone = "Europe/Berlin"
)]
#[utoipa::path(post, path = "/translate", responses((status = OK, body = str)))]
async fn translate() -> &'static str {
    "übersetzt\n"
}
