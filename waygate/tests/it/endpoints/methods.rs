//! Handlers of several methods, with routes that their attributes are not bound to.

use axum::{
    Router,
    routing::{MethodFilter, any, get, on},
};
use serde_json::json;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate::{
    Waygate,
    model::{RouteKey, RouteState},
    testing::TestApp,
};

use super::ask;
use crate::support::builder;

mod closed {
    use waygate::{disabled, rate_limit, sunset};

    #[disabled(reason = "closed", route = "GET /methods/any")]
    pub(super) async fn any() {}

    #[disabled(reason = "closed", route = "GET /methods/fallback")]
    pub(super) async fn fallback() {}

    #[disabled(reason = "closed", route = "GET /methods/on")]
    pub(super) async fn on() {}

    #[disabled(reason = "closed", route = "GET /methods/service/{*rest}")]
    pub(super) async fn service() {}

    #[disabled(reason = "closed", route = "GET /methods/documented")]
    #[utoipa::path(post, path = "/methods/documented", responses((status = OK)))]
    pub(super) async fn documented() {}

    #[disabled(reason = "closed", route = ["GET /methods/listed", "PUT /methods/listed"])]
    pub(super) async fn listed() {}

    #[rate_limit("2/hour", key = "global", route = "GET /methods/limited")]
    pub(super) async fn limited() {}

    #[sunset(sunset = "2030-01-01", route = "GET /methods/own")]
    pub(super) async fn own() {}

    #[sunset(sunset = "2030-01-01", route = "/methods/whole")]
    pub(super) async fn whole() {}
}

const PATHS: [&str; 6] = [
    "/methods/any",
    "/methods/fallback",
    "/methods/on",
    "/methods/service/x",
    "/methods/service",
    "/methods/listed",
];
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "OPTIONS", "FOO"];

fn router() -> Router {
    let filter = MethodFilter::GET.or(MethodFilter::POST);
    Router::new()
        .route("/methods/any", any(closed::any))
        .route(
            "/methods/fallback",
            get(closed::fallback).fallback(closed::fallback),
        )
        .route("/methods/on", on(filter, closed::on))
        .nest_service("/methods/service", any(closed::service))
        .route("/methods/listed", any(closed::listed))
}

async fn guarded(waygate: &Waygate, router: Router) -> TestApp {
    TestApp::new(waygate.guard(router).await.unwrap().into_router())
}

async fn register(waygate: &Waygate, key: &str, state: &RouteState) {
    let key: RouteKey = key.parse().unwrap();
    waygate.register(key, state.clone()).await.unwrap();
}

/// Registers all paths of [`PATHS`] for this method, or for all methods.
async fn register_all(waygate: &Waygate, method: &str, state: &RouteState) {
    for path in ["any", "fallback", "on", "service/{*rest}", "listed"] {
        register(waygate, &format!("{method}/methods/{path}"), state).await;
    }
}

async fn assert_closed(app: &TestApp, story: &str) {
    for path in PATHS {
        for method in METHODS {
            let status = ask(app, method, path).await;
            assert!(status >= 400, "{story}: {method} {path} {status}");
        }
    }
}

#[tokio::test]
async fn a_route_beside_the_handlers_own_opens_no_method() {
    let forced = RouteState::default().force_active(true);
    for method in ["", "POST:", "HEAD:", "OPTIONS:"] {
        for state in [&RouteState::default(), &forced] {
            for before in [true, false] {
                let story = format!("{method} {} {before}", state.force_active);
                let waygate = builder().build().await.unwrap();
                if before {
                    register_all(&waygate, method, state).await;
                }
                let app = guarded(&waygate, router()).await;
                if !before {
                    assert_closed(&app, "before").await;
                    register_all(&waygate, method, state).await;
                }
                assert_closed(&app, &story).await;
            }
        }
    }
}

