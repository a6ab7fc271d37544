//! Request bodies: JSON objects of known fields, whatever their `Content-Type` says.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, HttpBody},
    extract::{FromRequest, Request},
};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    auth::Principal,
    error::{Kind, Problem},
    fields, json,
    readers::Places,
    state::AdminState,
};

/// The largest body of an operation that takes a few short fields, in bytes.
pub(crate) const SMALL: usize = 4 * 1024;
/// The largest body of any other operation, in bytes.
const LARGE: usize = 256 * 1024;
/// How long a client may take to send it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What a request asks for.
pub(crate) trait Ask: DeserializeOwned {
    /// Whether an empty body is not the same as `{}`.
    const REQUIRED: bool = false;

    /// How large its body may be, in bytes.
    const MAX_BYTES: usize = LARGE;

    /// The contract's `error` for a body that is no JSON.
    const NO_JSON: &'static str = "Invalid JSON body";

    /// The contract's `error` for a body that is JSON but no object.
    const NOT_AN_OBJECT: &'static str = "JSON body must be an object";

    /// The contract's `error` for a field of the wrong type, where it has one.
    fn wrong_type(_field: &str) -> Option<&'static str> {
        None
    }
}

/// An object without fields.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmptyRequest {}

impl Ask for EmptyRequest {
    const MAX_BYTES: usize = SMALL;
}

/// A request's body, checked.
#[derive(Debug)]
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: Ask> FromRequest<Arc<AdminState>> for Asked<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Arc<AdminState>) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let places = match parts.extensions.get::<Principal>() {
            Some(_) => &state.readers.known,
            None => &state.readers.strangers,
        };
        let declared = declared(&parts.headers).max(body.size_hint().lower());
        if declared > T::MAX_BYTES as u64 {
            return Err(too_large(T::MAX_BYTES));
        }
        let bytes = read(body, T::MAX_BYTES, places).await?;
        parse(&bytes).map(Self)
    }
}

/// How large the body is according to its header; 0 if that does not say.
fn declared(headers: &HeaderMap) -> u64 {
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    length.unwrap_or_default()
}

/// Reads a body that arrives within its time, and keeps its place for as long.
async fn read(body: Body, most: usize, places: &Places) -> Result<Vec<u8>, Problem> {
    let (_place, lost) = places.take();
    tokio::select! {
        biased;
        outcome = tokio::time::timeout(TIMEOUT, collect(body, most)) => outcome.unwrap_or_else(|_| {
            let seconds = TIMEOUT.as_secs();
            let text = format!("The body did not arrive within {seconds} seconds.");
            Err(Problem::new(Kind::BodyTimeout, text))
        }),
        _ = lost => {
            let text = "Too many requests are being read, and this one was the slowest. Try again in a second.";
            Err(Problem::new(Kind::Unavailable, text).retry_after(1))
        }
    }
}

/// Copies a body: its pieces would keep the buffers that they were received in.
async fn collect(mut body: Body, most: usize) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            let text = "The body could not be read to its end.";
            return Err(Problem::new(Kind::InvalidBody, text));
        };
        let data = frame.into_data().unwrap_or_default();
        if data.len() > most - bytes.len() {
            return Err(too_large(most));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

fn too_large(most: usize) -> Problem {
    let text = format!("The body is larger than {most} bytes.");
    Problem::new(Kind::BodyTooLarge, text)
}

fn parse<T: Ask>(bytes: &[u8]) -> Result<T, Problem> {
    let object = if bytes.is_empty() && !T::REQUIRED {
        Map::new()
    } else {
        match json::parse(bytes) {
            Ok(Value::Object(object)) => object,
            Ok(other) => {
                return Err(Problem::new(Kind::InvalidBody, T::NOT_AN_OBJECT)
                    .detail(format!("The body is {}.", fields::kind_of(&other))));
            }
            Err(error) => {
                return Err(Problem::new(Kind::InvalidBody, T::NO_JSON).detail(error.to_string()));
            }
        }
    };
    fields::read(object, "field").map_err(|wrong| {
        let problem = Problem::new(Kind::InvalidBody, wrong.text.clone());
        match wrong.field.as_deref().and_then(T::wrong_type) {
            Some(error) => Problem::new(Kind::InvalidBody, error).detail(wrong.text),
            None => problem,
        }
    })
}
