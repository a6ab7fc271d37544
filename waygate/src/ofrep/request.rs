//! Requests: paths, bodies and contexts.

use std::time::Duration;

use axum::{
    body::Body,
    extract::{Path, Request, rejection::PathRejection},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Deserialize;
use waygate_core::flag::{ErrorCode, EvaluationContext};

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
        let grant = state.admit(shown).await?;
        let params = Params::read(path, state)?;
        let body = collect(request.into_body(), state.max_body_bytes).await?;
        let context = EvaluationContext::from_ofrep_body(&body)
            .map_err(|(code, details)| Failure::bad_request(code, details))?;
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
