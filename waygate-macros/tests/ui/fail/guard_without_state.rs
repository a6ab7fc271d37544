//! A router that needs a state and has none.

use axum::{Router, extract::State, routing::get};
use waygate::Waygate;

#[derive(Clone)]
struct AppState;

async fn orders(_: State<AppState>) {}

async fn start(waygate: Waygate) {
    let router: Router<AppState> = Router::new().route("/orders", get(orders));
    let _ = waygate.guard(router).await;
}

fn main() {
    let _ = start;
}
