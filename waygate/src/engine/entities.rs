use std::sync::Arc;

use waygate_core::{
    model::Revision,
    port::{BackendError, Batch, CommitError},
};

use super::Inner;

impl Inner {
    /// Writes entities that the engine does not look into, and publishes them.
    ///
    /// Runs to its end even if the caller goes away, so that what the store has taken is also seen here.
    pub(crate) async fn write_entities(
        self: &Arc<Self>,
        batch: Batch,
    ) -> Result<Revision, CommitError> {
        let inner = self.clone();
        let write = async move {
            let mut stored = inner.stored.lock().await;
            let outcome = inner.commit(&mut stored, batch).await;
            if outcome.is_ok() {
                inner.publish_patch(&stored, &[]);
            }
            outcome
        };
        match self.runtime.spawn(write).await {
            Ok(outcome) => outcome,
            Err(error) => {
                let cause = format!("the write was cut short: {error}");
                Err(BackendError::Unavailable(cause).into())
            }
        }
    }
}
