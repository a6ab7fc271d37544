use axum::response::IntoResponse;
use waygate::{Blocked, disabled};

fn closed(_: &Blocked) -> impl IntoResponse {
    "closed"
}

#[disabled(response = closed, route = "GET /a")]
async fn handler() {}

fn open(_: &Blocked) -> impl IntoResponse + use<> {
    "closed"
}

#[disabled(response = open, route = "GET /b")]
async fn other() {}

async fn later(blocked: &Blocked) -> impl IntoResponse {
    blocked.status()
}

#[disabled(response = later, route = "GET /c")]
async fn third() {}

fn main() {}
