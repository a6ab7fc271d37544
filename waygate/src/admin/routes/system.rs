use std::{collections::BTreeMap, sync::Arc};

use axum::{extract::State, response::Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{Timestamp, grammar::format_wire};

use crate::{
    Component, CountingModes,
    admin::{author::Author, schema, state::AdminState},
    engine::MaintenanceNotice,
    rest::{EmptyBody, JsonBody, Problem, Reply, json_response, without_places},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(health))
        .routes(routes!(reseed))
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
    /// Maintenance of everything, or of the service that this process is part of, that is on or planned;
    /// missing if there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    maintenance: Vec<MaintenanceBody>,
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
    /// What is wrong. Files are named without their directories, which the log of the service has.
    cause: String,
}

/// Maintenance that is on or planned.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MaintenanceNotice)]
struct MaintenanceBody {
    /// `global`, or `service:<name>`.
    #[schema(example = "global")]
    scope: String,
    /// `on` or `planned`.
    #[schema(example = "planned")]
    state: &'static str,
    /// Why; may be empty.
    reason: String,
    /// When it begins or began; `null` if it was switched on at once.
    #[schema(required, format = DateTime)]
    start: Option<String>,
    /// When it ends; `null` if it does not end by itself.
    #[schema(required, format = DateTime)]
    end: Option<String>,
}

impl From<MaintenanceNotice> for MaintenanceBody {
    fn from(MaintenanceNotice { scope, set }: MaintenanceNotice) -> Self {
        let instant = |at: Option<Timestamp>| at.map(|at| format_wire(at, "Z"));
        Self {
            scope: match scope.service() {
                Some(service) => format!("service:{service}"),
                None => "global".to_owned(),
            },
            state: if set.enabled { "on" } else { "planned" },
            reason: set.reason.to_string(),
            start: instant(set.start),
            end: instant(set.end),
        }
    }
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
            cause: match component {
                // It names routes, and no files.
                Component::Unmatched => degraded.cause,
                _ => without_places(&degraded.cause),
            },
        };
        (component.to_string(), body)
    });
    let notices = state.waygate.inner.maintenance_notices();
    Reply::ok(HealthBody {
        status,
        revision: state.waygate.revision().to_string(),
        components: components.collect(),
        maintenance: notices.into_iter().map(Into::into).collect(),
        counting: state.waygate.counting_modes(),
    })
}

/// Whether the store was given anything back.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reseeded)]
struct ReseededBody {
    /// Always `true`.
    ok: bool,
    /// `false` when the store has lost nothing.
    reseeded: bool,
}

/// Gives a store that has lost everything back what this process knows: all but the audit log.
///
/// `If-Match` names the revision that `GET /api/health` tells, in quotes.
#[utoipa::path(
    post,
    path = "/api/store/reseed",
    operation_id = "reseed_store",
    tag = "system",
    request_body = Option<EmptyBody>,
    responses((status = OK, description = "The store holds what is known.", body = ReseededBody)),
    security(("token" = ["write:global"]))
)]
async fn reseed(
    State(state): State<Arc<AdminState>>,
    author: Author,
    JsonBody(EmptyBody {}): JsonBody<EmptyBody>,
) -> Result<Reply<ReseededBody>, Problem> {
    let operator = author.expecting(|| Ok(state.waygate.revision()))?;
    let reseeded = operator.reseed_store().await?;
    Ok(Reply::ok(ReseededBody { ok: true, reseeded }))
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
    json_response(StatusCode::OK, state.document.clone(), None)
}
