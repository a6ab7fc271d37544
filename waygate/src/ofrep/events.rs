//! The stream of changes (ADR-0008 of the protocol). An event only says that the flags have changed, so all missed ones are
//! replayed as one.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use axum::{
    extract::{Path, Query, Request, rejection::PathRejection},
    response::{IntoResponse, Response, sse::Event},
};
use futures_util::{Stream, stream};
use http::{HeaderName, HeaderValue, header};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};

use super::{
    access::Grant,
    configuration::Version,
    failure::Failure,
    request::Params,
    state::State,
    ticket::Ticket,
    token::{Audience, DigestId},
};
use crate::http::Heartbeat;

/// The shortest time between two events of a stream. Changes within it are merged.
const MERGED: Duration = Duration::from_millis(250);

/// The interval of the checks of the token between changes: it may expire, and the users of the admin API may change.
const CHECKED: Duration = Duration::from_secs(2);

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

#[derive(Debug, Default, Deserialize)]
struct Shown {
    #[serde(default)]
    ticket: String,
}

/// The data of an event.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Refetch<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    etag: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_modified: Option<i64>,
}

/// Opens a stream.
pub(super) async fn events(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    path: Result<Path<Params>, PathRejection>,
    request: Request,
) -> Response {
    let opened = open(&state, path, request).await;
    let mut response = opened.unwrap_or_else(IntoResponse::into_response);
    // The URL is a secret.
    let no_referrer = HeaderValue::from_static("no-referrer");
    response
        .headers_mut()
        .insert(header::REFERRER_POLICY, no_referrer);
    response
}

async fn open(
    state: &Arc<State>,
    path: Result<Path<Params>, PathRejection>,
    request: Request,
) -> Result<Response, Failure> {
    let without_token = state.access.without_token(&request);
    let shown = Query::<Shown>::try_from_uri(request.uri());
    let last = request.headers().get(LAST_EVENT_ID);
    let last: Option<Version> = last.and_then(|id| id.to_str().ok()?.parse().ok());
    let client = state.client(&request);
    drop(request);
    let Ok(Query(Shown { ticket })) = shown else {
        return Err(Failure::bad_ticket());
    };
    let (ticket, grant) = verify(state, &ticket).await?;
    let grant = state.access.check(grant)?;
    // A server without credentials has a reach, which applies to its streams.
    if let Some(Err(refused)) = without_token
        && grant.is_without_token()
    {
        return Err(refused);
    }
    Params::read(path, state)?;
    let follower = Follower {
        state: Arc::downgrade(state),
        id: ticket.id,
        known: last.map_or(ticket.fingerprint, |version| version.fingerprint),
        versions: state.waygate.inner.channels.versions(),
        not_before: None,
    };
    Ok(state
        .streams
        .respond(client, Heartbeat::Comment, || follower.events()))
}

async fn verify(state: &State, text: &str) -> Result<(Ticket, Grant), Failure> {
    let (ticket, signature) = Ticket::read(text).ok_or_else(Failure::bad_ticket)?;
    let grant = state.access.by_id(ticket.id).await;
    let grant = grant.filter(|grant| ticket.is_signed(&signature, &grant.digest));
    match grant {
        Some(grant) if !ticket.is_expired(state.waygate.inner.clock.now()) => Ok((ticket, grant)),
        // The token of the ticket may be one that was not read yet.
        None => Err(state
            .check_known()
            .err()
            .unwrap_or_else(Failure::bad_ticket)),
        Some(_) => Err(Failure::bad_ticket()),
    }
}

/// A stream, and what its client knows. Does not keep the engine alive.
struct Follower {
    state: Weak<State>,
    /// The token of the ticket.
    id: DigestId,
    /// The fingerprint of the configuration that the client knows.
    known: u64,
    versions: watch::Receiver<u64>,
    not_before: Option<Instant>,
}

impl Follower {
    fn events(mut self) -> impl Stream<Item = Event> {
        // A change between the ticket and now is not missed.
        self.versions.mark_changed();
        stream::unfold(self, |mut follower| async move {
            let event = follower.next().await?;
            Some((event, follower))
        })
    }

    /// The flags that the token gives access to, while it is valid.
    async fn audience(&self, state: &State) -> Option<Audience> {
        let grant = state.access.by_id(self.id).await?;
        Some(state.access.check(grant).ok()?.audience)
    }

    /// Waits for a change. Ends with the engine, and with the token.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let is_changed = tokio::select! {
                // Fails when the engine is dropped or shut down.
                changed = self.versions.changed() => changed.map(|()| true).ok()?,
                () = sleep(CHECKED) => false,
            };
            if !is_changed {
                self.audience(&*self.state.upgrade()?).await?;
                continue;
            }
            if let Some(time) = self.not_before {
                sleep_until(time).await;
                self.versions.borrow_and_update();
            }
            let state = self.state.upgrade()?;
            let audience = self.audience(&state).await?;
            if state.check_known().is_err() {
                continue;
            }
            let edition = state
                .configurations
                .current(&state.waygate)
                .edition(audience);
            if edition.fingerprint == self.known {
                continue;
            }
            self.known = edition.fingerprint;
            self.not_before = Some(Instant::now() + MERGED);
            let version = Version {
                fingerprint: edition.fingerprint,
                revision: state.waygate.revision(),
            };
            let etag = version.to_string();
            let data = Refetch {
                kind: "refetchEvaluation",
                etag: &etag,
                last_modified: edition.last_modified,
            };
            let data = serde_json::to_string(&data).ok()?;
            return Some(Event::default().event("message").id(&etag).data(data));
        }
    }
}
