use std::{collections::HashMap, sync::Arc};

use waygate_core::{
    grammar::{Method, PathTemplate, ServiceName},
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

/// The limits that requests with one method meet.
type OfMethod = (Method, Arc<Limits>);

/// The limits that one route meets.
#[derive(Debug, Clone, Default)]
pub(crate) struct RouteLimits {
    /// Those of its requests; `None` for most routes.
    all: Option<Arc<Limits>>,
    /// The same for methods that have limits of their own, of a route that takes all of them.
    by_method: Option<Arc<[OfMethod]>>,
}

impl RouteLimits {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_none() && self.by_method.is_none()
    }

    /// Those of requests with this method.
    #[cfg(feature = "axum")]
    #[inline]
    pub(crate) fn of(&self, method: &http::Method) -> Option<&Arc<Limits>> {
        match &self.by_method {
            None => self.all.as_ref(),
            Some(by_method) => of_method(by_method, method).or(self.all.as_ref()),
        }
    }
}

/// `HEAD` follows `GET`, as axum serves it.
#[cfg(feature = "axum")]
#[cold]
fn of_method<'a>(by_method: &'a [OfMethod], method: &http::Method) -> Option<&'a Arc<Limits>> {
    let method = Method::from_name(method.as_str())?;
    let of = |wanted| by_method.iter().find(|(method, _)| *method == wanted);
    let found = match method {
        Method::Head => of(Method::Head).or_else(|| of(Method::Get)),
        method => of(method),
    };
    found.map(|(_, limits)| limits)
}

impl OwnLimits {
    /// The limits that operators have set for single methods of a route that takes all of them, but for methods that
    /// are routes of their own.
    pub(crate) fn by_method(
        stored: &Stored,
        route: &RouteKey,
        table: &Table,
        compiler: Compiler<'_>,
    ) -> Vec<(Method, Self)> {
        let path = match route.method() {
            None => route.path().parse::<PathTemplate>().ok(),
            Some(_) => None,
        };
        let of = |(method, path): (Method, &PathTemplate)| {
            let part = RouteKey::new(Some(method), path);
            if table.exact(&part).is_some() {
                return None;
            }
            let own = Self::compile(stored, &LimitScope::Route(part), &[], &[], compiler);
            (!own.is_empty()).then_some((method, own))
        };
        let paths = path.iter();
        let parts =
            paths.flat_map(|path| Method::ALL.into_iter().map(move |method| (method, path)));
        parts.filter_map(of).collect()
    }

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
    pub(crate) fn compose(&self, table: &Table, routes: &[Arc<Slot>]) -> Vec<RouteLimits> {
        let common = RouteLimits {
            all: self.meet(&[], false, |_| true),
            by_method: None,
        };
        let exempts = self
            .enforced()
            .any(|policy| !policy.fields.exempt_routes.is_empty());
        let of = |(route, slot): (&Arc<_>, &Arc<Slot>)| {
            let registered: &crate::engine::Registered = route;
            let has_own = !slot.own_limits.is_empty() || !slot.limits_by_method.is_empty();
            match has_own || exempts || slot.rule.is_force_active() {
                false => common.clone(),
                true => self.of(&registered.key, slot),
            }
        };
        table.iter().zip(routes).map(of).collect()
    }

    /// What one route meets.
    pub(crate) fn of(&self, route: &RouteKey, slot: &Slot) -> RouteLimits {
        let forced = slot.rule.is_force_active();
        let governs = |policy: &Policy| {
            let mut exempt = policy.fields.exempt_routes.iter();
            !exempt.any(|exempt| exempt.covers(route.method(), route.path()))
        };
        let own = &slot.own_limits;
        let by_method = slot.limits_by_method.iter();
        let by_method: Arc<[_]> = by_method
            .filter_map(|(method, also)| Some((*method, self.meet(&[own, also], forced, governs)?)))
            .collect();
        RouteLimits {
            all: self.meet(&[own], forced, governs),
            by_method: (!by_method.is_empty()).then_some(by_method),
        }
    }

    fn enforced(&self) -> impl Iterator<Item = &Arc<Policy>> {
        self.global.rates.iter().chain(&*self.service.rates)
    }

    /// The limits of all levels. Those that more than one route meets leave a force-active (`forced`) route alone, unless
    /// they say otherwise; its own limits hold.
    fn meet(
        &self,
        own: &[&OwnLimits],
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
