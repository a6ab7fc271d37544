//! Tells open pages of every new picture, as Server-Sent Events (WHATWG HTML, section 9.2).

use std::{
    convert::Infallible,
    net::IpAddr,
    sync::{Arc, Weak},
    time::Duration,
};

use axum::{
    extract::{Request, State},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
    routing::{MethodRouter, get},
};
use futures_util::{Stream, stream};
use http::{StatusCode, header};
use tokio::sync::watch;
use waygate_core::net::{IPV6_CUSTOMER, client_network};

use super::streams::{Place, Streams};
use crate::{http::client_ip, openapi::LiveDocument};

/// No more streams than this at a time, for each guarded API.
const STREAMS: usize = 1_000;

/// No more than this of one client, which may stand for an office behind one address.
const STREAMS_OF_A_CLIENT: usize = 64;

/// How often something is sent at least. An event, and not a comment as usual: a page cannot see comments, so it could
/// not tell a quiet connection from a dead one.
const ALIVE: Duration = Duration::from_secs(15);

#[derive(Debug, Clone)]
struct Source {
    /// Streams do not keep the engine alive.
    document: Weak<LiveDocument>,
    streams: Streams,
}

impl Source {
    /// Who asks, as limits by address see it.
    fn client(&self, request: &Request) -> Option<IpAddr> {
        let document = self.document.upgrade()?;
        let clients = &document.waygate().inner.clients;
        let address = client_ip(request.extensions(), request.headers(), clients)?;
        Some(client_network(address, IPV6_CUSTOMER))
    }
}

pub(super) fn route(document: &Arc<LiveDocument>) -> MethodRouter {
    let source = Source {
        document: Arc::downgrade(document),
        streams: Streams::new(STREAMS, STREAMS_OF_A_CLIENT),
    };
    get(answer).with_state(source)
}

async fn answer(State(source): State<Source>, request: Request) -> Response {
    let Some(place) = source.streams.enter(source.client(&request)) else {
        let later = [(header::RETRY_AFTER, "30")];
        let problem = "too many open event streams; try again later";
        return (StatusCode::SERVICE_UNAVAILABLE, later, problem).into_response();
    };
    let alive = Event::default().event("alive").data("");
    let events =
        Sse::new(events(source, place)).keep_alive(KeepAlive::new().interval(ALIVE).event(alive));
    // nginx would otherwise hold events back until its buffer is full.
    ([("x-accel-buffering", "no")], events).into_response()
}

/// The state now, then once per picture. Who reads too slowly gets only the newest.
fn events(source: Source, place: Place) -> impl Stream<Item = Result<Event, Infallible>> {
    let document = source.document;
    let version = document.upgrade().map(|document| {
        let mut version = document.waygate().inner.channels.versions();
        version.mark_changed();
        version
    });
    let start = (
        document,
        version.unwrap_or_else(|| watch::channel(0).1),
        place,
        None,
    );
    stream::unfold(
        start,
        |(document, mut version, mut place, told)| async move {
            loop {
                tokio::select! {
                    biased;
                    () = place.ended() => return None,
                    // Fails when the engine is gone or shut down.
                    changed = version.changed() => changed.ok()?,
                }
                let rendering = document.upgrade()?.current().await;
                if told != Some(rendering.version) {
                    let event = Event::default()
                        .id(rendering.version.to_string())
                        .data(&*rendering.state);
                    let next = (document, version, place, Some(rendering.version));
                    return Some((Ok(event), next));
                }
            }
        },
    )
}
