//! A file with the last known state, for starts while the store is unreachable.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use waygate_backends::BootCache;
use waygate_core::{
    Printable,
    model::Revision,
    port::{BackendError, Image},
};

use super::{
    Component, Inner,
    stored::{Past, Source, Stored},
};

/// The minimum interval between two writes.
const PAUSE: Duration = Duration::from_secs(1);
/// The maximum wait for the store at startup if a state is known.
const FIRST_LOOK: Duration = Duration::from_millis(500);

/// Reads the file; an unreadable file is reported and rewritten.
pub(crate) async fn read(cache: &BootCache) -> Option<Stored> {
    match cache.load().await {
        Ok(image) => {
            let stored = Stored::read(image?, Past::Older(&[]));
            tracing::info!(revision = %stored.revision, "starting with the state of the boot cache");
            Some(Stored {
                source: Source::BootCache,
                ..stored
            })
        }
        Err(error) => {
            tracing::warn!(error = %Printable(error), "the boot cache cannot be read");
            None
        }
    }
}

/// Reads the store before the first request, if it responds in time.
pub(crate) async fn look(inner: &Arc<Inner>) {
    if tokio::time::timeout(FIRST_LOOK, inner.refresh())
        .await
        .is_err()
    {
        let cause = format!("no answer within {} milliseconds", FIRST_LOOK.as_millis());
        inner.monitor.store_read_failed(cause, inner.clock.now());
    }
}

/// Keeps the file up to date while the engine lives.
pub(crate) async fn run(engine: Weak<Inner>) {
    let Some((mut version, cache)) = engine
        .upgrade()
        .and_then(|inner| Some((inner.channels.versions(), inner.boot_cache.clone()?)))
    else {
        return;
    };
    let mut kept = None;
    version.mark_changed();
    while version.changed().await.is_ok() {
        let Some(inner) = engine.upgrade() else {
            return;
        };
        match inner.keep(&cache, &mut kept).await {
            Ok(()) => inner.monitor.recover(Component::BootCache),
            Err(error) => {
                inner
                    .monitor
                    .degrade(Component::BootCache, error.problem(), inner.clock.now());
                version.mark_changed();
            }
        }
        drop(inner);
        tokio::time::sleep(PAUSE).await;
    }
}

impl Inner {
    /// Writes the state if it is the store's complete state, and newer than the file.
    async fn keep(
        &self,
        cache: &BootCache,
        kept: &mut Option<Revision>,
    ) -> Result<(), BackendError> {
        let stored = self.stored.lock().await;
        let revision = stored.revision;
        let is_whole = stored.unreadable.is_empty() && stored.source == Source::Store;
        if revision.number == 0 || !is_whole || *kept == Some(revision) {
            return Ok(());
        }
        let entities = stored.entities();
        drop(stored);
        cache.store(Image::new(revision, entities)).await?;
        *kept = Some(revision);
        Ok(())
    }
}
