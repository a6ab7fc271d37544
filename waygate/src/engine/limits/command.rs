use std::sync::Arc;

use serde::{Deserialize, Serialize};
use waygate_core::{
    grammar::{Limit, TierLimit},
    model::{Action, AuditEntry, LimitKey, LimitScope, RateLimitPolicy},
    port::{Batch, EntityKey, Expected},
};

use super::{LimitRecord, LimitedKey, Policy, check_key, replace::Replacement};
use crate::engine::{
    ChangeError, Event, Inner,
    change::{Attempt, By, Change, check_expected, entry, json},
    publish::Touched,
    snapshot::Snapshot,
    stored::{Stored, kind},
};

/// What a change of one policy asks for.
#[derive(Debug, Clone)]
pub(crate) enum LimitCommand {
    /// Sets the policy, whatever was there.
    Set(Box<RateLimitPolicy>),
    /// Goes back to what the code declares, or to nothing.
    Delete,
    /// Pauses the policy, or lets it go on.
    SetEnabled(bool),
    /// Lets the policy only report, or lets it refuse.
    SetShadow(bool),
}

/// Which counters of a policy count: a reset begins a new generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Generation {
    pub(crate) generation: u64,
}

/// A change of one policy. What is left is the policy; `None` when there is none any more.
pub(crate) struct LimitChange {
    pub(crate) key: LimitKey,
    pub(crate) command: LimitCommand,
}

impl Change for LimitChange {
    type Done = Option<LimitRecord>;

    fn subject(&self) -> String {
        self.key.to_string()
    }

    async fn attempt(
        &self,
        inner: &Inner,
        stored: &mut Stored,
        by: &By,
    ) -> Result<Option<LimitRecord>, Attempt> {
        let snapshot = inner.snapshot.load_full();
        let deletes = matches!(self.command, LimitCommand::Delete);
        // One that cannot be read is there as well, and one that was kept.
        let is_known = |key| {
            stored.limits.get(key).is_some() || stored.expected_limit(key) != Expected::Absent
        };
        let key = inner.governed_or_left(&snapshot, &self.key, deletes && is_known(&self.key))?;
        let declared = snapshot.declared_limit(&key).cloned();
        let known = stored.limits.get(&key);
        check_expected(
            &key.to_string(),
            by.expected,
            known.map_or(0, |known| known.revision),
        )?;
        let before = known.map(|known| known.value.policy.clone());
        let before = before.or_else(|| declared.clone());
        let next = match (&self.command, &before) {
            (LimitCommand::Set(policy), _) => {
                let policy = RateLimitPolicy {
                    name: key.name.clone(),
                    ..(**policy).clone()
                };
                // Fields may have been set by hand.
                policy.check().map_err(ChangeError::from)?;
                let of_code = declared.as_ref().map(|declared| &declared.key);
                check_key(&policy.key, &key, of_code).map_err(ChangeError::from)?;
                Some(policy)
            }
            (LimitCommand::Delete, _) => None,
            (LimitCommand::SetEnabled(enabled), Some(policy)) => Some(RateLimitPolicy {
                enabled: *enabled,
                ..policy.clone()
            }),
            (LimitCommand::SetShadow(shadow), Some(policy)) => Some(RateLimitPolicy {
                shadow: *shadow,
                ..policy.clone()
            }),
            // Nothing to pause or to promote.
            (LimitCommand::SetEnabled(_) | LimitCommand::SetShadow(_), None) => None,
        };
        let is_set = matches!(self.command, LimitCommand::Set(_));
        let unchanged = if next.is_some() {
            !is_set && next == before
        } else {
            !is_known(&key)
        };
        if unchanged {
            return Ok(snapshot.limit_record(&key));
        }
        let replacement = Replacement {
            kind: kind::LIMIT,
            key: &key,
            expected: stored.expected_limit(&key),
            before: before.as_ref(),
            reason: next.as_ref().map(in_short).unwrap_or_default(),
            next,
            action: action(&key.scope, &self.command, before.is_some()),
            declared,
        };
        let line = inner.replace(stored, by, replacement).await?;
        let snapshot = inner.snapshot.load();
        let record = snapshot.limit_record(&key);
        inner.send(Event::RateLimit {
            key,
            limit: record.clone().map(Box::new),
            audit: Some(Box::new(line)),
        });
        Ok(record)
    }
}

/// Begins to count anew for these policies, which are the ones of one scope or of one path.
pub(crate) struct LimitReset {
    pub(crate) keys: Vec<LimitKey>,
    /// The path under which the audit log files it.
    pub(crate) path: String,
}

impl Change for LimitReset {
    type Done = ();

    fn subject(&self) -> String {
        self.path.clone()
    }

