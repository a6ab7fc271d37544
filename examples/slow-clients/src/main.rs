//! A server that slow clients cannot exhaust. Copy `server.rs`.
//!
//! `axum::serve` waits forever for the head of a request. Try it with one that does not end, which is closed after
//! ten seconds:
//!
//! ```sh
//! cargo run -p slow-clients
//! time (printf 'GET / HTTP/1.1\r\n'; sleep 60) | nc 127.0.0.1 3000
//! ```

mod server;
#[cfg(test)]
mod tests;

use axum::{Json, Router, routing::post};
use server::{Limits, serve};
use waygate::{Guarded, Waygate, admin::Credentials, prelude::*};

#[rate_limit("100/minute", route = "POST /orders")]
async fn order(Json(order): Json<serde_json::Value>) -> Json<serde_json::Value> {
    Json(order)
}

async fn app() -> Result<Guarded, Box<dyn std::error::Error>> {
    let waygate = Waygate::builder().build().await?;
    let routes = Router::new().route("/orders", post(order));
    let admin = Credentials::new("admin", "secret"); // <- CHANGE ME
    Ok(waygate.guard(routes).await?.admin("/waygate", admin))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app = app().await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("{}", app.report());
    let stop = async {
        let _signal = tokio::signal::ctrl_c().await;
    };
    serve(listener, app, Limits::default(), stop).await;
    Ok(())
}
