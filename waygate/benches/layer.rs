//! The cost of the engine for a request of an active route, compared with minimal alternatives.
//!
//! All variants serve the same handler, which responds with text, on the same routes; "added" is the cost above the
//! bare router of the same run. With one route, they are also served by hyper over a connection in memory.
//!
//! * bare axum, twice (the second is the control);
//! * a no-op `Layer`: the baseline of any layer;
//! * a no-op `axum::middleware::from_fn`;
//! * a hand-written `Layer` that loads an `ArcSwap`, looks the route up in a hash map, and does nothing else;
//! * ours, and ours without [recording](waygate::WaygateBuilder::count_requests).
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::{
    collections::HashMap,
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use axum::{
    Router,
    extract::{MatchedPath, Request},
    middleware::{self, Next},
    response::Response,
    routing::get,
};
use tower::{Layer, Service, ServiceExt};
use waygate::{Waygate, model::RouteState};
use waygate_bench::{Report, Row, Timing, Variant, floor, time};

const MANY: usize = 10_000;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // All in one run, so that the parts can be compared.
    let mut all = variants(1).await;
    let each = all.len();
    all.extend(variants(MANY).await);
    let served = variants(1).await.into_iter();
    all.extend(served.map(Variant::through_hyper));
    let mut one = time(all);
    let mut many = one.split_off(each);
    let served = many.split_off(each);
    print_absolute("1 route", &one);
    print_absolute("10000 routes", &many);
    print_absolute("1 route, through hyper", &served);
    let added = |timings: &[Timing], index: usize| timings[index].min - timings[0].min;
    let [floor, from_fn, by_hand, ours, without] = [2, 3, 4, 5, 6].map(|index| added(&one, index));
    let [many_from_fn, many_by_hand, many_ours] = [3, 4, 5].map(|index| added(&many, index));
    let [served_floor, served_by_hand, served_ours] = [2, 4, 5].map(|index| added(&served, index));
    let mut rows = vec![
        Row::new(
            "active route",
            ours,
            "hand-written layer",
            by_hand,
            Some(1.0),
        ),
        Row::new(
            "active route, against from_fn",
            ours,
            "empty from_fn",
            from_fn,
            Some(0.75),
        ),
        Row::new(
            "recording",
            ours - without,
            "bare atomic counter, and 25 ns",
            bare_counter() + 25.0,
            Some(1.0),
        ),
        Row::new(
            "active route without recording, against from_fn",
            without,
            "empty from_fn",
            from_fn,
            None,
        ),
        Row::new(
            "active route, 10000 routes",
            many_ours,
            "ours, 1 route",
            ours,
            Some(1.1),
        ),
        Row::new(
            "active route, 10000 routes, against by hand",
            many_ours,
            "hand-written layer",
            many_by_hand,
            None,
        ),
        Row::new(
            "active route, 10000 routes, against from_fn",
            many_ours,
            "empty from_fn",
            many_from_fn,
            None,
        ),
        Row::new(
            "active route, against the floor",
            ours,
            "empty layer",
            floor,
            None,
        ),
        Row::new(
            "hyper: active route",
            served_ours,
            "hand-written layer",
            served_by_hand,
            None,
        ),
        Row::new(
            "hyper: active route, against the floor",
            served_ours,
            "empty layer",
            served_floor,
            None,
        ),
    ];
    let change = change_at_many_routes().await.as_secs_f64() * 1e9;
    rows.push(Row::new(
        "one change at 10000 routes, whole",
        change,
        "budget: 2 ms",
        2e6,
        Some(1.0),
    ));
    let (rendered, cached) = document_of_1000_operations().await;
    rows.push(Row::new(
        "document of 1000 operations, once per change",
        rendered,
        "budget: 5 ms",
        5e6,
        Some(1.0),
    ));
    rows.push(Row::new(
        "the same, cached",
        cached,
        "once per change",
        rendered,
        None,
    ));
    let control = one[1].min / one[0].min;
    Report::new("layer", control, rows).publish().unwrap();
}

fn print_absolute(title: &str, timings: &[Timing]) {
    println!(
        "\n{title:<28} {:>9} {:>9} {:>14}",
        "min", "p10", "added (min)"
    );
    for Timing { name, min, p10, .. } in timings {
        println!(
            "{name:<28} {min:>6.0} ns {p10:>6.0} ns {:>11.0} ns",
            min - timings[0].min
        );
    }
}

/// The time of an increment in nanoseconds.
fn bare_counter() -> f64 {
    const TIMES: u32 = 1_000_000;
    let counter = AtomicU64::new(0);
    let measure = || {
        let start = Instant::now();
        for _ in 0..TIMES {
            black_box(&counter).fetch_add(1, Ordering::Relaxed);
        }
        start.elapsed().as_secs_f64() * 1e9 / f64::from(TIMES)
    };
    (0..20).map(|_| measure()).fold(f64::INFINITY, f64::min)
}

fn path(index: usize) -> String {
    format!("/service{index}/v1/items/{{id}}")
}

fn router(routes: usize) -> Router {
    (0..routes).fold(Router::new(), |router, index| {
        router.route(&path(index), get(|| async { "item" }))
    })
}

