//! Opens the stores of a builder.

use waygate_core::{
    Printable, Timestamp,
    model::{Epoch, Revision},
    port::{Backend, BackendError},
};

use super::{
    Component,
    deadline::in_time,
    health::Monitor,
    stored::{Past, Source, Stored},
};

/// Reads the content of the store. An unreachable store yields no state; an unreadable one closes everything.
pub(super) async fn load(backend: &dyn Backend, monitor: &Monitor, now: Timestamp) -> Stored {
    let nothing = || Stored {
        source: Source::Nowhere,
        ..Stored::empty(Revision {
            epoch: Epoch::random(),
            number: 0,
        })
    };
    match in_time(backend.load()).await {
        Ok(image) => {
            let (mut stored, refused) = Stored::parse(image);
            if !refused.is_empty() {
                stored.substitute(refused, Past::Older(&earlier(backend).await));
            }
            if let Some(path) = backend.state_file().filter(|path| !path.exists()) {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
                tracing::info!(
                    path = %Printable(path.display()),
                    "no state file found; routes start in their declared state, and the first change creates the file"
                );
            }
            if let Some(cause) = stored.impairment() {
                monitor.degrade(Component::Records, cause, now);
            }
            stored
        }
        Err(error @ (BackendError::Corrupt(_) | BackendError::Unreadable(_))) => {
            nothing().closed(monitor.store_is_closed(&error, now))
        }
        Err(error) => {
            monitor.store_read_failed(error, now);
            nothing()
        }
    }
}

/// The earlier states in the store, the newest first.
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
