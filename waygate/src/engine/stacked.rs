use std::sync::atomic::AtomicBool;

/// Tracks whether the engine may see a request more than once: in several guarded routers, or in a guarded router and a
/// route guard.
#[derive(Debug, Default)]
pub(crate) struct Stacked {
    pub(super) guards: AtomicBool,
    pub(super) is_stacked: AtomicBool,
}
