//! The cost of lists of the admin API with 10,000 routes, from the request to the last byte of the body.
#![allow(missing_docs, clippy::unwrap_used)]

use std::{net::SocketAddr, time::Instant};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{ConnectInfo, Request},
    routing::get,
};
use http::header;
use tower::ServiceExt;
use waygate::{Waygate, admin::Credentials, model::Registration};
use waygate_bench::{Report, Row};

const ROUTES: usize = 10_000;
const CALLS: usize = 51;
/// The target for the complete list.
const BUDGET_NS: f64 = 30_000_000.0;

async fn app() -> Router {
    let waygate = Waygate::builder().build().await.unwrap();
    let keys = (0..ROUTES).map(|at| format!("GET:/api/v1/resources/r{at}").parse().unwrap());
    waygate
        .register_all(keys.map(Registration::new))
        .await
        .unwrap();
    for at in 0..ROUTES / 100 {
        let key = format!("GET:/api/v1/resources/r{}", at * 100);
        waygate.system().disable(&key, "incident").await.unwrap();
    }
    let mut router = Router::new();
    for at in 0..ROUTES {
        router = router.route(&format!("/api/v1/resources/r{at}"), get(async || "served"));
    }
    let guarded = waygate.guard(router).await.unwrap();
    guarded.admin("/waygate", Credentials::none()).into_router()
}

/// The median time of a call, and the bytes of its body.
async fn median(app: &Router, query: &str) -> (f64, usize) {
    let mut times = Vec::new();
    let mut bytes = 0;
    for _ in 0..CALLS {
        let request = Request::get(format!("/waygate/api/routes{query}"));
        let mut request = request
            .header(header::HOST, "localhost")
            .body(Body::empty())
            .unwrap();
        let peer: SocketAddr = "127.0.0.1:40000".parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        let begun = Instant::now();
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        bytes = to_bytes(response.into_body(), usize::MAX)
            .await
            .unwrap()
            .len();
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    (times[CALLS / 2].as_nanos() as f64, bytes)
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let app = app().await;
    let (all, bytes) = median(&app, "").await;
    println!("{ROUTES} routes, {bytes} bytes");
    let (again, _) = median(&app, "").await;
    let (page, _) = median(&app, "?limit=50").await;
    let (found, _) = median(&app, "?search=r99&limit=50").await;
    let row = |name, ours| Row::new(name, ours, "30 ms", BUDGET_NS, Some(1.0));
    let rows = vec![
        row("all routes", all),
        row("a page of 50", page),
        row("a search", found),
    ];
    Report::new("lists", again / all, rows).publish().unwrap();
}
