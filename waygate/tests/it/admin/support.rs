//! A server with the routes of the recorded exchanges, and a client for it.

use std::net::IpAddr;

use axum::{
    Router,
    body::Body,
    extract::Request,
    routing::{get, post},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};
use waygate::{
    Guarded, Waygate, WaygateBuilder,
    admin::{Admin, Credentials},
    model::{Deprecation, Interval, Method, RouteState, Window},
    testing::{TestApp, TestResponse},
};
use waygate_core::{
    model::{Disabled, Lifecycle},
    port::{Backend, ManualClock},
};

use super::views;

/// The time when the exchanges were recorded.
pub(super) const NOW: &str = "2026-11-22T22:16:28.050033Z";

pub(super) struct Server {
    pub(super) waygate: Waygate,
    pub(super) clock: ManualClock,
    pub(super) app: TestApp,
    /// A token with all scopes; empty without credentials.
    pub(super) token: String,
}

impl Server {
    /// Starts with the user `admin` and the password `secret`, and logs in.
    pub(super) async fn start() -> Self {
        Self::with(Credentials::new("admin", "secret")).await
    }

    pub(super) async fn with(admin: impl Into<Admin>) -> Self {
        Self::on(waygate_backends::MemoryBackend::new(), admin).await
    }

    pub(super) async fn on(backend: impl Backend, admin: impl Into<Admin>) -> Self {
        Self::built(Waygate::builder().backend(backend), admin).await
    }

    /// Starts an engine with the options of this builder.
    pub(super) async fn built(builder: WaygateBuilder, admin: impl Into<Admin>) -> Self {
        let clock = ManualClock::at(NOW.parse().unwrap());
        let (waygate, guarded) = app(builder, clock.clone()).await;
        let admin = admin.into();
        #[cfg(feature = "flags")]
        let admin = admin.flags(true);
        let router = guarded.admin("/waygate", admin).into_router();
        let mut server = Self {
            waygate,
            clock,
            app: TestApp::new(router),
            token: String::new(),
        };
        server.log_in().await;
        server
    }

    /// Logs in, if `admin` can.
    pub(super) async fn log_in(&mut self) {
        let login = json!({ "username": "admin", "password": "secret" });
        let answer = self.post("/api/auth/login", login).await;
        if answer.status == StatusCode::OK {
            self.token = answer.json()["token"].as_str().unwrap().to_owned();
        }
    }

    /// Sends a request unchanged from this machine. The path is relative to the mount.
    pub(super) async fn send(&self, request: Request) -> Answer {
        self.send_from(Some("127.0.0.1"), request).await
    }

    /// Checks that the response deserializes into the client types.
    pub(super) async fn send_from(&self, peer: Option<&str>, mut request: Request) -> Answer {
        let method = request.method().clone();
        let path = request.uri().path_and_query().unwrap().to_string();
        *request.uri_mut() = format!("/waygate{path}").parse().unwrap();
        let answer = self.call_from(peer, request).await;
        let kind = answer.header(http::header::CONTENT_TYPE);
        let is_text = kind.starts_with("text/");
        if !answer.body.is_empty() && !is_text {
            let status = answer.status.as_u16();
            views::check(method.as_str(), &path, status, &answer.json());
        }
        answer
    }

    /// Sends a request to the application, from this machine.
    pub(super) async fn call(&self, request: Request) -> Answer {
        self.call_from(Some("127.0.0.1"), request).await
    }

    async fn call_from(&self, peer: Option<&str>, request: Request) -> Answer {
        let app = match peer {
            Some(peer) => self
                .app
                .from_peer((peer.parse::<IpAddr>().unwrap(), 40_000)),
            None => self.app.clone(),
        };
        app.send(request).await.into()
    }

    /// Starts a request with the token.
    pub(super) fn request(&self, method: &str, path: &str) -> http::request::Builder {
        let builder = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost:8000");
        if self.token.is_empty() {
            builder
        } else {
            builder.header("X-Waygate-Token", &self.token)
        }
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        let request = self.request("GET", path).body(Body::empty());
        self.send(request.unwrap()).await
    }

    pub(super) async fn delete(&self, path: &str) -> Answer {
        let request = self.request("DELETE", path).body(Body::empty());
        self.send(request.unwrap()).await
    }

    pub(super) async fn put(&self, path: &str, body: Value) -> Answer {
        let request = self
            .request("PUT", path)
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.to_string().into());
        self.send(request.unwrap()).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Answer {
        self.post_raw(path, body.to_string()).await
    }

    pub(super) async fn post_raw(&self, path: &str, body: impl Into<Body>) -> Answer {
        let request = self
            .request("POST", path)
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.into());
        self.send(request.unwrap()).await
    }

    /// Everything that an administrator can change.
    pub(super) async fn state(&self) -> Value {
        let routes: Vec<Value> = self
            .waygate
            .routes()
            .iter()
            .map(|route| json!([route, route.revision.number]))
            .collect();
        let lines = self
            .waygate
            .audit(waygate::audit::AuditQuery::newest(10_000));
        let lines: Vec<String> = lines
            .await
            .unwrap()
            .into_iter()
            .filter(|line| line.action != waygate::audit::Action::LoginRefused)
            .map(|line| line.id.to_string())
            .collect();
        let global = self.waygate.global_maintenance();
        let limits = self.waygate.rate_limits();
        let limits: Vec<Value> = limits
            .iter()
            .map(|limit| json!([limit, limit.revision.number]))
            .collect();
        let concurrency = self.waygate.concurrency_limits();
        #[cfg(feature = "flags")]
        let flags: Vec<Value> = {
            let flags = self.waygate.flags();
            let all = flags.all();
            let all = all.iter().map(|it| json!([it, it.revision.number]));
            let segments = flags.segments();
            let segments = segments.iter().map(|it| json!([it, it.revision.number]));
            all.chain(segments).collect()
        };
        #[cfg(not(feature = "flags"))]
        let flags = ();
        json!({
            "flags": flags, "routes": routes, "global": global.maintenance, "global_revision": global.revision.number, "limits": limits,
            "concurrency": concurrency, "audit": lines,
        })
    }
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl From<TestResponse> for Answer {
    fn from(response: TestResponse) -> Self {
        Self {
            status: response.status(),
            headers: response.headers().clone(),
            body: response.bytes().to_vec(),
        }
    }
}

