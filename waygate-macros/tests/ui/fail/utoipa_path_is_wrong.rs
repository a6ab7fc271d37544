use utoipa_axum::{router::OpenApiRouter, routes};

#[waygate::disabled]
#[utoipa::path(get, path = "/items", respones((status = OK)))]
async fn handler() {}

fn main() {
    let _ = OpenApiRouter::<()>::new().routes(routes!(handler));
}
