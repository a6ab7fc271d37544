use std::sync::Arc;

use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{
    grammar::{LinkTarget, parse_since, parse_sunset},
    model::Deprecation,
    transition::RouteCommand,
    view::Route,
};

use super::change::{Changed, RouteBody, change, change_by};
use crate::{
    Operator,
    admin::{
        key::PathKey,
        responses::{Change, NoRoute, Tagged},
        state::AdminState,
    },
    rest::{JsonBody, Problem, RequestBody},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new().routes(routes!(deprecate, undo))
}

/// The deprecation of a route. All fields are optional.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeprecateRequest {
    /// The time when the deprecation takes effect (`Deprecation`, RFC 9745).
    #[schema(format = DateTime)]
    since: Option<String>,
    /// The time when the route will be removed (`Sunset`, RFC 8594): RFC 3339, or an HTTP-date.
    #[schema(example = "Sat, 01 Jan 2028 00:00:00 GMT")]
    sunset: Option<String>,
    /// The replacement (`Link` with `successor-version`, RFC 5829).
    use_instead: Option<LinkTarget>,
}

impl RequestBody for DeprecateRequest {}

impl RouteBody for DeprecateRequest {
    fn command(self) -> Result<RouteCommand, Problem> {
        let since = self.since.as_deref().map(parse_since).transpose()?;
        let sunset = self.sunset.as_deref().map(parse_sunset).transpose()?;
        let deprecation = Deprecation::new(since, sunset, self.use_instead)?;
        Ok(RouteCommand::Deprecate(Some(deprecation)))
    }
}

/// Deprecates a route. It is still served, with deprecation headers.
#[utoipa::path(
    post,
    path = "/api/routes/{pk}/deprecate",
    operation_id = "deprecate_route",
    tag = "routes",
    request_body = Option<DeprecateRequest>,
    responses((status = OK, description = "The updated route.", body = Tagged<Route>), Change, NoRoute),
    security(("token" = ["write:routes"]))
)]
async fn deprecate(
    operator: Operator,
    key: PathKey,
    JsonBody(body): JsonBody<DeprecateRequest>,
) -> Changed {
    change_by(operator, key, body).await
}

/// Removes the deprecation of a route.
#[utoipa::path(
    delete,
    path = "/api/routes/{pk}/deprecate",
    operation_id = "undeprecate_route",
    tag = "routes",
    responses((status = OK, description = "The updated route.", body = Tagged<Route>), Change, NoRoute),
    security(("token" = ["write:routes"]))
)]
async fn undo(operator: Operator, key: PathKey) -> Changed {
    change(operator, key, RouteCommand::Deprecate(None)).await
}
