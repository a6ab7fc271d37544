//! Handlers with the same name, and sometimes the same file and line, are governed separately.

use axum::{Router, routing::get};
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate::{
    BindError, Waygate, disabled, env_only, force_active, maintenance, rate_limit, testing::TestApp,
};

use crate::support::{builder, only};

struct Users;
struct Orders;
struct Reports;

macro_rules! lists {
    ($($resource:ident: $route:literal, $limit:literal;)*) => { $(
        impl $resource {
            #[rate_limit($limit, key = "global", route = $route)]
            #[env_only("production")]
            async fn list() {}
        }
    )* };
}
lists! { Users: "GET /same/users", "1/minute"; Orders: "GET /same/orders", "1000/minute"; }

macro_rules! shows {
    () => {
        impl Users {
            #[disabled(reason = "closed", route = "GET /same/users/show")]
            async fn show() {}
        }
        impl Orders {
            #[disabled(reason = "closed", route = "GET /same/orders/show")]
            async fn show() {}
        }
        impl Reports {
            #[force_active(route = "GET /same/reports/show")]
            async fn show() {}
        }
    };
}
shows!();

async fn status(app: &TestApp, path: &str) -> u16 {
    app.get(path).await.status().as_u16()
}

async fn guarded(api: impl Into<waygate::router::Api>) -> (Waygate, TestApp) {
    let waygate = builder().build().await.unwrap();
    let guarded = waygate.guard(api).await.unwrap();
    (waygate, TestApp::new(guarded.into_router()))
}

#[tokio::test]
async fn functions_of_one_macro_invocation() {
    let router = Router::new()
        .route("/same/users", get(Users::list))
        .route("/same/orders", get(Orders::list))
        .route("/same/users/show", get(Users::show))
        .route("/same/orders/show", get(Orders::show))
        .route("/same/reports/show", get(Reports::show));
    let (waygate, app) = guarded(router).await;
    assert_eq!(waygate.routes().len(), 5);
    assert_eq!(status(&app, "/same/users").await, 200);
    assert_eq!(status(&app, "/same/users").await, 429);
    for _ in 0..3 {
        assert_eq!(status(&app, "/same/orders").await, 200);
    }
    assert_eq!(status(&app, "/same/users/show").await, 503);
    assert_eq!(status(&app, "/same/orders/show").await, 503);
    assert_eq!(status(&app, "/same/reports/show").await, 200);
}

/// With the attribute above `#[utoipa::path]`.
fn v1() -> OpenApiRouter {
    #[maintenance(reason = "closed")]
    #[utoipa::path(get, path = "/v1/list", responses((status = OK)))]
    async fn list() {}
    OpenApiRouter::new().routes(routes!(list))
}

/// With the attribute below it.
fn v2() -> OpenApiRouter {
    #[utoipa::path(get, path = "/v2/list", responses((status = OK)))]
    #[rate_limit("1/minute", key = "global")]
    async fn list() {}
    OpenApiRouter::new().routes(routes!(list))
}

/// The same code as in `v1`, on another line.
fn v3() -> OpenApiRouter {
    #[maintenance(reason = "closed")]
    #[utoipa::path(get, path = "/v1/list", responses((status = OK)))]
    async fn list() {}
    OpenApiRouter::new().routes(routes!(list))
}

#[tokio::test]
async fn functions_in_function_bodies() {
    let api = v1().merge(v2()).nest("/v3", v3());
    let (waygate, app) = guarded(api).await;
    assert_eq!(waygate.routes().len(), 3);
    assert_eq!(status(&app, "/v1/list").await, 503);
    assert_eq!(status(&app, "/v3/v1/list").await, 503);
    assert_eq!(status(&app, "/v2/list").await, 200);
    assert_eq!(status(&app, "/v2/list").await, 429);
}

#[tokio::test]
async fn one_of_them_is_missing() {
    let waygate = only("it::same_name::list").build().await.unwrap();
    let errors = waygate.guard(v1().nest("/v3", v3())).await.unwrap_err();
    let of_lists: Vec<_> = errors
        .errors()
        .iter()
        .filter(|error| matches!(error, BindError::Unbound { .. }))
        .collect();
    let [missing] = &of_lists[..] else {
        panic!("`v2` is not mounted: {errors}");
    };
    assert!(missing.to_string().starts_with("`it::same_name::list` ("));
}

macro_rules! versions {
    ($($name:ident: $path:literal;)*) => { $(
        fn $name() -> OpenApiRouter {
            #[maintenance(reason = "closed")]
            #[utoipa::path(get, path = $path, responses((status = OK)))]
            async fn version() {}
            OpenApiRouter::new().routes(routes!(version))
        }
    )* };
}
versions! { eins: "/eins"; zwei: "/zwei"; }

/// Identical in every way, so either binding is right.
macro_rules! twins {
    ($($name:ident)*) => { $(
        fn $name() -> OpenApiRouter {
            #[maintenance(reason = "closed")]
            #[utoipa::path(get, path = "/twin", responses((status = OK)))]
            async fn twin() {}
            OpenApiRouter::new().routes(routes!(twin))
        }
    )* };
}
twins!(left right);

#[tokio::test]
async fn functions_in_bodies_of_one_macro_invocation() {
    let api = eins()
        .merge(zwei())
        .nest("/left", left())
        .nest("/right", right());
    let (waygate, app) = guarded(api).await;
    assert_eq!(waygate.routes().len(), 4);
    for path in ["/eins", "/zwei", "/left/twin", "/right/twin"] {
        assert_eq!(status(&app, path).await, 503, "{path}");
    }
}

mod v1 {
    #[waygate::disabled(route = "GET /same/module/v1")]
    pub(super) async fn gone() {}
}

mod v10 {
    #[waygate::disabled(route = "GET /same/module/v10")]
    pub(super) async fn gone() {}
}

#[tokio::test]
async fn a_module_that_may_be_left_out_is_not_its_namesake() {
    let unmounted = async |allowed: &str| {
        let waygate = only("it::same_name::v1").allow_unmounted(allowed);
        let waygate = waygate.build().await.unwrap();
        let errors = waygate.guard(Router::new()).await.unwrap_err();
        let handler = |error: &BindError| match error {
            BindError::NoSuchPath { handler, .. } => *handler,
            other => panic!("unexpected: {other}"),
        };
        errors.errors().iter().map(handler).collect::<Vec<_>>()
    };
    let all = ["it::same_name::v1::gone", "it::same_name::v10::gone"];
    assert_eq!(unmounted("it::same_name::v").await, all);
    assert_eq!(unmounted("it::same_name::v1").await, all[1..]);
    assert_eq!(unmounted("it::same_name::v1::").await, all[1..]);
    assert_eq!(unmounted("it::same_name::v10::gone").await, all[..1]);
    assert_eq!(unmounted("it::same_name::v1::go").await, all);
    v1::gone().await;
    v10::gone().await;
}
