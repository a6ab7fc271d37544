use std::{collections::HashMap, sync::Arc};

use waygate_core::{
    grammar::Method,
    model::{ConcurrencyPolicy, RateLimitPolicy, RouteKey, RouteState},
};

use super::{Attached, RegisterError, ResolveError, merge::Declarations, nearest::nearest};

/// Every route that can be controlled. A slot number, once given, means the same route for ever, also after the route was
/// unregistered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    routes: Vec<Arc<Registered>>,
    /// What each of them was made of. Nothing is left of one that was unregistered.
    declarations: Vec<Declarations>,
    is_gone: Vec<bool>,
    /// Slots of routes of other services, which are only shown: no request finds them.
    elsewhere: HashMap<RouteKey, usize>,
    paths: HashMap<Box<str>, Methods>,
}

/// One controlled route.
#[derive(Debug, Clone)]
pub(crate) struct Registered {
    pub(crate) key: RouteKey,
    /// What the code says about it.
    pub(crate) declared: RouteState,
    /// The rate limits that the code declares, in their order.
    pub(crate) limits: Vec<RateLimitPolicy>,
    /// The limits of concurrency that it declares, in their order.
    pub(crate) concurrency: Vec<ConcurrencyPolicy>,
    /// Functions of the application that belong to it.
    pub(crate) attached: Attached,
    /// Where it comes from.
    pub(crate) source: Source,
}

/// How the engine learned of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// A handler whose operation in the OpenAPI document carries its id.
    Operation {
        /// The handler's path.
        handler: &'static str,
    },
    /// A handler that names its route with `route = ".."`.
    Attribute {
        /// The handler's path.
        handler: &'static str,
    },
    /// An operation of the OpenAPI document without any attribute.
    Document,
    /// A route of the router that no document describes.
    Router,
    /// A call of [`Waygate::register`](crate::Waygate::register).
    Registered,
}

impl Source {
    /// The handler's path, when it is known.
    pub fn handler(&self) -> Option<&'static str> {
        match self {
            Self::Operation { handler } | Self::Attribute { handler } => Some(handler),
            Self::Document | Self::Router | Self::Registered => None,
        }
    }
}

/// The slots of one path.
#[derive(Debug, Clone, Copy, Default)]
struct Methods {
    by_method: [Option<u32>; Method::ALL.len()],
    any: Option<u32>,
}

impl Table {
    /// Adds a route, or adds to what is known about it, and returns its slot.
    pub(crate) fn insert(&mut self, route: Registered) -> Result<usize, RegisterError> {
        let route = Arc::new(route);
        let Some(slot) = self.slot_of(&route.key) else {
            return Ok(self.push(route));
        };
        let mut declarations = self.declarations[slot].clone();
        declarations.add(route);
        if let Some(merged) = declarations.merged()? {
            self.routes[slot] = merged;
        }
        self.declarations[slot] = declarations;
        self.is_gone[slot] = false;
        Ok(slot)
    }

    fn push(&mut self, route: Arc<Registered>) -> usize {
        let slot = self.routes.len();
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
        self.routes.push(route);
        slot
    }

    /// Takes back what was registered of a route; `false` when nothing was.
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
                    attached: Attached::default(),
                    source: Source::Registered,
                });
                self.is_gone[slot] = true;
            }
        }
        true
    }

    /// The slot of exactly this key.
    pub(crate) fn exact(&self, key: &RouteKey) -> Option<usize> {
        if key.service().is_some() {
            return None;
        }
        self.slot_of(key).filter(|slot| !self.is_gone[*slot])
    }

    /// The same, also for a route of another service, or one that was unregistered.
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

    /// The slot that a limit of this key is met at: of the route itself, or of one for all methods of its path.
    pub(crate) fn limited(&self, key: &RouteKey) -> Option<usize> {
        let whole = || {
            let methods = self.paths.get(key.path())?;
            let is_part = key.method().is_some() && key.service().is_none();
            let slot = methods.any.filter(|_| is_part)? as usize;
            (!self.is_gone(slot)).then_some(slot)
        };
        self.exact(key).or_else(whole)
    }

    /// The route that an operator means to limit, and the slot at which it is met: as [`resolve`](Self::resolve), and one
    /// method of a route for all of them besides.
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

    /// The slot that governs a request. `HEAD` follows `GET`, as axum serves it.
    pub(crate) fn find(&self, method: &str, path: &str) -> Option<usize> {
        let methods = self.paths.get(path)?;
        let of = |method: Method| methods.by_method[method as usize];
        let slot = match Method::from_name(method) {
            Some(Method::Head) => of(Method::Head).or_else(|| of(Method::Get)),
            Some(method) => of(method),
            None => None,
        };
        slot.or(methods.any).map(|slot| slot as usize)
    }

    /// The slots of every method of a path.
    #[cfg(feature = "axum")]
    pub(crate) fn of_path(&self, path: &str) -> impl Iterator<Item = usize> {
        let methods = self.paths.get(path).into_iter();
        let slots = methods.flat_map(|methods| methods.by_method.into_iter().chain([methods.any]));
        slots.flatten().map(|slot| slot as usize)
    }

    /// The route that an operator means: the exact key, or a bare path that only one method has.
    pub(crate) fn resolve(&self, key: &RouteKey) -> Result<usize, ResolveError> {
        if let Some(slot) = self.exact(key) {
            return Ok(slot);
        }
        let unknown = || ResolveError::NotRegistered {
            key: key.to_string(),
            nearest: nearest(key, self.registered().map(|route| &route.key)).cloned(),
        };
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

    pub(crate) fn route(&self, slot: usize) -> Option<&Arc<Registered>> {
        self.routes.get(slot)
    }

    pub(crate) fn len(&self) -> usize {
        self.routes.len()
    }

    /// Whether the route in this slot was unregistered.
    pub(crate) fn is_gone(&self, slot: usize) -> bool {
        self.is_gone.get(slot).copied().unwrap_or(true)
    }

    /// The routes that have not been unregistered.
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
