use waygate_core::model::{ConcurrencyPolicy, LimitKey};

use super::{ConcurrencyRecord, command::ConcurrencyChange};
use crate::{ChangeError, Operator};

/// Limits of concurrency. A [`LimitKey`] names one of them as it names rate limits; the two kinds do not meet.
impl Operator {
    /// Sets a limit, whatever was there. Requests that hold a place keep it and still count: below a limit that was lowered
    /// nobody is let in until enough of them are done.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub async fn set_concurrency_limit(
        &self,
        key: LimitKey,
        policy: ConcurrencyPolicy,
    ) -> Result<Option<ConcurrencyRecord>, ChangeError> {
        let policy = Some(policy);
        Ok(self.make(ConcurrencyChange { key, policy }).await?.0)
    }

    /// Goes back to what the code declares, or to no limit where it declares none.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
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
