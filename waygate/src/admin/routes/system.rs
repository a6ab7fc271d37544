use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::StatusCode;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::view::{Degraded, Health, Reseeded};

use crate::{
    Operator,
    admin::{
        responses::{Change, Read},
        state::AdminState,
    },
    health::Component,
    rest::{EmptyBody, JsonBody, Problem, Reply, json_response, without_places},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(health))
        .routes(routes!(reseed))
        .routes(routes!(openapi))
}

/// Shows the state of the engine.
#[utoipa::path(
    get,
    path = "/api/health",
    operation_id = "get_health",
    tag = "system",
    responses((status = OK, description = "The state of the engine.", body = Health), Read),
    security(("token" = ["read"]))
)]
async fn health(State(state): State<Arc<AdminState>>) -> Reply<Health> {
    let health = state.waygate.health();
    let status = if health.is_empty() { "ok" } else { "degraded" };
    let components = health.into_iter().map(|(component, degraded)| {
        let body = Degraded {
            since: degraded.since,
            cause: match component {
                // This cause names routes, and no files.
                Component::Unmatched => degraded.cause,
                _ => without_places(&degraded.cause),
            },
        };
        (component.to_string(), body)
    });
    let notices = state.waygate.inner.maintenance_notices();
    Reply::ok(Health {
        status: status.to_owned(),
        revision: state.waygate.revision().to_string(),
        components: components.collect(),
        maintenance: notices.into_iter().map(Into::into).collect(),
        counting: state.waygate.counting_modes(),
    })
}

/// Restores the last known state, without the audit log, to a store that has lost its state.
///
/// `If-Match` takes the revision shown by `GET /api/health`, in quotes.
#[utoipa::path(
    post,
    path = "/api/store/reseed",
    operation_id = "reseed_store",
    tag = "system",
    request_body = Option<EmptyBody>,
    responses((status = OK, description = "The store holds the last known state.", body = Reseeded), Change),
    security(("token" = ["write:global"]))
)]
async fn reseed(
    operator: Operator,
    JsonBody(EmptyBody {}): JsonBody<EmptyBody>,
) -> Result<Reply<Reseeded>, Problem> {
    let reseeded = operator.reseed_store().await?;
    Ok(Reply::ok(Reseeded { ok: true, reseeded }))
}

/// Shows this document.
#[utoipa::path(
    get,
    path = "/api/openapi.json",
    operation_id = "get_openapi",
    tag = "system",
    responses((status = OK, description = "An OpenAPI 3.1 document.", body = BTreeMap<String, serde_json::Value>), Read),
    security(("token" = ["read"])),
    extensions(("x-waygate-services" = json!("checked")))
)]
async fn openapi(State(state): State<Arc<AdminState>>) -> Response {
    json_response(StatusCode::OK, state.document.clone(), None)
}
