//! Helpers for tests of applications: requests without a socket, bypassed gates, and a manual clock.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use axum::{Router, routing::get};
//! use waygate::{Waygate, model::RouteState, testing::{TestApp, bypass}};
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
#[cfg(feature = "flags")]
mod flags;

use std::future::Future;

pub use app::{TestApp, TestResponse};
#[cfg(feature = "flags")]
pub use flags::with_flag;
pub use waygate_core::port::ManualClock;

use crate::engine::Bypass;

tokio::task_local! {
    static BYPASSED: Bypass;
}

/// Runs a future with every route open to every caller, and no limits.
///
/// Applies to requests that are made in the same task, such as those of [`TestApp`]. Concurrent tests are not
/// affected.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use axum::{Router, routing::get};
/// use waygate::{Waygate, testing::{TestApp, bypass}};
///
/// # let waygate = Waygate::builder().allow_unmounted("").build().await?;
/// let router = Router::new().route("/payments", get(|| async { "paid" }));
/// let app = TestApp::new(waygate.guard(router).await?);
/// waygate.system().disable("GET:/payments", "incident 12").await?;
/// assert_eq!(bypass(app.get("/payments")).await.text(), "paid");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub async fn bypass<T>(test: impl Future<Output = T>) -> T {
    bypass_lifecycle(bypass_rate_limits(test)).await
}

/// Runs a future with every route open, like [`bypass`], but with limits.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use axum::{Router, routing::get};
/// use waygate::{Waygate, testing::{TestApp, bypass_lifecycle}};
///
/// # let waygate = Waygate::builder().allow_unmounted("").build().await?;
/// let router = Router::new().route("/payments", get(|| async { "paid" }));
/// let app = TestApp::new(waygate.guard(router).await?);
/// waygate.system().disable("GET:/payments", "incident 12").await?;
/// assert_eq!(bypass_lifecycle(app.get("/payments")).await.text(), "paid");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub async fn bypass_lifecycle<T>(test: impl Future<Output = T>) -> T {
    let bypass = Bypass {
        lifecycle: true,
        ..bypassed()
    };
    BYPASSED.scope(bypass, test).await
}

/// Runs a future without rate limits and concurrency limits, but with gates.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use axum::{Router, routing::get};
/// use waygate::{Waygate, testing::{TestApp, bypass_rate_limits}};
///
/// # let waygate = Waygate::builder().allow_unmounted("").build().await?;
/// let router = Router::new().route("/payments", get(|| async { "paid" }));
/// let app = TestApp::new(waygate.guard(router).await?);
/// waygate.system().disable("GET:/payments", "incident 12").await?;
/// assert_eq!(bypass_rate_limits(app.get("/payments")).await.status(), 503);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub async fn bypass_rate_limits<T>(test: impl Future<Output = T>) -> T {
    let bypass = Bypass {
        rate_limits: true,
        ..bypassed()
    };
    BYPASSED.scope(bypass, test).await
}

pub(crate) fn bypassed() -> Bypass {
    BYPASSED.try_with(|bypass| *bypass).unwrap_or_default()
}
