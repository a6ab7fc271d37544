//! The limits in a snapshot: those of a request, and those of a scope.

use std::sync::Arc;

use waygate_core::model::{ConcurrencyPolicy, LimitKey, LimitScope, RateLimitPolicy};

use super::Snapshot;
#[cfg(feature = "axum")]
use crate::engine::limits::{Limits, SharedPolicies};
use crate::engine::{
    concurrency::Concurrency,
    declared::Registered,
    limits::{Policy, ScopePolicies},
};

impl Snapshot {
    /// The limits of requests with this method for the route in `slot`.
    #[cfg(feature = "axum")]
    #[inline]
    pub(crate) fn limits(&self, slot: usize, method: &http::Method) -> Option<&Arc<Limits>> {
        self.limits.get(slot)?.of(method)
    }

    /// The limits of requests that several routes govern. The first route provides the `shared` limits, if they are
    /// to be counted. `None` if there are none.
    #[cfg(feature = "axum")]
    pub(crate) fn limits_among(
        &self,
        slots: &[usize],
        shared: bool,
        method: &http::Method,
    ) -> Option<Arc<Limits>> {
        let (first, others) = slots.split_first()?;
        let first = match shared {
            true => self.limits(*first, method).cloned(),
            false => self.own_limits(*first, method),
        };
        let others: Vec<_> = others
            .iter()
            .filter_map(|slot| self.own_limits(*slot, method))
            .collect();
        if others.is_empty() {
            return first;
        }
        let all = || first.iter().chain(&others);
        let mut policies: Vec<Arc<Policy>> = Vec::new();
        for policy in all().flat_map(|limits| &limits.policies) {
            if !policies.iter().any(|known| known.key == policy.key) {
                policies.push(policy.clone());
            }
        }
        let mut concurrency: Vec<Arc<Concurrency>> = Vec::new();
        for limit in all().flat_map(|limits| &limits.concurrency) {
            if !concurrency.iter().any(|known| known.key == limit.key) {
                concurrency.push(limit.clone());
            }
        }
        Some(Arc::new(Limits::new(policies.into(), concurrency.into())))
    }

    /// The limits of requests with this method for the route in `slot` alone.
    #[cfg(feature = "axum")]
    pub(crate) fn own_limits(&self, slot: usize, method: &http::Method) -> Option<Arc<Limits>> {
        let key = &self.table.route(slot)?.key;
        let levels = SharedPolicies::default();
        let limitable = self.slot(slot)?.limitable(key, false);
        levels.of(&limitable).of(method).cloned()
    }

    /// The limits of every scope but the routes.
    pub(crate) fn levels(&self) -> impl Iterator<Item = &ScopePolicies> {
        self.levels.all()
    }

    /// The limits of every scope.
    pub(crate) fn all_limits(&self) -> impl Iterator<Item = &ScopePolicies> {
        let own = self.routes.iter().flat_map(|route| {
            let by_method = route.method_limits.of_route.iter().map(|(_, own)| own);
            std::iter::once(&route.own_limits).chain(by_method)
        });
        self.levels.all().chain(own)
    }

    /// The limits of one scope.
    pub(crate) fn limits_of(&self, scope: &LimitScope) -> Option<&ScopePolicies> {
        match scope {
            LimitScope::Global => Some(&self.levels.global),
            LimitScope::Service(service) => self.levels.of_service(service),
            LimitScope::Route(key) => match self.table.exact(key) {
                Some(slot) => Some(&self.slot(slot)?.own_limits),
                None => {
                    let limits = &self.slot(self.table.limited(key)?)?.method_limits;
                    let own = limits
                        .of_route
                        .iter()
                        .find(|(method, _)| key.method() == Some(*method));
                    own.map(|(_, own)| own)
                }
            },
        }
    }

    /// The rate limit policies of one scope.
    pub(crate) fn policies_of(&self, scope: &LimitScope) -> &[Arc<Policy>] {
        self.limits_of(scope).map_or(&[], |own| &own.rates)
    }

    /// The concurrency limits of one scope.
    pub(crate) fn concurrency_of(&self, scope: &LimitScope) -> &[Arc<Concurrency>] {
        self.limits_of(scope).map_or(&[], |own| &own.concurrency)
    }

    /// The declaration of a key.
    pub(crate) fn declared_limit(&self, key: &LimitKey) -> Option<&RateLimitPolicy> {
        let declared = &self.registered(&key.scope)?.limits;
        declared.iter().find(|policy| policy.name == key.name)
    }

    /// The declaration of a concurrency limit's key.
    pub(crate) fn declared_concurrency(&self, key: &LimitKey) -> Option<&ConcurrencyPolicy> {
        let declared = &self.registered(&key.scope)?.concurrency;
        declared.iter().find(|policy| policy.name == key.name)
    }

    fn registered(&self, scope: &LimitScope) -> Option<&Registered> {
        let LimitScope::Route(route) = scope else {
            return None;
        };
        let slot = self.table.exact(route)?;
        self.table.route(slot).map(|route| &**route)
    }
}
