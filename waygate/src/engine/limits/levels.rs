use std::{collections::HashMap, sync::Arc};

use waygate_core::{
    grammar::ServiceName,
    model::{ConcurrencyPolicy, LimitScope, RateLimitPolicy, RouteKey},
};

use super::{Limits, Policy};
use crate::engine::{
    concurrency::Concurrency,
    snapshot::{Compiler, Slot},
    stored::Stored,
    table::Table,
};

/// The limits that more than one route meets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Levels {
    pub(crate) global: OwnLimits,
    /// Those of this process's service.
    service: OwnLimits,
    /// Those of every service: other processes enforce them, this one only shows them.
    services: Arc<HashMap<ServiceName, OwnLimits>>,
}

/// The limits of one scope, each kind in the order of the checks.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnLimits {
    pub(crate) rates: Arc<[Arc<Policy>]>,
    pub(crate) concurrency: Arc<[Arc<Concurrency>]>,
}

impl OwnLimits {
    /// The policies of one scope: what the code declares, in its order, and then what operators have added.
    pub(crate) fn compile(
        stored: &Stored,
        scope: &LimitScope,
        rates: &[RateLimitPolicy],
        concurrency: &[ConcurrencyPolicy],
        compiler: Compiler<'_>,
    ) -> Self {
        let rates = stored.limits.applying(scope, rates);
        let concurrency = stored.concurrency.applying(scope, concurrency);
        if rates.is_empty() && concurrency.is_empty() {
            return Self::default();
        }
        let rate = |applying| Arc::new(Policy::compile(applying, stored, compiler.book));
        let limit = |applying| Arc::new(Concurrency::compile(applying, compiler.book));
        Self {
            rates: rates.into_iter().map(rate).collect(),
            concurrency: concurrency.into_iter().map(limit).collect(),
        }
    }

    fn is_empty(&self) -> bool {
        self.rates.is_empty() && self.concurrency.is_empty()
    }
}

impl Levels {
    pub(crate) fn compile(stored: &Stored, compiler: Compiler<'_>) -> Self {
        let of = |scope: &LimitScope| OwnLimits::compile(stored, scope, &[], &[], compiler);
        let scopes = stored.limits.scopes().chain(stored.concurrency.scopes());
        let services: HashMap<_, _> = scopes
            .filter_map(|scope| match scope {
                LimitScope::Service(name) => Some((name.clone(), of(scope))),
                LimitScope::Global | LimitScope::Route(_) => None,
            })
            .collect();
        let own = compiler.service.and_then(|name| services.get(name));
        Self {
            global: of(&LimitScope::Global),
            service: own.cloned().unwrap_or_default(),
            services: Arc::new(services),
        }
    }

    /// The limits of one service.
    pub(crate) fn of_service(&self, name: &ServiceName) -> Option<&OwnLimits> {
        self.services.get(name)
    }

    /// The limits of every scope but the routes.
    pub(crate) fn all(&self) -> impl Iterator<Item = &OwnLimits> {
        std::iter::once(&self.global).chain(self.services.values())
    }

    /// What each route meets. Routes without limits of their own share what they meet.
    pub(crate) fn compose(&self, table: &Table, routes: &[Arc<Slot>]) -> Vec<Option<Arc<Limits>>> {
        let none = OwnLimits::default();
        let common = self.meet(&none, false, |_| true);
        let exempts = self
            .enforced()
            .any(|policy| !policy.fields.exempt_routes.is_empty());
        let of = |(route, slot): (&Arc<_>, &Arc<Slot>)| {
            let registered: &crate::engine::Registered = route;
            match slot.own_limits.is_empty() && !exempts && !slot.rule.is_force_active() {
                true => common.clone(),
                false => self.of(&registered.key, slot),
            }
        };
        table.iter().zip(routes).map(of).collect()
    }

    /// What one route meets.
    pub(crate) fn of(&self, route: &RouteKey, slot: &Slot) -> Option<Arc<Limits>> {
        self.meet(&slot.own_limits, slot.rule.is_force_active(), |policy| {
            let mut exempt = policy.fields.exempt_routes.iter();
            !exempt.any(|exempt| exempt.covers(route.method(), route.path()))
        })
    }

    fn enforced(&self) -> impl Iterator<Item = &Arc<Policy>> {
        self.global.rates.iter().chain(&*self.service.rates)
    }

    /// The limits of all levels. Those that more than one route meets leave a force-active (`forced`) route alone, unless
    /// they say otherwise; its own limits hold.
    fn meet(
        &self,
        own: &OwnLimits,
        forced: bool,
        governs: impl Fn(&Policy) -> bool,
    ) -> Option<Arc<Limits>> {
        let shared = self
            .enforced()
            .filter(|policy| !forced || policy.fields.include_force_active)
            .filter(|policy| governs(policy));
        let everybody = self.global.concurrency.iter();
        let of_service = everybody
            .chain(&*self.service.concurrency)
            .filter(|limit| !forced || limit.fields.include_force_active);
        let limits = Limits::new(
            shared.chain(&*own.rates).cloned().collect(),
            of_service.chain(&*own.concurrency).cloned().collect(),
        );
        let is_empty = limits.policies.is_empty() && limits.concurrency.is_empty();
        (!is_empty).then(|| Arc::new(limits))
    }
}
