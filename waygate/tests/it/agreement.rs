//! Random states and requests, for which the layer, `RouteGuard` and `Waygate::admit` must make the same decision.

use std::net::SocketAddr;

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
    middleware::{self, Next},
    response::Response,
    routing::{any, get, options},
};
use http::{HeaderMap, Method};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::Value;
use waygate::{
    RouteGuard, Timestamp, Waygate,
    client::Roles,
    decision::{Decision, RequestHead},
    model::{Access, GlobalMaintenance, RouteState},
    testing::{ManualClock, TestApp},
};

use crate::support::{at, builder};

/// The controlled routes.
const KEYS: &[&str] = &[
    "GET:/a",
    "POST:/a",
    "/all",
    "/get-only",
    "/part",
    "GET:/o",
    "OPTIONS:/o",
    "GET:/items/{id}",
    "GET:/n/x",
    "GET:/forced",
    "GET:/mixed",
    "GET:/both",
    "/both",
];

/// The requested endpoints: path, template, and the methods with a handler (`*` for all).
const PATHS: &[(&str, Option<&str>, &str)] = &[
    ("/a", Some("/a"), "GET HEAD POST"),
    ("/all", Some("/all"), "*"),
    ("/get-only", Some("/get-only"), "GET HEAD"),
    ("/part", Some("/part"), "*"),
    ("/o", Some("/o"), "GET HEAD OPTIONS"),
    ("/items/7", Some("/items/{id}"), "GET HEAD"),
    ("/n/x", Some("/n/x"), "GET HEAD"),
    ("/forced", Some("/forced"), "GET HEAD"),
    ("/mixed", Some("/mixed"), "*"),
    ("/both", Some("/both"), "*"),
    ("/free", Some("/free"), "*"),
    ("/free/7", Some("/free/{id}"), "*"),
    ("/n/free", Some("/n/free"), "*"),
    ("/nowhere", None, "*"),
];

const EXEMPTIONS: &[&str] = &[
    "/a",
    "POST:/a",
    "GET:/all",
    "/all",
    "OPTIONS:/o",
    "/items/{id}",
    "/items/7",
    "/n/x",
    "/x",
    "/free/{id}",
    "GET:/free",
    "/n/free",
    "/free/7",
    "/nowhere",
    "GET:/nowhere",
];

const PEER: &str = "203.0.113.7";

/// The hour at which requests arrive and windows are set.
const NOON: u32 = 12;

fn hour(hour: u32) -> Timestamp {
    at(&format!("2030-01-01T{hour:02}:00:00Z"))
}

/// A router of the same routes, with handlers with or without the extractor.
macro_rules! router {
    ($handler:expr) => {{
        let nested = Router::new()
            .route("/x", get($handler))
            .route("/free", any($handler));
        Router::new()
            .route("/a", get($handler).post($handler))
            .route("/all", any($handler))
            .route("/get-only", get($handler))
            .route("/part", get($handler).fallback($handler))
            .route("/o", get($handler).merge(options($handler)))
            .route("/items/{id}", get($handler))
            .route("/forced", get($handler))
            .route("/mixed", any($handler))
            .route("/both", any($handler))
            .route("/free", any($handler))
            .route("/free/{id}", any($handler))
            .nest("/n", nested)
            .fallback($handler)
    }};
}

/// Reads the caller's role from a header.
async fn roles(mut request: Request, next: Next) -> Response {
    if request.headers().contains_key("ops") {
        request.extensions_mut().insert(Roles::new(["ops"]));
    }
    next.run(request).await
}

