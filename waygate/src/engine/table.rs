mod governing;
mod judged;

use std::{collections::HashMap, sync::Arc};

use smallvec::SmallVec;
use waygate_core::{
    grammar::Method,
    model::{RouteKey, RouteState},
    port::Clock,
};

use waygate_core::grammar::PathTemplate;

use super::{
    RegisterError, ResolveError,
    declared::{Registered, Source},
    merge::Declarations,
    methods::MethodSet,
    mounts::Mounts,
    nearest::nearest,
    traffic::TrafficSlots,
};

use judged::Judged;

/// Every route that can be controlled. A slot number is never reused: it identifies the same route even after the route
/// is unregistered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    routes: Vec<Arc<Registered>>,
    /// The declarations of each route. Empty after it was unregistered.
    declarations: Vec<Declarations>,
    is_gone: Vec<bool>,
    /// Slots of other services' routes, which are only listed: no request matches them.
    elsewhere: HashMap<RouteKey, usize>,
    paths: HashMap<Box<str>, Methods>,
    /// Routes covered by a registered route: they are listed after it is unregistered.
    covered: HashMap<Box<str>, Vec<Registered>>,
    /// The findings of guarded routers; `None` before the first one.
    served: Option<HashMap<Box<str>, Served>>,
    /// Changes whenever the governing slots of a request may change.
    shape: u64,
    /// The results for exemptions.
    pub(crate) judged: Judged,
    /// The findings of requests about handlers, for all tables of an engine.
    pub(crate) mounts: Arc<Mounts>,
    /// The tags of routes in the OpenAPI documents.
    tags: Arc<HashMap<Box<str>, Vec<String>>>,
    /// The requests of each slot, for all tables of an engine.
    pub(crate) traffic: TrafficSlots,
}

/// The methods with a handler at one path.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Served {
    pub(crate) named: MethodSet,
    /// `true` if one endpoint takes all others.
    pub(crate) others: bool,
}

/// The slots that govern one request: usually one.
pub(crate) type Governing = SmallVec<[usize; 2]>;

/// The slots of one path.
#[derive(Debug, Clone, Copy, Default)]
struct Methods {
    by_method: [Option<u32>; Method::ALL.len()],
    any: Option<u32>,
    /// `true` if `any` governs every method: the program declared it. It stays `true`, so that closed methods do not
    /// open when it is unregistered.
    is_whole: bool,
    /// The methods with a separate endpoint, if one endpoint serves all others. `None` if there is no such endpoint,
    /// or none is known.
    apart: Option<MethodSet>,
}

impl Methods {
    /// The slot of one method. `HEAD` follows `GET`, as in axum.
    fn of(&self, method: Method) -> Option<usize> {
        let of = |method: Method| self.by_method[method as usize];
        let slot = match method {
            Method::Head => of(Method::Head).or_else(|| of(Method::Get)),
            method => of(method),
        };
        slot.map(|slot| slot as usize)
    }

    fn all(&self) -> impl Iterator<Item = usize> {
        let slots = self.by_method.into_iter().chain([self.any]);
        slots.flatten().map(|slot| slot as usize)
    }

    /// Returns `true` if requests of this method share an endpoint with undeclared methods.
    fn is_shared(&self, method: Option<Method>) -> bool {
        let is_apart = |apart: MethodSet| method.is_some_and(|method| apart.contains(method));
        self.apart.is_some_and(|apart| !is_apart(apart))
    }
}

impl Table {
    /// Creates an empty table that counts requests.
    pub(crate) fn counting(clock: Arc<dyn Clock>, exemplars: bool) -> Self {
        Self {
            traffic: TrafficSlots::new(clock, exemplars),
            ..Self::default()
        }
    }

    /// Adds a route or another declaration of it, and returns its slot.
    pub(crate) fn insert(&mut self, route: Registered) -> Result<usize, RegisterError> {
        let route = Arc::new(route);
        let Some(slot) = self.slot_of(&route.key) else {
            let slot = self.push(route);
            self.note_whole(slot);
            return Ok(slot);
        };
        let mut declarations = self.declarations[slot].clone();
        declarations.add(route);
        if let Some(merged) = declarations.merged()? {
            self.routes[slot] = merged;
        }
        self.declarations[slot] = declarations;
        self.shape += u64::from(self.is_gone[slot]);
        self.is_gone[slot] = false;
        self.note_whole(slot);
        Ok(slot)
    }

