//! A service that is watched: Prometheus scrapes its metrics, and a receiver gets its webhooks.
//!
//! `README.md` walks through it with curl.

mod receiver;

use axum::Json;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate::{
    Waygate,
    admin::Credentials,
    webhook::{Egress, Webhook, WebhookOptions},
};

/// List the orders
#[utoipa::path(get, path = "/orders", responses((status = OK, body = [u32])))]
async fn orders() -> Json<[u32; 3]> {
    Json([1, 2, 3])
}

/// Write a report; at most two a minute
#[utoipa::path(get, path = "/reports", responses((status = OK, body = str)))]
#[waygate::rate_limit("2/minute", key = "global")]
async fn reports() -> &'static str {
    "a report"
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let address = format!("127.0.0.1:{port}");
    // A real secret is in the environment or in a file.
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let events = Webhook::new("receiver", format!("http://{address}/receiver"))
        .events(["route.*", "limit.*"])
        .secret(secret);
    // The receiver runs in this program: by default, addresses of this machine and plain `http` are refused.
    let local = Egress::default()
        .allow_http(true)
        .allow_networks(["127.0.0.1/32".parse()?])
        .allow_ports([port.parse()?]);
    let waygate = Waygate::from_env()?
        .webhook(events)
        .webhook_options(WebhookOptions::default().egress(local))
        .exemplars(true)
        .build()
        .await?;

    let api = OpenApiRouter::new()
        .routes(routes!(orders))
        .routes(routes!(reports));
    let app = waygate
        .guard(api)
        .await?
        .public_metrics("/metrics")
        .admin("/waygate", Credentials::new("admin", "secret")); // <- CHANGE ME
    println!("{}", app.report());
    let app = app.into_router().merge(receiver::router(secret)?);
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("http://{address}");
    Ok(axum::serve(listener, app).await?)
}
