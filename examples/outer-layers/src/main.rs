//! Authentication, CORS, compression, tracing and request ids around the API only.
//!
//! ```sh
//! cargo run -p outer-layers
//! curl -i localhost:3000/payments                                   # 401
//! curl -i localhost:3000/payments -H 'authorization: Bearer alice'  # 503, with CORS headers and a request id
//! curl -i localhost:3000/openapi.json                               # 200: not behind the authentication
//! ```

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use axum::{
    Json, Router,
    extract::Request,
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{Next, from_fn},
    response::Response,
    routing::get,
};
use tower_http::{
    compression::CompressionLayer,
    cors::CorsLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    trace::{DefaultOnResponse, TraceLayer},
};
use tracing::{Level, Span, info_span};
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate::{Principal, Waygate, admin::Credentials, prelude::*, router::MakeService};

/// The caller, for limits by user and for roles.
#[derive(Clone)]
struct Account(String);

impl Principal for Account {
    fn user_id(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(&self.0))
    }

    fn has_role(&self, role: &str) -> bool {
        role == "billing" && self.0 == "alice"
    }
}

async fn authenticate(mut request: Request, next: Next) -> Result<Response, StatusCode> {
    let token = request.headers().get(header::AUTHORIZATION);
    let user = token.and_then(|token| token.to_str().ok()?.strip_prefix("Bearer "));
    let account = Account(user.ok_or(StatusCode::UNAUTHORIZED)?.to_owned());
    request.extensions_mut().insert(account);
    Ok(next.run(request).await)
}

/// List payments
#[maintenance(reason = "DB migration, back at 04:00 UTC")]
#[utoipa::path(get, path = "/payments", responses((status = OK, body = [u64])))]
async fn payments() -> Json<[u64; 3]> {
    Json([1, 2, 3])
}

/// List invoices
#[allowed_roles("billing")]
#[rate_limit("2/minute", key = "user")]
#[utoipa::path(get, path = "/invoices", responses((status = OK, body = [u64])))]
async fn invoices() -> Json<[u64; 2]> {
    Json([7, 8])
}

fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(HeaderValue::from_static("https://shop.example"))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
        // Scripts of another origin can only read the headers named here.
        .expose_headers([
            header::RETRY_AFTER,
            HeaderName::from_static("x-ratelimit-limit"),
            HeaderName::from_static("x-ratelimit-remaining"),
            HeaderName::from_static("x-ratelimit-reset"),
            HeaderName::from_static("x-request-id"),
        ])
}

fn span(request: &Request) -> Span {
    let id = request.headers().get("x-request-id");
    info_span!("request", method = %request.method(), path = request.uri().path(), ?id)
}

async fn app() -> Result<Router, Box<dyn std::error::Error>> {
    let api = OpenApiRouter::new()
        .routes(routes!(payments))
        .routes(routes!(invoices));
    let waygate = Waygate::builder().principal::<Account>().build().await?;
    let trace = TraceLayer::new_for_http()
        .make_span_with(span)
        .on_response(DefaultOnResponse::new().level(Level::INFO))
        // Otherwise each 503 of a route in maintenance would be logged as an error.
        .on_failure(());
    let guarded = waygate
        .guard(api)
        .await?
        // The last layer is outermost. Preflights have no token, so CORS is outside the authentication.
        .layer(from_fn(authenticate))
        .layer(cors())
        .layer(CompressionLayer::new())
        .layer(trace)
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        // These are outside the layers, regardless of the order.
        .docs("/docs")
        .admin("/waygate", Credentials::new("admin", "secret")); // <- CHANGE ME
    println!("{}", guarded.report());
    // A route of the application outside the layers, which the engine does not govern.
    let health = Router::new().route("/health", get(|| async { "ok" }));
    Ok(health.merge(guarded))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().init();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    // To add a layer around everything: `app().await?.layer(..)`.
    Ok(axum::serve(listener, MakeService::new(app().await?)).await?)
}