    /// From now on, the declared route for all methods of a path governs each of them.
    fn note_whole(&mut self, slot: usize) {
        let route = &self.routes[slot];
        if route.key.method().is_some() || !route.source.is_declared() {
            return;
        }
        if let Some(methods) = self.paths.get_mut(route.key.path())
            && route.key.service().is_none()
            && !methods.is_whole
        {
            methods.is_whole = true;
            self.shape += 1;
        }
    }

    pub(crate) fn add_tags(&mut self, tags: Vec<(RouteKey, Vec<String>)>) {
        let own = Arc::make_mut(&mut self.tags);
        own.extend(
            tags.into_iter()
                .map(|(key, tags)| (key.as_str().into(), tags)),
        );
    }

    /// The tags of the route that an audit line is about: itself, or a limit of it (`GET:/a#default`).
    pub(crate) fn tags(&self, subject: &str) -> &[String] {
        let route = subject.split('#').next().unwrap_or_default();
        self.tags.get(route).map_or(&[], Vec::as_slice)
    }

    /// Keeps a route that a registered route covers.
    pub(crate) fn cover(&mut self, route: Registered) {
        let covered = self.covered.entry(route.key.path().into()).or_default();
        if !covered.iter().any(|known| known.key == route.key) {
            covered.push(route);
        }
    }

    /// Returns `true` if the program declares a route for all methods of the path.
    pub(crate) fn is_covered(&self, path: &PathTemplate) -> bool {
        let slot = self.exact(&RouteKey::new(None, path));
        slot.and_then(|slot| self.route(slot))
            .is_some_and(|route| route.source.is_declared())
    }

    fn push(&mut self, route: Arc<Registered>) -> usize {
        let slot = self.routes.len();
        self.shape += 1;
        if route.key.service().is_some() {
            self.elsewhere.insert(route.key.clone(), slot);
        } else {
            let methods = self.paths.entry(route.key.path().into()).or_default();
            let entry = match route.key.method() {
                Some(method) => &mut methods.by_method[method as usize],
                None => &mut methods.any,
            };
            *entry = u32::try_from(slot).ok();
        }
        self.declarations.push(Declarations::of(route.clone()));
        self.is_gone.push(false);
        self.traffic.push();
        self.routes.push(route);
        slot
    }

    /// Removes the registration of a route; `false` if there was none.
    pub(crate) fn unregister(&mut self, key: &RouteKey) -> bool {
        let Some(slot) = self.slot_of(key) else {
            return false;
        };
        if !self.declarations[slot].withdraw() {
            return false;
        }
        match self.declarations[slot].merged() {
            Ok(Some(left)) => self.routes[slot] = left,
            _ => {
                self.routes[slot] = Arc::new(Registered {
                    key: self.routes[slot].key.clone(),
                    declared: RouteState::default(),
                    limits: Vec::new(),
                    concurrency: Vec::new(),
                    attached: super::Attached::default(),
                    #[cfg(feature = "flags")]
                    gates: Vec::new(),
                    #[cfg(feature = "flags")]
                    canary: None,
                    source: Source::Registered,
                });
                self.is_gone[slot] = true;
                self.shape += 1;
                self.uncover(key);
            }
        }
        true
    }

    /// Lists the routes under the path of a removed route that it covered.
    fn uncover(&mut self, gone: &RouteKey) {
        let Some(found) = self
            .covered
            .get(gone.path())
            .filter(|_| gone.service().is_none())
        else {
            return;
        };
        let methods = self.paths.get(gone.path());
        let is_free = methods.is_none_or(|methods| methods.all().all(|slot| self.is_gone[slot]));
        let is_bare = gone.method().is_none();
        let found: Vec<Registered> = found
            .iter()
            .filter(|found| match found.key.method() {
                Some(_) => is_bare && self.exact(&found.key).is_none(),
                None => is_free,
            })
            .cloned()
            .collect();
        for route in found {
            // A discovered route contradicts nothing.
            let _ = self.insert(route);
        }
    }