async fn randomize(waygate: &Waygate, seed: &mut StdRng) {
    let system = waygate.system();
    for key in KEYS.iter().filter(|key| **key != "GET:/forced") {
        let record = match seed.random_range(0..8) {
            0 => system.disable(key, "").await,
            1 => system.set_maintenance(key, "").await,
            2 => system.set_env_only(key, &["staging"]).await,
            3 => system.deprecate(key, None).await,
            _ => system.enable(key, "").await,
        };
        record.unwrap();
        let ips: &[&str] = [&[][..], &["203.0.113.0/24"], &["10.0.0.0/8"]]
            .choose(seed)
            .unwrap();
        let access = Access::new(
            ips.iter().map(|network| network.parse().unwrap()),
            match seed.random_bool(0.2) {
                true => vec!["ops".parse().unwrap()],
                false => Vec::new(),
            },
        );
        system.set_access(key, access).await.unwrap();
    }
    let mut config = || {
        let hours = [
            (None, None),
            (Some(NOON + 1), Some(NOON + 2)),
            (Some(NOON - 1), Some(NOON + 1)),
            (None, Some(NOON + 1)),
            (Some(NOON + 1), None),
            (Some(NOON), None),
        ];
        let (start, end) = *hours.choose(seed).unwrap();
        let networks: &[&str] = [&[][..], &[], &["203.0.113.0/24"], &["10.0.0.0/8"]]
            .choose(seed)
            .unwrap();
        GlobalMaintenance::default()
            .exempt_paths(
                EXEMPTIONS
                    .iter()
                    .filter(|_| seed.random_bool(0.3))
                    .map(|path| path.parse().unwrap()),
            )
            .include_force_active(seed.random_bool(0.3))
            .start(start.map(hour))
            .end(end.map(hour))
            .exempt_ips(networks.iter().map(|text| text.parse().unwrap()))
            .exempt_roles(match seed.random_bool(0.2) {
                true => vec!["ops".parse().unwrap()],
                false => Vec::new(),
            })
    };
    let (global, service) = (config(), config());
    match seed.random_bool(0.5) {
        true => system.enable_global_maintenance(global).await,
        false => system.disable_global_maintenance().await,
    }
    .unwrap();
    match seed.random_bool(0.3) {
        true => system.enable_service_maintenance("shop", service).await,
        false => system.disable_service_maintenance("shop").await,
    }
    .unwrap();
}

/// A request, and whether it has a handler.
struct Asked {
    method: Method,
    path: &'static str,
    template: Option<&'static str>,
    handled: bool,
    is_ops: bool,
    headers: Vec<(&'static str, &'static str)>,
}

impl Asked {
    fn random(seed: &mut StdRng) -> Self {
        let (path, template, methods) = *PATHS.choose(seed).unwrap();
        let method = ["GET", "HEAD", "POST", "OPTIONS", "OPTIONS", "PROPFIND"];
        let method: Method = method.choose(seed).unwrap().parse().unwrap();
        let is_ops = seed.random_bool(0.5);
        let some = [
            ("origin", "https://example.com"),
            ("access-control-request-method", "GET"),
        ];
        let mut headers: Vec<_> = some.into_iter().filter(|_| seed.random_bool(0.8)).collect();
        if is_ops {
            headers.push(("ops", ""));
        }
        let mut own = methods.split(' ');
        Self {
            handled: own.any(|name| name == "*" || name == method.as_str()),
            method,
            path,
            template,
            is_ops,
            headers,
        }
    }

