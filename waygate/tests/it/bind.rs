//! Binding of attributes to routes.

use axum::{Router, routing::get};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate::{
    BindError, Blocked, Waygate,
    model::{RouteStatus, Source},
    testing::TestApp,
};

use crate::support::{builder, only};

mod users {
    // The utoipa attribute is above ours; operation id `list`, path `/`.
    #[utoipa::path(get, path = "/", responses((status = OK)))]
    #[waygate::maintenance(reason = "user shard move")]
    pub(super) async fn list() -> &'static str {
        "users"
    }
}

mod orders {
    // The utoipa attribute is below ours; same operation id and path.
    #[waygate::deprecated(sunset = "2030-01-01T00:00:00Z", use_instead = "/api/v2/orders")]
    #[utoipa::path(get, path = "/", responses((status = OK)))]
    pub(super) async fn list() -> &'static str {
        "orders"
    }
}

mod twice {
    #[waygate::disabled(reason = "off", response = super::gone)]
    #[utoipa::path(get, path = "/item", responses((status = OK)))]
    pub(super) async fn item() -> &'static str {
        "item"
    }
}

mod plain {
    #[waygate::env_only("dev", route = "GET /plain/{id}")]
    pub(super) async fn debug() -> &'static str {
        "debug"
    }
}

#[allow(dead_code, reason = "unmounted on purpose")]
mod lonely {
    #[waygate::disabled(reason = "unmounted")]
    #[utoipa::path(get, path = "/lonely", responses((status = OK)))]
    pub(super) async fn lonely() {}

    #[waygate::disabled(route = "GET /api/v1/typo/{id}")]
    pub(super) async fn typo() {}
}

mod claimed {
    #[waygate::disabled(route = "GET /claimed")]
    pub(super) async fn first() {}

    #[waygate::maintenance(route = "GET /claimed")]
    pub(super) async fn second() {}
}

async fn gone(blocked: &Blocked) -> String {
    format!("{} is gone", blocked.request().uri.path())
}

fn list(waygate: &Waygate) -> Vec<(String, RouteStatus, Option<&'static str>)> {
    let routes = waygate.routes().into_iter();
    let handler = |source: Option<Source>| source.and_then(|source| source.handler());
    routes
        .map(|route| {
            (
                route.key.to_string(),
                route.view.status,
                handler(route.source),
            )
        })
        .collect()
}

#[tokio::test]
async fn nested_and_merged_handlers_are_found_under_their_full_path() {
    let v1 = OpenApiRouter::new()
        .nest("/users", OpenApiRouter::new().routes(routes!(users::list)))
        .merge(OpenApiRouter::new().nest(
            "/orders",
            OpenApiRouter::new().routes(routes!(orders::list)),
        ));
    let api = OpenApiRouter::new().nest("/api/v1", v1);
    let waygate = builder().build().await.unwrap();
    let app = TestApp::new(waygate.guard(api).await.unwrap().into_router());
    assert_eq!(
        list(&waygate),
        [
            (
                "GET:/api/v1/orders".to_owned(),
                RouteStatus::Deprecated,
                Some("it::bind::orders::list")
            ),
            (
                "GET:/api/v1/users".to_owned(),
                RouteStatus::Maintenance,
                Some("it::bind::users::list")
            ),
        ]
    );
    assert_eq!(app.get("/api/v1/users").await.status(), 503);
    let orders = app.get("/api/v1/orders").await;
    assert_eq!(
        (orders.status().as_u16(), orders.text().as_str()),
        (200, "orders")
    );
    assert_eq!(
        orders.header("sunset"),
        Some("Tue, 01 Jan 2030 00:00:00 GMT")
    );
    assert_eq!(
        users::list().await,
        "users",
        "handlers stay plain functions"
    );
}

