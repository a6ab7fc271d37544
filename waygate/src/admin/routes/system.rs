use std::{collections::BTreeMap, sync::Arc};

use axum::{extract::State, response::Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::grammar::format_wire;

use crate::{
    CountingModes,
    admin::{
        reply::{self, Reply},
        schema,
        state::AdminState,
    },
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(health))
        .routes(routes!(openapi))
}

/// How the engine is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Health)]
struct HealthBody {
    /// `ok`, or `degraded`: the API is served from what was last known.
    #[schema(example = "ok")]
    status: &'static str,
    /// What of the store requests see now: `<epoch>-<number>`.
    revision: String,
    /// What is impaired.
    components: BTreeMap<String, DegradedBody>,
    /// How many requests were counted for rate limits, and by what, since the process began.
    #[schema(value_type = schema::CountingModes)]
    counting: CountingModes,
}

/// An impaired part.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Degraded)]
struct DegradedBody {
    /// Since when.
    #[schema(format = DateTime)]
    since: String,
    /// What is wrong.
    cause: String,
}

/// Tells how the engine is.
#[utoipa::path(
    get,
    path = "/api/health",
    operation_id = "get_health",
    tag = "system",
    responses((status = OK, description = "How the engine is.", body = HealthBody)),
    security(("token" = ["read"]))
)]
async fn health(State(state): State<Arc<AdminState>>) -> Reply<HealthBody> {
    let health = state.waygate.health();
    let status = if health.is_empty() { "ok" } else { "degraded" };
    let components = health.into_iter().map(|(component, degraded)| {
        let body = DegradedBody {
            since: format_wire(degraded.since, "Z"),
            cause: degraded.cause,
        };
        (component.to_string(), body)
    });
    Reply::ok(HealthBody {
        status,
        revision: state.waygate.revision().to_string(),
        components: components.collect(),
        counting: state.waygate.counting_modes(),
    })
}

/// Shows this document.
#[utoipa::path(
    get,
    path = "/api/openapi.json",
    operation_id = "get_openapi",
    tag = "system",
    responses((status = OK, description = "An OpenAPI 3.1 document.", body = BTreeMap<String, serde_json::Value>)),
    security(("token" = ["read"]))
)]
async fn openapi(State(state): State<Arc<AdminState>>) -> Response {
    reply::json(StatusCode::OK, state.document.clone(), None)
}