    async fn attempt(&self, inner: &Inner, stored: &mut Stored, by: &By) -> Result<(), Attempt> {
        let Self { keys, path } = self;
        let Some(first) = keys.first() else {
            return Ok(());
        };
        for key in keys {
            check_policy(stored, key, by)?;
        }
        let action = reset_action(&first.scope);
        let line = AuditEntry {
            service: service(&first.scope),
            ..entry(&by.origin, action, path, inner.clock.now())
        };
        let mut batch = Batch {
            audit: vec![line.clone()],
            ..Batch::default()
        };
        for key in keys {
            let entity = EntityKey::of(kind::COUNTERS, key);
            let next = Generation {
                generation: stored.generation(key) + 1,
            };
            batch
                .expected
                .push((entity.clone(), stored.expected_generation(key)));
            batch.puts.push((entity, json(&next)));
        }
        let revision = inner.commit(stored, batch).await?;
        let table = &inner.snapshot.load().table;
        inner.publish_next(stored, &Touched::limits(keys, table));
        let snapshot = inner.snapshot.load();
        for key in keys {
            let line = AuditEntry {
                revision: revision.number,
                ..line.clone()
            };
            inner.send_rate_limit(&snapshot, key.clone(), Some(Box::new(line)));
        }
        Ok(())
    }
}

/// Forgets what one key has consumed of one policy.
pub(crate) struct KeyReset {
    pub(crate) policy: Arc<Policy>,
    pub(crate) key: LimitedKey,
}

impl Change for KeyReset {
    type Done = ();

    fn subject(&self) -> String {
        self.policy.key.to_string()
    }

    async fn attempt(&self, inner: &Inner, stored: &mut Stored, by: &By) -> Result<(), Attempt> {
        let Self { policy, key } = self;
        check_policy(stored, &policy.key, by)?;
        let scope = &policy.key.scope;
        let line = AuditEntry {
            reason: format!("{} of {}", key.label(), policy.key.name),
            service: service(scope),
            ..entry(
                &by.origin,
                reset_action(scope),
                &audit_path(scope),
                inner.clock.now(),
            )
        };
        // The generation is written as it is, so that other processes see that something was reset.
        let entity = EntityKey::of(kind::COUNTERS, &policy.key);
        let generation = Generation {
            generation: stored.generation(&policy.key),
        };
        let batch = Batch {
            expected: vec![(entity.clone(), stored.expected_generation(&policy.key))],
            puts: vec![(entity, json(&generation))],
            audit: vec![line.clone()],
            ..Batch::default()
        };
        // Nothing is forgotten that the audit log does not show.
        let revision = inner.commit(stored, batch).await?;
        let table = &inner.snapshot.load().table;
        inner.publish_next(stored, &Touched::limits([&policy.key], table));
        let forgotten = inner.counters.forget(policy, key).await;
        let line = AuditEntry {
            revision: revision.number,
            ..line
        };
        let snapshot = inner.snapshot.load();
        inner.send_rate_limit(&snapshot, policy.key.clone(), Some(Box::new(line)));
        Ok(forgotten?)
    }
}

/// Whether a policy still is what whoever resets its counters believes it is.
fn check_policy(stored: &Stored, key: &LimitKey, by: &By) -> Result<(), ChangeError> {
    let revision = stored.limits.get(key).map_or(0, |known| known.revision);
    check_expected(&key.to_string(), by.expected, revision)
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
}

/// The path under which the audit log files changes of a scope (wire contract, section 10).
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

fn reset_action(scope: &LimitScope) -> Action {
    match scope {
        LimitScope::Global => Action::GlobalRlReset,
        LimitScope::Service(_) => Action::SvcRlReset,
        LimitScope::Route(_) => Action::RlReset,
    }
}

fn action(scope: &LimitScope, command: &LimitCommand, existed: bool) -> Action {
    use LimitCommand::{Delete, Set, SetEnabled, SetShadow};
    match (scope, command) {
        (LimitScope::Route(_), Set(_)) if !existed => Action::RlPolicySet,
        (LimitScope::Route(_), Delete) => Action::RlPolicyDeleted,
        (LimitScope::Route(_), _) => Action::RlPolicyUpdated,
        (LimitScope::Global, Set(_)) if !existed => Action::GlobalRlSet,
        (LimitScope::Global, Set(_) | SetShadow(_)) => Action::GlobalRlUpdated,
        (LimitScope::Global, Delete) => Action::GlobalRlDeleted,
        (LimitScope::Global, SetEnabled(true)) => Action::GlobalRlEnabled,
        (LimitScope::Global, SetEnabled(false)) => Action::GlobalRlDisabled,
        (LimitScope::Service(_), Set(_)) if !existed => Action::SvcRlSet,
        (LimitScope::Service(_), Set(_) | SetShadow(_)) => Action::SvcRlUpdated,
        (LimitScope::Service(_), Delete) => Action::SvcRlDeleted,
        (LimitScope::Service(_), SetEnabled(true)) => Action::SvcRlEnabled,
        (LimitScope::Service(_), SetEnabled(false)) => Action::SvcRlDisabled,
    }
}

/// As the audit log says it (wire contract, section 10): `5/minute · fixed_window · ip`.
fn in_short(policy: &RateLimitPolicy) -> String {
    let RateLimitPolicy {
        limit,
        algorithm,
        key,
        ..
    } = policy;
    let own: &Limit = limit;
    let tiers = policy.tiers.iter().map(|tier| match &tier.limit {
        TierLimit::Unlimited => format!(" · {}: unlimited", tier.name),
        TierLimit::Limited(limit) => format!(" · {}: {limit}", tier.name),
    });
    let shadow = if policy.shadow { " · shadow" } else { "" };
    format!(
        "{own} · {algorithm} · {key}{}{shadow}",
        tiers.collect::<String>()
    )
}
