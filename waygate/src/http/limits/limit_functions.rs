use waygate_core::{
    grammar::PolicyName,
    model::{LimitKey, LimitScope, RouteKey},
};

use super::{CostFunction, IntoCostFunction, IntoKeyFunction, KeyFunction};
use crate::{
    engine::{Concurrency, Policy},
    http::{IntoResponder, Responder, function_id::either},
};

/// Functions for a rate limit, for [`Registration::rate_limit_with`](crate::model::Registration::rate_limit_with). They
/// correspond to `key`, `cost` and `response` of `#[rate_limit]`.
///
/// ```
/// use waygate::{
///     Blocked,
///     limits::{Key, RateLimitFunctions},
///     response::RequestParts,
/// };
///
/// fn tenant(request: &RequestParts) -> Option<Key> {
///     Some(request.headers.get("x-tenant")?.as_bytes().into())
/// }
///
/// fn cost(request: &RequestParts) -> u32 {
///     if request.uri.path().starts_with("/export") { 10 } else { 1 }
/// }
///
/// let functions = RateLimitFunctions::new()
///     .key(tenant)
///     .cost(cost)
///     .response(|_: &Blocked| "slow down");
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct RateLimitFunctions {
    pub(crate) key: Option<KeyFunction>,
    pub(crate) cost: Option<CostFunction>,
    pub(crate) response: Option<Responder>,
}

impl RateLimitFunctions {
    /// Creates an empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the key function, which replaces the policy's key.
    pub fn key<Kind>(mut self, function: impl IntoKeyFunction<Kind>) -> Self {
        self.key = Some(KeyFunction::new(function));
        self
    }

    /// Sets the cost function, which replaces the policy's cost.
    pub fn cost<Kind>(mut self, function: impl IntoCostFunction<Kind>) -> Self {
        self.cost = Some(CostFunction::new(function));
        self
    }