#[tokio::test]
async fn each_mount_of_a_handler_is_its_own_route() {
    let one = || OpenApiRouter::new().routes(routes!(twice::item));
    let api = OpenApiRouter::new().nest("/a", one()).nest("/b", one());
    let waygate = builder().build().await.unwrap();
    let app = TestApp::new(waygate.guard(api).await.unwrap().into_router());
    assert_eq!(
        app.get("/a/item").await.text(),
        "/a/item is gone",
        "the attribute's own response"
    );
    waygate.system().enable("GET:/a/item", "").await.unwrap();
    assert_eq!(app.get("/a/item").await.text(), "item");
    assert_eq!(app.get("/b/item").await.text(), "/b/item is gone");
}

#[derive(OpenApi)]
#[openapi(paths(orders::list))]
struct Orders;

#[derive(OpenApi)]
#[openapi(nest((path = "/orders", api = Orders)), paths(twice::item))]
struct Derived;

#[tokio::test]
async fn a_derived_document_beside_a_plain_router_is_bound() {
    let orders = Router::new().route("/", get(orders::list));
    let router = Router::new()
        .nest("/orders", orders)
        .route("/item", get(twice::item));
    let waygate = builder().build().await.unwrap();
    let app = TestApp::new(
        waygate
            .guard((router, Derived::openapi()))
            .await
            .unwrap()
            .into_router(),
    );
    let keys: Vec<String> = list(&waygate).into_iter().map(|(key, ..)| key).collect();
    assert_eq!(
        keys,
        ["GET:/item", "GET:/orders"],
        "utoipa adds a slash that axum no longer does"
    );
    assert_eq!(app.get("/item").await.text(), "/item is gone");
}

#[tokio::test]
async fn a_named_route_needs_no_document() {
    let router = Router::new().nest("/plain", Router::new().route("/{id}", get(plain::debug)));
    let waygate = builder().build().await.unwrap();
    let app = TestApp::new(waygate.guard(router).await.unwrap().into_router());
    assert_eq!(app.get("/plain/7").await.status(), 403);
    let routes = waygate.routes();
    assert_eq!(
        routes[0].source,
        Some(Source::Attribute {
            handler: "it::bind::plain::debug"
        })
    );
}

#[tokio::test]
async fn documented_routes_without_attributes_are_registered_as_active() {
    #[utoipa::path(get, path = "/bare", responses((status = OK)))]
    async fn bare() -> &'static str {
        "bare"
    }
    let api = OpenApiRouter::new().routes(routes!(bare));
    let waygate = builder().build().await.unwrap();
    let app = TestApp::new(waygate.guard(api).await.unwrap().into_router());
    assert_eq!(
        list(&waygate),
        [("GET:/bare".to_owned(), RouteStatus::Active, None)]
    );
    waygate.system().disable("GET:/bare", "").await.unwrap();
    assert_eq!(app.get("/bare").await.status(), 503);
}

async fn refused(router: Router, allowed: &[&str]) -> Vec<BindError> {
    let mut builder = only("it::bind::");
    for prefix in allowed {
        builder = builder.allow_unmounted(*prefix);
    }
    let waygate = builder.build().await.unwrap();
    waygate.guard(router).await.unwrap_err().errors().to_vec()
}

#[tokio::test]
async fn an_unbound_declaration_stops_the_start() {
    let others = [
        "it::bind::users",
        "it::bind::orders",
        "it::bind::twice",
        "it::bind::plain",
    ];
    let allowed = [&others[..], &["it::bind::claimed"]].concat();
    let errors = refused(Router::new(), &allowed).await;
    assert_eq!(errors.len(), 2, "{errors:#?}");
    let unbound = errors
        .iter()
        .find(|e| matches!(e, BindError::Unbound { .. }))
        .unwrap()
        .to_string();
    assert!(
        unbound.starts_with("`it::bind::lonely::lonely` ("),
        "{unbound}"
    );
    assert!(unbound.contains("tests/it/bind.rs:"), "{unbound}");
    assert!(
        unbound.contains("mount it with `routes!(lonely)`"),
        "{unbound}"
    );
    let missing = errors
        .iter()
        .find(|e| matches!(e, BindError::NoSuchPath { .. }))
        .unwrap();
    let missing = missing.to_string();
    assert!(
        missing.contains("governs `GET /api/v1/typo/{id}`"),
        "{missing}"
    );
    assert!(missing.contains("help: give the full path, with the prefix of every `nest`"));
}

