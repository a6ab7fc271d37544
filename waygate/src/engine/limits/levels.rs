use std::{collections::HashMap, sync::Arc};

use waygate_core::{
    grammar::{PolicyName, ServiceName},
    model::{LimitKey, LimitScope, RateLimitPolicy, RouteKey},
};

use super::{Limits, Policy};
use crate::engine::{
    snapshot::{Compiler, Slot},
    stored::Stored,
    table::Table,
};

/// The limits that more than one route meets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Levels {
    global: Arc<[Arc<Policy>]>,
    /// Those of this process's service.
    service: Arc<[Arc<Policy>]>,
    /// Those of every service: other processes enforce them, this one only shows them.
    services: Arc<HashMap<ServiceName, Arc<[Arc<Policy>]>>>,
}

impl Levels {
    pub(crate) fn compile(stored: &Stored, compiler: Compiler<'_>) -> Self {
        let of = |scope: &LimitScope| -> Arc<[Arc<Policy>]> {
            compile_policies(stored, scope, &[], compiler).into()
        };
        let services = stored.limits.keys().filter_map(|scope| match scope {
            LimitScope::Service(name) => Some((name.clone(), of(scope))),
            LimitScope::Global | LimitScope::Route(_) => None,
        });
        let services: HashMap<_, _> = services.collect();
        let own = compiler.service.and_then(|name| services.get(name));
        Self {
            global: of(&LimitScope::Global),
            service: own.cloned().unwrap_or_default(),
            services: Arc::new(services),
        }
    }

    /// The policies that hold everywhere.
    pub(crate) fn global(&self) -> &[Arc<Policy>] {
        &self.global
    }

    /// The policies of one service.
    pub(crate) fn of_service(&self, name: &ServiceName) -> &[Arc<Policy>] {
        self.services.get(name).map_or(&[], |policies| policies)
    }

    /// Every policy, each once.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Policy>> {
        let services = self.services.values().flat_map(|policies| &**policies);
        self.global.iter().chain(services)
    }

    /// What each route meets. Routes without limits of their own share what they meet.
    pub(crate) fn compose(&self, table: &Table, routes: &[Arc<Slot>]) -> Vec<Option<Arc<Limits>>> {
        let common = self.limits(self.enforced().cloned().collect());
        let exempts = self
            .enforced()
            .any(|policy| !policy.fields.exempt_routes.is_empty());
        let of = |(route, slot): (&Arc<_>, &Arc<Slot>)| {
            let registered: &crate::engine::Registered = route;
            match slot.own_limits.is_empty() && !exempts {
                true => common.clone(),
                false => self.of(&registered.key, &slot.own_limits),
            }
        };
        table.iter().zip(routes).map(of).collect()
    }

    /// What one route meets.
    pub(crate) fn of(&self, route: &RouteKey, own: &[Arc<Policy>]) -> Option<Arc<Limits>> {
        let governs = |policy: &&Arc<Policy>| {
            let mut exempt = policy.fields.exempt_routes.iter();
            !exempt.any(|exempt| exempt.covers(route.method(), route.path()))
        };
        let shared = self.enforced().filter(governs);
        self.limits(shared.chain(own).cloned().collect())
    }

    fn enforced(&self) -> impl Iterator<Item = &Arc<Policy>> {
        self.global.iter().chain(&*self.service)
    }

    fn limits(&self, policies: Vec<Arc<Policy>>) -> Option<Arc<Limits>> {
        (!policies.is_empty()).then(|| {
            Arc::new(Limits {
                policies: policies.into(),
            })
        })
    }
}

/// The policies of one scope: what the code declares, in its order, and then what operators have added.
pub(crate) fn compile_policies(
    stored: &Stored,
    scope: &LimitScope,
    declared: &[RateLimitPolicy],
    compiler: Compiler<'_>,
) -> Box<[Arc<Policy>]> {
    let set = stored.limits.get(scope);
    if declared.is_empty() && set.is_none() {
        return Box::default();
    }
    let is_declared = |name: &PolicyName| declared.iter().any(|policy| policy.name == *name);
    let added = set.into_iter().flat_map(|set| set.keys());
    let added = added
        .filter(|name| !is_declared(name))
        .map(|name| (name, None));
    let named = declared.iter().map(|policy| (&policy.name, Some(policy)));
    named
        .chain(added)
        .filter_map(|(name, declared)| {
            let key = LimitKey::new(scope.clone(), name.clone());
            let set = set.and_then(|set| set.get(name));
            let (generation, stats) = (stored.generation(&key), compiler.book.of(&key));
            Policy::compile(key, declared, set, generation, stats).map(Arc::new)
        })
        .collect()
}
