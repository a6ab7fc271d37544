use std::sync::atomic::AtomicBool;

/// Whether the engine may meet one request more than once: in several guarded routers, or in one and in a route guard.
#[derive(Debug, Default)]
pub(crate) struct Stacked {
    pub(super) guards: AtomicBool,
    pub(super) is_stacked: AtomicBool,
}
