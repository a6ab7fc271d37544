use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use arc_swap::ArcSwapOption;

use crate::{
    event::EventDetails, hook::Hook, metadata::ProviderMetadata, provider::Provider,
    status::ProviderStatus, task::Gate,
};

/// A provider that is set, with its status.
pub(crate) struct Registered {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) metadata: ProviderMetadata,
    pub(crate) hooks: Box<[Arc<dyn Hook>]>,
    pub(crate) is_domain_scoped: bool,
    /// Opens when `initialize` has ended.
    pub(crate) initialized: Gate,
    status: AtomicU8,
    /// The event that led to the status.
    cause: ArcSwapOption<EventDetails>,
}

impl Registered {
    pub(crate) fn new(provider: Arc<dyn Provider>) -> Self {
        Self {
            metadata: provider.metadata(),
            hooks: provider.hooks().into(),
            is_domain_scoped: provider.is_domain_scoped(),
            provider,
            initialized: Gate::default(),
            status: AtomicU8::new(ProviderStatus::NotReady as u8),
            cause: ArcSwapOption::empty(),
        }
    }

    pub(crate) fn status(&self) -> ProviderStatus {
        let status = self.status.load(Ordering::Acquire);
        let known = ProviderStatus::ALL
            .iter()
            .find(|other| **other as u8 == status);
        known.copied().unwrap_or(ProviderStatus::NotReady)
    }

    /// Returns the event that led to the status.
    pub(crate) fn cause(&self) -> Option<Arc<EventDetails>> {
        self.cause.load_full()
    }

    pub(crate) fn apply(&self, event: &Arc<EventDetails>) {
        if let Some(status) = event.status() {
            self.set(status);
            self.cause.store(Some(event.clone()));
        }
    }

    pub(crate) fn set_not_ready(&self) {
        self.set(ProviderStatus::NotReady);
        self.cause.store(None);
    }

    fn set(&self, status: ProviderStatus) {
        self.status.store(status as u8, Ordering::Release);
    }
}

impl fmt::Debug for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registered")
            .field("name", &self.metadata.name())
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
