use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::HeaderMap;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    admin::{responses::Read, state::AdminState},
    metrics::respond,
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new().routes(routes!(scrape))
}

/// Shows the metrics of this process: in OpenMetrics 1.0 or the text format of Prometheus, by `Accept`.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "get_metrics",
    tag = "traffic",
    responses(
        (
            status = OK,
            description = "The metrics.",
            content(
                (String = "text/plain; version=0.0.4; charset=utf-8"),
                (String = "application/openmetrics-text; version=1.0.0; charset=utf-8"),
            ),
        ),
        Read,
    ),
    security(("token" = ["read"]))
)]
async fn scrape(State(state): State<Arc<AdminState>>, headers: HeaderMap) -> Response {
    respond(&state.waygate.metrics_collector(), &headers).await
}