#[tokio::test]
async fn an_operation_of_another_method_opens_none() {
    let (_, document) = OpenApiRouter::<()>::new()
        .routes(routes!(closed::documented))
        .split_for_parts();
    let api = OpenApiRouter::with_openapi(document);
    let api = api.route("/methods/documented", any(closed::documented));
    let waygate = builder().build().await.unwrap();
    let app = TestApp::new(waygate.guard(api).await.unwrap().into_router());
    for method in METHODS {
        let status = ask(&app, method, "/methods/documented").await;
        assert_eq!(status, 503, "{method}");
    }
}

#[tokio::test]
async fn unregistering_keeps_the_gates_of_the_handler() {
    let waygate = builder().build().await.unwrap();
    let app = guarded(&waygate, router()).await;
    for _ in 0..2 {
        register_all(&waygate, "POST:", &RouteState::default()).await;
        assert_closed(&app, "registered").await;
        for path in ["any", "fallback", "on", "service/{*rest}", "listed"] {
            let key: RouteKey = format!("POST:/methods/{path}").parse().unwrap();
            assert!(waygate.unregister(&key).await, "{key}");
        }
        assert_closed(&app, "taken back").await;
    }
}

async fn limit(waygate: &Waygate, key: &str) {
    let policy = json!({"limit": "2/hour", "key_strategy": "global"});
    let policy = serde_json::from_value(policy).unwrap();
    let system = waygate.system();
    let set = system.set_rate_limit(key.parse().unwrap(), policy);
    set.await.unwrap();
}

#[tokio::test]
async fn a_limit_of_the_handlers_own_route_counts_every_method() {
    let waygate = builder().build().await.unwrap();
    let app = guarded(
        &waygate,
        Router::new().route("/methods/limited", any(closed::limited)),
    )
    .await;
    register(&waygate, "/methods/limited", &RouteState::default()).await;
    for (method, status) in [("POST", 200), ("GET", 200), ("POST", 429), ("GET", 429)] {
        assert_eq!(ask(&app, method, "/methods/limited").await, status);
    }
}

/// At a second mount, the routes of the handler's own path and method apply, too.
#[tokio::test]
async fn routes_of_the_handlers_own_path_apply_at_a_second_mount() {
    let mount = || {
        Router::new()
            .route("/methods/own", get(closed::own))
            .route("/methods/legacy", get(closed::own))
            .route("/methods/whole", any(closed::whole))
            .route("/methods/legacy-whole", get(closed::whole))
    };
    let pairs = [
        ("/methods/own", "/methods/own", "/methods/legacy"),
        (
            "GET:/methods/whole",
            "/methods/whole",
            "/methods/legacy-whole",
        ),
    ];
    for (beside, own, second) in pairs {
        for before in [true, false] {
            let waygate = builder().build().await.unwrap();
            if before {
                register(&waygate, beside, &RouteState::default()).await;
            }
            let app = guarded(&waygate, mount()).await;
            if !before {
                assert_eq!(ask(&app, "GET", second).await, 200);
                register(&waygate, beside, &RouteState::default()).await;
            }
            let system = waygate.system();
            system.disable(beside, "closed").await.unwrap();
            for path in [own, second] {
                assert_eq!(ask(&app, "GET", path).await, 503, "{beside}: {path}");
            }
            system.enable(beside, "open").await.unwrap();
            limit(&waygate, &format!("{beside}#default")).await;
            for (path, status) in [(second, 200), (own, 200), (own, 429), (second, 429)] {
                assert_eq!(ask(&app, "GET", path).await, status, "{beside}: {path}");
            }
        }
    }
}

#[tokio::test]
async fn second_mounts_of_handlers_below_a_force_active_path_are_open() {
    let waygate = builder().build().await.unwrap();
    let router = Router::new()
        .route("/methods/own", get(closed::own))
        .route("/methods/legacy", get(closed::own));
    let app = guarded(&waygate, router).await;
    waygate
        .system()
        .disable("GET:/methods/own", "closed")
        .await
        .unwrap();
    let forced = RouteState::default().force_active(true);
    register(&waygate, "/methods/own", &forced).await;
    for path in ["/methods/own", "/methods/legacy"] {
        assert_eq!(ask(&app, "GET", path).await, 200, "{path}");
    }
}
