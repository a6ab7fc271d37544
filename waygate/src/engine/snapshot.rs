mod maintained;
mod slot;
mod swallowed;

use std::sync::Arc;

use waygate_core::{
    Timestamp,
    decision::{Facts, Gates, RouteRule, Verdict, decide},
    grammar::ServiceName,
    model::{ConcurrencyPolicy, LimitKey, LimitScope, RateLimitPolicy, Revision},
};

#[cfg(feature = "axum")]
use super::limits::Limits;
use super::{
    compiler::{Bypass, Compiler},
    concurrency::Concurrency,
    declared::Registered,
    kinds::{MaintenanceScope, Records},
    limits::{Levels, Limitable, OwnLimits, Policy, RouteLimits},
    stored::Stored,
    table::Table,
    target::Asked,
    touched::Touched,
};
pub(crate) use maintained::Maintained;
pub(crate) use slot::Slot;
use swallowed::Swallowed;

/// The immutable picture that requests read: everything compiled, nothing to look up or wait for.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// The store's revision that this picture shows.
    pub(crate) revision: Revision,
    /// Grows with every picture of this process, those included that only time has changed.
    pub(crate) version: u64,
    /// The latest time at which any of it was compiled.
    pub(crate) made_at: Timestamp,
    /// What this process does not do.
    pub(crate) bypass: Bypass,
    pub(crate) table: Arc<Table>,
    routes: Vec<Arc<Slot>>,
    /// What limits requests for each slot's route.
    limits: Vec<RouteLimits>,
    levels: Arc<Levels>,
    /// What there is to check at each slot besides maintenance of everything: one byte to read for most requests.
    checks: Vec<Checks>,
    pub(crate) global: Maintained,
    pub(crate) service: Maintained,
    /// The service of this process.
    pub(crate) own_service: Option<ServiceName>,
    /// Closed routes of the store that another one has taken the place of.
    pub(crate) swallowed: Swallowed,
    /// The records that it was compiled from, shared with the store's.
    pub(crate) records: Records,
}

impl Snapshot {
    /// Compiles everything. `previous` only lends its version.
    pub(crate) fn build(
        stored: &Stored,
        table: Arc<Table>,
        compiler: Compiler<'_>,
        version: u64,
    ) -> Self {
        let routes: Vec<Arc<Slot>> = (0..table.len())
            .filter_map(|slot| Some(Arc::new(Slot::compile(stored, &table, slot, compiler)?)))
            .collect();
        let levels = Arc::new(Levels::compile(stored, compiler));
        let limits = levels.compose(limitable(&table, &routes));
        let checks = routes.iter().zip(&limits).map(Checks::of).collect();
        Self {
            revision: stored.revision,
            version,
            bypass: compiler.bypass,
            made_at: compiler.now,
            global: Maintained::compile(stored, &MaintenanceScope::Global, &table, compiler.now),
            service: Maintained::of_service(stored, compiler, &table),
            own_service: compiler.service.cloned(),
            swallowed: Swallowed::find(stored, &table),
            table,
            routes,
            limits,
            levels,
            checks,
            records: stored.records.clone(),
        }
    }

    /// The next picture after something (and perhaps maintenance) has changed: all other routes are shared.
    pub(crate) fn next(&self, stored: &Stored, touched: &Touched, compiler: Compiler<'_>) -> Self {
        let (mut routes, mut limits) = (self.routes.clone(), self.limits.clone());
        let mut checks = self.checks.clone();
        let mut levels = self.levels.clone();
        for &slot in &touched.slots {
            if let Some(compiled) = Slot::compile(stored, &self.table, slot, compiler)
                && let (Some(route), Some(place), Some(limits), Some(checks)) = (
                    self.table.route(slot),
                    routes.get_mut(slot),
                    limits.get_mut(slot),
                    checks.get_mut(slot),
                )
            {
                *place = Arc::new(compiled);
                *limits = levels.of(&place.limitable(&route.key, self.table.is_forced(slot)));
                *checks = Checks::of((&*place, &*limits));
            }
        }
        if !touched.limits.is_empty() {
            levels = Arc::new(levels.follow(&touched.limits, stored, compiler));
        }
        // Limits of other services are only shown.
        let applies = |scope: &LimitScope| match scope {
            LimitScope::Service(name) => compiler.service == Some(name),
            LimitScope::Global | LimitScope::Route(_) => true,
        };
        if touched.limits.iter().any(applies) {
            limits = levels.compose(limitable(&self.table, &routes));
            checks = routes.iter().zip(&limits).map(Checks::of).collect();
        }
        let follow =
            |last: &Maintained, scope| last.follow(stored, &scope, &self.table, compiler.now);
        let global = follow(&self.global, MaintenanceScope::Global);
        let service = match compiler.service {
            Some(name) => follow(&self.service, MaintenanceScope::Service(name.clone())),
            None => Maintained::default(),
        };
        Self {
            revision: stored.revision,
            version: self.version + 1,
            bypass: self.bypass,
            made_at: self.made_at.max(compiler.now),
            table: self.table.clone(),
            routes,
            limits,
            levels,
            checks,
            global,
            service,
            own_service: self.own_service.clone(),
            swallowed: self.swallowed.follow(stored, &self.table),
            records: stored.records.clone(),
        }
    }