    fn request(&self) -> Request {
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(self.path);
        for (name, value) in &self.headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).unwrap()
    }

    /// Returns the status, and the code of a response with a body.
    async fn ask(&self, app: &TestApp) -> String {
        let response = app.send(self.request()).await;
        let status = response.status().as_u16();
        match (status, self.handled) {
            (200, true) | (405, false) => match response.header("cache-control") {
                None => "pass".to_owned(),
                Some(rule) => format!("pass {rule}"),
            },
            (200, false) => "a handler ran".to_owned(),
            _ if self.method == Method::HEAD => status.to_string(),
            _ => format!("{status} {}", response.json::<Value>()["error"]["code"]),
        }
    }

    /// The decision for other frameworks, in the same words.
    async fn decide(&self, waygate: &Waygate) -> String {
        let (mut parts, _) = self.request().into_parts();
        if self.is_ops {
            parts.extensions.insert(Roles::new(["ops"]));
        }
        let mut head = RequestHead::new(&parts).peer(PEER.parse().unwrap());
        if let Some(template) = self.template {
            head = head.matched(template);
        }
        if !self.handled {
            head = head.unhandled();
        }
        let decision = waygate.admit(head).await;
        let by_state = waygate.decide(head);
        assert_eq!(by_state.is_ok(), matches!(decision, Decision::Serve(_)));
        match decision {
            Decision::Serve(pass) => {
                let mut headers = HeaderMap::new();
                pass.write_headers(&mut headers);
                match headers.get("cache-control") {
                    None => "pass".to_owned(),
                    Some(rule) => format!("pass {}", rule.to_str().unwrap()),
                }
            }
            Decision::Refuse(refusal) => {
                let response = refusal.response();
                let status = response.status().as_u16();
                match self.method == Method::HEAD {
                    true => status.to_string(),
                    false => {
                        let body: Value = serde_json::from_str(response.body()).unwrap();
                        format!("{status} {}", body["error"]["code"])
                    }
                }
            }
        }
    }
}

/// Compares all three for the same requests.
#[tokio::test]
async fn layer_extractor_and_adapters_decide_alike() {
    agree(true).await;
}

/// The same for an engine that guards no router, and so knows no handlers.
#[tokio::test]
async fn extractor_and_adapters_decide_alike_without_the_layer() {
    agree(false).await;
}

async fn agree(guards: bool) {
    let clock = ManualClock::at(hour(NOON));
    let engine = builder().service("shop").clock(clock.clone());
    let waygate = engine.build().await.unwrap();
    for key in KEYS {
        let state = RouteState::default().force_active(*key == "GET:/forced");
        waygate.register(key.parse().unwrap(), state).await.unwrap();
    }
    let peer = SocketAddr::new(PEER.parse().unwrap(), 1);
    let app = |router: Router| {
        let router = router.layer(middleware::from_fn(roles));
        TestApp::new(router).from_peer(peer)
    };
    let layered = match guards {
        true => {
            let plain = waygate.guard(router!(|| async {})).await.unwrap();
            Some(app(plain.into_router()))
        }
        false => None,
    };
    let extracted = router!(|guard: RouteGuard, _: ConnectInfo<SocketAddr>| async { (guard, "") });
    let extracted = app(extracted.with_state(waygate.clone()));
    let mut seed = StdRng::seed_from_u64(20_300_102);
    let (mut passed, mut blocked, mut exempt) = (0, 0, 0);
    for state in 0..200 {
        randomize(&waygate, &mut seed).await;
        // Half of the states are checked immediately, the other half an hour later, after scheduled transitions.
        clock.set_wall(hour(NOON + state % 2));
        for _ in 0..60 {
            let asked = Asked::random(&mut seed);
            let name = || {
                let Asked {
                    method,
                    path,
                    headers,
                    ..
                } = &asked;
                let global = waygate.global_maintenance().maintenance;
                format!("state {state}: {method} {path} {headers:?}, {global:?}")
            };
            let decided = asked.decide(&waygate).await;
            if let Some(layered) = &layered {
                assert_eq!(asked.ask(layered).await, decided, "{}", name());
            }
            // The extractor runs only if there is a handler.
            if asked.handled {
                assert_eq!(asked.ask(&extracted).await, decided, "{}", name());
            }
            match decided.split_once(' ') {
                None => passed += 1,
                Some(("pass", _)) => exempt += 1,
                Some(_) => blocked += 1,
            }
        }
        clock.set_wall(hour(NOON));
    }
    assert!(passed > 1000 && blocked > 1000, "{passed} {blocked}");
    assert!(exempt > 300, "{exempt}");
}
