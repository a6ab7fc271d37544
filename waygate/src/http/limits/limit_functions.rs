use waygate_core::grammar::PolicyName;

use super::{CostFunction, IntoCostFunction, IntoKeyFunction, KeyFunction};
use crate::{
    engine::{Concurrency, Policy},
    http::{IntoResponder, Responder, function_id::either},
};

/// Functions of yours that a rate limit calls, for
/// [`Registration::rate_limit_with`](crate::Registration::rate_limit_with): what `key`, `cost` and `response` of `#[rate_limit]`
/// name.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct RateLimitFunctions {
    pub(crate) key: Option<KeyFunction>,
    pub(crate) cost: Option<CostFunction>,
    pub(crate) response: Option<Responder>,
}

impl RateLimitFunctions {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts requests by what the function returns, in place of the policy's key.
    pub fn key<Kind>(mut self, function: impl IntoKeyFunction<Kind>) -> Self {
        self.key = Some(function.into_key_function());
        self
    }

    /// Charges what the function returns, in place of the policy's cost.
    pub fn cost<Kind>(mut self, function: impl IntoCostFunction<Kind>) -> Self {
        self.cost = Some(function.into_cost_function());
        self
    }

    /// Answers requests that the limit refuses. `Retry-After` and the rate limit headers are added to the answer where it
    /// has none.
    pub fn response<Kind>(mut self, function: impl IntoResponder<Kind>) -> Self {
        self.response = Some(function.into_responder());
        self
    }

    fn is_empty(&self) -> bool {
        self.key.is_none() && self.cost.is_none() && self.response.is_none()
    }

    fn union(&self, other: &Self) -> Result<Self, &'static str> {
        Ok(Self {
            key: either(self.key.as_ref(), other.key.as_ref()).map_err(|_| "key functions")?,
            cost: either(self.cost.as_ref(), other.cost.as_ref()).map_err(|_| "cost functions")?,
            response: either(self.response.as_ref(), other.response.as_ref())
                .map_err(|_| "responses")?,
        })
    }
}

/// Functions of yours that a limit of concurrency calls, for
/// [`Registration::concurrency_limit_with`](crate::Registration::concurrency_limit_with): what `key` and `response` of
/// `#[concurrency_limit]` name.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct ConcurrencyLimitFunctions {
    pub(crate) key: Option<KeyFunction>,
    pub(crate) response: Option<Responder>,
}

impl ConcurrencyLimitFunctions {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts requests by what the function returns, in place of the policy's key.
    pub fn key<Kind>(mut self, function: impl IntoKeyFunction<Kind>) -> Self {
        self.key = Some(function.into_key_function());
        self
    }

    /// Answers requests that the limit refuses. `Retry-After` is added to the answer where it has none.
    pub fn response<Kind>(mut self, function: impl IntoResponder<Kind>) -> Self {
        self.response = Some(function.into_responder());
        self
    }

    fn is_empty(&self) -> bool {
        self.key.is_none() && self.response.is_none()
    }

    fn union(&self, other: &Self) -> Result<Self, &'static str> {
        Ok(Self {
            key: either(self.key.as_ref(), other.key.as_ref()).map_err(|_| "key functions")?,
            response: either(self.response.as_ref(), other.response.as_ref())
                .map_err(|_| "responses")?,
        })
    }
}

/// The functions of the limits of one route, by the names of the limits. Limits without functions are left out.
#[derive(Debug, Clone, Default)]
pub(crate) struct LimitFunctions {
    rates: Vec<(PolicyName, RateLimitFunctions)>,
    concurrency: Vec<(PolicyName, ConcurrencyLimitFunctions)>,
}

impl LimitFunctions {
    pub(crate) fn add_rate(&mut self, name: PolicyName, functions: RateLimitFunctions) {
        if !functions.is_empty() {
            self.rates.push((name, functions));
        }
    }

    pub(crate) fn add_concurrency(
        &mut self,
        name: PolicyName,
        functions: ConcurrencyLimitFunctions,
    ) {
        if !functions.is_empty() {
            self.concurrency.push((name, functions));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rates.is_empty() && self.concurrency.is_empty()
    }

    pub(crate) fn rate_named(&self, name: &PolicyName) -> Option<&RateLimitFunctions> {
        Some(named(&self.rates, name)?.1)
    }

    pub(crate) fn concurrency_named(
        &self,
        name: &PolicyName,
    ) -> Option<&ConcurrencyLimitFunctions> {
        Some(named(&self.concurrency, name)?.1)
    }

    /// The functions of a policy, and its place among those that have any: none of one that more than this route meets,
    /// or only one of its methods.
    pub(super) fn rate(&self, policy: &Policy) -> Option<(usize, &RateLimitFunctions)> {
        match policy.is_declared {
            true => named(&self.rates, &policy.key.name),
            false => None,
        }
    }

    /// The same of a limit of concurrency.
    pub(super) fn concurrency(
        &self,
        limit: &Concurrency,
    ) -> Option<(usize, &ConcurrencyLimitFunctions)> {
        match limit.is_declared {
            true => named(&self.concurrency, &limit.key.name),
            false => None,
        }
    }

    /// What keys rate limits, in the order of [`rate`](Self::rate).
    pub(in crate::http) fn rate_keys(&self) -> impl Iterator<Item = Option<&KeyFunction>> {
        self.rates
            .iter()
            .map(|(_, functions)| functions.key.as_ref())
    }

    /// What keys limits of concurrency, in the order of [`concurrency`](Self::concurrency).
    pub(super) fn concurrency_keys(&self) -> impl Iterator<Item = Option<&KeyFunction>> {
        self.concurrency
            .iter()
            .map(|(_, functions)| functions.key.as_ref())
    }

    /// Whether some function returns a key or a cost of a rate limit.
    #[inline]
    pub(super) fn ask_functions(&self) -> bool {
        let mut all = self.rates.iter();
        all.any(|(_, functions)| functions.key.is_some() || functions.cost.is_some())
    }

    /// The functions of both; `Err` says for what they have different ones.
    pub(crate) fn union(&self, other: &Self) -> Result<Self, String> {
        let rates = all(&self.rates, &other.rates, RateLimitFunctions::union)
            .map_err(|(what, name)| format!("{what} of the rate limit `{name}`"))?;
        let union = ConcurrencyLimitFunctions::union;
        let concurrency = all(&self.concurrency, &other.concurrency, union)
            .map_err(|(what, name)| format!("{what} of the limit of concurrency `{name}`"))?;
        Ok(Self { rates, concurrency })
    }
}

fn named<'a, T>(all: &'a [(PolicyName, T)], name: &PolicyName) -> Option<(usize, &'a T)> {
    let index = all.iter().position(|(known, _)| known == name)?;
    Some((index, &all[index].1))
}

fn all<T: Clone>(
    first: &[(PolicyName, T)],
    second: &[(PolicyName, T)],
    union: impl Fn(&T, &T) -> Result<T, &'static str>,
) -> Result<Vec<(PolicyName, T)>, (&'static str, PolicyName)> {
    let mut all = first.to_vec();
    for (name, functions) in second {
        match named(first, name) {
            Some((index, known)) => {
                all[index].1 = union(known, functions).map_err(|what| (what, name.clone()))?;
            }
            None => all.push((name.clone(), functions.clone())),
        }
    }
    Ok(all)
}
