use std::collections::{BTreeMap, HashMap};

use waygate_core::{
    grammar::{KeySource, PolicyName},
    model::{ConcurrencyPolicy, LimitKey, LimitOverride, LimitScope, RateLimitPolicy},
};

use crate::engine::stored::Versioned;

/// What operators have set, of one kind of limits.
#[derive(Debug, Clone)]
pub(crate) struct Overrides<P>(HashMap<LimitScope, OwnOverrides<P>>);

/// The same of one scope, by name.
type OwnOverrides<P> = BTreeMap<PolicyName, Versioned<LimitOverride<P>>>;

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

impl<P> Default for Overrides<P> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<P> Overrides<P> {
    pub(crate) fn get(&self, key: &LimitKey) -> Option<&Versioned<LimitOverride<P>>> {
        self.0.get(&key.scope)?.get(&key.name)
    }

    /// The scopes in which something is set.
    pub(crate) fn scopes(&self) -> impl Iterator<Item = &LimitScope> {
        self.0.keys()
    }

    /// What is set in one scope.
    pub(crate) fn keys(&self, scope: &LimitScope) -> impl Iterator<Item = LimitKey> {
        let names = self.0.get(scope).into_iter().flat_map(BTreeMap::keys);
        names.map(|name| LimitKey::new(scope.clone(), name.clone()))
    }

    /// All that is set.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (LimitKey, &Versioned<LimitOverride<P>>)> {
        self.0.iter().flat_map(|(scope, own)| {
            own.iter()
                .map(|(name, set)| (LimitKey::new(scope.clone(), name.clone()), set))
        })
    }

    pub(crate) fn insert(&mut self, key: LimitKey, value: Versioned<LimitOverride<P>>) {
        let own = self.0.entry(key.scope).or_default();
        own.insert(key.name, value);
    }

    pub(crate) fn remove(&mut self, key: &LimitKey) {
        if let Some(own) = self.0.get_mut(&key.scope) {
            own.remove(&key.name);
            if own.is_empty() {
                self.0.remove(&key.scope);
            }
        }
    }
}

impl<P: Named + Clone + PartialEq> Overrides<P> {
    /// The policies of one scope: what the code declares, in its order, and then what operators have added.
    pub(crate) fn applying(&self, scope: &LimitScope, declared: &[P]) -> Vec<Applying<P>> {
        let set = self.0.get(scope);
        let key = |name: &PolicyName| LimitKey::new(scope.clone(), name.clone());
        let is_declared = |name: &PolicyName| declared.iter().any(|policy| policy.name() == name);
        let of_code =
            declared
                .iter()
                .map(|policy| match set.and_then(|set| set.get(policy.name())) {
                    Some(set) => Applying::set(key(policy.name()), set, Some(policy)),
                    None => Applying {
                        key: key(policy.name()),
                        fields: policy.clone(),
                        revision: 0,
                        drifted: false,
                        declared: Some(policy.key().clone()),
                    },
                });
        let added = set.into_iter().flatten();
        let added = added
            .filter(|(name, _)| !is_declared(name))
            .map(|(name, set)| Applying::set(key(name), set, None));
        of_code.chain(added).collect()
    }
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
