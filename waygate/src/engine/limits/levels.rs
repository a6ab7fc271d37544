use std::{collections::BTreeSet, sync::Arc};

use waygate_core::{
    grammar::{Method, PathTemplate, ServiceName},
    model::{ConcurrencyPolicy, ExemptPath, LimitScope, RateLimitPolicy, RouteKey},
};

use super::{
    Limits, Policy,
    overrides::{applying, shared_scopes},
};
use crate::engine::store::SortedMap;
use crate::engine::{
    Attached, compiler::Compiler, concurrency::Concurrency, stored::Stored, table::Table,
};

/// The limits that several routes share.
#[derive(Debug, Clone, Default)]
pub(crate) struct SharedPolicies {
    pub(crate) global: ScopePolicies,
    /// The limits of this process's service.
    service: ScopePolicies,
    /// The limits of every service; those of other services are listed, and enforced by their processes.
    services: SortedMap<ServiceName, ScopePolicies>,
}

/// The limits of one scope, each kind in the order of the checks.
#[derive(Debug, Clone, Default)]
pub(crate) struct ScopePolicies {
    pub(crate) rates: Arc<[Arc<Policy>]>,
    pub(crate) concurrency: Arc<[Arc<Concurrency>]>,
}

/// A route, with the facts that select its limits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limitable<'a> {
    pub(crate) route: &'a RouteKey,
    pub(crate) own: &'a ScopePolicies,
    pub(crate) of_methods: &'a MethodLimits,
    /// `true` if the route, or its path as a whole, is force-active.
    pub(crate) is_forced: bool,
}

/// The limits of one route.
#[derive(Debug, Clone, Default)]
pub(crate) struct RouteLimits {
    /// The limits of its requests; `None` for most routes.
    all: Option<Arc<Limits>>,
    /// The limits of methods with their own limits, on a route for all methods.
    by_method: Option<Arc<ByMethod>>,
}

/// The parts that differ by method.
#[derive(Debug)]
struct ByMethod {
    /// The limits of requests with each method.
    named: Box<[(Method, Option<Arc<Limits>>)]>,
    /// The limits of extension methods, which no limit can name: those of every method of the path.
    unnamed: Option<Arc<Limits>>,
}

impl RouteLimits {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_none() && self.by_method.is_none()
    }

    /// The limits of requests with this method.
    #[inline]
    pub(crate) fn of(&self, method: &http::Method) -> Option<&Arc<Limits>> {
        match &self.by_method {
            None => self.all.as_ref(),
            Some(by_method) => by_method.of(method).unwrap_or(&self.all).as_ref(),
        }
    }
}

impl ByMethod {
    /// `HEAD` follows `GET`, as in axum.
    #[cold]
    fn of(&self, method: &http::Method) -> Option<&Option<Arc<Limits>>> {
        let of = |wanted| self.named.iter().find(|(method, _)| *method == wanted);
        let found = match Method::from_name(method.as_str()) {
            Some(Method::Head) => of(Method::Head).or_else(|| of(Method::Get)),
            Some(method) => of(method),
            None => return Some(&self.unnamed),
        };
        found.map(|(_, limits)| limits)
    }
}

/// The limits of single methods of a route for all methods.
#[derive(Debug, Default)]
pub(crate) struct MethodLimits {
    /// Limits that operators have set for methods without a route.
    pub(crate) of_route: Vec<(Method, ScopePolicies)>,
    /// Limits of methods with a separate route. Here they apply only to extension methods.
    of_siblings: Vec<ScopePolicies>,
}

impl MethodLimits {
    pub(crate) fn compile(
        stored: &Stored,
        route: &RouteKey,
        table: &Table,
        compiler: Compiler<'_>,
    ) -> Self {
        let mut limits = Self::default();
        let path = match (route.method(), route.service()) {
            (None, None) => route.path().parse::<PathTemplate>().ok(),
            _ => None,
        };
        let Some(path) = path else {
            return limits;
        };
        let compiler = Compiler {
            is_part: true,
            ..compiler
        };
        for method in Method::ALL {
            let part = RouteKey::new(Some(method), &path);
            let sibling = table.exact(&part).and_then(|slot| table.route(slot));
            let scope = LimitScope::Route(part);
            match sibling {
                None => {
                    let own = ScopePolicies::compile(stored, &scope, &[], &[], compiler);
                    if !own.is_empty() {
                        limits.of_route.push((method, own));
                    }
                }
                Some(sibling) => {
                    let (rates, concurrency) = (&sibling.limits, &sibling.concurrency);
                    let own = ScopePolicies::compile(stored, &scope, rates, concurrency, compiler);
                    if !own.is_empty() {
                        limits.of_siblings.push(own.without_functions());
                    }
                }
            }
        }
        limits
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.of_route.is_empty() && self.of_siblings.is_empty()
    }
}

