//! Several routers of a program on one engine, and one of many routers in a test.

use std::sync::Arc;

use axum::{
    Router,
    routing::{any, get, post},
};
use serde_json::json;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate::{
    BindError, BindErrors, Guarded, Waygate,
    limits::RateLimitPolicy,
    model::{GlobalMaintenance, Interval, Registration},
    port::{Backend, MemoryBackend},
    router::Api,
    testing::TestApp,
};

use crate::{
    log::Log,
    support::{at, clock},
};

mod public {
    #[waygate::rate_limit("2/hour", key = "global", route = "GET /guard-all/items")]
    pub(super) async fn items() -> &'static str {
        "items"
    }

    #[waygate::maintenance(reason = "moving")]
    #[utoipa::path(get, path = "/guard-all/status", responses((status = OK)))]
    pub(super) async fn status() -> &'static str {
        "public"
    }
}

mod private {
    #[waygate::disabled(reason = "not yet")]
    #[utoipa::path(get, path = "/guard-all/jobs", responses((status = OK)))]
    pub(super) async fn jobs() -> &'static str {
        "jobs"
    }

    #[waygate::disabled(route = "GET /guard-all/both")]
    pub(super) async fn both() -> &'static str {
        "both"
    }
}

fn public_api() -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(public::status))
        .route("/guard-all/items", get(public::items))
        .route("/guard-all/health", get(|| async { "public" }))
}

fn private_api() -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(private::jobs))
        .route("/guard-all/both", get(private::both))
        .route("/guard-all/health", get(|| async { "private" }))
}

fn strict() -> waygate::WaygateBuilder {
    Waygate::builder()
        .only_handlers_under("it::guard_all::public")
        .only_handlers_under("it::guard_all::private")
}

async fn refused(waygate: &Waygate, apis: [Api; 2]) -> Vec<BindError> {
    let refused: BindErrors = waygate.guard_all(apis).await.unwrap_err();
    refused.errors().to_vec()
}

#[tokio::test]
async fn each_handler_must_be_served_by_one_of_the_routers() {
    let waygate = strict().build().await.unwrap();
    let apis = [public_api(), private_api()];
    let [public, private] = waygate.guard_all(apis).await.unwrap();
    let (public, private) = (TestApp::new(public), TestApp::new(private));

    let status = |app: &TestApp, path: &'static str| {
        let app = app.clone();
        async move { app.get(path).await.status().as_u16() }
    };
    assert_eq!(status(&public, "/guard-all/items").await, 200);
    assert_eq!(status(&public, "/guard-all/status").await, 503);
    assert_eq!(status(&public, "/guard-all/jobs").await, 404);
    assert_eq!(status(&private, "/guard-all/jobs").await, 503);
    assert_eq!(status(&private, "/guard-all/items").await, 404);

    // One engine controls the routes of all routers.
    let system = waygate.system();
    system.enable("GET:/guard-all/jobs", "").await.unwrap();
    system.disable("GET:/guard-all/items", "").await.unwrap();
    assert_eq!(private.get("/guard-all/jobs").await.text(), "jobs");
    assert_eq!(status(&public, "/guard-all/items").await, 503);
    let keys = waygate
        .routes()
        .into_iter()
        .map(|route| route.key.to_string());
    assert_eq!(
        keys.collect::<Vec<_>>(),
        [
            "GET:/guard-all/both",
            "GET:/guard-all/health",
            "GET:/guard-all/items",
            "GET:/guard-all/jobs",
            "GET:/guard-all/status",
        ]
    );
}

#[tokio::test]
async fn handlers_served_by_no_router_are_refused() {
    let waygate = strict().build().await.unwrap();
    let private = OpenApiRouter::new().routes(routes!(private::jobs));
    let errors = refused(&waygate, [public_api().into(), private.into()]).await;
    let [error @ BindError::NoSuchPath { .. }] = &errors[..] else {
        panic!("{errors:#?}");
    };
    assert!(
        error.to_string().contains("`GET /guard-all/both`"),
        "{error}"
    );
    assert_eq!(waygate.routes().len(), 0, "nothing is guarded");

    // Guarding them one by one fails, and each error names the alternative.
    let errors = waygate.guard(public_api()).await.unwrap_err();
    assert_eq!(errors.errors().len(), 2, "{errors}");
    for error in errors.errors() {
        let error = error.to_string();
        assert!(error.contains("`guard_all([one, other])`"), "{error}");
        assert!(error.contains("`it::guard_all::private`"), "{error}");
    }
}

