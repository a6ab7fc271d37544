//! The error of utoipa about its own attribute is the only one.
use waygate::maintenance;

#[maintenance(reason = "x")]
#[utoipa::path(gett, path = "/above")]
async fn above() {}

#[utoipa::path(get, path = "/below", respones((status = OK)))]
#[maintenance(reason = "x")]
async fn below() {}

fn main() {}
