//! The native OpenFeature SDK, and the flags of an engine as its provider.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use std::sync::Arc;
//!
//! use waygate::{Waygate, flags::EvaluationContext, openfeature::{self, EngineProvider}};
//!
//! let waygate = Waygate::builder().build().await?;
//! let api = openfeature::global();
//! api.set_provider_and_wait(Arc::new(EngineProvider::new(&waygate))).await?;
//!
//! let user = EvaluationContext::new("user-1").with("plan", "pro");
//! assert!(!api.client().bool("new-checkout", false, &user));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod provider;
mod watch;

pub use provider::EngineProvider;
pub use waygate_openfeature::*;