#[tokio::test]
async fn a_route_served_by_several_routers_is_one_route() {
    let waygate = strict().clock(clock()).build().await.unwrap();
    // With `route = ".."`, the attributes apply to every router that serves the route.
    let public = public_api().route("/guard-all/both", get(|| async { "another" }));
    let (log, logging) = Log::of_this_thread();
    let [public, private] = waygate.guard_all([public, private_api()]).await.unwrap();
    let lines = log.lines();
    let names = |line: &&String| line.contains("`GET:/guard-all/both`");
    let warnings: Vec<&String> = lines.iter().filter(names).collect();
    assert!(
        matches!(&warnings[..], [once] if once.contains("several routers serve")),
        "{lines:#?}"
    );
    drop(logging);
    let note = "another router serves `GET:/guard-all/both`, `GET:/guard-all/health` too";
    for guarded in [&public, &private] {
        let report = guarded.report().to_string();
        assert!(report.contains(note), "{report}");
    }
    let apps = [TestApp::new(public), TestApp::new(private)];
    for app in &apps {
        assert_eq!(app.get("/guard-all/both").await.status(), 503);
    }
    let health = "GET:/guard-all/health";
    let window = Interval::new(at("2029-12-31T23:00:00Z"), at("2030-01-01T01:00:00Z")).unwrap();
    let system = waygate.system();
    system.schedule(health, window, "").await.unwrap();
    for app in &apps {
        assert_eq!(app.get("/guard-all/health").await.status(), 503);
    }
    system.enable(health, "").await.unwrap();

    // Limits count the requests of both.
    let limit = RateLimitPolicy::new("2/hour".parse().unwrap()).unwrap();
    let registration = Registration::new(health.parse().unwrap()).rate_limit(limit);
    waygate.register_all([registration]).await.unwrap();
    let mut answers = Vec::new();
    for app in apps.iter().chain(&apps) {
        answers.push(app.get("/guard-all/health").await.status().as_u16());
    }
    assert_eq!(answers, [200, 200, 429, 429]);
}

#[tokio::test]
async fn attributes_do_not_govern_the_handler_of_another_router() {
    let waygate = strict().build().await.unwrap();
    let stranger = private_api().route("/guard-all/status", get(|| async { "private" }));
    let errors = refused(&waygate, [public_api().into(), stranger.into()]).await;
    let [error @ BindError::ServedByAnother { handler, route, .. }] = &errors[..] else {
        panic!("{errors:#?}");
    };
    assert_eq!(*handler, "it::guard_all::public::status");
    assert_eq!(route.to_string(), "GET /guard-all/status");
    let error = error.to_string();
    assert!(
        error.contains("`route = \"GET /guard-all/status\"`"),
        "{error}"
    );

    // Both routers may serve the same handler.
    let twice = private_api().routes(routes!(public::status));
    let [public, private] = waygate.guard_all([public_api(), twice]).await.unwrap();
    for app in [TestApp::new(public), TestApp::new(private)] {
        assert_eq!(app.get("/guard-all/status").await.status(), 503);
    }
}

#[tokio::test]
async fn two_guarded_routers_on_one_listener() {
    let waygate = strict().build().await.unwrap();
    let plain = |path: &'static str| Router::new().route(path, get(move || async move { path }));
    let apis = [
        Api::from(public_api()),
        private_api().into(),
        plain("/guard-all/open").into(),
    ];
    let [public, private, open]: [Guarded; 3] = waygate.guard_all(apis).await.unwrap();
    let app = open
        .into_router()
        .merge(public)
        .nest("/private", private.into());
    let app = TestApp::new(app);
    assert_eq!(app.get("/guard-all/open").await.text(), "/guard-all/open");
    assert_eq!(app.get("/guard-all/items").await.text(), "items");
    assert_eq!(app.get("/private/guard-all/jobs").await.status(), 503);
    assert_eq!(app.get("/guard-all/none").await.status(), 404);
    waygate
        .system()
        .enable_global_maintenance(GlobalMaintenance::default())
        .await
        .unwrap();
    for path in ["/guard-all/open", "/guard-all/items", "/guard-all/none"] {
        assert_eq!(app.get(path).await.status(), 503, "{path}");
    }
}

mod part {
    use axum::{Router, routing::get};

    #[waygate::disabled(route = "GET /guard-all/part/list")]
    async fn list() {}

    pub(super) fn router() -> Router {
        Router::new().route("/list", get(list))
    }
}

