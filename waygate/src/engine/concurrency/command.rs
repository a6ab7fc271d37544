use waygate_core::{
    model::{Action, ConcurrencyPolicy, LimitKey},
    port::Expected,
};

use super::ConcurrencyRecord;
use crate::engine::{
    ChangeError, Event, Inner,
    change::{Attempt, By, Change, check_expected},
    limits::{Replacement, check_key},
    stored::{Stored, kind},
};

/// A change of one limit of concurrency: to this policy, or (`None`) back to what the code declares. What is left is the
/// limit; `None` when there is none any more.
pub(crate) struct ConcurrencyChange {
    pub(crate) key: LimitKey,
    pub(crate) policy: Option<ConcurrencyPolicy>,
}

impl Change for ConcurrencyChange {
    type Done = Option<ConcurrencyRecord>;

    fn subject(&self) -> String {
        self.key.to_string()
    }

    async fn attempt(
        &self,
        inner: &Inner,
        stored: &mut Stored,
        by: &By,
    ) -> Result<Option<ConcurrencyRecord>, Attempt> {
        let snapshot = inner.snapshot.load_full();
        // One that cannot be read is there as well, and one that was kept.
        let is_known = |key| {
            stored.concurrency.get(key).is_some()
                || stored.expected_concurrency(key) != Expected::Absent
        };
        let deletes_known = self.policy.is_none() && is_known(&self.key);
        let key = inner.governed_or_left(&snapshot, &self.key, deletes_known)?;
        let declared = snapshot.declared_concurrency(&key).cloned();
        let known = stored.concurrency.get(&key);
        let revision = known.map_or(0, |known| known.revision);
        check_expected(&key.to_string(), by.expected, revision)?;
        if self.policy.is_none() && !is_known(&key) {
            return Ok(snapshot.concurrency_record(&key));
        }
        if let Some(policy) = &self.policy {
            let of_code = declared.as_ref().map(|declared| &declared.key);
            check_key(&policy.key, &key, of_code).map_err(ChangeError::from)?;
        }
        let before = known.map(|known| known.value.policy.clone());
        let before = before.or_else(|| declared.clone());
        let next = self.policy.clone().map(|policy| ConcurrencyPolicy {
            name: key.name.clone(),
            ..policy
        });
        let replacement = Replacement {
            kind: kind::CONCURRENCY,
            key: &key,
            expected: stored.expected_concurrency(&key),
            before: before.as_ref(),
            reason: next.as_ref().map(in_short).unwrap_or_default(),
            action: match (&next, &before) {
                (None, _) => Action::ConcurrencyPolicyDeleted,
                (Some(_), None) => Action::ConcurrencyPolicySet,
                (Some(_), Some(_)) => Action::ConcurrencyPolicyUpdated,
            },
            next,
            declared,
        };
        let line = inner.replace(stored, by, replacement).await?;
        let record = inner.snapshot.load().concurrency_record(&key);
        inner.send(Event::Concurrency {
            key,
            limit: record.clone().map(Box::new),
            audit: Some(Box::new(line)),
        });
        Ok(record)
    }
}

/// As the audit log says it: `10 at a time · user`.
fn in_short(policy: &ConcurrencyPolicy) -> String {
    format!("{} at a time · {}", policy.limit, policy.key)
}
