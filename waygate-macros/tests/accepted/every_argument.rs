//! Every attribute with every argument, and without arguments.

#![allow(dead_code, clippy::multiple_bound_locations)]

use axum::response::{IntoResponse, Response};
use waygate::{
    Blocked, allowed_ips, allowed_roles, concurrency_limit, disabled, env_only, force_active,
    limits::Key, maintenance, rate_limit, response::RequestParts, sunset,
};

mod responses {
    use super::*;

    pub(crate) fn text(_: &Blocked) -> &'static str {
        "closed"
    }

    pub(crate) async fn page(blocked: &Blocked) -> Response {
        blocked.status().into_response()
    }
}

struct Answers;

impl Answers {
    fn plain(blocked: &Blocked) -> String {
        blocked.reason().message().to_owned()
    }
}

#[maintenance(
    reason = "database migration",
    start = "2030-01-01T02:00:00Z",
    end = "2030-01-01T04:00:00+01:00",
    response = responses::page,
    route = "GET /maintenance",
    crate = waygate,
)]
async fn in_maintenance() {}

#[disabled(reason = r#"see "news""#, response = responses::text, route = "DELETE /users/{id}", crate = ::waygate)]
async fn off() {}

#[env_only("dev", "staging", response = Answers::plain, route = "GET /files/{*rest}")]
async fn in_some_environments() {}

#[allowed_ips(response = responses::text, "10.0.0.0/8", "2001:db8::/32", "127.0.0.1", route = "GET /ips")]
async fn from_some_networks() {}

#[allowed_roles("admin", "billing:ops", response = <Answers>::plain, route = "GET /roles",)]
async fn for_some_roles() {}

#[force_active(route = "GET /health")]
async fn health() {}

#[sunset(
    since = "2026-01-01T00:00:00Z",
    sunset = "Sat, 01 Jan 2028 00:00:00 GMT",
    use_instead = "https://example.com/v2/users?page=1",
    route = "GET /users"
)]
async fn going_away() {}

mod keys {
    use super::*;

    pub(crate) fn tenant(request: &RequestParts) -> Option<Key> {
        Some(request.headers.get("x-tenant")?.as_bytes().into())
    }

    pub(crate) async fn account(request: &RequestParts) -> Option<Key> {
        tokio::task::yield_now().await;
        tenant(request)
    }

    pub(crate) fn rows(request: &RequestParts) -> u32 {
        request.uri.query().map_or(1, |_| 10)
    }
}

#[rate_limit(
    "100/minute; 1000/hour",
    algorithm = "token_bucket",
    key = "ip",
    on_missing_key = "block",
    burst = 20,
    cost = 2,
    tiers = { free = "10/minute", "pay-as-you-go" = "100/minute", r#enterprise = "unlimited", },
    tier = "plan",
    exempt_ips = ["10.0.0.0/8", "::1"],
    exempt_roles = ["admin"],
    shadow = true,
    rollout = "12.5",
    on_store_failure = "local",
    lease = true,
    time_zone = "Europe/Berlin",
    name = "per-minute",
    response = responses::text,
    route = "GET /limited/{tenant_id}",
    crate = waygate,
)]
#[rate_limit("100/minute", key = ["user", "path:tenant_id"], shadow = false)]
#[rate_limit(key = keys::tenant, cost = keys::rows, "100/minute", response = responses::page)]
#[rate_limit("100/minute", key = keys::account, tiers = { free = "1000/calendar day" })]
#[rate_limit("100/minute", key = "user, path:tenant_id")]
#[concurrency_limit(10)]
#[concurrency_limit(
    2,
    key = "user",
    name = "per-user",
    exempt_ips = ["10.0.0.0/8"],
    exempt_roles = ["admin"],
    response = responses::page,
    crate = ::waygate,
)]
#[concurrency_limit(1, key = keys::tenant)]
#[concurrency_limit(1, key = keys::account)]
async fn limited() {}

#[force_active(route = "GET /live")]
#[rate_limit("1/s")]
async fn always_served_and_limited() {}

#[rate_limit("1/s", route = "GET /generic")]
#[concurrency_limit(1)]
async fn generic<T: Default + Send>() -> T
where
    T: Clone,
{
    T::default()
}

#[rate_limit("1/s")]
async fn bare_rate_limit() {}

#[concurrency_limit(1)]
async fn bare_concurrency_limit() {}

#[maintenance]
async fn bare_maintenance() {}

#[disabled()]
async fn bare_disabled() {}

#[force_active]
async fn bare_force_active() {}

#[waygate::deprecated]
async fn bare_deprecated() {}

#[test]
fn it_compiles() {}
