use waygate_core::model::{ConcurrencyPolicy, LimitKey};

use super::{ConcurrencyRecord, command::ConcurrencyChange};
use crate::{ChangeError, Operator, ResolveError};

/// Concurrency limits. A [`LimitKey`] names one, as for rate limits; the two kinds are independent.
impl Operator {
    /// Sets a limit, replacing any earlier one. Running requests keep their permits and still count: after a limit is
    /// lowered, new requests wait until enough permits are released.
    ///
    /// # Errors
    /// [`ChangeError`]; on error, nothing is changed.
    pub async fn set_concurrency_limit(
        &self,
        key: LimitKey,
        policy: ConcurrencyPolicy,
    ) -> Result<ConcurrencyRecord, ChangeError> {
        let (subject, policy) = (key.clone(), Some(policy));
        let (record, _) = self.make(ConcurrencyChange { key, policy }).await?;
        record.ok_or_else(|| ResolveError::unlike_any(&subject).into())
    }

    /// Restores the declared limit, or removes the limit if none is declared.
    ///
    /// # Errors
    /// [`ChangeError`]; on error, nothing is changed.
    pub async fn delete_concurrency_limit(
        &self,
        key: LimitKey,
    ) -> Result<Option<ConcurrencyRecord>, ChangeError> {
        let policy = None;
        Ok(self.make(ConcurrencyChange { key, policy }).await?.0)
    }

    /// The same. Returns whether an operator had set one.
    #[cfg(feature = "admin")]
    pub(crate) async fn remove_concurrency_limit(
        &self,
        key: LimitKey,
    ) -> Result<bool, ChangeError> {
        let policy = None;
        Ok(self.make(ConcurrencyChange { key, policy }).await?.1)
    }
}
