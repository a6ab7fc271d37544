//! Generated code triggers no lint of the surrounding crate.

#![forbid(unsafe_code)]
#![deny(
    warnings,
    missing_copy_implementations,
    missing_debug_implementations,
    missing_docs,
    nonstandard_style,
    single_use_lifetimes,
    unreachable_pub,
    unused,
    unused_qualifications
)]

/// Handlers as a library exports them.
pub mod handlers {
    fn closed(_: &waygate::Blocked) -> &'static str {
        "closed"
    }

    fn key(_: &waygate::response::RequestParts) -> Option<waygate::limits::Key> {
        None
    }

    fn cost(_: &waygate::response::RequestParts) -> u32 {
        1
    }

    /// utoipa below.
    #[waygate::rate_limit("1/s", key = key, cost = cost, tiers = { pro = "2/s" })]
    #[waygate::concurrency_limit(1, key = key)]
    #[waygate::maintenance(reason = "migration", response = closed)]
    #[waygate::env_only("dev")]
    #[utoipa::path(get, path = "/below")]
    pub async fn below() {}

    /// utoipa above.
    #[utoipa::path(get, path = "/above")]
    #[waygate::disabled]
    pub async fn above() {}

    /// A route of its own.
    #[waygate::force_active(route = "GET /named")]
    pub async fn named() {}

    /// In camel case, on purpose.
    #[allow(non_snake_case)]
    #[waygate::disabled]
    #[utoipa::path(get, path = "/camel")]
    pub async fn camelCase() {}
}

#[test]
fn it_compiles() {
    drop((
        handlers::below(),
        handlers::above(),
        handlers::named(),
        handlers::camelCase(),
    ));
}
