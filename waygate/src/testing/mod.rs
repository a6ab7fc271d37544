//! Helpers for tests of applications: requests without a socket, routes without their gates, time at will.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use axum::{Router, routing::get};
//! use waygate::{RouteState, Waygate, testing::{TestApp, bypass}};
//!
//! let waygate = Waygate::builder().allow_unmounted("").build().await?;
//! waygate.register("GET:/payments".parse()?, RouteState::default()).await?;
//! let router = Router::new().route("/payments", get(|| async { "paid" }));
//! let app = TestApp::new(waygate.guard(router).await?);
//!
//! waygate.system().disable("GET:/payments", "incident").await?;
//! assert_eq!(app.get("/payments").await.status(), 503);
//! assert_eq!(bypass(app.get("/payments")).await.text(), "paid");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod app;

use std::future::Future;

pub use app::{TestApp, TestResponse};
pub use waygate_core::port::ManualClock;

tokio::task_local! {
    static BYPASSED: ();
}

/// Runs a test with every route open, whatever its state.
///
/// Holds for requests that are made in the same task, such as those of [`TestApp`]. Tests that run beside it are not
/// affected.
pub async fn bypass<T>(test: impl Future<Output = T>) -> T {
    BYPASSED.scope((), test).await
}

pub(crate) fn is_bypassed() -> bool {
    BYPASSED.try_with(|()| ()).is_ok()
}
