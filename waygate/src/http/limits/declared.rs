use std::collections::HashSet;

use waygate_core::{
    decl,
    grammar::{Invalid, KeyPart, KeySource, PolicyName},
    model::{ConcurrencyPolicy, RateLimitPolicy},
};

use super::{CostFunction, KeyFunction};
use crate::{
    __private::Declaration,
    engine::{Concurrency, Policy},
    http::Responder,
};

/// The limits that the attributes of one handler declare, each kind from the top.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeclaredLimits {
    pub(crate) rates: Vec<DeclaredLimit>,
    pub(crate) concurrency: Vec<DeclaredConcurrency>,
}

/// A `#[rate_limit]`.
#[derive(Debug, Clone)]
pub(crate) struct DeclaredLimit {
    pub(crate) policy: RateLimitPolicy,
    /// What `key = path` names.
    pub(crate) key: Option<KeyFunction>,
    /// What `cost = path` names.
    pub(crate) cost: Option<CostFunction>,
    /// What `response = path` names.
    pub(crate) response: Option<Responder>,
}

/// A `#[concurrency_limit]`.
#[derive(Debug, Clone)]
pub(crate) struct DeclaredConcurrency {
    pub(crate) policy: ConcurrencyPolicy,
    /// What `key = path` names.
    pub(crate) key: Option<KeyFunction>,
    /// What `response = path` names.
    pub(crate) response: Option<Responder>,
}

impl DeclaredLimits {
    pub(crate) fn add_rate(
        &mut self,
        declared: &decl::RateLimit,
        with: &Declaration,
    ) -> Result<(), Invalid> {
        self.rates.push(DeclaredLimit {
            policy: RateLimitPolicy::declared(declared)?,
            key: with.key.map(|key| key().function),
            cost: with.cost.map(|cost| cost().function),
            response: with.response.map(|response| response().function),
        });
        Ok(())
    }

    pub(crate) fn add_concurrency(
        &mut self,
        declared: &decl::ConcurrencyLimit,
        with: &Declaration,
    ) -> Result<(), Invalid> {
        self.concurrency.push(DeclaredConcurrency {
            policy: ConcurrencyPolicy::declared(declared)?,
            key: with.key.map(|key| key().function),
            response: with.response.map(|response| response().function),
        });
        Ok(())
    }

    /// What is declared of a policy: nothing of one that more than this route meets, or only one of its methods.
    pub(super) fn rate(&self, policy: &Policy) -> Option<&DeclaredLimit> {
        let mut rates = self.rates.iter().filter(|_| policy.is_declared);
        rates.find(|limit| limit.policy.name == policy.key.name)
    }

    /// The same of a limit of concurrency.
    pub(super) fn concurrency(&self, limit: &Concurrency) -> Option<&DeclaredConcurrency> {
        let mut limits = self.concurrency.iter().filter(|_| limit.is_declared);
        limits.find(|declared| declared.policy.name == limit.key.name)
    }

    /// The policies alone, for the engine.
    pub(crate) fn rate_policies(&self) -> Vec<RateLimitPolicy> {
        self.rates
            .iter()
            .map(|limit| limit.policy.clone())
            .collect()
    }

    /// The limits of concurrency alone, for the engine.
    pub(crate) fn concurrency_policies(&self) -> Vec<ConcurrencyPolicy> {
        self.concurrency
            .iter()
            .map(|limit| limit.policy.clone())
            .collect()
    }

    /// Whether some function tells a key or a cost of a rate limit.
    pub(super) fn ask_functions(&self) -> bool {
        self.rates
            .iter()
            .any(|limit| limit.key.is_some() || limit.cost.is_some())
    }

    /// Names that two limits of one kind share, with the attribute's name.
    pub(crate) fn shared_names(&self) -> Vec<(&'static str, &PolicyName)> {
        let rates = self.rates.iter().map(|limit| &limit.policy.name);
        let concurrency = self.concurrency.iter().map(|limit| &limit.policy.name);
        let rates = repeated(rates).map(|name| ("rate_limit", name));
        rates
            .chain(repeated(concurrency).map(|name| ("concurrency_limit", name)))
            .collect()
    }

    /// The path parameters that are counted by.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &str> {
        let rates = self.rates.iter().map(|limit| &limit.policy.key);
        let keys = rates.chain(self.concurrency.iter().map(|limit| &limit.policy.key));
        keys.flat_map(|key| match key {
            KeySource::Parts(parts) => &**parts,
            KeySource::Custom => &[],
        })
        .filter_map(|part| match part {
            KeyPart::Path(name) => Some(&**name),
            _ => None,
        })
    }
}

fn repeated<'a>(
    names: impl Iterator<Item = &'a PolicyName>,
) -> impl Iterator<Item = &'a PolicyName> {
    let mut seen = HashSet::new();
    names.filter(move |name| !seen.insert(*name))
}
