#![doc = include_str!("conformance.md")]
// The suite is test code that is compiled into a library: it fails by panicking.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a case reports a failure by panicking"
)]

use std::{fmt, future::Future, sync::Arc, time::Duration};

use waygate_core::port::{Backend, BoxFuture};

#[doc(hidden)]
pub mod atomicity;
#[doc(hidden)]
pub mod audit;
#[doc(hidden)]
pub mod audit_filters;
#[doc(hidden)]
pub mod audit_places;
#[doc(hidden)]
pub mod commit;
#[doc(hidden)]
pub mod concurrency;
pub mod counters;
#[doc(hidden)]
pub mod durable;
#[doc(hidden)]
pub mod expectations;
#[doc(hidden)]
pub mod facts;
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

/// A store to which a case opens handles. Each case creates its own harness.
pub trait Harness: fmt::Debug + Send + Sync + 'static {
    /// Opens another handle on the store. The first call creates the store, empty.
    ///
    /// If the store is `durable`, a handle that is opened after all others were dropped finds everything that was
    /// committed. If it is `shared`, several may be open at a time.
    fn open(&self) -> BoxFuture<'_, Arc<dyn Backend>>;
}

/// Runs a case with a timeout: a wrong backend may keep it from ending.
#[doc(hidden)]
pub async fn finish(case: impl Future<Output = ()>) {
    let patience = Duration::from_secs(120);
    let finished = tokio::time::timeout(patience, case).await;
    finished.unwrap_or_else(|_| panic!("the case has not come to an end within {patience:?}"));
}

#[cfg(test)]
mod tests {
    /// An unlisted case would never run.
    #[test]
    fn every_case_is_listed() {
        let sources = [
            include_str!("atomicity.rs"),
            include_str!("audit.rs"),
            include_str!("audit_filters.rs"),
            include_str!("audit_places.rs"),
            include_str!("commit.rs"),
            include_str!("concurrency.rs"),
            include_str!("durable.rs"),
            include_str!("expectations.rs"),
            include_str!("facts.rs"),
            include_str!("hints.rs"),
            include_str!("malformed.rs"),
            include_str!("shared.rs"),
            include_str!("values.rs"),
        ];
        let listed: Vec<_> = include_str!("list.rs").split([' ', '\n', ';']).collect();
        let mut count = 0;
        for source in sources {
            for rest in source.split("\npub async fn ").skip(1) {
                let case = rest.split('<').next().unwrap();
                assert!(listed.contains(&case), "`{case}` is not listed");
                count += 1;
            }
        }
        assert!(count >= 150, "{count} cases");
    }
}
