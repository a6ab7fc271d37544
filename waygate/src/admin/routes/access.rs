use std::sync::Arc;

use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{grammar::RoleName, model::Access, transition::RouteCommand, view::Route};

use super::change::{Changed, RouteBody, change_by, networks};
use crate::{
    Operator,
    admin::{
        key::PathKey,
        responses::{Change, NoRoute, Tagged},
        state::AdminState,
        warnings::masked,
    },
    rest::{JsonBody, Problem, RequestBody},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new().routes(routes!(set))
}

/// The access list of a route. Both lists are required, since an omitted one would admit all callers.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AccessRequest {
    /// The client's address must be in one of these networks. If empty, any address is allowed.
    #[schema(example = json!(["10.0.0.0/8", "2001:db8::/32"]))]
    allowed_ips: Vec<String>,
    /// The caller must have one of these roles. If empty, no role is required.
    allowed_roles: Vec<RoleName>,
}

impl RequestBody for AccessRequest {
    const REQUIRED: bool = true;
    const REASON_REQUIRED: Option<&'static str> = Some(
        "both lists are required, since a forgotten one would admit all callers; `[]` is no restriction",
    );
}

impl RouteBody for AccessRequest {
    fn command(self) -> Result<RouteCommand, Problem> {
        let networks = networks("allowed_ips", &self.allowed_ips)?;
        Ok(RouteCommand::SetAccess(Access::new(
            networks,
            self.allowed_roles,
        )))
    }
}

impl AccessRequest {
    /// Names networks that may not be those that are meant.
    pub(super) fn warning(&self) -> Option<String> {
        masked("allowed_ips", self.allowed_ips.iter().map(String::as_str))
    }
}

/// Sets the access list of a route.
#[utoipa::path(
    post,
    path = "/api/routes/{pk}/access",
    operation_id = "set_route_access",
    tag = "routes",
    request_body = AccessRequest,
    responses((status = OK, description = "The updated route.", body = Tagged<Route>), Change, NoRoute),
    security(("token" = ["write:routes"]))
)]
async fn set(operator: Operator, key: PathKey, JsonBody(body): JsonBody<AccessRequest>) -> Changed {
    let warning = body.warning();
    let reply = change_by(operator, key, body).await?;
    Ok(reply.map(|route| route.warning = warning))
}