impl ScopePolicies {
    /// The policies of one scope: the declared ones in order, then those that operators have added.
    pub(crate) fn compile(
        stored: &Stored,
        scope: &LimitScope,
        rates: &[RateLimitPolicy],
        concurrency: &[ConcurrencyPolicy],
        compiler: Compiler<'_>,
    ) -> Self {
        let rates = applying(&stored.records.rate_limits, scope, rates);
        let concurrency = applying(&stored.records.concurrency_limits, scope, concurrency);
        if rates.is_empty() && concurrency.is_empty() {
            return Self::default();
        }
        let rate = |applying| Arc::new(Policy::compile(applying, stored, compiler));
        let limit = |applying| Arc::new(Concurrency::compile(applying, compiler));
        Self {
            rates: rates.into_iter().map(rate).collect(),
            concurrency: concurrency.into_iter().map(limit).collect(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rates.is_empty() && self.concurrency.is_empty()
    }

    /// Notes the policies with a cost function. Nothing shares the freshly compiled policies yet.
    pub(crate) fn with_functions(mut self, functions: &Attached) -> Self {
        let rates = Arc::get_mut(&mut self.rates).into_iter().flatten();
        for policy in rates.filter_map(Arc::get_mut) {
            policy.has_cost_function = functions.has_cost(&policy.key.name);
        }
        self
    }

    /// Notes the policies with a cost function for another route with other attribute functions. Nothing shares the
    /// freshly compiled policies yet.
    fn without_functions(mut self) -> Self {
        let rates = Arc::get_mut(&mut self.rates).into_iter().flatten();
        for policy in rates.filter_map(Arc::get_mut) {
            policy.is_declared = false;
        }
        let concurrency = Arc::get_mut(&mut self.concurrency).into_iter().flatten();
        for limit in concurrency.filter_map(Arc::get_mut) {
            limit.is_declared = false;
        }
        self
    }
}

impl SharedPolicies {
    pub(crate) fn compile(stored: &Stored, compiler: Compiler<'_>) -> Self {
        let records = &stored.records;
        let scopes = shared_scopes(&records.rate_limits);
        let scopes = scopes.chain(shared_scopes(&records.concurrency_limits));
        Self::default().follow(&scopes.cloned().collect(), stored, compiler)
    }

    /// Recompiles the shared limits after limits of these scopes have changed.
    pub(crate) fn follow(
        &self,
        changed: &BTreeSet<LimitScope>,
        stored: &Stored,
        compiler: Compiler<'_>,
    ) -> Self {
        let mut next = self.clone();
        for scope in changed {
            let own = ScopePolicies::compile(stored, scope, &[], &[], compiler);
            match scope {
                LimitScope::Global => next.global = own,
                LimitScope::Service(name) => {
                    if compiler.service == Some(name) {
                        next.service = own.clone();
                    }
                    match own.is_empty() {
                        true => next.services.remove(name),
                        false => next.services.insert(name.clone(), own),
                    };
                }
                LimitScope::Route(_) => {}
            }
        }
        next
    }

    /// The limits of one service.
    pub(crate) fn of_service(&self, name: &ServiceName) -> Option<&ScopePolicies> {
        self.services.get(name)
    }

    /// The limits of every scope but the routes.
    pub(crate) fn all(&self) -> impl Iterator<Item = &ScopePolicies> {
        let services = self.services.values();
        std::iter::once(&self.global).chain(services)
    }

    /// The limits of each route. Routes without their own limits share them.
    pub(crate) fn compose<'a>(
        &self,
        routes: impl Iterator<Item = Limitable<'a>>,
    ) -> Vec<RouteLimits> {
        let common = RouteLimits {
            all: self.effective(&[], false, |_| false),
            by_method: None,
        };
        let exempts = self.exemptions().next().is_some();
        let of = |route: Limitable<'a>| {
            let has_own = !route.own.is_empty() || !route.of_methods.is_empty();
            match has_own || exempts || route.is_forced {
                false => common.clone(),
                true => self.of(&route),
            }
        };
        routes.map(of).collect()
    }

