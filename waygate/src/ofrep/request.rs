//! Requests: paths, bodies and contexts.

use std::time::Duration;

use axum::{
    body::Body,
    extract::{Path, Request, rejection::PathRejection},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Deserialize;
use serde_json::{Map, Value};
use waygate_core::{
    InexactNumber,
    flag::{ErrorCode, EvaluationContext},
};

use super::{access::Grant, failure::Failure, state::State};

/// The time that a client has to send a body.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The parameters of a path.
#[derive(Debug, Deserialize)]
pub(super) struct Params {
    /// The environment of the prefix.
    pub(super) environment: Option<String>,
    /// The flag, percent-decoded.
    #[serde(default)]
    pub(super) key: String,
}

impl Params {
    /// Call it only for a client with access: the error names the environment.
    ///
    /// # Errors
    /// 400 for a path that is no UTF-8, and 404 for another environment.
    pub(super) fn read(
        path: Result<Path<Self>, PathRejection>,
        state: &State,
    ) -> Result<Self, Failure> {
        let Path(params) = path.map_err(|_| {
            Failure::bad_request(
                ErrorCode::ParseError,
                "the path is not percent-encoded UTF-8",
            )
        })?;
        let own = &state.waygate.inner.env;
        match &params.environment {
            Some(named) if named != own.as_str() => Err(Failure::other_environment(named, own)),
            _ => Ok(params),
        }
    }
}

/// A request of a client with a token.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) grant: Grant,
    pub(super) params: Params,
    pub(super) context: EvaluationContext,
    /// The body as it was sent.
    pub(super) body: Vec<u8>,
}

impl Asked {
    /// Admits a request, and reads its path and its context.
    pub(super) async fn read(
        path: Result<Path<Params>, PathRejection>,
        request: Request,
        state: &State,
    ) -> Result<Self, Failure> {
        let shown = state.access.shown(&request)?;
        let grant = state.access.admit(shown).await?;
        let params = Params::read(path, state)?;
        let body = collect(request.into_body(), state.max_body_bytes).await?;
        let context = context(&body)?;
        Ok(Self {
            grant,
            params,
            context,
            body,
        })
    }
}

async fn collect(body: Body, most: usize) -> Result<Vec<u8>, Failure> {
    let read = tokio::time::timeout(TIMEOUT, Limited::new(body, most).collect()).await;
    match read {
        Ok(Ok(collected)) => Ok(collected.to_bytes().into()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Failure::too_large(most)),
        Ok(Err(_)) => Err(Failure::bad_request(
            ErrorCode::ParseError,
            "the body could not be read to its end",
        )),
        Err(_) => Err(Failure::timeout(TIMEOUT.as_secs())),
    }
}

/// Reads `{"context": {..}}`. Unknown members are ignored, and a missing context is empty.
fn context(body: &[u8]) -> Result<EvaluationContext, Failure> {
    let parsed = serde_json::from_slice(body).map_err(|error| {
        let details = format!("the body is no JSON: {error}");
        Failure::bad_request(ErrorCode::ParseError, details)
    })?;
    if let Some(inexact) = InexactNumber::find(body) {
        let details = inexact.to_string();
        return Err(Failure::bad_request(ErrorCode::InvalidContext, details));
    }
    let Value::Object(mut members) = parsed else {
        let details =
            "the body must be an object, such as {\"context\": {\"targetingKey\": \"user-1\"}}";
        return Err(Failure::bad_request(ErrorCode::ParseError, details));
    };
    let mut context = match members.remove("context") {
        None | Some(Value::Null) => Value::Object(Map::new()),
        Some(context) => context,
    };
    if let Value::Object(attributes) = &mut context
        && attributes.get("kind").and_then(Value::as_str) != Some("multi")
    {
        // A context of OFREP is known by this member; without it, `key` would be the targeting key.
        attributes.entry("targetingKey").or_insert(Value::Null);
    }
    EvaluationContext::from_json(&context)
        .map_err(|invalid| Failure::bad_request(ErrorCode::InvalidContext, invalid.to_string()))
}
