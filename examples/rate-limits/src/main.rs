//! Rate limits: keys, algorithms, costs and plans, and changes at run time.
//!
//! `README.md` walks through it with curl.

mod account;
mod algorithms;
mod costs;
mod keys;
mod operations;
mod plans;
#[cfg(test)]
mod tests;

use axum::{Router, middleware};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate::{
    Waygate, WaygateBuilder,
    admin::Credentials,
    audit::Origin,
    limits::{LimitScope, RateLimitHeaders, RateLimitPolicy},
    router::MakeService,
};

#[derive(OpenApi)]
#[openapi(info(title = "Rate limits", version = "1.0.0"))]
struct Document;

/// Say that the service lives
#[utoipa::path(get, path = "/health", responses((status = OK, body = str)))]
async fn health() -> &'static str {
    "ok"
}

/// One limit for all routes together, in addition to their own. Declarations belong to routes, so this is set in
/// code; once an operator has set another, that one stays.
async fn limit_everything(waygate: &Waygate) -> Result<(), Box<dyn std::error::Error>> {
    if !waygate.rate_limits_of(&LimitScope::Global).is_empty() {
        return Ok(());
    }
    let mut policy = RateLimitPolicy::new("100/minute".parse()?)?;
    policy.exempt_routes = vec!["/health".parse()?];
    let start = waygate.operator(Origin::new("start", "app"));
    start.set_rate_limit("*#default".parse()?, policy).await?;
    Ok(())
}

async fn app(builder: WaygateBuilder) -> Result<(Waygate, Router), Box<dyn std::error::Error>> {
    let waygate = builder
        .principal::<account::Account>()
        // `RateLimit` and `RateLimit-Policy` in addition to `X-RateLimit-*`.
        .rate_limit_headers(RateLimitHeaders::Both)
        .build()
        .await?;
    let api = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(health))
        .nest("/keys", keys::router())
        .nest("/algorithms", algorithms::router())
        .merge(plans::router())
        .merge(costs::router())
        .merge(operations::router());
    let guarded = waygate
        .guard(api)
        .await?
        // Callers must be known before they are counted, so this layer is around the guarded router.
        .layer(middleware::from_fn(account::authenticate))
        .docs("/docs")
        .admin("/waygate", Credentials::new("admin", "secret")); // <- CHANGE ME
    limit_everything(&waygate).await?;
    // The application's own operations are not limited. The guarded router is merged into theirs, so that global
    // maintenance still applies to unknown URLs.
    let router = operations::own(waygate.clone()).merge(guarded);
    Ok((waygate, router))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (_, router) = app(Waygate::from_env()?).await?;
    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let address = format!("127.0.0.1:{port}");
    let listener = tokio::net::TcpListener::bind(&address)
        .await
        .map_err(|error| format!("cannot listen on {address}: {error}"))?;
    println!("http://{address}/docs; examples/rate-limits/README.md has requests to try");
    // Counting by address needs the peer's address.
    Ok(axum::serve(listener, MakeService::new(router)).await?)
}
