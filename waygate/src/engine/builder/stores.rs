//! Opens the stores of a builder.

#[cfg(feature = "file")]
use std::path::Path;
use std::sync::Arc;

use waygate_backends::MemoryBackend;
#[cfg(feature = "file")]
use waygate_backends::{CounterSnapshot, MemoryCounters};
use waygate_core::port::{Backend, CounterStore};
#[cfg(feature = "file")]
use waygate_core::{limit::quota::Nanos, port::BackendError};

use super::WaygateBuilder;
use crate::engine::BuildError;
#[cfg(feature = "file")]
use crate::engine::counter_snapshot::Place;

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

    /// The configured store; otherwise the Redis that the settings specify for counters, or for state.
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

    #[cfg(feature = "file")]
    /// Restores the counters of the previous run.
    pub(super) async fn open_counter_snapshot(
        &self,
        backend: &dyn Backend,
        counters: &MemoryCounters,
        is_shared: bool,
        now: Nanos,
    ) -> Result<Option<Arc<CounterSnapshot>>, BuildError> {
        let counters = counters.clone();
        let state = backend.state_file().filter(|_| !is_shared);
        let state = state.map(Path::to_owned);
        let place = self.counter_snapshot.clone();
        let opened = tokio::task::spawn_blocking(move || match (place, state) {
            (Place::At(path), Some(state)) if is_of_state(&path, &state) => {
                Err(BackendError::Misconfigured(format!(
                    "counter snapshot `{}`: this file holds the state; name a separate file",
                    path.display()
                )))
            }
            (Place::At(path), _) => CounterSnapshot::open(path, &counters, now).map(Some),
            (Place::BesideState, Some(state)) => {
                CounterSnapshot::beside_state(state, &counters, now).map(Some)
            }
            (Place::BesideState, None) | (Place::Nowhere, _) => Ok(None),
        });
        let opened = opened.await.map_err(|error| {
            BackendError::Unavailable(format!("reading the counters was interrupted: {error}"))
        })?;
        Ok(opened.map_err(BuildError::of_file)?.map(Arc::new))
    }
}

/// Returns `true` if the path is that of the state file or a file next to it, except for its counters.
#[cfg(feature = "file")]
fn is_of_state(path: &Path, state: &Path) -> bool {
    // A missing file is resolved through its directory.
    let real = |path: &Path| {
        path.canonicalize().ok().or_else(|| {
            let directory = path.parent()?.canonicalize().ok()?;
            Some(directory.join(path.file_name()?))
        })
    };
    let (Some(path), Some(state)) = (real(path), real(state)) else {
        return false;
    };
    let (Some(name), Some(of_state)) = (path.file_name(), state.file_name()) else {
        return false;
    };
    let name = name.to_string_lossy();
    let beside = name.strip_prefix(&*of_state.to_string_lossy());
    path.parent() == state.parent()
        && beside
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.') && rest != ".counters")
}