    /// The slot with exactly this key.
    pub(crate) fn exact(&self, key: &RouteKey) -> Option<usize> {
        if key.service().is_some() {
            return None;
        }
        self.slot_of(key).filter(|slot| !self.is_gone[*slot])
    }

    /// The slot with exactly this key, including those of other services' routes and unregistered routes.
    pub(crate) fn slot_of(&self, key: &RouteKey) -> Option<usize> {
        if key.service().is_some() {
            return self.elsewhere.get(key).copied();
        }
        let methods = self.paths.get(key.path())?;
        let slot = match key.method() {
            Some(method) => methods.by_method[method as usize],
            None => methods.any,
        };
        slot.map(|slot| slot as usize)
    }

    /// The slot that a limit of this key applies to: that of the route, or of the route for all methods of its path.
    pub(crate) fn limited(&self, key: &RouteKey) -> Option<usize> {
        let whole = || {
            let methods = self.paths.get(key.path())?;
            let is_part = key.method().is_some() && key.service().is_none();
            let slot = methods.any.filter(|_| is_part)? as usize;
            (!self.is_gone(slot)).then_some(slot)
        };
        self.exact(key).or_else(whole)
    }

    /// Resolves the route of a limit's key, and its slot: like [`resolve`](Self::resolve), and also one method of a
    /// route for all methods.
    pub(crate) fn resolve_limited(
        &self,
        key: &RouteKey,
    ) -> Result<(usize, RouteKey), ResolveError> {
        if let Some(slot) = self.limited(key) {
            return Ok((slot, key.clone()));
        }
        let slot = self.resolve(key)?;
        let found = self.routes.get(slot);
        Ok((
            slot,
            found.map_or_else(|| key.clone(), |route| route.key.clone()),
        ))
    }

    /// The error for a key without a route.
    pub(crate) fn unknown(&self, key: &RouteKey) -> ResolveError {
        let known = self.registered().map(|route| &route.key);
        ResolveError::NotRegistered {
            key: key.to_string(),
            is_first: known.clone().next().is_none(),
            nearest: nearest(key, known).cloned(),
        }
    }

    /// Resolves a route: the exact key, or a bare path with only one method.
    pub(crate) fn resolve(&self, key: &RouteKey) -> Result<usize, ResolveError> {
        if let Some(slot) = self.exact(key) {
            return Ok(slot);
        }
        let unknown = || self.unknown(key);
        if key.method().is_some() || key.service().is_some() {
            return Err(unknown());
        }
        let methods = self.paths.get(key.path()).ok_or_else(unknown)?;
        let slots: Vec<usize> = methods
            .by_method
            .iter()
            .flatten()
            .map(|slot| *slot as usize)
            .filter(|slot| !self.is_gone[*slot])
            .collect();
        match *slots {
            [] => Err(unknown()),
            [slot] => Ok(slot),
            _ => Err(ResolveError::Ambiguous {
                key: key.to_string(),
                matches: slots
                    .iter()
                    .map(|slot| self.routes[*slot].key.clone())
                    .collect(),
            }),
        }
    }

    /// The services of other processes' routes.
    pub(crate) fn services(&self) -> impl Iterator<Item = &str> {
        let listed = self
            .elsewhere
            .iter()
            .filter(|(_, slot)| !self.is_gone[**slot]);
        listed.filter_map(|(key, _)| key.service())
    }

    /// Returns `true` if a guarded router has been surveyed.
    pub(crate) fn is_guarded(&self) -> bool {
        self.served.is_some()
    }

    pub(crate) fn route(&self, slot: usize) -> Option<&Arc<Registered>> {
        self.routes.get(slot)
    }

    pub(crate) fn len(&self) -> usize {
        self.routes.len()
    }

    /// Returns `true` if the route in this slot was unregistered.
    pub(crate) fn is_gone(&self, slot: usize) -> bool {
        self.is_gone.get(slot).copied().unwrap_or(true)
    }

    /// The routes that were not unregistered.
    pub(crate) fn registered(&self) -> impl Iterator<Item = &Arc<Registered>> + Clone {
        let routes = self.routes.iter().zip(&self.is_gone);
        routes
            .filter(|(_, is_gone)| !**is_gone)
            .map(|(route, _)| route)
    }

    /// The route of each slot.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Registered>> {
        self.routes.iter()
    }
}