#[tokio::test]
async fn one_part_of_a_program_can_be_tested_alone() {
    let module = concat!(module_path!(), "::part");
    let waygate = Waygate::builder()
        .only_handlers_under(module)
        .build()
        .await
        .unwrap();
    let api = Router::new().nest("/guard-all/part", part::router());
    // Other routes are bound as usual.
    let api = api.route("/guard-all/both", get(private::both));
    let app = TestApp::new(waygate.guard(api).await.unwrap());
    assert_eq!(app.get("/guard-all/part/list").await.status(), 503);
    assert_eq!(app.get("/guard-all/both").await.status(), 503);
}

#[tokio::test]
async fn the_part_under_test_is_checked() {
    let module = "it::guard_all::part";
    let waygate = Waygate::builder()
        .only_handlers_under(module)
        .build()
        .await
        .unwrap();
    // Mounted without the program's prefix.
    let errors = waygate.guard(part::router()).await.unwrap_err();
    assert!(
        matches!(errors.errors(), [BindError::NoSuchPath { .. }]),
        "{errors}"
    );

    let builder = Waygate::builder().only_handlers_under("it::guard_all::prat");
    let waygate = builder.build().await.unwrap();
    let errors = waygate.guard(part::router()).await.unwrap_err().to_string();
    assert!(
        errors.starts_with(
            "`only_handlers_under(\"it::guard_all::prat\")` matches no annotated handler"
        ),
        "{errors}"
    );
    assert!(
        errors.ends_with("help: did you mean `it::guard_all::part`?"),
        "{errors}"
    );

    for (path, help) in [
        ("guard_all::part", "did you mean `it::guard_all::part`?"),
        ("it::nix", "annotated handlers are in `it::"),
    ] {
        let builder = Waygate::builder().only_handlers_under(path);
        let waygate = builder.build().await.unwrap();
        let errors = waygate.guard(part::router()).await.unwrap_err().to_string();
        assert!(errors.contains(&format!("help: {help}")), "{errors}");
    }
}

/// A route of another router does not affect methods that this router does not serve.
#[tokio::test]
async fn a_method_that_only_another_router_serves_is_405() {
    let waygate = Waygate::builder()
        .allow_unmounted("")
        .build()
        .await
        .unwrap();
    let [public, private] = waygate
        .guard_all([
            Router::new().route("/guard-all/same", get(|| async { "public" })),
            Router::new().route("/guard-all/same", post(|| async { "private" })),
        ])
        .await
        .unwrap();
    let (public, private) = (TestApp::new(public), TestApp::new(private));
    let post_to = async |app: &TestApp| {
        let answer = app.request(http::Method::POST, "/guard-all/same", "").await;
        answer.status().as_u16()
    };
    let system = waygate.system();
    for at in ["POST:/guard-all/same#default", "*#default"] {
        let policy = serde_json::from_value(json!({"limit": "1/hour", "key_strategy": "global"}));
        let set = system.set_rate_limit(at.parse().unwrap(), policy.unwrap());
        set.await.unwrap();
    }
    for _ in 0..3 {
        assert_eq!(post_to(&public).await, 405);
    }
    assert_eq!(
        (post_to(&private).await, post_to(&private).await),
        (200, 429)
    );
    system
        .disable("POST:/guard-all/same", "fraud case")
        .await
        .unwrap();
    assert_eq!(
        (post_to(&public).await, post_to(&private).await),
        (405, 503)
    );
}

/// Adding a router with an all-methods handler opens nothing that was closed.
#[tokio::test]
async fn an_all_methods_handler_leaves_routes_of_other_routers_alone() {
    for turned in [false, true] {
        let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::new());
        let start = async || {
            let builder = Waygate::builder().allow_unmounted("");
            let builder = builder.backend(backend.clone());
            builder.build().await.unwrap()
        };
        let private = || Router::new().route("/guard-all/any", post(|| async { "private" }));
        let public = || Router::new().route("/guard-all/any", any(|| async { "public" }));
        let waygate = start().await;
        let _ = waygate.guard(private()).await.unwrap();
        let system = waygate.system();
        system.disable("POST:/guard-all/any", "").await.unwrap();

        let waygate = start().await;
        let mut routers = [public(), private()];
        if turned {
            routers.reverse();
        }
        let mut guarded = waygate.guard_all(routers).await.unwrap();
        if turned {
            guarded.reverse();
        }
        let [_, private] = guarded.map(TestApp::new);
        let answer = private
            .request(http::Method::POST, "/guard-all/any", "")
            .await;
        assert_eq!(answer.status(), 503, "turned: {turned}");
        assert!(waygate.orphans().await.is_empty(), "turned: {turned}");
    }
}
