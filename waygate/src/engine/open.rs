//! The stores that a builder names, opened.

use std::sync::Arc;

use waygate_backends::MemoryBackend;
use waygate_core::{
    Printable, Timestamp,
    model::{Epoch, Revision},
    port::{Backend, BackendError, CounterStore},
};

use super::{
    BuildError, Component, WaygateBuilder, health::Monitor, inner::in_time, stored::Stored,
    unreadable::Past,
};

/// What the store holds. Nothing is known of one that is away; one that is there and cannot be read opens nothing.
pub(super) async fn load(backend: &dyn Backend, monitor: &Monitor, now: Timestamp) -> Stored {
    let nothing = || {
        Stored::empty(Revision {
            epoch: Epoch::random(),
            number: 0,
        })
    };
    match in_time(backend.load()).await {
        Ok(image) => {
            let mut stored = Stored::read(image.clone(), Past::Older(&[]));
            if !stored.unreadable.is_empty() {
                let older = earlier(backend).await;
                stored = Stored::read(image, Past::Older(&older));
            }
            if let Some(path) = backend.state_file().filter(|path| !path.exists()) {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
                tracing::info!(
                    path = %Printable(path.display()),
                    "new state file: there was none, so that every route is as declared; the first change creates it"
                );
            }
            if let Some(cause) = stored.impairment() {
                monitor.degrade(Component::Records, cause, now);
            }
            stored
        }
        Err(error @ (BackendError::Corrupt(_) | BackendError::Unreadable(_))) => {
            let cause = format!("{error}; everything is closed until it can be read");
            monitor.degrade(Component::Store, &cause, now);
            nothing().closed(cause)
        }
        Err(error) => {
            monitor.degrade(Component::Store, error, now);
            nothing()
        }
    }
}

/// What the store still knows of its past, the newest first.
async fn earlier(backend: &dyn Backend) -> Vec<Stored> {
    match in_time(backend.earlier()).await {
        Ok(images) => images
            .into_iter()
            .map(|image| Stored::read(image, Past::Older(&[])))
            .collect(),
        Err(error) => {
            tracing::warn!(error = %Printable(error), "earlier states of the store cannot be read");
            Vec::new()
        }
    }
}

impl WaygateBuilder {
    #[cfg(feature = "file")]
    pub(super) fn open_boot_cache(
        &self,
    ) -> Result<Option<waygate_backends::BootCache>, BuildError> {
        let path = self.boot_cache.as_ref();
        path.map(waygate_backends::BootCache::new)
            .transpose()
            .map_err(BuildError::of_file)
    }

    /// What was given; else the Redis that settings name for counters, or for state.
    pub(super) fn open_counters(&self) -> Option<Arc<dyn CounterStore>> {
        if let Some(counters) = &self.counters {
            return Some(counters.clone());
        }
        #[cfg(feature = "redis")]
        {
            let own_backend = self.backend.is_some();
            let of_state = self.redis.as_ref().filter(|_| !own_backend);
            let options = self.redis_counters.as_ref().or(of_state)?;
            let counters = waygate_backends::RedisCounters::open(options.clone());
            Some(Arc::new(counters))
        }
        #[cfg(not(feature = "redis"))]
        None
    }

    pub(super) async fn open_backend(&self) -> Result<Arc<dyn Backend>, BuildError> {
        if let Some(backend) = &self.backend {
            return Ok(backend.clone());
        }
        #[cfg(feature = "file")]
        if let Some(path) = &self.file {
            return Ok(Arc::new(waygate_backends::FileBackend::open(path).await?));
        }
        #[cfg(feature = "redis")]
        if let Some(options) = &self.redis {
            return Ok(Arc::new(waygate_backends::RedisBackend::open(
                options.clone(),
            )));
        }
        Ok(Arc::new(MemoryBackend::new()))
    }
}