async fn variants(routes: usize) -> Vec<Variant> {
    let asked = format!("/service{}/v1/items/42", routes / 2);
    let table: HashMap<String, bool> = (0..routes).map(|index| (path(index), true)).collect();
    let by_hand = ByHand {
        table: Arc::new(ArcSwap::from_pointee(table)),
    };
    let waygate = engine(routes).await;
    let silent = Waygate::builder().count_requests(false).build().await;
    let silent = registered(silent.unwrap(), routes).await;
    let silent = silent.guard(router(routes)).await.unwrap().into_router();
    let guarded = waygate.guard(router(routes)).await.unwrap().into_router();
    vec![
        Variant::new("bare axum", router(routes), &*asked),
        Variant::new("bare axum, again", router(routes), &*asked),
        Variant::new("empty layer", floor(router(routes)), &*asked),
        Variant::new(
            "empty from_fn",
            router(routes).layer(middleware::from_fn(nothing)),
            &*asked,
        ),
        Variant::new("hand-written layer", router(routes).layer(by_hand), &*asked),
        Variant::new("waygate", guarded, &*asked),
        Variant::new("waygate, not recording", silent, &*asked),
    ]
}

async fn engine(routes: usize) -> Waygate {
    registered(Waygate::builder().build().await.unwrap(), routes).await
}

async fn registered(waygate: Waygate, routes: usize) -> Waygate {
    let all = (0..routes).map(|index| format!("GET:{}", path(index)).parse().unwrap());
    waygate
        .register_all(all.map(|key| (key, RouteState::default())))
        .await
        .unwrap();
    waygate
}

async fn nothing(request: Request, next: Next) -> Response {
    next.run(request).await
}

/// The minimum of runtime control: one atomic load, one lookup.
#[derive(Clone)]
struct ByHand {
    table: Arc<ArcSwap<HashMap<String, bool>>>,
}

#[derive(Clone)]
struct ByHandService<S> {
    inner: S,
    table: Arc<ArcSwap<HashMap<String, bool>>>,
}

impl<S> Layer<S> for ByHand {
    type Service = ByHandService<S>;

    fn layer(&self, inner: S) -> ByHandService<S> {
        ByHandService {
            inner,
            table: self.table.clone(),
        }
    }
}

impl<S: Service<Request>> Service<Request> for ByHandService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> S::Future {
        let path = request.extensions().get::<MatchedPath>().unwrap();
        assert!(self.table.load()[path.as_str()]);
        self.inner.call(request)
    }
}

/// One operator's change with 10,000 routes registered: command, store, audit, new snapshot. The fastest of 50.
async fn change_at_many_routes() -> Duration {
    let waygate = engine(MANY).await;
    let mut best = Duration::MAX;
    for round in 0..50 {
        let key = format!("GET:{}", path(round * 100));
        let start = Instant::now();
        waygate.system().disable(&key, "bench").await.unwrap();
        best = best.min(start.elapsed());
    }
    best
}

/// The filtered document of 1,000 operations with a schema each, over its route: after a change, and again. Nanoseconds,
/// the fastest of 50.
async fn document_of_1000_operations() -> (f64, f64) {
    let operation = |index: usize| {
        serde_json::json!({ "get": {
            "operationId": format!("item{index}"),
            "summary": "Show an item",
            "responses": { "200": { "description": "found", "content": { "application/json": {
                "schema": { "$ref": format!("#/components/schemas/Item{index}") },
            } } } },
        } })
    };
    let schema = |_| {
        serde_json::json!({ "type": "object", "required": ["id"], "properties": {
            "id": { "type": "integer" }, "name": { "type": "string" },
        } })
    };
    let paths: serde_json::Map<_, _> = (0..1000).map(|n| (path(n), operation(n))).collect();
    let schemas: serde_json::Map<_, _> =
        (0..1000).map(|n| (format!("Item{n}"), schema(n))).collect();
    let document = serde_json::json!({
        "openapi": "3.1.0",
        "info": { "title": "bench", "version": "1" },
        "paths": paths,
        "components": { "schemas": schemas },
    });
    let waygate = Waygate::builder().build().await.unwrap();
    let api = (
        router(1000),
        serde_json::from_value::<utoipa::openapi::OpenApi>(document).unwrap(),
    );
    let app = waygate
        .guard(api)
        .await
        .unwrap()
        .openapi("/openapi.json")
        .into_router();
    let (mut rendered, mut cached) = (Duration::MAX, Duration::MAX);
    for round in 0..50 {
        let key = format!("GET:{}", path(round));
        match round % 2 {
            0 => waygate.system().disable(&key, "bench").await.unwrap(),
            _ => waygate
                .system()
                .set_maintenance(&key, "bench")
                .await
                .unwrap(),
        };
        rendered = rendered.min(fetch(&app).await);
        cached = cached.min(fetch(&app).await);
    }
    (rendered.as_secs_f64() * 1e9, cached.as_secs_f64() * 1e9)
}

async fn fetch(app: &Router) -> Duration {
    let request = Request::get("/openapi.json")
        .body(axum::body::Body::empty())
        .unwrap();
    let start = Instant::now();
    let response = app.clone().oneshot(request).await.unwrap();
    let elapsed = start.elapsed();
    assert_eq!(response.status(), 200);
    elapsed
}
