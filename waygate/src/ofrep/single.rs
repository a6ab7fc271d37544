use std::sync::Arc;

use axum::{
    extract::{Path, Request, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use http::StatusCode;

use super::{
    evaluation::{is_visible, outcome},
    failure::{Failure, json},
    request::{Asked, Params},
    state::State,
};

/// Evaluates one flag.
pub(super) async fn single(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    path: Result<Path<Params>, PathRejection>,
    request: Request,
) -> Response {
    let params = match Params::read(path, &state) {
        Ok(params) => params,
        Err(failure) => return failure.into_response(),
    };
    let outcome = respond(&state, &params.key, request).await;
    outcome.unwrap_or_else(|failure| failure.of_flag(&params.key).into_response())
}

async fn respond(state: &State, key: &str, request: Request) -> Result<Response, Failure> {
    let asked = Asked::read(request, state).await?;
    let audience = asked.grant.audience;
    let flags = state.waygate.flags();
    let set = flags.set();
    let Some(flag) = set.flag(key) else {
        set.count_missing(key);
        return Err(Failure::no_flag(key));
    };
    // A hidden flag looks like a missing one.
    if !is_visible(flag, audience) {
        return Err(Failure::no_flag(key));
    }
    let resolution = set.evaluate_flag(flag, &asked.context, &*state.waygate.inner.clock);
    let success = outcome(flag, &resolution, audience)?;
    let body = serde_json::to_vec(&success).map_err(|_| Failure::internal())?;
    Ok(json(StatusCode::OK, body))
}
