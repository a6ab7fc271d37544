use std::collections::HashSet;

use waygate_core::{
    decl,
    grammar::{Algorithm, Invalid, KeyPart, KeySource, PolicyName},
    model::{ConcurrencyPolicy, RateLimitPolicy},
};

use super::{ConcurrencyLimitFunctions, LimitFunctions, RateLimitFunctions};
use crate::__private::Declaration;

/// The limits in the attributes of one handler, by kind, each from top to bottom.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeclaredLimits {
    pub(crate) rates: Vec<DeclaredLimit>,
    pub(crate) concurrency: Vec<DeclaredConcurrency>,
}

/// A `#[rate_limit]`.
#[derive(Debug, Clone)]
pub(crate) struct DeclaredLimit {
    pub(crate) policy: RateLimitPolicy,
    /// The functions of `key = path`, `cost = path` and `response = path`.
    pub(crate) functions: RateLimitFunctions,
}

/// A `#[concurrency_limit]`.
#[derive(Debug, Clone)]
pub(crate) struct DeclaredConcurrency {
    pub(crate) policy: ConcurrencyPolicy,
    /// The functions of `key = path` and `response = path`.
    pub(crate) functions: ConcurrencyLimitFunctions,
}

impl DeclaredLimits {
    pub(crate) fn add_rate(
        &mut self,
        declared: &decl::RateLimit,
        with: &Declaration,
        algorithm: Algorithm,
    ) -> Result<(), Invalid> {
        self.rates.push(DeclaredLimit {
            policy: RateLimitPolicy::declared(declared, algorithm)?,
            functions: RateLimitFunctions {
                key: with.key.map(|key| key().function),
                cost: with.cost.map(|cost| cost().function),
                response: with.response.map(|response| response().function),
            },
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
            functions: ConcurrencyLimitFunctions {
                key: with.key.map(|key| key().function),
                response: with.response.map(|response| response().function),
            },
        });
        Ok(())
    }

    /// The functions alone.
    pub(crate) fn functions(&self) -> LimitFunctions {
        let mut functions = LimitFunctions::default();
        for limit in &self.rates {
            functions.add_rate(limit.policy.name.clone(), limit.functions.clone());
        }
        for limit in &self.concurrency {
            functions.add_concurrency(limit.policy.name.clone(), limit.functions.clone());
        }
        functions
    }

    /// The policies alone, for the engine.
    pub(crate) fn rate_policies(&self) -> Vec<RateLimitPolicy> {
        self.rates
            .iter()
            .map(|limit| limit.policy.clone())
            .collect()
    }

    /// The concurrency limits alone, for the engine.
    pub(crate) fn concurrency_policies(&self) -> Vec<ConcurrencyPolicy> {
        self.concurrency
            .iter()
            .map(|limit| limit.policy.clone())
            .collect()
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

    /// The path parameters that are part of keys.
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
