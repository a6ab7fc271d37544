use waygate_core::model::{ConcurrencyPolicy, LimitKey};

use super::{ConcurrencyRecord, command::ConcurrencyChange};
use crate::{ChangeError, Operator};

/// Concurrency limits. A [`LimitKey`] names one, as for rate limits; the two kinds are independent.
impl Operator {
    /// Sets a limit, replacing any earlier one. Running requests keep their permits and still count: after a limit is
    /// lowered, new requests wait until enough permits are released. Returns the updated limit.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn set_concurrency_limit(
        &self,
        key: LimitKey,
        policy: ConcurrencyPolicy,
    ) -> Result<ConcurrencyRecord, ChangeError> {
        let (subject, policy) = (key.clone(), Some(policy));
        let (left, _) = self.make(ConcurrencyChange { key, policy }).await?;
        // The route may have been unregistered meanwhile.
        left.ok_or(ChangeError::NoSuchLimit {
            key: subject,
            nearest: None,
        })
    }

    /// Restores the declared limit, or removes the limit if none is declared. Returns `false` if no operator had set a
    /// limit under this key.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn delete_concurrency_limit(&self, key: LimitKey) -> Result<bool, ChangeError> {
        let policy = None;
        Ok(self.make(ConcurrencyChange { key, policy }).await?.1)
    }
}
