//! Without utoipa: handlers name their routes, and at startup the names are checked against the router.
//!
//! ```text
//! cargo run -p plain-axum
//! curl -i http://127.0.0.1:3000/reports/7
//! curl -X POST http://127.0.0.1:3000/ops/close
//! curl -i http://127.0.0.1:3000/reports/7
//! curl -i http://127.0.0.1:3000/export      # guarded by the extractor
//! ```

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::IntoResponse,
    routing::{get, post},
};
use waygate::{RouteGuard, Waygate, audit::Origin, model::RouteState, prelude::*};

#[env_only("dev", "production", route = "GET /reports/{id}")]
async fn report(Path(id): Path<u64>) -> String {
    format!("report {id}")
}

#[force_active(route = "GET /health")]
async fn health() -> &'static str {
    "ok"
}

/// An operation of the application: code can do everything that operators can.
async fn close(State(waygate): State<Waygate>) -> Result<StatusCode, (StatusCode, String)> {
    let operator = waygate.operator(Origin::new("ops", "app"));
    let closed = operator
        .set_maintenance("GET:/reports/{id}", "closed by /ops/close")
        .await;
    closed.map_err(|error| (StatusCode::CONFLICT, error.to_string()))?;
    Ok(StatusCode::NO_CONTENT)
}

/// A route of an unguarded router: the extractor refuses requests like the layer. Returned with the response, it adds
/// the layer's headers.
async fn export(guard: RouteGuard) -> impl IntoResponse {
    (guard, "exported")
}

async fn app() -> Result<Router, Box<dyn std::error::Error>> {
    let waygate = Waygate::builder().environment("production").build().await?;
    app_of(waygate).await
}

async fn app_of(waygate: Waygate) -> Result<Router, Box<dyn std::error::Error>> {
    // No guarded router contains it, so it is registered explicitly.
    let key = "GET:/export".parse()?;
    waygate.register(key, RouteState::default()).await?;
    let api = Router::new()
        .route("/reports/{id}", get(report))
        .route("/health", get(health));
    let guarded = waygate.guard(api).await?;
    println!("{}", guarded.report());
    // To add routes that are not governed, merge the guarded router into another one.
    let ops = Router::new()
        .route("/ops/close", post(close))
        .route("/export", get(export))
        .with_state(waygate);
    Ok(ops.merge(guarded.into_router()).with_state(()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let address = format!("127.0.0.1:{port}");
    let listener = tokio::net::TcpListener::bind(&address)
        .await
        .map_err(|error| format!("cannot listen on {address}: {error}"))?;
    Ok(axum::serve(listener, app().await?).await?)
}

#[cfg(test)]
mod tests {
    use waygate::{model::Deprecation, testing::TestApp};

    use super::*;

    #[tokio::test]
    async fn the_extractor_guards_a_route_of_another_router() {
        let waygate = Waygate::builder().build().await.unwrap();
        let app = TestApp::new(app_of(waygate.clone()).await.unwrap());
        let system = waygate.system();
        let since = Some("2025-01-01T00:00:00Z".parse().unwrap());
        let going = Deprecation::new(since, None, None).unwrap();
        system.deprecate("GET:/export", Some(going)).await.unwrap();
        let served = app.get("/export").await;
        assert_eq!(served.text(), "exported");
        assert!(served.header("deprecation").is_some());
        system
            .set_maintenance("GET:/export", "moving")
            .await
            .unwrap();
        assert_eq!(app.get("/export").await.status(), 503);
    }

    #[tokio::test]
    async fn the_application_closes_its_own_route() {
        let app = TestApp::new(app().await.unwrap());
        assert_eq!(app.get("/reports/7").await.text(), "report 7");
        assert_eq!(app.post("/ops/close", &()).await.status(), 204);
        let closed = app.get("/reports/7").await;
        assert_eq!(closed.status(), 503);
        let body: serde_json::Value = closed.json();
        assert_eq!(body["error"]["reason"], "closed by /ops/close");
        assert_eq!(app.get("/health").await.text(), "ok");
    }
}
