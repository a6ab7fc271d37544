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
    work,
};

/// Evaluates one flag.
pub(super) async fn single(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    path: Result<Path<Params>, PathRejection>,
    request: Request,
) -> Response {
    let key = path.as_ref().ok().map(|Path(params)| params.key.clone());
    let outcome = respond(&state, path, request).await;
    outcome.unwrap_or_else(|failure| match key {
        Some(key) => failure.of_flag(&key).into_response(),
        None => failure.into_response(),
    })
}

async fn respond(
    state: &Arc<State>,
    path: Result<Path<Params>, PathRejection>,
    request: Request,
) -> Result<Response, Failure> {
    let asked = Asked::read(path, request, state).await?;
    state.check_known()?;
    let state = state.clone();
    work::evaluate(asked.body.len(), move || answer(&state, &asked)).await
}

fn answer(state: &State, asked: &Asked) -> Result<Response, Failure> {
    let (key, audience) = (asked.params.key.as_str(), asked.grant.audience);
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
