use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::HeaderMap;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{grammar::ServiceName, model::AuditEntry, port::AuditQuery};

use crate::{
    admin::{
        responses::ReadStore,
        state::AdminState,
        warnings::unknown_route,
        within::{Within, refused},
    },
    rest::{AtMost, Params, Problem, Skip, list_response, with_warning},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new().routes(routes!(list))
}

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 1_000;
const MAX_OFFSET: usize = 1_000_000;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct AuditParams {
    /// The maximum number of lines: a whole number; more than 1000 counts as 1000.
    #[param(nullable = false, value_type = Option<u64>, minimum = 0, default = 50)]
    limit: Option<AtMost<MAX_LIMIT>>,
    /// The number of newest lines to skip: 0 to 1000000.
    #[param(nullable = false, value_type = Option<u64>, minimum = 0, maximum = 1000000, default = 0)]
    offset: Option<Skip<MAX_OFFSET>>,
    /// Only lines with exactly this path.
    #[param(nullable = false, example = "GET:/payments")]
    route: Option<String>,
    /// Only lines of this service. A user who is limited to several services has to name one of them, or a route.
    #[param(nullable = false)]
    service: Option<ServiceName>,
}

/// The service whose lines a request may see.
fn service(within: &Within, params: &AuditParams) -> Result<Option<ServiceName>, Problem> {
    let Some(names) = within.services().names() else {
        return Ok(params.service.clone());
    };
    let key = params.route.as_ref().and_then(|route| route.parse().ok());
    match &params.service {
        Some(service) if within.has_service(service.as_str()) => Ok(Some(service.clone())),
        None if key.is_some_and(|key| within.has_route(&key)) => Ok(None),
        None if names.len() == 1 => Ok(names.first().cloned()),
        _ => Err(refused("`?service=` has to name one of them")),
    }
}

/// Lists the audit log, newest first. The filters apply before the limit.
#[utoipa::path(
    get,
    path = "/api/audit",
    operation_id = "list_audit",
    tag = "audit",
    params(AuditParams),
    responses((status = OK, description = "Lines of the audit log.", body = [AuditEntry]), ReadStore),
    security(("token" = ["read"])),
    extensions(("x-waygate-services" = json!("checked")))
)]
async fn list(
    State(state): State<Arc<AdminState>>,
    within: Within,
    Params(params): Params<AuditParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let revision = state.waygate.revision();
    let route = params.route.clone();
    let service = service(&within, &params)?;
    let mut query = AuditQuery::newest(params.limit.map_or(DEFAULT_LIMIT, |limit| limit.0))
        .offset(params.offset.map_or(0, |offset| offset.0));
    query.path = params.route;
    query.service = service.map(|service| service.to_string());
    let entries = state.waygate.audit(query).await?;
    let route = route.filter(|_| within.services().are_all());
    let warning = unknown_route(&state.waygate, route.as_deref(), &entries);
    let response = list_response(&entries, revision, &headers);
    Ok(with_warning(response, warning))
}
