use std::sync::Arc;

use waygate_core::{
    grammar::{Limit, TierLimit},
    model::{Action, LimitKey, LimitScope, RateLimitPolicy},
};

use super::{
    LimitRecord, LimitedKey, Policy,
    replace::{Known, audit_path, service},
};
use crate::engine::{
    ChangeError,
    kinds::{Generation, Generations, RateLimits},
    tx::{Attempt, Change, Tx},
};

/// A command on one policy.
#[derive(Debug, Clone)]
pub(crate) enum LimitCommand {
    /// Sets the policy, replacing any earlier one.
    Set(Box<RateLimitPolicy>),
    /// Restores the declaration, or removes the policy if there is none.
    Delete,
    /// Pauses or resumes the policy.
    SetEnabled(bool),
    /// Turns shadow mode on, or promotes the policy.
    SetShadow(bool),
}

/// A change of one policy. Returns the effective policy, if there is one.
pub(crate) struct LimitChange {
    pub(crate) key: LimitKey,
    pub(crate) command: LimitCommand,
}

impl Change for LimitChange {
    type Done = (Option<LimitRecord>, bool);

    fn subject(&self) -> String {
        self.key.to_string()
    }

    async fn attempt(&self, tx: Tx<'_>) -> Result<Self::Done, Attempt> {
        let mut snapshot = tx.snapshot();
        let deletes = matches!(self.command, LimitCommand::Delete);
        let known = Known::<RateLimits>::find(&tx, &self.key, deletes)?;
        let next = match (&self.command, known.applies()) {
            (LimitCommand::Set(policy), _) => {
                let mut policy = (**policy).clone();
                policy.name = known.key.name.clone();
                // The fields may have been edited manually.
                policy.check().map_err(ChangeError::from)?;
                known.check_key(&policy.key)?;
                Some(policy)
            }
            (LimitCommand::Delete, _) => None,
            (LimitCommand::SetEnabled(enabled), Some(policy)) => {
                let mut policy = policy.clone();
                policy.enabled = *enabled;
                Some(policy)
            }
            (LimitCommand::SetShadow(shadow), Some(policy)) => {
                let mut policy = policy.clone();
                policy.shadow = *shadow;
                Some(policy)
            }
            (LimitCommand::SetEnabled(_) | LimitCommand::SetShadow(_), None) => {
                return Err(snapshot.no_such_limit(&known.key).into());
            }
        };
        let is_set = matches!(self.command, LimitCommand::Set(_));
        let unchanged = match &next {
            Some(_) => !is_set && next.as_ref() == known.applies(),
            None => !known.is_stored,
        };
        let (key, was_set) = (known.key.clone(), known.is_stored);
        if !unchanged {
            let existed = known.applies().is_some();
            let action = action(&key.scope, &self.command, existed);
            let reason = next.as_ref().map(in_short).unwrap_or_default();
            snapshot = known.replace(tx, next, action, reason).await?;
        } else {
            tx.confirm::<RateLimits>(&key).await?;
        }
        Ok((snapshot.limit_record(&key), was_set))
    }
}

/// Resets the counters of these policies, which are those of one scope or of one path.
pub(crate) struct LimitReset {
    pub(crate) keys: Vec<LimitKey>,
    /// The path of its lines in the audit log.
    pub(crate) path: String,
}

impl Change for LimitReset {
    type Done = ();

    fn subject(&self) -> String {
        self.path.clone()
    }

    async fn attempt(&self, mut tx: Tx<'_>) -> Result<(), Attempt> {
        let Self { keys, path } = self;
        check_policies(&tx, path, keys)?;
        let Some(first) = keys.first() else {
            return Ok(());
        };
        let mut entry = tx.line(reset_action(&first.scope), path);
        entry.service = service(&first.scope);
        tx.audit(entry);
        for key in keys {
            let generation = tx.stored.own_generation(key) + 1;
            tx.put::<Generations>(key, &Generation { generation });
        }
        tx.commit().await?;
        Ok(())
    }
}

/// Resets the counter of one key of one policy.
pub(crate) struct KeyReset {
    pub(crate) policy: Arc<Policy>,
    pub(crate) key: LimitedKey,
}

impl Change for KeyReset {
    type Done = ();

    fn subject(&self) -> String {
        self.policy.key.to_string()
    }

    fn can_be_staged(&self) -> bool {
        false
    }

    async fn attempt(&self, mut tx: Tx<'_>) -> Result<(), Attempt> {
        let Self { policy, key } = self;
        check_policies(&tx, &policy.key.to_string(), [&policy.key])?;
        let scope = &policy.key.scope;
        let mut entry = tx.line(reset_action(scope), &audit_path(scope));
        entry.reason = format!("{} of {}", key.label(), policy.key.name);
        entry.service = service(scope);
        tx.audit(entry);
        // The epoch is rewritten unchanged, so that other processes notice the reset.
        let generation = tx.stored.own_generation(&policy.key);
        tx.put::<Generations>(&policy.key, &Generation { generation });
        // No reset without an audit line.
        let written = tx.write().await?;
        let reset = written.engine.counters.reset(policy, key).await;
        written.announce();
        reset.map_err(|error| Attempt::Incomplete(error.into()))
    }
}

/// Fails if the author expects a revision other than that of the policy that was changed last.
fn check_policies<'a>(
    tx: &Tx<'_>,
    what: &str,
    keys: impl IntoIterator<Item = &'a LimitKey>,
) -> Result<(), ChangeError> {
    let revisions = keys
        .into_iter()
        .map(|key| tx.stored.records.rate_limits.revision(key));
    tx.check(what, revisions.max())
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

/// The format of the audit log (wire contract, section 10): `5/minute · fixed_window · ip`.
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
