use std::sync::Arc;

use waygate_core::{
    model::{AuditEntry, Revision},
    port::{BackendError, Batch, CommitError, EntityKey},
};

use super::{Event, Inner, publish::Touched};

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
            let put = batch.puts.iter().map(|(key, _)| key);
            let keys: Vec<EntityKey> = put.chain(&batch.deletes).cloned().collect();
            let lines = batch.audit.clone();
            let revision = inner.commit(&mut stored, batch).await?;
            inner.publish_next(&stored, &Touched::default());
            for line in lines {
                let audit = AuditEntry {
                    revision: revision.number,
                    ..line
                };
                inner.send(Event::Records {
                    keys: keys.clone(),
                    revision,
                    audit: Some(Box::new(audit)),
                });
            }
            Ok(revision)
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
