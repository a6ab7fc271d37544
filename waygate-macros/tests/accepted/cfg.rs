//! A handler that is configured out takes its declarations with it; one of two alternatives leaves the other alone.

#![allow(clippy::non_minimal_cfg)]

use waygate::disabled;

#[disabled(route = "GET /gone")]
#[cfg(any())]
async fn gone() -> NoSuchType {}

#[disabled]
#[cfg(any())]
#[utoipa::path(get, path = "/gone")]
async fn documented_and_gone() -> NoSuchType {}

#[disabled]
#[cfg(all())]
#[utoipa::path(get, path = "/here")]
async fn alternative() {}

#[disabled]
#[cfg(any())]
#[utoipa::path(get, path = "/here")]
async fn alternative() -> NoSuchType {}

#[cfg_attr(all(), disabled, utoipa::path(get, path = "/conditional"))]
async fn conditional() {}

#[cfg_attr(any(), disabled)]
async fn never() {}

#[test]
fn it_compiles() {
    drop((alternative(), conditional(), never()));
}
