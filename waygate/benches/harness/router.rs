use std::{
    future::Future,
    net::SocketAddr,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
    routing::RouterIntoService,
};
use cpu_time::ThreadTime;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use tower::Service;

use crate::connection::Connection;

/// A router to time, and the path to request.
#[derive(Debug)]
pub struct Variant {
    name: &'static str,
    service: RouterIntoService<Body>,
    path: String,
    peer: Option<SocketAddr>,
    through_hyper: bool,
    rounds: Vec<Duration>,
}

impl Variant {
    /// Requests `path` from `router`, which must respond without waiting.
    pub fn new(name: &'static str, router: Router, path: impl Into<String>) -> Self {
        // Without `with_state` axum would rebuild the services for each request.
        let service = router.with_state(()).into_service();
        Self {
            name,
            service,
            path: path.into(),
            peer: None,
            through_hyper: false,
            rounds: Vec::new(),
        }
    }

    /// Sets the address of the client, as for a served application.
    #[must_use]
    pub fn from_peer(mut self, peer: impl Into<SocketAddr>) -> Self {
        self.peer = Some(peer.into());
        self
    }

    /// Sends the requests over a connection in memory, which hyper serves, instead of calling the router.
    #[must_use]
    pub fn through_hyper(mut self) -> Self {
        self.through_hyper = true;
        self
    }
}

/// The time of a variant per request, in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// The name of the variant.
    pub name: &'static str,
    /// The fastest round.
    pub min: f64,
    /// The 10th percentile of the rounds.
    pub p10: f64,
    /// The median of the rounds.
    pub median: f64,
}

impl Timing {
    /// From the time of each round of `count` turns.
    pub(crate) fn of(name: &'static str, mut rounds: Vec<Duration>, count: u32) -> Self {
        rounds.sort_unstable();
        let nanos = |round: usize| rounds[round].as_secs_f64() * 1e9 / f64::from(count);
        Self {
            name,
            min: nanos(0),
            p10: nanos(rounds.len() / 10),
            median: nanos(rounds.len() / 2),
        }
    }
}

const ROUNDS: usize = 200;
const REQUESTS: u32 = 2_000;

/// Times all variants, in another order in each round.
pub fn time(mut variants: Vec<Variant>) -> Vec<Timing> {
    let count = variants.len();
    for round in 0..ROUNDS + 2 {
        for step in 0..count {
            let turn = if round % 2 == 0 {
                step
            } else {
                count - 1 - step
            };
            let variant = &mut variants[(turn + round / 2) % count];
            let elapsed = run(variant);
            // The first two rounds warm up.
            if round >= 2 {
                variant.rounds.push(elapsed);
            }
        }
    }
    let timings = variants.into_iter();
    timings
        .map(|variant| Timing::of(variant.name, variant.rounds, REQUESTS))
        .collect()
}

fn run(variant: &mut Variant) -> Duration {
    if variant.through_hyper {
        return run_through_hyper(variant);
    }
    let mut context = Context::from_waker(Waker::noop());
    let start = ThreadTime::now();
    for _ in 0..REQUESTS {
        let mut request = Request::new(Body::empty());
        if let Ok(uri) = variant.path.parse() {
            *request.uri_mut() = uri;
        }
        if let Some(peer) = variant.peer {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        let answer = pin!(variant.service.call(request)).poll(&mut context);
        assert!(
            matches!(&answer, Poll::Ready(Ok(response)) if response.status() == 200),
            "{} did not answer 200 without waiting",
            variant.name
        );
    }
    start.elapsed()
}

fn run_through_hyper(variant: &Variant) -> Duration {
    let mut context = Context::from_waker(Waker::noop());
    let start = ThreadTime::now();
    let service = service_fn(|request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        if let Some(peer) = variant.peer {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        // Like `axum::serve`: one service for the connection, a clone for each request.
        variant.service.clone().call(request)
    });
    let connection = Connection::new(&variant.path, REQUESTS);
    let mut serving = pin!(http1::Builder::new().serve_connection(connection, service));
    loop {
        // hyper yields from time to time.
        match serving.as_mut().poll(&mut context) {
            Poll::Pending => {}
            Poll::Ready(served) => {
                assert!(served.is_ok(), "{} failed", variant.name);
                return start.elapsed();
            }
        }
    }
}
