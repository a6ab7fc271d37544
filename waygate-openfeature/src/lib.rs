//! A native OpenFeature SDK for Rust, after version 0.9.0 of the specification.
//!
//! Evaluation is synchronous, and always returns a value. Everything else of the specification is there, too: providers
//! with a lifecycle, domains, contexts of all levels, hooks, events, tracking, isolated APIs.
//!
//! ```
//! use std::sync::Arc;
//!
//! use waygate_core::flag::EvaluationContext;
//! use waygate_openfeature::{InMemoryFlag, InMemoryProvider};
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let api = waygate_openfeature::global();
//! api.set_provider_and_wait(Arc::new(InMemoryProvider::new([
//!     ("new-checkout", InMemoryFlag::new([("on", true), ("off", false)], "on")),
//! ]))).await?;
//!
//! let client = api.client();
//! let user = EvaluationContext::new("user-1").with("plan", "pro");
//! if client.bool("new-checkout", false, &user) {
//!     println!("the new checkout");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | Feature | Contents |
//! |---|---|
//! | `tokio` | `TaskContext`, and functions of providers that wait run on the current runtime |
//! | `tracing` | hooks that write logs, and events for OpenTelemetry |
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(missing_docs)]

mod api;
mod client;
mod details;
mod error;
mod event;
mod hook;
pub mod hooks;
mod metadata;
mod provider;
mod reason;
mod registered;
mod state;
mod status;
mod task;
mod tracking;
mod transaction;
mod value;

pub use api::{HandlerId, OpenFeature, ProviderError, global, isolated};
pub use client::{Call, Client, EvaluationOptions};
pub use details::EvaluationDetails;
pub use error::{ErrorCode, EvaluationError};
pub use event::{EventDetails, ProviderEvent, ProviderEventDetails};
pub use hook::{Hook, HookContext, HookData, HookHints};
pub use metadata::{ClientMetadata, FlagMetadata, MetadataValue, ProviderMetadata};
pub use provider::{
    EventEmitter, FlagProvider, FlagRequest, InMemoryFlag, InMemoryProvider, Provider, Resolution,
    Setup,
};
pub use reason::Reason;
pub use status::ProviderStatus;
pub use tracking::TrackingDetails;
#[cfg(feature = "tokio")]
pub use transaction::TaskContext;
pub use transaction::{ThreadContext, TransactionContextPropagator};
pub use value::ValueRef;
