//! A receiver of webhooks. Elsewhere, it is a program of its own, and needs only `waygate::webhook::verify`.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    routing::get,
};
use serde::Deserialize;
use serde_json::Value;
use tokio::{sync::watch, time::timeout};
use waygate::webhook::{self, TOLERANCE, WebhookSecret};

struct Receiver {
    secret: WebhookSecret,
    /// The ids and the events that arrived.
    events: watch::Sender<Vec<(String, Value)>>,
}

pub fn router(secret: &str) -> Result<Router, Box<dyn std::error::Error>> {
    let receiver = Receiver {
        secret: secret.parse()?,
        events: watch::Sender::default(),
    };
    let router = Router::new().route("/receiver", get(newest).post(receive));
    Ok(router.with_state(Arc::new(receiver)))
}

async fn receive(
    State(receiver): State<Arc<Receiver>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, (StatusCode, String)> {
    let refused = |error: &dyn std::fmt::Display| (StatusCode::BAD_REQUEST, error.to_string());
    webhook::verify([&receiver.secret], &headers, &body, TOLERANCE)
        .map_err(|error| refused(&error))?;
    let event: Value = serde_json::from_slice(&body).map_err(|error| refused(&error))?;
    let id = headers.get("webhook-id").and_then(|id| id.to_str().ok());
    let id = id.unwrap_or_default().to_owned();
    println!("{id}: {}", event["type"]);
    receiver.events.send_if_modified(|events| {
        // An event is sent again if the first answer is lost.
        let is_new = events.iter().all(|(known, _)| *known != id);
        if is_new {
            events.push((id, event));
        }
        is_new
    });
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct Wanted {
    r#type: String,
}

/// Waits for an event of a type.
async fn newest(
    State(receiver): State<Arc<Receiver>>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Value>, StatusCode> {
    let mut events = receiver.events.subscribe();
    let is_wanted = |(_, event): &&(String, Value)| event["type"] == *wanted.r#type;
    let arrived = events.wait_for(|events| events.iter().any(|event| is_wanted(&event)));
    let events = timeout(Duration::from_secs(10), arrived).await;
    let events = events.map_err(|_| StatusCode::NOT_FOUND)?;
    let events = events.map_err(|_| StatusCode::NOT_FOUND)?;
    let event = events.iter().rev().find(is_wanted);
    Ok(Json(
        event.map(|(_, event)| event.clone()).unwrap_or_default(),
    ))
}
