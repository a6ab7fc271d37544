//! Requests for a route with a gate, and for one without.

use std::{
    future::Future,
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
};

use axum::{
    Extension, Router, body::Body, extract::Request, http::Uri, routing::RouterIntoService,
    routing::get,
};
use serde_json::json;
use tower::Service;
use waygate::{
    Waygate, flag_gate,
    flags::{self, Flag},
};
use waygate_bench::{Row, time_calls};

use super::{CALLER, call, counted, definition, print};

/// The most that a gate adds to the evaluation of its flag, in nanoseconds.
const MOST: f64 = 60.0;

waygate::flags! {
    /// The flag of the gate.
    pub(crate) OF_GATE: bool = false { key = "some-flag-7" }
}

#[flag_gate(OF_GATE, route = "GET /gated/item")]
async fn gated() -> &'static str {
    "item"
}

async fn plain() -> &'static str {
    "item"
}

/// Two guarded routes, of which one has a gate.
pub(crate) struct Routes(RouterIntoService<Body>);

impl Routes {
    pub(crate) async fn new(waygate: &Waygate) -> Self {
        open(waygate).await;
        let router = Router::new()
            .route("/gated/item", get(gated))
            .route("/plain/item", get(plain));
        let guarded = waygate.guard(router).await.unwrap().into_router();
        Self(guarded.layer(Extension(CALLER)).into_service())
    }

    /// What a gate adds to a request, compared with the evaluation of its flag and 60 ns.
    pub(crate) fn row(&self, waygate: &Waygate) -> Row {
        let (flags, caller) = (waygate.flags(), black_box(CALLER));
        let caller: &(dyn flags::Context + Send + Sync) = &caller;
        let scope = flags.for_context(caller);
        let gated = |_| self.ask("/gated/item");
        let plain = |_| self.ask("/plain/item");
        let allocations = counted(gated) - counted(plain);
        let calls = vec![
            call("a route with a gate", gated),
            call("a route without", plain),
            call("the flag of the gate", |_| OF_GATE.get(black_box(&scope))),
        ];
        let timings = time_calls(calls, 1);
        print(&timings);
        let [gated, plain, evaluation] = [0, 1, 2].map(|at: usize| timings[at].min);
        let added = gated - plain;
        println!(
            "the gate adds {added:.1} ns, {:.1} ns without its flag; {allocations} allocations",
            added - evaluation,
        );
        Row::new(
            "flag gate",
            added,
            "its flag, and 60 ns",
            evaluation + MOST,
            Some(1.0),
        )
        .with_allocations(allocations)
    }

    /// Sends a request. The routes respond without waiting.
    fn ask(&self, path: &'static str) -> bool {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = Uri::from_static(path);
        let answer = pin!(self.0.clone().call(request));
        let answer = answer.poll(&mut Context::from_waker(Waker::noop()));
        let served = matches!(&answer, Poll::Ready(Ok(response)) if response.status() == 200);
        assert!(served, "no response with 200 for {path}");
        served
    }
}

/// Opens the gate for the caller: the same rules, with most of the rollout on.
async fn open(waygate: &Waygate) {
    let mut definition = definition(7);
    definition["fallthrough"] = json!([
        {"variation": "on", "weight": 99_999}, {"variation": "off", "weight": 1},
    ]);
    let flag = Flag::parse(&definition).unwrap();
    let system = waygate.system();
    system.set_flag(flag).await.unwrap();
}
