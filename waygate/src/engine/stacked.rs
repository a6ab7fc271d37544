use std::sync::atomic::AtomicBool;

/// Tracks if the engine may see one request several times: in several guarded routers, or in one and in a route
/// guard.
#[derive(Debug, Default)]
pub(crate) struct Stacked {
    pub(super) guards: AtomicBool,
    pub(super) is_stacked: AtomicBool,
}
