use std::{path::Path, sync::Arc};

use super::{
    AuditQuery, Backend, BackendError, Batch, BoxFuture, BoxStream, CommitError, Image, Lost,
};
use crate::model::{AuditEntry, Revision};

/// Lets an application share a backend with other code.
impl<B: Backend + ?Sized> Backend for Arc<B> {
    fn load(&self) -> BoxFuture<'_, Result<Image, BackendError>> {
        (**self).load()
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<Revision, CommitError>> {
        (**self).commit(batch)
    }

    fn earlier(&self) -> BoxFuture<'_, Result<Vec<Image>, BackendError>> {
        (**self).earlier()
    }

    fn lost(&self) -> BoxFuture<'_, Option<Lost>> {
        (**self).lost()
    }

    fn state_file(&self) -> Option<&Path> {
        (**self).state_file()
    }

    fn describe(&self) -> String {
        (**self).describe()
    }

    fn check_options(&self) -> Result<(), BackendError> {
        (**self).check_options()
    }

    fn changes(&self) -> BoxStream<'static, Revision> {
        (**self).changes()
    }

    fn audit(&self, query: AuditQuery) -> BoxFuture<'_, Result<Vec<AuditEntry>, BackendError>> {
        (**self).audit(query)
    }

    fn health(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        (**self).health()
    }
}
