//! Request bodies: JSON objects of known fields, whatever their `Content-Type` says.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    error::{Kind, Problem},
    fields, json,
};

/// The largest body, in bytes.
const MAX_BYTES: usize = 256 * 1024;
/// How long a client may take to send it.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What a request asks for.
pub(crate) trait Ask: DeserializeOwned {
    /// Whether an empty body is not the same as `{}`.
    const REQUIRED: bool = false;

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

impl Ask for EmptyRequest {}

/// A request's body, checked.
#[derive(Debug)]
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: Ask, S: Send + Sync> FromRequest<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = read(request.into_body()).await?;
        parse(&bytes).map(Self)
    }
}

async fn read(body: Body) -> Result<Bytes, Problem> {
    let collected = Limited::new(body, MAX_BYTES).collect();
    let Ok(outcome) = tokio::time::timeout(TIMEOUT, collected).await else {
        return Err(Problem::new(
            Kind::BodyTimeout,
            format!(
                "The body did not arrive within {} seconds.",
                TIMEOUT.as_secs()
            ),
        ));
    };
    match outcome {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Problem::new(
            Kind::BodyTooLarge,
            format!("The body is larger than {MAX_BYTES} bytes."),
        )),
        Err(_) => Err(Problem::new(
            Kind::InvalidBody,
            "The body could not be read to its end.",
        )),
    }
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
