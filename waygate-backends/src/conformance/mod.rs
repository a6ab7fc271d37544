#![doc = include_str!("conformance.md")]
// The suite is test code that is compiled into a library: it fails by panicking.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a case reports a failure by panicking"
)]

use std::{fmt, sync::Arc};

use waygate_core::port::{Backend, BoxFuture};

#[doc(hidden)]
pub mod atomicity;
#[doc(hidden)]
pub mod audit;
#[doc(hidden)]
pub mod commit;
#[doc(hidden)]
pub mod concurrency;
#[doc(hidden)]
pub mod durable;
#[doc(hidden)]
pub mod expectations;
#[doc(hidden)]
pub mod hints;
mod kit;
mod list;
#[doc(hidden)]
pub mod malformed;
#[doc(hidden)]
pub mod shared;
#[doc(hidden)]
pub mod values;

/// One store, to which a case opens handles. Each case makes a harness of its own.
pub trait Harness: fmt::Debug + Send + Sync + 'static {
    /// One more handle on the store. The first call creates the store, empty.
    ///
    /// Of a store that is `durable`, a handle that is opened after all others were dropped finds
    /// everything that was committed. Of one that is `shared`, several may be open at a time.
    fn open(&self) -> BoxFuture<'_, Arc<dyn Backend>>;
}