    /// Sets the response to refused requests. `Retry-After` and the rate-limit headers are added if the response has
    /// none.
    pub fn response<Kind>(mut self, function: impl IntoResponder<Kind>) -> Self {
        self.response = Some(Responder::new(function));
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

/// Functions for a concurrency limit, for
/// [`Registration::concurrency_limit_with`](crate::model::Registration::concurrency_limit_with). They correspond to `key`
/// and `response` of `#[concurrency_limit]`.
///
/// ```
/// use waygate::{
///     Blocked,
///     limits::{ConcurrencyLimitFunctions, Key},
///     response::RequestParts,
/// };
///
/// fn tenant(request: &RequestParts) -> Option<Key> {
///     Some(request.headers.get("x-tenant")?.as_bytes().into())
/// }
///
/// let functions = ConcurrencyLimitFunctions::new()
///     .key(tenant)
///     .response(|_: &Blocked| "one at a time");
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct ConcurrencyLimitFunctions {
    pub(crate) key: Option<KeyFunction>,
    pub(crate) response: Option<Responder>,
}

impl ConcurrencyLimitFunctions {
    /// Creates an empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the key function, which replaces the policy's key.
    pub fn key<Kind>(mut self, function: impl IntoKeyFunction<Kind>) -> Self {
        self.key = Some(KeyFunction::new(function));
        self
    }

    /// Sets the response to refused requests. `Retry-After` is added if the response has none.
    pub fn response<Kind>(mut self, function: impl IntoResponder<Kind>) -> Self {
        self.response = Some(Responder::new(function));
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
    rates: Vec<Of<RateLimitFunctions>>,
    concurrency: Vec<Of<ConcurrencyLimitFunctions>>,
}

/// The functions of one limit.
#[derive(Debug, Clone)]
struct Of<T> {
    name: PolicyName,
    /// The route of the limit, if limits of several routes may have the same name.
    route: Option<RouteKey>,
    functions: T,
}

impl LimitFunctions {
    pub(in crate::http) const NONE: Self = Self {
        rates: Vec::new(),
        concurrency: Vec::new(),
    };
}

#[cfg(feature = "openapi")]
impl LimitFunctions {
    /// Returns `true` if any of them responds to refused requests.
    pub(in crate::http) fn answer(&self) -> bool {
        let mut rates = self.rates.iter();
        let mut concurrency = self.concurrency.iter();
        rates.any(|of| of.functions.response.is_some())
            || concurrency.any(|of| of.functions.response.is_some())
    }
}

impl<T: Clone> Of<T> {
    fn at(&self, route: &RouteKey) -> Self {
        Self {
            route: Some(route.clone()),
            ..self.clone()
        }
    }

    fn is_of(&self, key: &LimitKey) -> bool {
        let is_there =
            |route: &RouteKey| matches!(&key.scope, LimitScope::Route(of) if of == route);
        self.name == key.name && self.route.as_ref().is_none_or(is_there)
    }
}

impl LimitFunctions {
    pub(crate) fn add_rate(&mut self, name: PolicyName, functions: RateLimitFunctions) {
        if !functions.is_empty() {
            self.rates.push(Of {
                name,
                route: None,
                functions,
            });
        }
    }

    pub(crate) fn add_concurrency(
        &mut self,
        name: PolicyName,
        functions: ConcurrencyLimitFunctions,
    ) {
        if !functions.is_empty() {
            self.concurrency.push(Of {
                name,
                route: None,
                functions,
            });
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rates.is_empty() && self.concurrency.is_empty()
    }

    pub(crate) fn rate_named(&self, name: &PolicyName) -> Option<&RateLimitFunctions> {
        Some(find(&self.rates, |of| of.name == *name)?.1)
    }

    pub(crate) fn concurrency_named(
        &self,
        name: &PolicyName,
    ) -> Option<&ConcurrencyLimitFunctions> {
        Some(find(&self.concurrency, |of| of.name == *name)?.1)
    }

    /// The functions of a policy, with its index among the policies with functions. Shared policies have none.
    pub(super) fn rate(&self, policy: &Policy) -> Option<(usize, &RateLimitFunctions)> {
        match policy.is_declared {
            true => find(&self.rates, |of| of.is_of(&policy.key)),
            false => None,
        }
    }

    /// Like [`rate`](Self::rate), for a concurrency limit.
    pub(super) fn concurrency(
        &self,
        limit: &Concurrency,
    ) -> Option<(usize, &ConcurrencyLimitFunctions)> {
        match limit.is_declared {
            true => find(&self.concurrency, |of| of.is_of(&limit.key)),
            false => None,
        }
    }

    /// The key functions of rate limits, in the order of [`rate`](Self::rate).
    pub(in crate::http) fn rate_keys(&self) -> impl Iterator<Item = Option<&KeyFunction>> {
        self.rates.iter().map(|of| of.functions.key.as_ref())
    }

    /// The key functions of concurrency limits, in the order of [`concurrency`](Self::concurrency).
    pub(super) fn concurrency_keys(&self) -> impl Iterator<Item = Option<&KeyFunction>> {
        self.concurrency.iter().map(|of| of.functions.key.as_ref())
    }

    /// Returns `true` if some function returns a key or a cost of a rate limit.
    #[inline]
    pub(super) fn ask_functions(&self) -> bool {
        let mut all = self.rates.iter().map(|of| &of.functions);
        all.any(|functions| functions.key.is_some() || functions.cost.is_some())
    }

    /// The functions of several routes, each for the limits of its route.
    pub(crate) fn among<'a>(all: impl Iterator<Item = (&'a RouteKey, &'a Self)> + Clone) -> Self {
        let rates = all.clone();
        let rates = rates.flat_map(|(key, own)| own.rates.iter().map(|of| of.at(key)));
        let concurrency = all.flat_map(|(key, own)| own.concurrency.iter().map(|of| of.at(key)));
        Self {
            rates: rates.collect(),
            concurrency: concurrency.collect(),
        }
    }

    /// Merges the functions of both. The error names the part with different functions.
    pub(crate) fn union(&self, other: &Self) -> Result<Self, String> {
        let rates = all(&self.rates, &other.rates, RateLimitFunctions::union)
            .map_err(|(what, name)| format!("{what} of the rate limit `{name}`"))?;
        let union = ConcurrencyLimitFunctions::union;
        let concurrency = all(&self.concurrency, &other.concurrency, union)
            .map_err(|(what, name)| format!("{what} of the concurrency limit `{name}`"))?;
        Ok(Self { rates, concurrency })
    }
}

fn find<T>(all: &[Of<T>], wanted: impl Fn(&Of<T>) -> bool) -> Option<(usize, &T)> {
    let index = all.iter().position(wanted)?;
    Some((index, &all[index].functions))
}

fn all<T: Clone>(
    first: &[Of<T>],
    second: &[Of<T>],
    union: impl Fn(&T, &T) -> Result<T, &'static str>,
) -> Result<Vec<Of<T>>, (&'static str, PolicyName)> {
    let mut all = first.to_vec();
    for more in second {
        match find(first, |of| of.name == more.name) {
            Some((index, known)) => {
                all[index].functions =
                    union(known, &more.functions).map_err(|what| (what, more.name.clone()))?;
            }
            None => all.push(more.clone()),
        }
    }
    Ok(all)
}
