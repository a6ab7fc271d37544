//! The routes that govern a request, and the routes that a router serves.

use waygate_core::grammar::PathTemplate;
use waygate_core::{grammar::Method, model::RouteKey};

use super::{
    super::{merge::closes, nearest::nearest},
    Governing, Methods, Table,
};
use super::{MethodSet, Served};

impl Table {
    /// Records that one endpoint serves all methods of a path, except those with a separate endpoint (`apart`).
    pub(crate) fn serve_others(&mut self, path: &str, apart: MethodSet) {
        let methods = self.paths.entry(path.into()).or_default();
        let known = methods.apart.get_or_insert(apart);
        *known = known.intersection(apart);
        self.shape += 1;
    }

    /// Records the routes of a guarded router.
    pub(crate) fn serve(&mut self, found: impl IntoIterator<Item = (PathTemplate, Served)>) {
        let served = self.served.get_or_insert_default();
        for (path, more) in found {
            let known = served.entry(path.as_str().into()).or_default();
            known.named = known.named.union(more.named);
            known.others |= more.others;
        }
    }

    /// Returns `true` if there are guarded routers, and none of them serves this route of this process.
    pub(crate) fn is_unserved(&self, key: &RouteKey) -> bool {
        let Some(served) = self.served.as_ref().filter(|_| key.service().is_none()) else {
            return false;
        };
        let Some(served) = served.get(key.path()) else {
            return true;
        };
        let is_named = |method: Method| {
            let get = method == Method::Head && served.named.contains(Method::Get);
            get || served.named.contains(method)
        };
        !served.others && !key.method().is_none_or(is_named)
    }

    /// The routes without a guarded router, each with a similar served one.
    pub(crate) fn unserved(&self) -> impl Iterator<Item = (&RouteKey, Option<&RouteKey>)> {
        let keys = || self.registered().map(|route| &route.key);
        let unserved = keys().filter(|key| self.is_unserved(key));
        let served = move || keys().filter(|key| key.service().is_none() && !self.is_unserved(key));
        unserved.map(move |key| (key, nearest(key, served())))
    }

    /// The slots that govern a request.
    ///
    /// The route of its method comes first, then the route for all methods of the path if the program declares it. A
    /// discovered route governs the methods without a route, and those that share its endpoint; all gates of the path
    /// apply to a method without a route. An unregistered route only keeps an operator's closure.
    pub(crate) fn governing(&self, method: &str, path: &str) -> Governing {
        let Some(methods) = self.paths.get(path) else {
            return Governing::new();
        };
        let method = Method::from_name(method);
        self.among(methods, method, methods.is_shared(method))
    }

    /// The slots that govern a request that has reached a handler, even if the path is not known to have one for its
    /// method.
    pub(crate) fn governing_handled(&self, method: &str, path: &str) -> Governing {
        let Some(methods) = self.paths.get(path) else {
            return Governing::new();
        };
        let method = Method::from_name(method);
        let slots = self.among(methods, method, methods.is_shared(method));
        match slots.is_empty() {
            true => self.among(methods, method, true),
            false => slots,
        }
    }

    fn among(&self, methods: &Methods, method: Option<Method>, is_shared: bool) -> Governing {
        let own = method.and_then(|method| methods.of(method));
        let mut slots: Governing = own.into_iter().collect();
        if is_shared || methods.is_whole || own.is_none_or(|slot| self.is_gone(slot)) {
            slots.extend(methods.any.map(|slot| slot as usize));
        }
        if is_shared && slots.iter().all(|slot| self.is_gone(*slot)) {
            let others = methods.all().filter(|slot| !slots.contains(slot));
            let others: Governing = others.collect();
            slots.extend(others);
        }
        slots
    }

    /// Returns `true` if the route in `slot` gates no request that the route in `other` governs as well: one of the
    /// two is force-active, and this one is at most closed by an operator. Closures by the program apply.
    pub(crate) fn yields(&self, slot: usize, other: usize) -> bool {
        let (Some(route), Some(other)) = (self.route(slot), self.route(other)) else {
            return false;
        };
        if !other.declared.force_active || closes(&route.declared) {
            return false;
        }
        let is_of_path = route.key.method().is_none() || other.key.method().is_none();
        is_of_path && route.key.path() == other.key.path()
    }

    /// Returns `true` if operators cannot change the route in `slot`, because the route for all methods of its path
    /// is force-active.
    pub(crate) fn is_protected(&self, slot: usize) -> bool {
        self.all_methods_slot(slot)
            .is_some_and(|whole| self.yields(slot, whole))
    }

    /// Returns `true` if the route for all methods of the path of `slot` is force-active.
    pub(crate) fn is_forced(&self, slot: usize) -> bool {
        let whole = self
            .all_methods_slot(slot)
            .and_then(|whole| self.route(whole));
        whole.is_some_and(|whole| whole.declared.force_active)
    }

    /// The slot of the declared route for all methods, next to the route of a single method in `slot`.
    fn all_methods_slot(&self, slot: usize) -> Option<usize> {
        let key = &self.route(slot)?.key;
        if key.method().is_none() || key.service().is_some() {
            return None;
        }
        let methods = self.paths.get(key.path())?;
        let whole = methods.any.filter(|_| methods.is_whole)?;
        Some(whole as usize)
    }

    /// Changes whenever the governing slots of a request may change.
    #[inline]
    pub(crate) fn shape(&self) -> u64 {
        self.shape
    }
}
