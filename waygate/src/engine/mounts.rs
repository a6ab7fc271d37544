//! Records where handlers with attributes ran and did not run. Routers do not name their handlers, so only requests
//! reveal this.

use std::sync::{Mutex, MutexGuard, PoisonError};

use waygate_core::{grammar::RouteSpec, model::RouteKey};

/// The findings of requests for all routes of an engine.
#[derive(Debug, Default)]
pub(crate) struct Mounts(Mutex<Found>);

#[derive(Debug, Default)]
struct Found {
    elsewhere: Vec<Mount>,
    /// Handlers that did not run although their routes responded.
    absent: Vec<(&'static str, RouteKey)>,
}

/// A handler on a route that its attributes are not bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    /// The handler's path.
    pub(crate) handler: &'static str,
    /// The route that it serves.
    pub(crate) at: RouteKey,
    /// The routes that its attributes are bound to.
    pub(crate) own: Vec<RouteKey>,
    /// `true` if `route = ".."` names them.
    pub(crate) is_named: bool,
}

impl Mount {
    /// The remedy.
    pub(crate) fn in_words(&self) -> String {
        let Self {
            handler, at, own, ..
        } = self;
        let (own_keys, at_spec) = (list(own), spec(at));
        let advice = match self.is_named {
            true => {
                let all = own.iter().map(spec).chain([at_spec.clone()]);
                let all: Vec<String> = all.map(|route| format!("\"{route}\"")).collect();
                format!(
                    "if another handler serves {own_keys}, write `route = \"{at_spec}\"`, else `route = [{}]`",
                    all.join(", ")
                )
            }
            false => format!("list both in `route = [..]` to control `{at}` separately"),
        };
        let names = if self.is_named {
            "names"
        } else {
            "is bound to"
        };
        format!(
            "`{handler}` {names} {own_keys} and is also served at `{at}`, where the gates and limits of {own_keys} \
             apply too; {advice}"
        )
    }
}

impl Mounts {
    pub(crate) fn note(&self, mount: Mount) {
        let mut found = self.found();
        if !found.elsewhere.contains(&mount) {
            found.elsewhere.push(mount);
        }
    }

    /// Records whether a handler ran when its route responded. Returns `true` if that is new.
    pub(crate) fn note_run(&self, handler: &'static str, route: &RouteKey, has_run: bool) -> bool {
        let mut found = self.found();
        let known = (found.absent.iter()).position(|(of, at)| *of == handler && at == route);
        match (known, has_run) {
            (Some(at), true) => {
                found.absent.remove(at);
            }
            (None, false) => found.absent.push((handler, route.clone())),
            _ => return false,
        }
        true
    }

    /// The routes whose gates and limits also apply to this one.
    pub(crate) fn also_gating(&self, key: &RouteKey) -> Vec<RouteKey> {
        let found = self.found();
        let here = found.elsewhere.iter().filter(|mount| mount.at == *key);
        let mut also: Vec<RouteKey> = here.flat_map(|mount| mount.own.iter().cloned()).collect();
        also.sort_unstable();
        also.dedup();
        also
    }

    /// Describes handlers that run on other routes than those in `route = ".."`.
    pub(crate) fn unlisted(&self) -> Vec<String> {
        let found = self.found();
        let named = found.elsewhere.iter().filter(|mount| mount.is_named);
        let unknown = named.filter(|mount| !found.is_absent(mount.handler));
        unknown.map(Mount::in_words).collect()
    }

    /// Describes attributes that govern another handler.
    pub(crate) fn misplaced(&self) -> Vec<String> {
        let found = self.found();
        let said = found.absent.iter().map(|(handler, route)| {
            let elsewhere = found.elsewhere.iter().filter(|of| of.handler == *handler);
            let at: Vec<RouteKey> = elsewhere.map(|mount| mount.at.clone()).collect();
            let itself = match &*at {
                [] => String::new(),
                at => format!("; it is itself served at {}", list(at)),
            };
            format!("`{handler}` names `{route}`, which another handler serves{itself}")
        });
        said.collect()
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Found {
    fn is_absent(&self, handler: &str) -> bool {
        self.absent.iter().any(|(of, _)| *of == handler)
    }
}

fn list(routes: &[RouteKey]) -> String {
    let routes: Vec<String> = routes.iter().map(|route| format!("`{route}`")).collect();
    routes.join(", ")
}

/// The format of `route = ".."`.
fn spec(key: &RouteKey) -> String {
    let path = key.path().parse();
    path.map_or_else(
        |_| key.to_string(),
        |path| RouteSpec::new(key.method(), path).to_string(),
    )
}
