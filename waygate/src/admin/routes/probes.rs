use std::sync::Arc;

use axum::extract::State;
use http::HeaderMap;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::view::{ApiVersion, Done, Readiness};

use crate::{
    admin::{
        probes::{Probes, version as version_for},
        responses::{NotReady, Probe},
        state::AdminState,
    },
    rest::{Params, Problem, Reply, done},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(livez))
        .routes(routes!(readyz))
        .routes(routes!(version))
}

/// Responds while the process runs. Does not depend on the store.
#[utoipa::path(
    get,
    path = "/livez",
    operation_id = "get_liveness",
    tag = "system",
    responses((status = OK, description = "The process runs.", body = Done), Probe),
    security(())
)]
pub(in crate::admin) async fn livez() -> Reply<Done> {
    done()
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct ReadyParams {
    /// Lists the parts: `?verbose`, with any value or none.
    #[param(nullable = false, value_type = Option<String>)]
    verbose: Option<String>,
}

/// Responds with 503 unless the process is ready for requests: it has the state that the application requires, and does not
/// shut down. Blocked routes do not matter.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "get_readiness",
    tag = "system",
    params(ReadyParams),
    responses((status = OK, description = "The process is ready.", body = Readiness), NotReady),
    security(())
)]
pub(in crate::admin) async fn readyz(
    State(probes): State<Probes>,
    Params(params): Params<ReadyParams>,
) -> Result<Reply<Readiness>, Problem> {
    let is_verbose = params.verbose.is_some_and(|value| value != "false");
    probes.readiness(is_verbose).map(Reply::ok)
}

/// Shows the version of the API, which is also in the header `X-Waygate-API-Version` of each response; with a valid token
/// also that of Waygate.
#[utoipa::path(
    get,
    path = "/version",
    operation_id = "get_version",
    tag = "system",
    responses((status = OK, description = "The version.", body = ApiVersion), Probe),
    security(())
)]
async fn version(State(state): State<Arc<AdminState>>, headers: HeaderMap) -> Reply<ApiVersion> {
    let token = state.auth.find_token(&headers).await;
    Reply::ok(version_for(token.is_some()))
}
