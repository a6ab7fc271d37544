//! Every attribute with every argument, and the bare ones.

use axum::response::{IntoResponse, Response};
use waygate::{
    Blocked, allowed_ips, allowed_roles, disabled, env_only, force_active, maintenance, sunset,
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

#[maintenance]
async fn bare_maintenance() {}

#[disabled()]
async fn bare_disabled() {}

#[force_active]
async fn bare_force_active() {}

#[waygate::deprecated]
async fn bare_deprecated() {}

fn main() {}
