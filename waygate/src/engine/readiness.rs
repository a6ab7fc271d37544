use std::collections::BTreeMap;

use super::Waygate;

/// The state that a process needs to be ready for requests.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use waygate::{Waygate, health::Require};
///
/// let waygate = Waygate::builder().build().await?;
/// assert!(waygate.is_ready(Require::Live));
/// waygate.shutdown().await;
/// assert!(!waygate.is_ready(Require::None));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Require {
    /// Nothing: a process that has never read its store is ready, with everything closed that may be.
    None,
    /// A known state: of the store, or of the boot cache. The default.
    #[default]
    Cache,
    /// A store that can be read now. All processes are unready while the store is down, and no process serves.
    Live,
}

/// A part of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) works: bool,
    pub(crate) is_required: bool,
}

impl Waygate {
    /// Returns whether this process is ready for requests: it has what is required, and is not shutting down. Blocked
    /// routes and other [impairments](Self::health) do not count.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use waygate::{Waygate, health::Require};
    ///
    /// let waygate = Waygate::builder().build().await?;
    /// assert!(waygate.is_ready(Require::Cache));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_ready(&self, require: Require) -> bool {
        let parts = self.parts(require);
        parts.values().all(|part| part.works || !part.is_required)
    }

    /// The parts that readiness depends on.
    pub(crate) fn parts(&self, require: Require) -> BTreeMap<&'static str, Part> {
        let inner = &self.inner;
        let part = |works, is_required| Part { works, is_required };
        let is_known = inner.snapshot.load().is_known;
        let is_read = is_known && inner.monitor.store_is_readable();
        BTreeMap::from([
            ("process", part(!inner.channels.is_closed(), true)),
            ("state", part(is_known, require != Require::None)),
            ("store", part(is_read, require == Require::Live)),
        ])
    }
}