    /// The limits of one route.
    pub(crate) fn of(&self, limitable: &Limitable<'_>) -> RouteLimits {
        let Limitable {
            route,
            own,
            of_methods,
            is_forced: forced,
        } = *limitable;
        let covers = |exempt: &[ExemptPath], method: Option<Method>| {
            let mut exempt = exempt.iter();
            exempt.any(|exempt| exempt.covers(method, route.path()))
        };
        let exempts = |exempt: &[ExemptPath]| covers(exempt, route.method());
        let exempt_methods = match route.method() {
            Some(_) => Vec::new(),
            None => methods_of(self.exemptions(), route.path()),
        };
        let by_method = || {
            let limited = of_methods.of_route.iter().map(|(method, _)| *method);
            let mut methods: Vec<Method> = limited.chain(exempt_methods.iter().copied()).collect();
            methods.sort_unstable();
            methods.dedup();
            let named = methods.into_iter().map(|method| {
                let mut of_route = of_methods.of_route.iter();
                let also = of_route.find(|(known, _)| *known == method);
                let both: Vec<_> = std::iter::once(own)
                    .chain(also.map(|(_, also)| also))
                    .collect();
                // `HEAD` follows `GET`.
                let as_get = method == Method::Head;
                let exempts = |exempt: &[ExemptPath]| {
                    covers(exempt, Some(method)) || as_get && covers(exempt, Some(Method::Get))
                };
                (method, self.effective(&both, forced, exempts))
            });
            let of_route = of_methods.of_route.iter().map(|(_, own)| own);
            let every = std::iter::once(own).chain(of_route);
            let every: Vec<_> = every.chain(&of_methods.of_siblings).collect();
            Arc::new(ByMethod {
                named: named.collect(),
                unnamed: self.effective(&every, forced, exempts),
            })
        };
        let is_by_method = !of_methods.is_empty() || !exempt_methods.is_empty();
        RouteLimits {
            all: self.effective(&[own], forced, exempts),
            by_method: is_by_method.then(by_method),
        }
    }

    /// The exemptions from the shared limits of this process.
    fn exemptions(&self) -> impl Iterator<Item = &ExemptPath> {
        let levels = || [&self.global, &self.service].into_iter();
        let rates = levels().flat_map(|own| &*own.rates);
        let places = levels().flat_map(|own| &*own.concurrency);
        let rates = rates.flat_map(|policy| &policy.fields.exempt_routes);
        rates.chain(places.flat_map(|limit| &limit.fields.exempt_routes))
    }

    /// The limits of all levels. Shared limits skip a force-active (`forced`) route, unless they include it, and
    /// exempt routes; the route's own limits always apply.
    fn effective(
        &self,
        own: &[&ScopePolicies],
        forced: bool,
        exempts: impl Fn(&[ExemptPath]) -> bool,
    ) -> Option<Arc<Limits>> {
        let shared = self.global.rates.iter().chain(&*self.service.rates);
        let shared = shared
            .filter(|policy| !forced || policy.fields.include_force_active)
            .filter(|policy| !exempts(&policy.fields.exempt_routes));
        let everybody = self.global.concurrency.iter();
        let of_service = everybody
            .chain(&*self.service.concurrency)
            .filter(|limit| !forced || limit.fields.include_force_active)
            .filter(|limit| !exempts(&limit.fields.exempt_routes));
        let rates = own.iter().flat_map(|own| &*own.rates);
        let concurrency = own.iter().flat_map(|own| &*own.concurrency);
        let limits = Limits::new(
            shared.chain(rates).cloned().collect(),
            of_service.chain(concurrency).cloned().collect(),
        );
        let is_empty = limits.policies.is_empty() && limits.concurrency.is_empty();
        (!is_empty).then(|| Arc::new(limits))
    }
}

/// The methods that exemptions name, on a route for all methods.
fn methods_of<'a>(exempt: impl Iterator<Item = &'a ExemptPath>, path: &str) -> Vec<Method> {
    let named = exempt.filter(|exempt| exempt.covers_path(path));
    let mut methods: Vec<Method> = named.filter_map(|exempt| exempt.key().method()).collect();
    methods.sort_unstable();
    methods.dedup();
    methods
}
