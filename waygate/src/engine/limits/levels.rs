use std::sync::Arc;

use waygate_core::{
    grammar::PolicyName,
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
    pub(crate) global: Arc<[Arc<Policy>]>,
    pub(crate) service: Arc<[Arc<Policy>]>,
}

impl Levels {
    pub(crate) fn compile(stored: &Stored, compiler: Compiler<'_>) -> Self {
        let of = |scope| compile_policies(stored, &scope, &[], compiler).into();
        Self {
            global: of(LimitScope::Global),
            service: compiler
                .service
                .map_or_else(Arc::default, |name| of(LimitScope::Service(name.clone()))),
        }
    }

    /// What each route meets. Routes without limits of their own share what they meet.
    pub(crate) fn compose(&self, table: &Table, routes: &[Arc<Slot>]) -> Vec<Option<Arc<Limits>>> {
        let common = self.limits(self.policies().cloned().collect());
        let exempts = self
            .policies()
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
        let shared = self.policies().filter(governs);
        self.limits(shared.chain(own).cloned().collect())
    }

    fn policies(&self) -> impl Iterator<Item = &Arc<Policy>> {
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
