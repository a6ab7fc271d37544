use std::{collections::BTreeSet, sync::Arc};

use waygate_core::{
    model::Revision,
    port::{BackendError, Batch, CommitError},
};

use super::{Inner, claim::inherit, kinds::RecordId};

impl Inner {
    /// Writes entities that the engine does not interpret, and publishes them.
    ///
    /// Completes even if the caller is dropped, so that this process sees every committed write.
    pub(crate) async fn write_entities(
        self: &Arc<Self>,
        batch: Batch,
    ) -> Result<Revision, CommitError> {
        let inner = self.clone();
        let write = async move {
            let mut stored = inner.stored.lock().await;
            let put = batch.puts.iter().map(|(key, _)| key);
            let ids = put
                .chain(&batch.deletes)
                .filter_map(|key| RecordId::of(key).ok());
            let ids: BTreeSet<RecordId> = ids.collect();
            let written = inner.write(&mut stored, batch, ids).await?;
            Ok(written.announce())
        };
        match self.runtime.spawn(inherit(write)).await {
            Ok(outcome) => outcome,
            Err(error) => {
                let cause = format!("the write was interrupted: {error}");
                Err(BackendError::Unavailable(cause).into())
            }
        }
    }
}
