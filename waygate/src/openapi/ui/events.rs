//! Sends the current state to open pages after every change.

use std::{
    net::IpAddr,
    sync::{Arc, Weak},
};

use axum::{
    extract::{Request, State},
    response::{Response, sse::Event},
    routing::{MethodRouter, get},
};
use futures_util::{Stream, stream};
use tokio::sync::watch;
use waygate_core::net::{IPV6_CUSTOMER, client_network};

use crate::{
    http::{Heartbeat, Streams, peer},
    openapi::document::LiveDocument,
};

/// The maximum number of open streams of each guarded API.
const STREAMS: usize = 1_000;

/// The maximum number of open streams of one client, which may be an office behind one address.
const STREAMS_OF_A_CLIENT: usize = 64;

#[derive(Debug, Clone)]
struct Source {
    /// Streams do not keep the engine alive.
    document: Weak<LiveDocument>,
    streams: Streams,
}

impl Source {
    /// The client's network, as in limits by address.
    fn client(&self, request: &Request) -> Option<IpAddr> {
        let document = self.document.upgrade()?;
        let clients = &document.waygate().inner.clients;
        let address = clients.client(peer(request.extensions()), request.headers())?;
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
    let client = source.client(&request);
    let document = source.document;
    source
        .streams
        .respond(client, Heartbeat::Event, || events(document))
}

/// Yields the current state, then one event per version. A slow reader gets only the newest.
fn events(document: Weak<LiveDocument>) -> impl Stream<Item = Event> {
    let version = document.upgrade().map(|document| {
        let mut version = document.waygate().inner.channels.versions();
        version.mark_changed();
        version
    });
    let version = version.unwrap_or_else(|| watch::channel(0).1);
    let start = (document, version, None);
    stream::unfold(start, |(document, mut version, sent)| async move {
        loop {
            // Fails when the engine is dropped or shut down.
            version.changed().await.ok()?;
            let rendering = document.upgrade()?.current().await;
            if sent != Some(rendering.version) {
                let event = Event::default()
                    .id(rendering.version.to_string())
                    .data(&*rendering.state);
                return Some((event, (document, version, Some(rendering.version))));
            }
        }
    })
}
