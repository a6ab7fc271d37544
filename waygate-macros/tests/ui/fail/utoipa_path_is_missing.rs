use utoipa_axum::{router::OpenApiRouter, routes};

#[waygate::disabled]
async fn handler() {}

fn main() {
    let _ = OpenApiRouter::<()>::new().routes(routes!(handler));
}
