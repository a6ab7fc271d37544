//! Which routes govern a request, and which of them a router serves.

#[cfg(feature = "axum")]
use waygate_core::grammar::PathTemplate;
use waygate_core::{grammar::Method, model::RouteKey};

use super::{
    super::{merge::closes, nearest::nearest},
    Governing, Methods, Table,
};
#[cfg(feature = "axum")]
use super::{MethodSet, Served};

impl Table {
    /// Notes that one endpoint serves all methods of a path but those that have an endpoint of their own (`apart`).
    #[cfg(feature = "axum")]
    pub(crate) fn serve_others(&mut self, path: &str, apart: MethodSet) {
        let methods = self.paths.entry(path.into()).or_default();
        let known = methods.apart.get_or_insert(apart);
        *known = known.intersection(apart);
        self.shape += 1;
    }

    /// Notes what a guarded router serves.
    #[cfg(feature = "axum")]
    pub(crate) fn serve(&mut self, found: impl IntoIterator<Item = (PathTemplate, Served)>) {
        let served = self.served.get_or_insert_default();
        for (path, more) in found {
            let known = served.entry(path.as_str().into()).or_default();
            known.named = known.named.union(more.named);
            known.others |= more.others;
        }
    }

    /// Whether there are guarded routers, and none of them was found to serve this route of this process.
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

    /// The routes that no guarded router was found to serve, each with the served one that may have been meant.
    pub(crate) fn unserved(&self) -> impl Iterator<Item = (&RouteKey, Option<&RouteKey>)> {
        let keys = || self.registered().map(|route| &route.key);
        let unserved = keys().filter(|key| self.is_unserved(key));
        let served = move || keys().filter(|key| key.service().is_none() && !self.is_unserved(key));
        unserved.map(move |key| (key, nearest(key, served())))
    }

    /// The slots that govern a request.
    ///
    /// The route of its method does, which comes first, and the one for all methods of the path where the program declares
    /// it. One that was only found governs the methods that have no route of their own, and those that share its endpoint;
    /// a method without a route meets the gates of the whole path there. A route that was taken back keeps closed what an
    /// operator has closed, and nothing else.
    pub(crate) fn governing(&self, method: &str, path: &str) -> Governing {
        let Some(methods) = self.paths.get(path) else {
            return Governing::new();
        };
        let method = Method::from_name(method);
        self.among(methods, method, methods.is_shared(method))
    }

    /// The same for a request that has reached a handler, be it known or not that the path has one for its method.
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

    /// Whether the route in `slot` gates no request that the one in `other` governs as well: one of the two is force-active,
    /// and this one is closed by an operator at most. What the program itself closes holds.
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

    /// Whether operators cannot change the route in `slot`, because the one for all methods of its path is force-active.
    pub(crate) fn is_protected(&self, slot: usize) -> bool {
        self.whole_of(slot)
            .is_some_and(|whole| self.yields(slot, whole))
    }

    /// Whether the route for all methods of the path of the one in `slot` is force-active.
    pub(crate) fn is_forced(&self, slot: usize) -> bool {
        let whole = self.whole_of(slot).and_then(|whole| self.route(whole));
        whole.is_some_and(|whole| whole.declared.force_active)
    }

    /// The slot of the route that the program declares for all methods, beside the one of a single method in `slot`.
    fn whole_of(&self, slot: usize) -> Option<usize> {
        let key = &self.route(slot)?.key;
        if key.method().is_none() || key.service().is_some() {
            return None;
        }
        let methods = self.paths.get(key.path())?;
        let whole = methods.any.filter(|_| methods.is_whole)?;
        Some(whole as usize)
    }

    /// Changes with everything that may change which slots govern a request.
    #[cfg(feature = "axum")]
    #[inline]
    pub(crate) fn shape(&self) -> u64 {
        self.shape
    }
}
