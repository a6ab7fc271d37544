//! What utoipa says about its own attribute stays the one error.
use waygate::maintenance;

#[maintenance(reason = "x")]
#[utoipa::path(gett, path = "/above")]
async fn above() {}

#[utoipa::path(get, path = "/below", respones((status = OK)))]
#[maintenance(reason = "x")]
async fn below() {}

fn main() {}
