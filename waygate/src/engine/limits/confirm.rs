use std::marker::PhantomData;

use waygate_core::model::LimitKey;

use super::replace::{Known, PolicyKind};
use crate::engine::{
    ChangeError, Operator,
    kinds::{ConcurrencyLimits, RateLimits, Records},
    store::Holds,
    tx::{Attempt, Change, Tx},
};

/// A change without a difference: checks what the author expects, and that the store has what this process knows.
struct Confirm<K> {
    key: LimitKey,
    kind: PhantomData<fn() -> K>,
}

impl<K: PolicyKind> Change for Confirm<K>
where
    Records: Holds<K>,
{
    type Done = ();

    fn subject(&self) -> String {
        self.key.to_string()
    }

    async fn attempt(&self, tx: Tx<'_>) -> Result<(), Attempt> {
        let known = Known::<K>::find(&tx, &self.key, false)?;
        tx.confirm::<K>(&known.key).await
    }
}

impl Operator {
    pub(crate) async fn confirm_rate_limit(&self, key: LimitKey) -> Result<(), ChangeError> {
        let kind = PhantomData;
        self.make(Confirm::<RateLimits> { key, kind }).await
    }

    pub(crate) async fn confirm_concurrency_limit(&self, key: LimitKey) -> Result<(), ChangeError> {
        let kind = PhantomData;
        self.make(Confirm::<ConcurrencyLimits> { key, kind }).await
    }
}
