//! The same for mounted guarded routers, behind layers that change requests.

use std::future::{Ready, ready};

use axum::{
    Router,
    body::Body,
    extract::{MatchedPath, Request},
    routing::{MethodFilter, MethodRouter, any, on},
};
use http::{HeaderValue, Method, Uri};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use tower::{ServiceBuilder, ServiceExt};
use waygate::{Waygate, model::RouteState, testing::TestApp};

use super::{METHODS, PATHS, random_path};
use crate::support::builder;

const SEED: u64 = 20_300_102;
const REQUESTS: usize = 100_000;
/// Paths with endpoints for every method.
const EVERY: &[&str] = &["/any", "/any/{id}", "/x/{*rest}"];
const OVERRIDE: &str = "x-http-method-override";
const ASKED: &[&str] = &[
    "GET", "GET", "GET", "HEAD", "POST", "POST", "DELETE", "OPTIONS", "PUT", "PATCH", "TRACE",
    "CONNECT", "QUERY", "PROPFIND", "FOO", "get", "X-0",
];

type Mount = fn(Router) -> Router;

/// Mounts of the guarded router, and the prefixes each adds to its paths.
const MOUNTS: &[(&str, Mount, &[&str])] = &[
    ("alone", |inner| inner, &[""]),
    ("merge", |inner| Router::new().merge(inner), &[""]),
    (
        "route_service",
        |inner| {
            // axum refuses services that it recognizes as routers.
            let inner = inner.map_request(|request: Request| request);
            Router::new()
                .route_service("/", inner.clone())
                .route_service("/{*rest}", inner)
        },
        &[""],
    ),
    (
        "oneshot",
        |inner| {
            let call = any(move |request: Request| inner.clone().oneshot(request));
            Router::new()
                .route("/{*rest}", call.clone())
                .route("/", call)
        },
        &[""],
    ),
    (
        "fallback_service",
        |inner| Router::new().fallback_service(inner),
        &[""],
    ),
    ("nest", |inner| Router::new().nest("/p", inner), &["/p"]),
    (
        "nest under a prefix of its own paths",
        |inner| Router::new().nest("/a", inner),
        &["/a"],
    ),
    (
        "nest under two prefixes",
        |inner| Router::new().nest("/a", inner.clone()).nest("/p", inner),
        &["/a", "/p"],
    ),
    (
        "nest twice",
        |inner| Router::new().nest("/p", Router::new().nest("/q", inner)),
        &["/p/q"],
    ),
    (
        "nest under a parameter",
        |inner| Router::new().nest("/o/{outer}", inner),
        &["/o/1", "/o/a"],
    ),
    (
        "nest_service",
        |inner| Router::new().nest_service("/p", inner),
        &["/p"],
    ),
    (
        "nest_service under a prefix of its own paths",
        |inner| Router::new().nest_service("/a", inner),
        &["/a"],
    ),
    (
        "nest_service under a parameter",
        |inner| Router::new().nest_service("/o/{outer}", inner),
        &["/o/1", "/o/a"],
    ),
    (
        "route_service in nest_service",
        |inner| {
            let inner = inner.map_request(|request: Request| request);
            let routed = Router::new().route_service("/{*rest}", inner);
            Router::new().nest_service("/p", routed)
        },
        &["/p"],
    ),
    (
        "a method override inside",
        |inner| inner.layer(axum::middleware::map_request(overridden)),
        &[""],
    ),
    (
        "a method override outside",
        |inner| {
            let changed = ServiceBuilder::new().map_request(override_method);
            Router::new().fallback_service(changed.service(inner))
        },
        &[""],
    ),
    (
        "a method override inside, under nest_service",
        |inner| {
            let inner = inner.layer(axum::middleware::map_request(overridden));
            Router::new().nest_service("/a", inner)
        },
        &["/a"],
    ),
];

async fn overridden(request: Request) -> Request {
    override_method(request)
}

fn override_method(mut request: Request) -> Request {
    let method = request.headers().get(OVERRIDE).map(HeaderValue::as_bytes);
    if let Some(Ok(method)) = method.map(Method::from_bytes) {
        *request.method_mut() = method;
    }
    request
}

