//! The stores that a builder names, opened.

use std::sync::Arc;

use waygate_backends::MemoryBackend;
use waygate_core::{
    Timestamp,
    model::{Epoch, Revision},
    port::{Backend, CounterStore},
};

use super::{
    BuildError, Component, WaygateBuilder, health::Monitor, inner::in_time, stored::Stored,
};

/// What the store holds, or nothing.
pub(super) async fn load(backend: &dyn Backend, monitor: &Monitor, now: Timestamp) -> Stored {
    match in_time(backend.load()).await {
        Ok(image) => {
            let (stored, unreadable) = Stored::read(image, None);
            if !unreadable.is_empty() {
                monitor.degrade(Component::Records, unreadable.join("; "), now);
            }
            stored
        }
        Err(error) => {
            monitor.degrade(Component::Store, error, now);
            Stored::empty(Revision {
                epoch: Epoch::random(),
                number: 0,
            })
        }
    }
}

impl WaygateBuilder {
    #[cfg(feature = "file")]
    pub(super) fn open_boot_cache(
        &self,
    ) -> Result<Option<waygate_backends::BootCache>, BuildError> {
        let path = self.boot_cache.as_ref();
        Ok(path.map(waygate_backends::BootCache::new).transpose()?)
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
