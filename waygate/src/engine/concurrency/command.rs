use waygate_core::model::{Action, ConcurrencyPolicy, LimitKey};

use super::ConcurrencyRecord;
use crate::engine::{
    kinds::ConcurrencyLimits,
    limits::Known,
    tx::{Attempt, Change, Tx},
};

/// A change of one concurrency limit: sets this policy, or with `None` restores the declaration. Returns the
/// effective limit, if there is one.
pub(crate) struct ConcurrencyChange {
    pub(crate) key: LimitKey,
    pub(crate) policy: Option<ConcurrencyPolicy>,
}

impl Change for ConcurrencyChange {
    type Done = (Option<ConcurrencyRecord>, bool);

    fn subject(&self) -> String {
        self.key.to_string()
    }

    async fn attempt(&self, tx: Tx<'_>) -> Result<Self::Done, Attempt> {
        let mut snapshot = tx.snapshot();
        let known = Known::<ConcurrencyLimits>::find(&tx, &self.key, self.policy.is_none())?;
        let (key, was_set) = (known.key.clone(), known.is_stored);
        if self.policy.is_some() || known.is_stored {
            if let Some(policy) = &self.policy {
                known.check_key(&policy.key)?;
            }
            let next = self.policy.clone().map(|mut policy| {
                policy.name = key.name.clone();
                policy
            });
            let action = match (&next, known.applies()) {
                (None, _) => Action::ConcurrencyPolicyDeleted,
                (Some(_), None) => Action::ConcurrencyPolicySet,
                (Some(_), Some(_)) => Action::ConcurrencyPolicyUpdated,
            };
            let reason = next.as_ref().map(in_short).unwrap_or_default();
            snapshot = known.replace(tx, next, action, reason).await?;
        } else {
            tx.confirm::<ConcurrencyLimits>(&key).await?;
        }
        Ok((snapshot.concurrency_record(&key), was_set))
    }
}

/// The format of the audit log: `10 at a time · user`.
fn in_short(policy: &ConcurrencyPolicy) -> String {
    format!("{} at a time · {}", policy.limit, policy.key)
}
