use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{
    grammar::{LinkTarget, parse_since, parse_sunset},
    model::Deprecation,
    transition::RouteCommand,
};

use super::change::{Changed, change};
use crate::{
    admin::{author::Author, key::PathKey, schema, state::AdminState},
    rest::{JsonBody, RequestBody},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new().routes(routes!(deprecate, undo))
}

/// What is known about when a route goes away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DeprecateRequest {
    /// When the deprecation took or takes effect (`Deprecation`, RFC 9745).
    #[schema(format = DateTime)]
    since: Option<String>,
    /// When the route is to go away (`Sunset`, RFC 8594): RFC 3339, or an HTTP-date.
    #[schema(example = "Sat, 01 Jan 2028 00:00:00 GMT")]
    sunset: Option<String>,
    /// What to use instead (`Link` with `successor-version`, RFC 5829).
    #[schema(value_type = Option<String>, example = "/v2/users")]
    use_instead: Option<LinkTarget>,
}

impl RequestBody for DeprecateRequest {}

/// Marks a route as going away. It is served as before, and says so in its answers.
#[utoipa::path(
    post,
    path = "/api/routes/{pk}/deprecate",
    operation_id = "deprecate_route",
    tag = "routes",
    params(("pk" = String, Path)),
    request_body = Option<DeprecateRequest>,
    responses((status = OK, description = "The route as it is now.", body = schema::Route)),
    security(("token" = ["write:routes"]))
)]
async fn deprecate(
    State(state): State<Arc<AdminState>>,
    author: Author,
    key: PathKey,
    JsonBody(body): JsonBody<DeprecateRequest>,
) -> Changed {
    let since = body.since.as_deref().map(parse_since).transpose()?;
    let sunset = body.sunset.as_deref().map(parse_sunset).transpose()?;
    let deprecation = Deprecation::new(since, sunset, body.use_instead)?;
    change(
        &state,
        author,
        key,
        RouteCommand::Deprecate(Some(deprecation)),
    )
    .await
}

/// Takes back that a route is going away.
#[utoipa::path(
    delete,
    path = "/api/routes/{pk}/deprecate",
    operation_id = "undeprecate_route",
    tag = "routes",
    params(("pk" = String, Path)),
    responses((status = OK, description = "The route as it is now.", body = schema::Route)),
    security(("token" = ["write:routes"]))
)]
async fn undo(State(state): State<Arc<AdminState>>, author: Author, key: PathKey) -> Changed {
    change(&state, author, key, RouteCommand::Deprecate(None)).await
}