/// Reports the endpoint in one header, and axum's template in the other.
fn endpoint(
    key: &str,
) -> impl Fn(Option<MatchedPath>) -> Ready<[(&'static str, String); 2]> + Clone + use<> {
    let key = key.to_owned();
    move |matched| {
        let matched = matched.as_ref().map_or("", MatchedPath::as_str);
        ready([("x-key", key.clone()), ("x-matched", matched.to_owned())])
    }
}

/// A guarded router with registered and discovered routes, and the list of its closed routes.
async fn guarded(waygate: &Waygate, seed: &mut StdRng) -> (Router, Vec<String>) {
    let (mut router, mut keys) = (Router::new(), Vec::new());
    let mut add = |path: &str, key: String, methods: MethodRouter| {
        router = std::mem::take(&mut router).route(path, methods);
        keys.push(key);
    };
    for path in PATHS {
        for (method, filter) in METHODS {
            if seed.random_bool(0.7) {
                let key = format!("{method}:{path}");
                let methods = on(*filter, endpoint(&key));
                add(path, key, methods);
            }
        }
    }
    for path in EVERY {
        add(path, (*path).to_owned(), any(endpoint(path)));
    }
    // One method, and a handler for the others.
    let others = on(MethodFilter::GET, endpoint("GET:/both")).fallback(endpoint("/both"));
    add("/both", "/both".to_owned(), others);
    keys.push("GET:/both".to_owned());
    for key in &keys {
        // An all-methods route with a route of one method is not discovered, so register it.
        if key == "/both" || seed.random_bool(0.5) {
            let key = key.parse().unwrap();
            waygate.register(key, RouteState::default()).await.unwrap();
        }
    }
    let router = waygate.guard(router).await.unwrap().into_router();
    let mut closed = Vec::new();
    for key in keys {
        if seed.random_bool(0.5) {
            waygate.system().disable(&key, "").await.unwrap();
            closed.push(key);
        }
    }
    (router, closed)
}

/// Whether this template is closed for the method, or for all methods.
fn is_closed(closed: &[String], method: &str, template: &str) -> bool {
    let method = if method == "HEAD" { "GET" } else { method };
    let is_key = |key: &String| *key == template || *key == format!("{method}:{template}");
    closed.iter().any(is_key)
}

/// Serves no closed endpoint, and refuses no open one unless its path or method is that of another route.
#[tokio::test]
async fn a_guarded_router_is_enforced_wherever_it_is_mounted() {
    let (gated, open) = (
        builder().build().await.unwrap(),
        builder().bypass_lifecycle(true).build().await.unwrap(),
    );
    let (gated, closed) = guarded(&gated, &mut StdRng::seed_from_u64(SEED)).await;
    let (open, _) = guarded(&open, &mut StdRng::seed_from_u64(SEED)).await;
    let seed = &mut StdRng::seed_from_u64(SEED + 1);
    let (mut served, mut refused, mut stricter) = (0, 0, 0);
    for (name, mount, prefixes) in MOUNTS {
        let gated = TestApp::new(mount(gated.clone()));
        let open = TestApp::new(mount(open.clone()));
        for _ in 0..REQUESTS.div_ceil(MOUNTS.len()) {
            let (method, uri, header) = loop {
                let path = match seed.random_bool(0.2) {
                    true => EVERY.choose(seed).unwrap().replace("{*rest}", "1"),
                    false => random_path(seed),
                };
                let uri = format!("{}{path}", prefixes.choose(seed).unwrap());
                if let Ok(uri) = uri.parse::<Uri>() {
                    let [method, header] = [(); 2].map(|()| *ASKED.choose(seed).unwrap());
                    break (method, uri, header);
                }
            };
            let request = || {
                let request = Request::builder().method(method).uri(uri.clone());
                let request = request.header(OVERRIDE, header);
                // These headers make an `OPTIONS` request a preflight.
                let request = request.header("origin", "https://example.com");
                let request = request.header("access-control-request-method", "GET");
                request.body(Body::empty()).unwrap()
            };
            let reached = open.send(request()).await;
            let enforced = gated.send(request()).await.status().as_u16();
            let asked = format!("{name}: {method} {uri}, {OVERRIDE}: {header}");
            let Some(key) = reached.header("x-key") else {
                // axum has refused the first method by then, and the second one may be closed.
                let is_changed = name.starts_with("a method override inside");
                let status = reached.status().as_u16();
                assert!(
                    enforced == status || is_changed && enforced == 503,
                    "{asked} reaches no endpoint: {enforced}, {status}"
                );
                continue;
            };
            if closed.iter().any(|closed| closed == key) {
                assert_eq!(enforced, 503, "{asked} is served by {key}");
                refused += 1;
            } else if enforced == 503 {
                let methods = [method, header];
                let own = key.split_once(':').map_or(key, |(_, template)| template);
                let templates = [own, reached.header("x-matched").unwrap_or_default()];
                let by_another = templates.iter().any(|template| {
                    methods
                        .iter()
                        .any(|method| is_closed(&closed, method, template))
                });
                assert!(by_another, "{asked} is refused, though {key} is open");
                stricter += 1;
            } else {
                assert_eq!(enforced, 200, "{asked}");
                served += 1;
            }
        }
    }
    println!(
        "seed {SEED}: {served} served, {refused} refused, {stricter} by another route, 0 ungated"
    );
    assert!(served > 10_000 && refused > 10_000 && stricter < served / 4);
}
