//! Requests with the header `Idempotency-Key`: the same request again gets the same response, and changes nothing.
//!
//! The first commit of a request writes its key ([`Claim`]), so that no process makes the change twice. Responses are
//! kept in the memory of the process, and in the store if they are short and show no secret.

mod key;
pub(super) mod memory;

use std::sync::Arc;

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use self::{
    key::Key,
    memory::{Begun, Kept, Running},
};
use super::state::AdminState;
use crate::{
    auth::Principal,
    engine::{
        Claim, StagedHandle,
        kinds::{KeptResponse, KeyedRequest},
    },
    rest::{Problem, ProblemKind, buffered},
};

/// The headers of a response that are sent again. The others are those of every response.
const HEADERS: [HeaderName; 4] = [
    header::CONTENT_TYPE,
    header::ETAG,
    header::LOCATION,
    HeaderName::from_static("x-waygate-warning"),
];

/// The operations with secrets in their responses: the store never has these.
const SECRET: [&str; 2] = ["/api/auth/", "/api/webhooks"];

/// Handles the keys of requests that the gate has admitted.
pub(super) async fn idempotent(
    State(state): State<Arc<AdminState>>,
    request: Request,
    next: Next,
) -> Response {
    // A plan changes nothing, and must not be the response to the change itself.
    if request.extensions().get::<StagedHandle>().is_some() {
        return next.run(request).await;
    }
    let changes = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    // Operations without a token have no principal.
    let principal = request.extensions().get::<Principal>().cloned();
    let Some(principal) = principal.filter(|_| changes.contains(request.method())) else {
        return next.run(request).await;
    };
    let outcome = match Key::read(request.headers()) {
        Ok(None) => return next.run(request).await,
        Ok(Some(key)) => run(state, principal, key, request, next).await,
        Err(invalid) => Err(invalid),
    };
    outcome.unwrap_or_else(IntoResponse::into_response)
}

async fn run(
    state: Arc<AdminState>,
    principal: Principal,
    key: Key,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let (body, head) = buffered(request, &state.readers).await?;
    let engine = state.waygate.inner.clone();
    let now = engine.clock.now();
    let id = key.id(&principal);
    let keyed = KeyedRequest {
        fingerprint: key.fingerprint(&head, &body, &principal),
        at: now,
        response: None,
    };
    let running = match state.keys.begin(&id, &keyed) {
        Begun::New(running) => running,
        Begun::Running => return Err(in_progress()),
        Begun::Other => return Err(other_request()),
        Begun::Done(kept) => return Ok(kept.replay()),
    };
    if let Some(known) = engine.keyed_request(&id, now) {
        return answer(&known, &keyed);
    }
    let may_store = !SECRET
        .iter()
        .any(|start| head.uri.path().starts_with(start));
    let attempt = Attempt {
        state,
        running,
        claim: Claim::new(id, keyed.clone()),
        keyed,
        may_store,
    };
    let request = Request::from_parts(head, Body::from(body));
    // A client that is gone will ask for the response again.
    let finished = tokio::spawn(attempt.finish(request, next)).await;
    finished.map_err(|_| Problem::new(ProblemKind::Internal, "Internal Server Error"))?
}

/// A request that runs with its key.
struct Attempt {
    state: Arc<AdminState>,
    running: Running,
    claim: Claim,
    keyed: KeyedRequest,
    /// The response has no secret.
    may_store: bool,
}

impl Attempt {
    async fn finish(self, request: Request, next: Next) -> Result<Response, Problem> {
        let response = self.claim.clone().scope(next.run(request)).await;
        let engine = &self.state.waygate.inner;
        if self.claim.is_lost() {
            let known = engine.stored_keyed_request(self.claim.key()).await?;
            return known.map_or(Ok(response), |known| answer(&known, &self.keyed));
        }
        // A request that has changed nothing may be made again. It may also have failed because another process has made
        // the change, such as a creation.
        if !self.claim.is_taken() && !response.status().is_success() {
            let is_refused = response.status().is_client_error();
            let known = engine.keyed_request(self.claim.key(), self.keyed.at);
            let known = known.filter(|_| is_refused);
            return known.map_or(Ok(response), |known| answer(&known, &self.keyed));
        }
        let (head, body) = response.into_parts();
        let Ok(body) = to_bytes(body, usize::MAX).await else {
            return Err(Problem::new(ProblemKind::Internal, "Internal Server Error"));
        };
        let kept = Arc::new(Kept {
            status: head.status,
            headers: selected(&head.headers),
            body: body.clone(),
        });
        self.running.keep(self.keyed, kept.clone());
        if let Some(stored) = self.may_store.then(|| stored(&kept)).flatten() {
            engine.keep_response(&self.claim, stored).await;
        }
        Ok(Response::from_parts(head, Body::from(body)))
    }
}

fn selected(headers: &HeaderMap) -> HeaderMap {
    let values = HEADERS.into_iter().filter_map(|name| {
        let value = headers.get(&name)?.clone();
        Some((name, value))
    });
    values.collect()
}

/// The form of a response in the store; `None` for one that is no text.
fn stored(kept: &Kept) -> Option<KeptResponse> {
    let headers = kept.headers.iter();
    let headers =
        headers.map(|(name, value)| Some((name.as_str().into(), value.to_str().ok()?.into())));
    Some(KeptResponse {
        status: kept.status.as_u16(),
        headers: headers.collect::<Option<_>>()?,
        body: str::from_utf8(&kept.body).ok()?.into(),
    })
}

/// Responds to a request with a key that the store has.
fn answer(known: &KeyedRequest, keyed: &KeyedRequest) -> Result<Response, Problem> {
    if known.fingerprint != keyed.fingerprint {
        return Err(other_request());
    }
    let response = known.response.as_ref().and_then(restored);
    let kept = response.ok_or_else(not_kept)?;
    Ok(kept.replay())
}

/// Reads a response from the store. Other versions may write other headers.
fn restored(stored: &KeptResponse) -> Option<Kept> {
    let headers = stored.headers.iter().filter_map(|(name, value)| {
        let known = HEADERS
            .into_iter()
            .find(|known| known.as_str() == &**name)?;
        Some((known, HeaderValue::from_str(value).ok()?))
    });
    Some(Kept {
        status: StatusCode::from_u16(stored.status).ok()?,
        headers: headers.collect(),
        body: stored.body.to_string().into(),
    })
}

fn in_progress() -> Problem {
    let text = "A request with this `Idempotency-Key` is in progress: wait for its response, or send it again later.";
    Problem::new(ProblemKind::KeyInUse, text).retry_after(1)
}

fn other_request() -> Problem {
    let text = "Another request has this `Idempotency-Key`, with a different method, path, precondition or body: use \
                a new key for a new request.";
    Problem::new(ProblemKind::KeyReused, text)
}

fn not_kept() -> Problem {
    let text = "The request with this `Idempotency-Key` was carried out, but its response is not kept here: it shows a \
                secret, is long, or its process has ended. Read the resource instead.";
    Problem::new(ProblemKind::ResponseNotKept, text)
}
