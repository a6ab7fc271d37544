use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use axum::{Router, body::Body, extract::Request, routing::RouterIntoService};
use cpu_time::ThreadTime;

/// One router to be timed, and the path that it is asked for.
#[derive(Debug)]
pub struct Variant {
    name: &'static str,
    service: RouterIntoService<Body>,
    path: String,
    rounds: Vec<Duration>,
}

impl Variant {
    /// Asks `router` for `path`, which must answer at once.
    pub fn new(name: &'static str, router: Router, path: impl Into<String>) -> Self {
        // Without `with_state` axum would rebuild the services for each request.
        let service = router.with_state(()).into_service();
        Self {
            name,
            service,
            path: path.into(),
            rounds: Vec::new(),
        }
    }
}

/// What a variant took per request, in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Which variant.
    pub name: &'static str,
    /// The fastest round.
    pub min: f64,
    /// The round that a tenth of all rounds were faster than.
    pub p10: f64,
    /// The round in the middle.
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
    use tower_service::Service;
    let mut context = Context::from_waker(Waker::noop());
    let start = ThreadTime::now();
    for _ in 0..REQUESTS {
        let mut request = Request::new(Body::empty());
        if let Ok(uri) = variant.path.parse() {
            *request.uri_mut() = uri;
        }
        let answer = pin!(variant.service.call(request)).poll(&mut context);
        assert!(
            matches!(&answer, Poll::Ready(Ok(response)) if response.status() == 200),
            "{} did not answer 200 at once",
            variant.name
        );
    }
    start.elapsed()
}
