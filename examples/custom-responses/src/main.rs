//! Custom responses for blocked requests: per attribute, for the whole application, sync and async.
//!
//! ```text
//! cargo run -p custom-responses
//! curl -i http://127.0.0.1:3000/checkout     # a page, from the attribute
//! curl -i http://127.0.0.1:3000/reports      # a redirect, from the attribute, async
//! curl -i http://127.0.0.1:3000/export       # JSON, from the application
//! ```

use axum::{
    Json, Router,
    http::{StatusCode, header},
    response::{Html, IntoResponse, Redirect},
};
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate::{Blocked, Responses, Waygate, prelude::*};

/// Check out
#[maintenance(reason = "new payment provider", response = closed_page)]
#[utoipa::path(get, path = "/checkout", responses((status = OK, body = str)))]
async fn checkout() -> &'static str {
    "bought"
}

/// Show reports
#[disabled(reason = "moved", response = moved)]
#[utoipa::path(get, path = "/reports", responses((status = OK, body = str)))]
async fn reports() -> &'static str {
    "reports"
}

/// Export everything
#[maintenance(reason = "too expensive today")]
#[utoipa::path(get, path = "/export", responses((status = OK, body = str)))]
async fn export() -> &'static str {
    "everything"
}

/// A page. The status is up to the application; 503 is right for caches and crawlers.
fn closed_page(blocked: &Blocked) -> impl IntoResponse + use<> {
    let path = blocked.request().uri.path();
    (
        StatusCode::SERVICE_UNAVAILABLE,
        Html(format!("<h1>{path} is closed</h1>")),
    )
}

/// An async responder can look something up, such as the new location of the reports.
async fn moved(blocked: &Blocked) -> Redirect {
    let archive = async { "https://archive.example.com" }.await;
    Redirect::temporary(&format!("{archive}{}", blocked.request().uri.path()))
}

/// Responds to all refusals without a separate responder.
fn house_style(blocked: &Blocked) -> impl IntoResponse + use<> {
    let reason = blocked.reason().text().map(ToString::to_string);
    let body = Json(Body {
        ok: false,
        code: blocked.reason().code(),
        reason,
    });
    (
        blocked.status(),
        [(header::CACHE_CONTROL, "no-store")],
        body,
    )
}

#[derive(serde::Serialize)]
struct Body {
    ok: bool,
    code: &'static str,
    reason: Option<String>,
}

async fn app(waygate: &Waygate) -> Result<Router, waygate::BindErrors> {
    let api = OpenApiRouter::new()
        .routes(routes!(checkout))
        .routes(routes!(reports))
        .routes(routes!(export));
    let responses = Responses::new()
        .maintenance(house_style)
        .disabled(house_style);
    Ok(waygate.guard(api).await?.responses(responses).into_router())
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
    use serde_json::{Value, json};
    use waygate::testing::TestApp;

    use super::*;

    #[tokio::test]
    async fn responders_of_attributes_precede_those_of_the_application() {
        let waygate = Waygate::builder().build().await.unwrap();
        let app = TestApp::new(app(&waygate).await.unwrap());
        let page = app.get("/checkout").await;
        assert_eq!(page.status(), 503);
        assert_eq!(page.text(), "<h1>/checkout is closed</h1>");

        let moved = app.get("/reports").await;
        assert_eq!(moved.status(), 307);
        assert_eq!(
            moved.header("location"),
            Some("https://archive.example.com/reports")
        );

        let styled = app.get("/export").await;
        assert_eq!(styled.status(), 503);
        assert_eq!(
            styled.json::<Value>(),
            json!({ "ok": false, "code": "MAINTENANCE_MODE", "reason": "too expensive today" })
        );
    }

    #[tokio::test]
    async fn a_responder_only_answers_its_own_kind_of_block() {
        let waygate = Waygate::builder().build().await.unwrap();
        let app = TestApp::new(app(&waygate).await.unwrap());
        waygate
            .system()
            .disable("GET:/checkout", "fraud")
            .await
            .unwrap();
        assert_eq!(
            app.get("/checkout").await.json::<Value>()["code"],
            "ROUTE_DISABLED"
        );
    }
}
