//! Shared code for changes of rate limits and of concurrency limits.

use std::sync::Arc;

use waygate_core::{
    grammar::KeySource,
    model::{Action, ConcurrencyPolicy, LimitKey, LimitOverride, LimitScope, RateLimitPolicy},
    port::Expected,
};

use super::{missing::check_key, overrides::Named};
use crate::engine::{
    ChangeError, Inner,
    kinds::{ConcurrencyLimits, RateLimits, Records},
    snapshot::Snapshot,
    store::{Holds, Kind, json},
    tx::{Attempt, Tx},
};

/// A policy before a change.
pub(crate) struct Known<K: PolicyKind> {
    /// The key, with its route resolved.
    pub(crate) key: LimitKey,
    /// The operator's policy.
    set: Option<K::Policy>,
    /// The declared policy.
    declared: Option<K::Policy>,
    /// `true` if there is a record, readable or not.
    pub(crate) is_stored: bool,
}

/// A kind of policies that are declared in code and set by operators.
pub(crate) trait PolicyKind:
    Kind<Key = LimitKey, Value = LimitOverride<Self::Policy>>
{
    type Policy: Named + Clone + PartialEq + serde::Serialize + Send + Sync;

    /// The declared policy of a key.
    fn declared<'a>(snapshot: &'a Snapshot, key: &LimitKey) -> Option<&'a Self::Policy>;
}

impl<K: PolicyKind> Known<K>
where
    Records: Holds<K>,
{
    /// Finds a policy, and checks the revision that the author expects.
    pub(crate) fn find(tx: &Tx<'_>, key: &LimitKey, deletes: bool) -> Result<Self, ChangeError> {
        let snapshot = tx.snapshot();
        let records = Holds::<K>::collection(&tx.stored.records);
        // Unreadable records, and records that were kept, are stored too.
        let is_stored = |key: &LimitKey| {
            records.contains(key) || tx.stored.expected::<K>(key) != Expected::Absent
        };
        let governed = tx
            .engine
            .governed_or_left(&snapshot, key, deletes && is_stored(key));
        let key = match governed {
            Ok(key) => key,
            Err(error) => {
                tx.check(&key.to_string(), None)?;
                return Err(error);
            }
        };
        let known = Self {
            set: records.get(&key).map(|known| known.value.policy.clone()),
            declared: K::declared(&snapshot, &key).cloned(),
            is_stored: is_stored(&key),
            key,
        };
        let revision = records.revision(&known.key);
        let current = known.applies().map(|_| revision);
        tx.check(&known.key.to_string(), current)?;
        Ok(known)
    }

    /// The policy that applies.
    pub(crate) fn applies(&self) -> Option<&K::Policy> {
        self.set.as_ref().or(self.declared.as_ref())
    }

    /// Refuses a key that only an attribute here could name.
    pub(crate) fn check_key(&self, wanted: &KeySource) -> Result<(), ChangeError> {
        let of_code = self.declared.as_ref().map(Named::key);
        Ok(check_key(wanted, &self.key, of_code)?)
    }

    /// Writes another policy, or with `None` restores the declaration. Returns the next snapshot.
    pub(crate) async fn replace(
        self,
        mut tx: Tx<'_>,
        next: Option<K::Policy>,
        action: Action,
        reason: String,
    ) -> Result<Arc<Snapshot>, Attempt> {
        let scope = &self.key.scope;
        let mut entry = tx.line(action, &audit_path(scope));
        entry.reason = reason;
        entry.service = service(scope);
        entry.previous = self.applies().map(json);
        entry.new = next.as_ref().or(self.declared.as_ref()).map(json);
        tx.audit(entry);
        match next {
            Some(policy) => {
                let declared = self.declared.map(Box::new);
                tx.put::<K>(&self.key, &LimitOverride { policy, declared });
            }
            None => tx.delete::<K>(&self.key),
        }
        Ok(tx.commit_seen().await?.1)
    }
}

impl Inner {
    /// The key with its route resolved.
    pub(crate) fn governed(
        &self,
        snapshot: &Snapshot,
        key: &LimitKey,
    ) -> Result<LimitKey, ChangeError> {
        let LimitScope::Route(route) = &key.scope else {
            return Ok(key.clone());
        };
        let (_, route) = snapshot.table.resolve_limited(route)?;
        let scope = LimitScope::Route(route);
        Ok(LimitKey::new(scope, key.name.clone()))
    }

    /// Like [`governed`](Self::governed), but the records of a removed route can still be deleted.
    pub(crate) fn governed_or_left(
        &self,
        snapshot: &Snapshot,
        key: &LimitKey,
        deletes_known: bool,
    ) -> Result<LimitKey, ChangeError> {
        match self.governed(snapshot, key) {
            Err(_) if deletes_known => Ok(key.clone()),
            governed => governed,
        }
    }
}

/// The path of a scope's changes in the audit log (wire contract, section 10).
pub(crate) fn audit_path(scope: &LimitScope) -> String {
    match scope {
        LimitScope::Global => "__global_rl__".to_owned(),
        LimitScope::Service(service) => format!("__waygate:svc_rl:{service}__"),
        LimitScope::Route(key) => key.to_string(),
    }
}

pub(crate) fn service(scope: &LimitScope) -> Option<String> {
    match scope {
        LimitScope::Global => None,
        LimitScope::Service(service) => Some(service.to_string()),
        LimitScope::Route(key) => key.service().map(str::to_owned),
    }
}

impl PolicyKind for RateLimits {
    type Policy = RateLimitPolicy;

    fn declared<'a>(snapshot: &'a Snapshot, key: &LimitKey) -> Option<&'a RateLimitPolicy> {
        snapshot.declared_limit(key)
    }
}

impl PolicyKind for ConcurrencyLimits {
    type Policy = ConcurrencyPolicy;

    fn declared<'a>(snapshot: &'a Snapshot, key: &LimitKey) -> Option<&'a ConcurrencyPolicy> {
        snapshot.declared_concurrency(key)
    }
}
