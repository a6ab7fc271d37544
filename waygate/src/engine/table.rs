use std::{collections::HashMap, sync::Arc};

use waygate_core::{
    grammar::Method,
    model::{ConcurrencyPolicy, RateLimitPolicy, RouteKey, RouteState},
};

use super::{ResolveError, nearest::nearest};

/// Every route that can be controlled. A slot number, once given, means the same route for ever.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    routes: Vec<Arc<Registered>>,
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
    /// A call of [`Waygate::register`](crate::Waygate::register).
    Registered,
}

impl Source {
    /// The handler's path, when it is known.
    pub fn handler(&self) -> Option<&'static str> {
        match self {
            Self::Operation { handler } | Self::Attribute { handler } => Some(handler),
            Self::Document | Self::Registered => None,
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
    /// Adds a route, or replaces what is known about it, and returns its slot.
    pub(crate) fn insert(&mut self, route: Registered) -> usize {
        if let Some(slot) = self.exact(&route.key) {
            self.routes[slot] = Arc::new(route);
            return slot;
        }
        let slot = self.routes.len();
        let methods = self.paths.entry(route.key.path().into()).or_default();
        let entry = match route.key.method() {
            Some(method) => &mut methods.by_method[method as usize],
            None => &mut methods.any,
        };
        *entry = u32::try_from(slot).ok();
        self.routes.push(Arc::new(route));
        slot
    }

    /// The slot of exactly this key.
    pub(crate) fn exact(&self, key: &RouteKey) -> Option<usize> {
        if key.service().is_some() {
            return None;
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
            methods.any.filter(|_| is_part).map(|slot| slot as usize)
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

    /// The route that an operator means: the exact key, or a bare path that only one method has.
    pub(crate) fn resolve(&self, key: &RouteKey) -> Result<usize, ResolveError> {
        if let Some(slot) = self.exact(key) {
            return Ok(slot);
        }
        let unknown = || ResolveError::NotRegistered {
            key: key.to_string(),
            nearest: nearest(key, self.routes.iter().map(|route| &route.key)).cloned(),
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

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Registered>> {
        self.routes.iter()
    }
}
