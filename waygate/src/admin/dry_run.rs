//! Plans the change of a request instead of making it.

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use http_body_util::BodyExt;
use serde_json::Value;

use super::state::AdminState;
use crate::{
    engine::{StagedHandle, planned},
    rest::{Problem, ProblemKind, Reply, WARNING},
};

/// Handles a request with an operator that makes no changes, and responds with what they would do. Errors are those of
/// the handler.
pub(super) async fn run(state: &AdminState, mut request: Request, next: Next) -> Response {
    let handle = StagedHandle::dry(&state.waygate).await;
    request.extensions_mut().insert(handle.clone());
    let response = next.run(request).await;
    if !response.status().is_success() {
        return response;
    }
    match handle.take().await.filter(|staged| staged.is_used()) {
        Some(staged) => {
            let mut plan = planned(&state.waygate, &staged);
            plan.warnings = warnings(response).await;
            let base = staged.base();
            Reply::ok(plan).with_tag(base).into_response()
        }
        // The handler did something else than what was planned.
        None => {
            tracing::error!("an operation of the admin API ignored `dry_run`");
            Problem::new(ProblemKind::Internal, "Internal Server Error").into_response()
        }
    }
}

/// The warnings in a response.
async fn warnings(response: Response) -> Vec<String> {
    let (parts, body) = response.into_parts();
    let header = parts.headers.get(&WARNING);
    let header = header.and_then(|warning| Some(warning.to_str().ok()?.to_owned()));
    let body = body.collect().await.map(|body| body.to_bytes());
    let body: Value = match (parts.status, body) {
        (StatusCode::NO_CONTENT, _) | (_, Err(_)) => Value::Null,
        (_, Ok(bytes)) => serde_json::from_slice(&bytes).unwrap_or_default(),
    };
    let own = body["warning"].as_str().map(str::to_owned);
    let each = body["changes"].as_array().into_iter().flatten();
    let each = each.filter_map(|change| change["warning"].as_str().map(str::to_owned));
    header.into_iter().chain(own).chain(each).collect()
}
