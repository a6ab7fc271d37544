use waygate_core::{
    grammar::{KeySource, PolicyName},
    model::{ConcurrencyPolicy, LimitKey, LimitOverride, LimitScope, RateLimitPolicy},
};

use crate::engine::store::{Collection, Kind, Versioned};

/// A policy that can be declared and set.
pub(crate) trait Named {
    /// What tells several policies of one scope apart.
    fn name(&self) -> &PolicyName;

    /// What has a counter of its own.
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

/// What applies under a key: what an operator has set, else what the code declares.
#[derive(Debug)]
pub(crate) struct Applying<P> {
    pub(crate) key: LimitKey,
    pub(crate) fields: P,
    /// The commit that set it; 0 when only the declaration speaks.
    pub(crate) revision: u64,
    /// Whether the code declares something else by now than when an operator set it.
    pub(crate) drifted: bool,
    /// The key of what the code declares under the same name, if it declares anything.
    pub(crate) declared: Option<KeySource>,
}

/// The keys of the policies of one scope that have a record of this kind.
pub(crate) fn policies_of<K: Kind<Key = LimitKey>>(
    records: &Collection<K>,
    scope: &LimitScope,
) -> Vec<LimitKey> {
    let first = LimitKey::first_of(scope.clone());
    let keys = records.from(first).map(|(key, _)| key);
    keys.take_while(|key| key.scope == *scope)
        .cloned()
        .collect()
}

/// The scopes of more than one route that have a record of this kind.
pub(crate) fn shared_scopes<K: Kind<Key = LimitKey>>(
    records: &Collection<K>,
) -> impl Iterator<Item = &LimitScope> {
    // Routes come last in the order of keys.
    let scopes = records.keys().map(|key| &key.scope);
    scopes.take_while(|scope| !matches!(scope, LimitScope::Route(_)))
}

/// The policies of one scope: what the code declares, in its order, and then what operators have added.
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
    let set = records.from(LimitKey::first_of(scope.clone()));
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
            drifted: set.value.declared.as_ref() != declared,
            declared: declared.map(|policy| policy.key().clone()),
        }
    }
}