    /// The limits that requests with this method for the route in `slot` meet.
    #[cfg(feature = "axum")]
    #[inline]
    pub(crate) fn limits(&self, slot: usize, method: &http::Method) -> Option<&Arc<Limits>> {
        self.limits.get(slot)?.of(method)
    }

    /// What a request meets that several routes govern: the limits of all of them. The first one says what is `shared`,
    /// where that is to be counted. `None` where there are none.
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

    /// What requests with this method meet at the route in `slot` alone.
    #[cfg(feature = "axum")]
    pub(crate) fn own_limits(&self, slot: usize, method: &http::Method) -> Option<Arc<Limits>> {
        let key = &self.table.route(slot)?.key;
        let levels = Levels::default();
        let limitable = self.slot(slot)?.limitable(key, false);
        levels.of(&limitable).of(method).cloned()
    }

    /// The limits of every scope but the routes.
    pub(crate) fn levels(&self) -> impl Iterator<Item = &OwnLimits> {
        self.levels.all()
    }

    /// The limits of every scope.
    pub(crate) fn all_limits(&self) -> impl Iterator<Item = &OwnLimits> {
        let own = self.routes.iter().flat_map(|route| {
            let by_method = route.method_limits.of_route.iter().map(|(_, own)| own);
            std::iter::once(&route.own_limits).chain(by_method)
        });
        self.levels.all().chain(own)
    }