#[tokio::test]
async fn unknown_paths_get_a_suggestion() {
    for (served, meant) in [
        (
            "/api/v1/typo/{name}",
            "did you mean `GET /api/v1/typo/{name}`? (its parameter is called `name`, not `id`)\n",
        ),
        (
            "/{version}/api/v1/typo/{id}",
            "did you mean `GET /{version}/api/v1/typo/{id}`?\n",
        ),
        (
            "/api/v1/tpyo/{id}",
            "did you mean `GET /api/v1/tpyo/{id}`?\n",
        ),
        ("/something/else", "has no such path\n"),
    ] {
        let waygate = only("it::bind::lonely::typo").build().await.unwrap();
        let router = Router::new().route(served, get(lonely::typo));
        let text = waygate.guard(router).await.unwrap_err().to_string();
        assert!(text.contains(meant), "{served}: {text}");
    }
}

#[tokio::test]
async fn the_common_part_of_many_errors_is_printed_once() {
    let waygate = only("it::bind::").build().await.unwrap();
    let router = Router::new().route("/plain/{id}", axum::routing::post(plain::debug));
    let errors = waygate.guard(router).await.unwrap_err();
    let text = errors.to_string();
    let helps: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("  help: "))
        .collect();
    let [unbound, missing, method] = &helps[..] else {
        panic!("{text}");
    };
    assert!(
        unbound.starts_with("mount each with `routes!(..)` in the router"),
        "{unbound}"
    );
    assert!(
        missing.starts_with("give the full path, with the prefix of every `nest`"),
        "{missing}"
    );
    assert_eq!(*method, "correct the method");
    assert_eq!(
        text.lines().count(),
        errors.errors().len() + helps.len(),
        "{text}"
    );
    for error in errors.errors() {
        assert!(error.to_string().contains("\n  help: "), "{error}");
    }
}

#[tokio::test]
async fn a_route_must_be_served_with_its_method() {
    let allowed = [
        "it::bind::users",
        "it::bind::orders",
        "it::bind::twice",
        "it::bind::plain",
        "it::bind::lonely",
    ];
    let post = Router::new().route("/claimed", axum::routing::post(|| async {}));
    let errors = refused(post, &allowed).await;
    assert_eq!(errors.len(), 2, "both handlers name GET: {errors:#?}");
    for error in &errors {
        assert!(matches!(error, BindError::NoSuchMethod { .. }), "{error}");
        assert!(error.to_string().contains("only with POST\n"), "{error}");
    }
    let any = Router::new().route("/claimed", axum::routing::any(|| async {}));
    let errors = refused(any, &allowed).await;
    assert!(
        matches!(&errors[..], [BindError::ClaimedTwice { .. }]),
        "`any` serves GET: {errors:#?}"
    );
}

#[tokio::test]
async fn a_route_has_one_owner() {
    let router = Router::new().route("/claimed", get(claimed::first));
    let allowed = [
        "it::bind::users",
        "it::bind::orders",
        "it::bind::twice",
        "it::bind::plain",
        "it::bind::lonely",
    ];
    let errors = refused(router, &allowed).await;
    assert_eq!(errors.len(), 1, "{errors:#?}");
    assert!(matches!(
        &errors[0],
        BindError::ClaimedTwice { first, second, route, first_location, location }
            if *first == "it::bind::claimed::first"
                && first_location.contains("bind.rs:")
                && location.contains("bind.rs:")
                && first_location != location
                && *second == "it::bind::claimed::second"
                && route.to_string() == "GET /claimed"
    ));
    let _ = claimed::second;
}

#[tokio::test]
async fn probing_runs_no_handler() {
    use std::sync::atomic::{AtomicBool, Ordering};
    static RAN: AtomicBool = AtomicBool::new(false);
    let handler = || async { RAN.store(true, Ordering::Relaxed) };
    let router = Router::new()
        .route("/plain/{id}", get(handler))
        .fallback(handler);
    let _guarded = builder()
        .build()
        .await
        .unwrap()
        .guard(router)
        .await
        .unwrap();
    assert!(!RAN.load(Ordering::Relaxed));
}
