//! The feature flags of Waygate as a provider for the official OpenFeature SDK ([`open_feature`]).
//!
//! ```
//! use std::sync::Arc;
//!
//! use open_feature::{EvaluationContext, OpenFeature};
//! use serde_json::json;
//! use waygate_core::flag::{CompileOptions, CompiledFlag, Flag, FlagSet};
//! use waygate_core::port::ManualClock;
//! use waygate_openfeature_provider::WaygateProvider;
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let flag = Flag::parse(&json!({
//!     "key": "new-checkout", "name": "New checkout", "type": "boolean",
//!     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
//!     "off_variation": "off", "fallthrough": "on",
//! }))?;
//! let (flag, _) = CompiledFlag::compile(Arc::new(flag), CompileOptions::default());
//! let mut flags = FlagSet::new();
//! flags.insert_flag(Arc::new(flag));
//! let clock = ManualClock::at("2030-01-01T00:00:00Z".parse()?);
//!
//! let mut api = OpenFeature::singleton_mut().await;
//! api.set_provider(WaygateProvider::new((flags, clock))).await;
//!
//! let user = EvaluationContext::default().with_targeting_key("user-1").with_custom_field("plan", "pro");
//! let client = api.create_client();
//! assert_eq!(client.get_bool_value("new-checkout", Some(&user), None).await, Ok(true));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(missing_docs)]

mod context;
mod convert;
mod provider;

pub use provider::WaygateProvider;