    /// The limits of one scope.
    pub(crate) fn limits_of(&self, scope: &LimitScope) -> Option<&OwnLimits> {
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

    /// The limits of concurrency of one scope.
    pub(crate) fn concurrency_of(&self, scope: &LimitScope) -> &[Arc<Concurrency>] {
        self.limits_of(scope).map_or(&[], |own| &own.concurrency)
    }

    /// What the code declares under a key.
    pub(crate) fn declared_limit(&self, key: &LimitKey) -> Option<&RateLimitPolicy> {
        let declared = &self.registered(&key.scope)?.limits;
        declared.iter().find(|policy| policy.name == key.name)
    }

    /// What the code declares under a key of concurrency.
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

    /// The slot's route.
    #[inline]
    pub(crate) fn slot(&self, slot: usize) -> Option<&Slot> {
        self.routes.get(slot).map(|slot| &**slot)
    }

    /// Maintenance of everything or of this service, when it closes the route in `slot` at `now`.
    #[cfg(feature = "openapi")]
    pub(crate) fn closed_by_maintenance(
        &self,
        slot: usize,
        now: Timestamp,
    ) -> Option<&waygate_core::model::GlobalMaintenance> {
        let forced = self.is_forced(slot);
        let closes = |maintained: &&Maintained| maintained.closes(slot, forced, now);
        let closed = [&self.global, &self.service].into_iter().find(closes)?;
        Some(&closed.config)
    }

    /// Maintenances of everything and of this service that close the route in `slot` at some time, and have a beginning.
    #[cfg(feature = "openapi")]
    pub(crate) fn planned_maintenances(
        &self,
        slot: usize,
    ) -> impl Iterator<Item = &waygate_core::model::GlobalMaintenance> {
        let forced = self.is_forced(slot);
        let all = [&self.global, &self.service].into_iter();
        let closing = all.filter(move |maintained| maintained.may_close(slot, forced));
        closing
            .map(|maintained| &*maintained.config)
            .filter(|config| config.start.is_some())
    }

    /// Whether the route in `slot` is served whatever happens, itself or for the sake of another one.
    #[cfg(feature = "openapi")]
    fn is_forced(&self, slot: usize) -> bool {
        let is_force_active = |route: &Slot| route.rule.is_force_active();
        self.slot(slot).is_some_and(is_force_active) || self.table.is_protected(slot)
    }

    /// Maintenance of everything, and of this service.
    pub(crate) fn maintenances(&self) -> impl Iterator<Item = (MaintenanceScope, &Maintained)> {
        let own = self.own_service.clone().map(MaintenanceScope::Service);
        let own = own.map(|scope| (scope, &self.service));
        std::iter::once((MaintenanceScope::Global, &self.global)).chain(own)
    }

    /// Slots that time will change, and when.
    pub(crate) fn timed(&self) -> impl Iterator<Item = (usize, Timestamp)> {
        let slots = self.routes.iter().enumerate();
        slots.filter_map(|(slot, route)| Some((slot, route.next_change?)))
    }

    /// What there is to check for the route in `slot`.
    #[inline]
    pub(crate) fn checks(&self, slot: usize) -> Checks {
        match self.is_unmaintained() {
            true => self.checks.get(slot).copied().unwrap_or(Checks::Nothing),
            false => Checks::Everything,
        }
    }

    /// Whether there is no maintenance of more than a route, nor will time begin one.
    #[inline]
    fn is_unmaintained(&self) -> bool {
        self.global.rule.is_none() && self.service.rule.is_none()
    }

    /// Decides about a request for the route in `slot`, or for a URL that no controlled route has.
    #[inline]
    pub(crate) fn decide(
        &self,
        slot: Option<usize>,
        asked: &impl Asked,
        facts: &impl Facts,
        now: impl FnOnce() -> Timestamp,
    ) -> Verdict<'_> {
        let is_open = match slot {
            Some(slot) => self.checks(slot) != Checks::Everything,
            None => self.is_unmaintained(),
        };
        match is_open {
            true => Verdict::Pass,
            false => self.check(slot, asked, facts, now),
        }
    }

    fn check(
        &self,
        slot: Option<usize>,
        asked: &impl Asked,
        facts: &impl Facts,
        now: impl FnOnce() -> Timestamp,
    ) -> Verdict<'_> {
        // It only asks for permission, and no handler runs. A refusal would show the browser a CORS error instead of
        // the answer to the request that follows.
        if asked.is_unhandled_preflight() {
            return Verdict::Pass;
        }
        decide(self.gates(slot, asked), facts, now)
    }

    pub(super) fn gates(&self, slot: Option<usize>, asked: &impl Asked) -> Gates<'_> {
        let route = slot.and_then(|slot| self.slot(slot)).map(|slot| &slot.rule);
        let forced = route.is_some_and(RouteRule::is_force_active);
        let key = slot
            .and_then(|slot| Some((slot, self.table.route(slot)?)))
            .map(|(slot, route)| (slot, &route.key));
        Gates {
            global: self.global.for_request(key, asked, forced),
            // What no controlled route has belongs to no service: it meets global maintenance only.
            service: key.and_then(|_| self.service.for_request(key, asked, forced)),
            route,
        }
    }
}

/// What there is to check of requests for a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checks {
    /// They pass, uncounted, with nothing to say about them.
    Nothing,
    /// Limits may count them. There is nothing else to say about what passes.
    Limits,
    /// Its state may refuse them, or maintenance of more than the route.
    Everything,
}

impl Checks {
    fn of((route, limits): (&Arc<Slot>, &RouteLimits)) -> Self {
        match route.rule.is_unrestricted() {
            true if limits.is_empty() => Self::Nothing,
            true => Self::Limits,
            false => Self::Everything,
        }
    }
}

/// The routes, with what decides which limits apply to them.
fn limitable<'a>(table: &'a Table, routes: &'a [Arc<Slot>]) -> impl Iterator<Item = Limitable<'a>> {
    let slots = table.iter().zip(routes).enumerate();
    slots.map(|(at, (route, slot))| slot.limitable(&route.key, table.is_forced(at)))
}
