//! Helpers for several topics.

use axum::{Router, routing::get};
use waygate::{
    __private::Declaration,
    Timestamp, Waygate, WaygateBuilder,
    limits::RateLimitHeaders,
    model::RouteState,
    testing::{ManualClock, TestApp},
};

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn clock() -> ManualClock {
    ManualClock::at(at("2030-01-01T00:00:00Z"))
}

/// An engine for the environment `production` that ignores handlers of other tests.
pub(crate) fn builder() -> WaygateBuilder {
    Waygate::builder()
        .environment("production")
        .allow_unmounted("")
}

/// The same, with both families of rate-limit headers.
pub(crate) fn with_all_headers() -> WaygateBuilder {
    builder().rate_limit_headers(RateLimitHeaders::Both)
}

/// An engine that ignores handlers of all tests except those of `module`.
pub(crate) fn only(module: &str) -> WaygateBuilder {
    let declarations = Declaration::all().into_iter();
    let others = declarations.filter(|declaration| !declaration.handler.starts_with(module));
    others.fold(Waygate::builder(), |builder, other| {
        builder.allow_unmounted(other.handler)
    })
}

/// An application with these routes, which answer with their path.
pub(crate) async fn app(waygate: &Waygate, keys: &[&str]) -> TestApp {
    TestApp::new(router(waygate, keys).await)
}

/// The router of that application.
pub(crate) async fn router(waygate: &Waygate, keys: &[&str]) -> Router {
    let mut router = Router::new();
    for key in keys {
        let (method, path) = key.split_once(':').unwrap();
        let answer = path.to_owned();
        let handler = move || async move { answer };
        let route = match method {
            "GET" => get(handler),
            "POST" => axum::routing::post(handler),
            other => panic!("{other} is not used in tests"),
        };
        router = router.route(path, route);
        waygate
            .register(key.parse().unwrap(), RouteState::default())
            .await
            .unwrap();
    }
    waygate.guard(router).await.unwrap().into_router()
}
