//! Compares the routing of axum with the enforcement of the engine, for random paths and methods.

mod mounts;

use axum::{
    Router,
    body::Body,
    extract::{MatchedPath, Request},
    routing::{MethodFilter, on},
};
use http::{Method, Uri};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use waygate::{Waygate, model::RouteState, testing::TestApp};

use crate::support::builder;

const PATHS: &[&str] = &[
    "/",
    "/a",
    "/a/",
    "/a/b",
    "/a/{id}",
    "/a/{id}/c",
    "/a/b/c",
    "/files/{*rest}",
    "/t/{tenant}/x",
    "/t/{tenant}/x/{id}",
    "/Case/Sensitive",
    "/with%20space",
    "/{{literal}}",
];

const METHODS: &[(Method, MethodFilter)] = &[
    (Method::GET, MethodFilter::GET),
    (Method::POST, MethodFilter::POST),
    (Method::DELETE, MethodFilter::DELETE),
    (Method::OPTIONS, MethodFilter::OPTIONS),
];

/// Pieces of random URLs, of routes and of attempts to confuse the matching.
const PIECES: &[&str] = &[
    "a",
    "b",
    "c",
    "x",
    "t",
    "files",
    "A",
    "Case",
    "Sensitive",
    "with%20space",
    "%61",
    "%2e",
    "..",
    ".",
    "",
    "{id}",
    "{literal}",
    "%7Bliteral%7D",
    "%2F",
    "a%2Fb",
    "0",
    "~",
    ";p=1",
    "*",
    "%",
];

async fn guarded(waygate: &Waygate, seed: &mut StdRng) -> (TestApp, Vec<String>) {
    let mut router = Router::new();
    let mut closed = Vec::new();
    for path in PATHS {
        for (method, filter) in METHODS {
            // Some endpoints do not exist, and some of the existing ones are closed.
            if seed.random_bool(0.3) {
                continue;
            }
            let answer = format!("{method}:{path}");
            let handler = move |matched: MatchedPath, method: Method| async move {
                let method = if method == Method::HEAD {
                    Method::GET
                } else {
                    method
                };
                assert_eq!(answer, format!("{method}:{}", matched.as_str()));
                answer
            };
            router = router.route(path, on(*filter, handler));
            let key = format!("{method}:{path}");
            waygate
                .register(key.parse().unwrap(), RouteState::default())
                .await
                .unwrap();
            if seed.random_bool(0.5) {
                waygate.system().disable(&key, "").await.unwrap();
                closed.push(key);
            }
        }
    }
    (
        TestApp::new(waygate.guard(router.clone()).await.unwrap().into_router()),
        closed,
    )
}

fn random_path(seed: &mut StdRng) -> String {
    let mut path = String::new();
    let piece = |seed: &mut StdRng| *PIECES.choose(seed).unwrap();
    if seed.random_bool(0.5) {
        // The template of a route, with random parameters.
        let template = PATHS.choose(seed).unwrap();
        for segment in template.split('/').skip(1) {
            let piece = if segment.starts_with('{') {
                piece(seed)
            } else {
                segment
            };
            path.push('/');
            path.push_str(piece);
        }
    } else {
        for _ in 0..seed.random_range(0..5) {
            path.push('/');
            path.push_str(piece(seed));
        }
    }
    if seed.random_bool(0.1) {
        path.push('/');
    }
    if path.is_empty() {
        path.push('/');
    }
    if seed.random_bool(0.1) {
        path.push_str("?q=/a/b");
    }
    path
}

/// Sends 100,000 requests to two applications that differ only in the gate.
#[tokio::test]
async fn enforcement_follows_the_routing_of_axum() {
    const SEED: u64 = 20_300_101;
    let (gated, open) = (
        builder().build().await.unwrap(),
        builder().bypass_lifecycle(true).build().await.unwrap(),
    );
    let (gated_app, closed) = guarded(&gated, &mut StdRng::seed_from_u64(SEED)).await;
    let (open_app, _) = guarded(&open, &mut StdRng::seed_from_u64(SEED)).await;
    let mut seed = StdRng::seed_from_u64(SEED + 1);
    let (mut asked, mut refused, mut served) = (0, 0, 0);
    while asked < 100_000 {
        let Ok(uri) = random_path(&mut seed).parse::<Uri>() else {
            continue;
        };
        let methods = [
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::DELETE,
            Method::OPTIONS,
        ];
        let method = methods.choose(&mut seed).unwrap();
        let request = || {
            let builder = Request::builder().method(method).uri(uri.clone());
            builder.body(Body::empty()).unwrap()
        };
        let reached = open_app.send(request()).await;
        let enforced = gated_app.send(request()).await;
        asked += 1;
        // The open application reports the endpoint that axum chose.
        let endpoint = match (reached.status().as_u16(), *method == Method::HEAD) {
            (200, false) => Some(reached.text()),
            (200, true) => {
                let get = Request::get(uri.clone()).body(Body::empty()).unwrap();
                Some(open_app.send(get).await.text())
            }
            _ => None,
        };
        let expected = match &endpoint {
            Some(endpoint) if closed.contains(endpoint) => {
                refused += 1;
                503
            }
            Some(_) => {
                served += 1;
                200
            }
            None => reached.status().as_u16(),
        };
        assert_eq!(
            enforced.status().as_u16(),
            expected,
            "{method} {uri} reaches {endpoint:?}"
        );
    }
    println!("seed {SEED}: {asked} requests, {served} served, {refused} refused, no disagreement");
    assert!(refused > 5_000 && served > 5_000);
}
