//! Versions, merged routers, and a library crate with handlers: each route is found under its full path.
//!
//! ```text
//! cargo run -p nested
//! curl -i http://127.0.0.1:3000/api/v1/invoices     # 503, declared in the library
//! curl -i http://127.0.0.1:3000/api/v2/refunds      # 403, needs the role `billing:read`
//! curl -i http://127.0.0.1:3000/api/v2/refunds -H 'role: billing:read'
//! ```

use axum::{Router, extract::Request, middleware, middleware::Next, response::Response};
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate::{Waygate, client::Roles, prelude::*};

/// Say which version this is
#[sunset(sunset = "2028-01-01T00:00:00Z", use_instead = "/api/v2/version")]
#[utoipa::path(get, path = "/version", responses((status = OK, body = str)))]
async fn version_1() -> &'static str {
    "1"
}

/// Say which version this is
#[utoipa::path(get, path = "/version", responses((status = OK, body = str)))]
async fn version_2() -> &'static str {
    "2"
}

fn api() -> OpenApiRouter {
    // The library is mounted twice. Each mount is a route with its own state.
    let v1 = OpenApiRouter::new()
        .routes(routes!(version_1))
        .merge(billing::router());
    let v2 = OpenApiRouter::new()
        .routes(routes!(version_2))
        .merge(billing::router());
    OpenApiRouter::new().nest("/api/v1", v1).nest("/api/v2", v2)
}

/// Stands in for real authentication. It wraps the API and its gates, because roles must be known before the gate.
async fn authenticate(mut request: Request, next: Next) -> Response {
    let role = request
        .headers()
        .get("role")
        .and_then(|role| role.to_str().ok());
    let roles = Roles::new(role.map(str::to_owned));
    request.extensions_mut().insert(roles);
    next.run(request).await
}

async fn app(waygate: &Waygate) -> Result<Router, waygate::BindErrors> {
    let guarded = waygate.guard(api()).await?.docs("/docs");
    println!("{}", guarded.report());
    Ok(guarded
        .layer(middleware::from_fn(authenticate))
        .into_router())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let waygate = Waygate::builder().environment("production").build().await?;
    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let address = format!("127.0.0.1:{port}");
    let listener = tokio::net::TcpListener::bind(&address)
        .await
        .map_err(|error| format!("cannot listen on {address}: {error}"))?;
    Ok(axum::serve(listener, app(&waygate).await?).await?)
}

#[cfg(test)]
mod tests {
    use waygate::testing::TestApp;

    use super::*;

    #[tokio::test]
    async fn each_mount_has_its_own_state() {
        let waygate = Waygate::builder().build().await.unwrap();
        let app = TestApp::new(app(&waygate).await.unwrap());
        assert_eq!(app.get("/api/v1/invoices").await.status(), 503);
        assert_eq!(app.get("/api/v2/invoices").await.status(), 503);
        waygate
            .system()
            .enable("GET:/api/v2/invoices", "moved")
            .await
            .unwrap();
        assert_eq!(app.get("/api/v1/invoices").await.status(), 503);
        assert_eq!(app.get("/api/v2/invoices").await.status(), 200);
    }

    #[tokio::test]
    async fn roles_come_from_the_authentication_around_the_router() {
        let waygate = Waygate::builder().build().await.unwrap();
        let app = TestApp::new(app(&waygate).await.unwrap());
        assert_eq!(app.get("/api/v1/refunds").await.status(), 403);
        let clerk = app.with_header("role", "billing:read");
        assert_eq!(clerk.get("/api/v1/refunds").await.status(), 200);
    }

    #[tokio::test]
    async fn the_old_version_is_deprecated() {
        let waygate = Waygate::builder().build().await.unwrap();
        let app = TestApp::new(app(&waygate).await.unwrap());
        let old = app.get("/api/v1/version").await;
        assert_eq!(old.header("sunset"), Some("Sat, 01 Jan 2028 00:00:00 GMT"));
        assert_eq!(app.get("/api/v2/version").await.header("sunset"), None);
    }
}
