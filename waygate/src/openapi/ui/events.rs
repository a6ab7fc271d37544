//! Tells open pages of every new picture, as Server-Sent Events (WHATWG HTML, section 9.2).

use std::{
    convert::Infallible,
    sync::{Arc, Weak},
    time::Duration,
};

use axum::{
    extract::State,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
    routing::{MethodRouter, get},
};
use futures_util::{Stream, stream};
use http::{StatusCode, header};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::openapi::LiveDocument;

/// No more streams than this at a time, for each guarded API.
const STREAMS: usize = 1_000;

/// How often something is sent at least. An event, and not a comment as usual: a page cannot see comments, so it could
/// not tell a quiet connection from a dead one.
const ALIVE: Duration = Duration::from_secs(15);

#[derive(Debug, Clone)]
struct Source {
    /// Streams do not keep the engine alive.
    document: Weak<LiveDocument>,
    version: watch::Receiver<u64>,
    free: Arc<Semaphore>,
}

pub(super) fn route(document: &Arc<LiveDocument>) -> MethodRouter {
    let source = Source {
        document: Arc::downgrade(document),
        version: document.waygate().inner.version.subscribe(),
        free: Arc::new(Semaphore::new(STREAMS)),
    };
    get(answer).with_state(source)
}

async fn answer(State(source): State<Source>) -> Response {
    let Ok(permit) = source.free.clone().try_acquire_owned() else {
        let later = [(header::RETRY_AFTER, "30")];
        let problem = "too many open event streams; try again later";
        return (StatusCode::SERVICE_UNAVAILABLE, later, problem).into_response();
    };
    let alive = Event::default().event("alive").data("");
    let events =
        Sse::new(events(source, permit)).keep_alive(KeepAlive::new().interval(ALIVE).event(alive));
    // nginx would otherwise hold events back until its buffer is full.
    ([("x-accel-buffering", "no")], events).into_response()
}

/// The state now, then once per picture. Who reads too slowly gets only the newest.
fn events(
    source: Source,
    permit: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let Source {
        document,
        mut version,
        ..
    } = source;
    version.mark_changed();
    let start = (document, version, permit, None);
    stream::unfold(start, |(document, mut version, permit, told)| async move {
        loop {
            // Fails when the engine is gone.
            version.changed().await.ok()?;
            let rendering = document.upgrade()?.current().await;
            if told != Some(rendering.version) {
                let event = Event::default()
                    .id(rendering.version.to_string())
                    .data(&*rendering.state);
                let next = (document, version, permit, Some(rendering.version));
                return Some((Ok(event), next));
            }
        }
    })
}