impl Answer {
    /// Parses the body as JSON.
    #[track_caller]
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub(super) fn header(&self, name: impl header::AsHeaderName) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    /// Returns the `error` of a problem response.
    #[track_caller]
    pub(super) fn error(&self) -> String {
        assert_eq!(
            self.header(header::CONTENT_TYPE),
            "application/problem+json"
        );
        let body = self.json();
        assert_eq!(body["status"], self.status.as_u16(), "{body}");
        for member in ["type", "title", "detail"] {
            assert!(body[member].is_string(), "{member} in {body}");
        }
        body["error"].as_str().unwrap().to_owned()
    }

    /// Asserts the status, and returns the body.
    #[track_caller]
    pub(super) fn expect(self, status: u16) -> Value {
        assert_eq!(
            self.status,
            status,
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        self.json()
    }

    /// Asserts a problem response with this status, and returns its `error`.
    #[track_caller]
    pub(super) fn refused(self, status: u16) -> String {
        assert_eq!(
            self.status,
            status,
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        self.error()
    }
}

/// The path of a route's endpoint.
pub(super) fn at(key: &str, rest: &str) -> String {
    format!("/api/routes/{}{rest}", URL_SAFE_NO_PAD.encode(key))
}

/// Sets a limit of each kind and scope.
pub(super) async fn set_limits(server: &Server) {
    let rate = json!({ "limit": "1000/minute", "key_strategy": "ip" });
    let concurrency = json!({ "limit": 5 });
    for (limit, kind) in [(rate, "rate-limit"), (concurrency, "concurrency-limit")] {
        let mut of_route = limit.clone();
        of_route["path"] = json!("/orders");
        of_route["method"] = json!("GET");
        let plural = if kind == "rate-limit" { "" } else { "s" };
        for (path, body) in [
            (format!("/api/{kind}s"), of_route),
            (format!("/api/global-{kind}{plural}"), limit.clone()),
            (format!("/api/services/billing/{kind}{plural}"), limit),
        ] {
            server.post(&path, body).await.expect(201);
        }
    }
}

/// The path of a rate-limit endpoint of a route.
pub(super) fn limit_at(key: &str, rest: &str) -> String {
    format!("/api/rate-limits/{}{rest}", URL_SAFE_NO_PAD.encode(key))
}

/// The application of the recorded exchanges.
pub(super) async fn app(builder: WaygateBuilder, clock: ManualClock) -> (Waygate, Guarded) {
    let builder = builder
        // Other modules of this binary annotate handlers, too.
        .allow_unmounted("it::")
        .environment("production");
    let waygate = builder.clock(clock).build().await.unwrap();
    for (key, state) in declared() {
        waygate.register(key.parse().unwrap(), state).await.unwrap();
    }
    let mut router = Router::new();
    for route in waygate.routes() {
        let served = || async { "served" };
        let method = match route.key.method() {
            Some(Method::Post) => post(served),
            _ => get(served),
        };
        router = router.route(route.key.path(), method);
    }
    let guarded = waygate.guard(router).await.unwrap();
    (waygate, guarded)
}

fn declared() -> Vec<(&'static str, RouteState)> {
    let state = |change: fn(&mut RouteState)| {
        let mut state = RouteState::default();
        change(&mut state);
        state
    };
    let mut routes = vec![
        (
            "GET:/payments",
            state(|state| {
                state.position.lifecycle = Lifecycle::Maintenance;
                state.position.reason = "DB migration".parse().unwrap();
            }),
        ),
        (
            "GET:/windowed",
            state(|state| {
                let (start, end) = ("2030-01-01T02:00:00Z", "2030-01-01T04:00:00Z");
                state.position.reason = "Upgrade".parse().unwrap();
                state.position.windows.push(Window {
                    interval: Interval::parse(start, end).unwrap(),
                    reason: "".parse().unwrap(),
                });
            }),
        ),
        (
            "GET:/legacy",
            state(|state| {
                state.position.lifecycle = Lifecycle::Disabled(Disabled::default());
                state.position.reason = "Use /v2/legacy".parse().unwrap();
            }),
        ),
        (
            "GET:/debug",
            state(|state| {
                let envs = ["dev", "staging"].map(|env| env.parse().unwrap());
                state.position.envs = Some(envs.into());
            }),
        ),
        (
            "GET:/v1/users",
            state(|state| {
                let sunset = "2028-01-01T00:00:00Z".parse().unwrap();
                let successor = "/v2/users".parse().unwrap();
                let deprecation = Deprecation::new(None, Some(sunset), Some(successor));
                state.deprecation = Some(deprecation.unwrap());
            }),
        ),
        ("GET:/health", state(|state| state.force_active = true)),
    ];
    let plain = [
        "GET:/orders",
        "POST:/orders",
        "GET:/items/{item_id}",
        "GET:/limited",
        "GET:/limited-key",
        "GET:/limited-user",
        "GET:/limited-custom",
        "GET:/limited-burst",
    ];
    routes.extend(plain.map(|key| (key, RouteState::default())));
    routes
}
