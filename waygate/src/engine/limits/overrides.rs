use waygate_core::{
    grammar::{KeySource, PolicyName},
    model::{ConcurrencyPolicy, LimitKey, LimitOverride, LimitScope, RateLimitPolicy},
};

use crate::engine::store::{Collection, Kind, Versioned};

/// A policy that can be declared and set.
pub(crate) trait Named {
    /// Identifies a policy within its scope.
    fn name(&self) -> &PolicyName;

    /// Identifies its counters.
    fn key(&self) -> &KeySource;
}

impl Named for RateLimitPolicy {
    fn name(&self) -> &PolicyName {
        &self.name
    }

    fn key(&self) -> &KeySource {
        &self.key
    }
}

impl Named for ConcurrencyPolicy {
    fn name(&self) -> &PolicyName {
        &self.name
    }

    fn key(&self) -> &KeySource {
        &self.key
    }
}

/// The effective policy of a key: an operator's, otherwise the declared one.
#[derive(Debug)]
pub(crate) struct Applying<P> {
    pub(crate) key: LimitKey,
    pub(crate) fields: P,
    /// The commit that set it; 0 for a declaration.
    pub(crate) revision: u64,
    /// `true` if the declaration in code has changed since an operator set it.
    pub(crate) drifted: bool,
    /// The key of the declared policy with the same name, if there is one.
    pub(crate) declared: Option<KeySource>,
}

/// The keys of the policies of one scope with a record of this kind.
pub(crate) fn policies_of<K: Kind<Key = LimitKey>>(
    records: &Collection<K>,
    scope: &LimitScope,
) -> Vec<LimitKey> {
    let first = LimitKey::first_of(scope.clone());
    let keys = records.from(&first).map(|(key, _)| key);
    keys.take_while(|key| key.scope == *scope)
        .cloned()
        .collect()
}

/// The shared scopes with a record of this kind.
pub(crate) fn shared_scopes<K: Kind<Key = LimitKey>>(
    records: &Collection<K>,
) -> impl Iterator<Item = &LimitScope> {
    // Routes come last in the order of keys.
    let scopes = records.keys().map(|key| &key.scope);
    scopes.take_while(|scope| !matches!(scope, LimitScope::Route(_)))
}

/// The policies of one scope: the declared ones in order, then those that operators have added.
pub(crate) fn applying<K, P>(
    records: &Collection<K>,
    scope: &LimitScope,
    declared: &[P],
) -> Vec<Applying<P>>
where
    K: Kind<Key = LimitKey, Value = LimitOverride<P>>,
    P: Named + Clone + PartialEq,
{
    let key = |name: &PolicyName| LimitKey::new(scope.clone(), name.clone());
    let is_declared = |name: &PolicyName| declared.iter().any(|policy| policy.name() == name);
    let of_code = declared.iter().map(|policy| {
        let key = key(policy.name());
        match records.get(&key) {
            Some(set) => Applying::set(key, set, Some(policy)),
            None => Applying {
                key,
                fields: policy.clone(),
                revision: 0,
                drifted: false,
                declared: Some(policy.key().clone()),
            },
        }
    });
    let first = LimitKey::first_of(scope.clone());
    let set = records.from(&first);
    let added = set
        .take_while(|(key, _)| key.scope == *scope)
        .filter(|(key, _)| !is_declared(&key.name))
        .map(|(key, set)| Applying::set(key.clone(), set, None));
    of_code.chain(added).collect()
}

impl<P: Named + Clone + PartialEq> Applying<P> {
    fn set(key: LimitKey, set: &Versioned<LimitOverride<P>>, declared: Option<&P>) -> Self {
        Self {
            key,
            fields: set.value.policy.clone(),
            revision: set.revision,
            drifted: set.value.declared.as_deref() != declared,
            declared: declared.map(|policy| policy.key().clone()),
        }
    }
}
