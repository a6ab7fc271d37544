//! Request bodies: JSON objects of known fields. `Content-Type` is ignored.

use std::time::Duration;

use axum::{
    body::{Body, HttpBody},
    extract::{FromRef, FromRequest, Request},
};
use http::{HeaderMap, header, request::Parts};
use http_body_util::BodyExt;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    fields, json,
    problem::{Problem, ProblemKind},
    readers::{Readers, Slots},
};

/// The size limit in bytes for operations with a few short fields.
pub(crate) const SMALL: usize = 4 * 1024;
/// The size limit in bytes for all other operations.
const LARGE: usize = 256 * 1024;
/// The time that a client has to send a body.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A request body.
pub(crate) trait RequestBody: DeserializeOwned {
    /// An empty body is an error. Otherwise it equals `{}`.
    const REQUIRED: bool = false;

    /// Why its fields are required, for the error about a missing one.
    const REASON_REQUIRED: Option<&'static str> = None;

    /// The size limit in bytes.
    const MAX_BYTES: usize = LARGE;

    /// The contract's `error` for JSON that is not an object.
    const NOT_AN_OBJECT: &'static str = "JSON body must be an object";

    /// The names of its fields.
    fn fields() -> Vec<&'static str> {
        fields::names::<Self>().to_vec()
    }

    /// The contract's `error` for a body that is not JSON.
    fn no_json(_head: &Parts) -> &'static str {
        "Invalid JSON body"
    }

    /// The contract's `error` for a field of the wrong type, if it has one.
    fn wrong_type(_field: &str) -> Option<&'static str> {
        None
    }
}

/// An object without fields.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = EmptyRequest)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmptyBody {}

impl RequestBody for EmptyBody {
    const MAX_BYTES: usize = SMALL;
}

/// Marks a request with a valid token. Its body is read in slots that other clients cannot use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TrustedClient;

/// Extracts and checks a request body.
#[derive(Debug)]
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T, S> FromRequest<S> for JsonBody<T>
where
    T: RequestBody + Send + 'static,
    S: Send + Sync,
    Readers: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (bytes, parts) = bytes(request, T::MAX_BYTES, &Readers::from_ref(state)).await?;
        compute(bytes.len(), move || parse(&bytes, &parts).map(Self)).await
    }
}

/// The most bytes that are parsed by a worker of the runtime; more would delay other requests.
const MAX_INLINE: usize = 64 * 1024;

/// Parses a body of this size.
pub(super) async fn compute<T: Send + 'static>(
    bytes: usize,
    parse: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    if bytes <= MAX_INLINE {
        return parse();
    }
    let parsed = tokio::task::spawn_blocking(parse).await;
    parsed.map_err(|_| Problem::new(ProblemKind::Internal, "Internal Server Error"))?
}

/// Reads a body of at most this many bytes.
pub(crate) async fn bytes(
    request: Request,
    most: usize,
    readers: &Readers,
) -> Result<(Vec<u8>, Parts), Problem> {
    let (parts, body) = request.into_parts();
    let declared = declared(&parts.headers).max(body.size_hint().lower());
    if declared > most as u64 {
        return Err(too_large(most));
    }
    let trusted = parts.extensions.get::<TrustedClient>().is_some();
    let bytes = read(body, most, readers.slots(trusted)).await?;
    Ok((bytes, parts))
}

/// The largest body of any operation.
const LARGEST: usize = 8 * 1024 * 1024;

/// Reads the body of a request of any operation, which checks its own size limit later.
pub(crate) async fn buffered(
    request: Request,
    readers: &Readers,
) -> Result<(Vec<u8>, Parts), Problem> {
    bytes(request, LARGEST, readers).await
}

/// Returns the request without its body, or `None` if there is one: anything but an empty object, which clients send
/// out of habit.
pub(crate) async fn without_body(request: Request, readers: &Readers) -> Option<Request> {
    let (parts, body) = request.into_parts();
    if !body.is_end_stream() {
        let trusted = parts.extensions.get::<TrustedClient>().is_some();
        let bytes = read(body, SMALL, readers.slots(trusted)).await.ok()?;
        let is_empty = |object: &Value| object.as_object().is_some_and(Map::is_empty);
        if !bytes.is_empty() && !json::parse(&bytes).is_ok_and(|body| is_empty(&body)) {
            return None;
        }
    }
    Some(Request::from_parts(parts, Body::empty()))
}

/// The declared size; 0 if there is none.
fn declared(headers: &HeaderMap) -> u64 {
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    length.unwrap_or_default()
}

/// Reads a body within the timeout, in a slot.
async fn read(body: Body, most: usize, slots: &Slots) -> Result<Vec<u8>, Problem> {
    let (_slot, evicted) = slots.acquire();
    tokio::select! {
        biased;
        outcome = tokio::time::timeout(TIMEOUT, collect(body, most)) => outcome.unwrap_or_else(|_| {
            let seconds = TIMEOUT.as_secs();
            let text = format!("The body did not arrive within {seconds} seconds.");
            Err(Problem::new(ProblemKind::BodyTimeout, text))
        }),
        _ = evicted => {
            let text = "Too many requests are being read, and this one was the slowest. Try again in a second.";
            Err(Problem::new(ProblemKind::Unavailable, text).retry_after(1))
        }
    }
}

/// Copies a body, because its frames would keep their receive buffers alive.
async fn collect(mut body: Body, most: usize) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            let text = "The body could not be read to its end.";
            return Err(Problem::new(ProblemKind::InvalidBody, text));
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
    Problem::new(ProblemKind::BodyTooLarge, text)
}

fn parse<T: RequestBody>(bytes: &[u8], head: &Parts) -> Result<T, Problem> {
    let invalid = |text: &str| Problem::new(ProblemKind::InvalidBody, text);
    let object = match json::parse(bytes) {
        Ok(Value::Object(object)) => object,
        Ok(other) => {
            let detail = format!("The body is {}.", fields::kind_of(&other));
            return Err(invalid(T::NOT_AN_OBJECT).detail(detail));
        }
        Err(_) if bytes.is_empty() && !T::REQUIRED => Map::new(),
        Err(_) if bytes.is_empty() => {
            let fields = T::fields().join("`, `");
            let detail =
                format!("The body is empty: expected a JSON object of the fields `{fields}`.");
            return Err(invalid(T::no_json(head)).detail(detail));
        }
        Err(refused) => return Err(refused.into_problem(T::no_json(head))),
    };
    read_object(object)
}

/// Reads a body from its fields.
pub(crate) fn read_object<T: RequestBody>(object: Map<String, Value>) -> Result<T, Problem> {
    let invalid = |text: &str| Problem::new(ProblemKind::InvalidBody, text);
    fields::read_known(object, "field", &T::fields()).map_err(|wrong| {
        match wrong.field.as_deref().and_then(T::wrong_type) {
            Some(error) => invalid(error).detail(wrong.text),
            None => match T::REASON_REQUIRED {
                Some(reason) if wrong.text.starts_with("missing field") => {
                    invalid(&format!("{}: {reason}", wrong.text))
                }
                _ => invalid(&wrong.text),
            },
        }
    })
}
