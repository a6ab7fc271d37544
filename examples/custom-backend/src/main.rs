//! An application that stores changes in SQLite.
//!
//! ```text
//! cargo run -p custom-backend
//! curl -i http://127.0.0.1:3000/payments
//! curl -X POST http://127.0.0.1:3000/close
//! curl -i http://127.0.0.1:3000/payments      # closed, and still so after a restart
//! curl -X POST http://127.0.0.1:3000/open
//! curl -i http://127.0.0.1:3000/payments      # open again
//! ```

use std::path::Path;

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use custom_backend::SqliteBackend;
use waygate::{Waygate, prelude::*};

#[env_only("production", route = "GET /payments")]
async fn payments() -> &'static str {
    "paid"
}

async fn close(State(waygate): State<Waygate>) -> Result<&'static str, (StatusCode, String)> {
    let closed = waygate
        .system()
        .set_maintenance("GET:/payments", "closed by hand")
        .await;
    closed.map_err(|error| (StatusCode::SERVICE_UNAVAILABLE, error.to_string()))?;
    Ok("closed\n")
}

async fn open(State(waygate): State<Waygate>) -> Result<&'static str, (StatusCode, String)> {
    let opened = waygate
        .system()
        .enable("GET:/payments", "opened by hand")
        .await;
    opened.map_err(|error| (StatusCode::SERVICE_UNAVAILABLE, error.to_string()))?;
    Ok("open\n")
}

async fn app(database: &Path) -> Result<Router, Box<dyn std::error::Error>> {
    let backend = SqliteBackend::open(database).await?;
    let waygate = Waygate::builder()
        .environment("production")
        .backend(backend)
        .build()
        .await?;
    let guarded = waygate
        .guard(Router::new().route("/payments", get(payments)))
        .await?;
    let own = Router::new()
        .route("/close", post(close))
        .route("/open", post(open))
        .with_state(waygate);
    Ok(own.merge(guarded.into_router()).with_state(()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app = app(Path::new("waygate-state.sqlite")).await?;
    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let address = format!("127.0.0.1:{port}");
    let listener = tokio::net::TcpListener::bind(&address)
        .await
        .map_err(|error| format!("cannot listen on {address}: {error}"))?;
    println!("http://{address}/payments, kept in waygate-state.sqlite");
    Ok(axum::serve(listener, app).await?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use waygate::testing::TestApp;

    use super::*;

    #[tokio::test]
    async fn a_change_survives_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("state.sqlite");
        let first = TestApp::new(app(&database).await.unwrap());
        assert_eq!(first.get("/payments").await.text(), "paid");
        assert_eq!(first.post("/close", &()).await.text(), "closed\n");
        drop(first);
        let second = TestApp::new(app(&database).await.unwrap());
        assert_eq!(second.get("/payments").await.status(), 503);
        assert_eq!(second.post("/open", &()).await.text(), "open\n");
        assert_eq!(second.get("/payments").await.text(), "paid");
    }
}
