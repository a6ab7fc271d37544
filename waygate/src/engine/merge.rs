//! Merges several declarations of one route. No declaration lifts a restriction of another.

use std::sync::Arc;

use waygate_core::model::{RouteKey, RouteState};

use super::{RegisterError, Registered, Source};

/// The declarations of one route, by origin.
#[derive(Debug, Clone, Default)]
pub(crate) struct Declarations {
    /// From `guard`: the document or the router, and the attributes of each handler.
    bound: Vec<Arc<Registered>>,
    /// From `register`.
    called: Option<Arc<Registered>>,
}

impl Declarations {
    /// Creates the first declaration of a route.
    pub(crate) fn of(route: Arc<Registered>) -> Self {
        let mut first = Self::default();
        first.add(route);
        first
    }

    /// Adds a declaration, replacing an earlier one of the same origin.
    pub(crate) fn add(&mut self, route: Arc<Registered>) {
        let handler = route.source.handler();
        match route.source {
            Source::Registered => self.called = Some(route),
            Source::Document | Source::Router if !self.bound.is_empty() => {}
            Source::Document
            | Source::Router
            | Source::Operation { .. }
            | Source::Attribute { .. } => {
                let mut bound = self.bound.iter_mut();
                match bound.find(|known| known.source.handler() == handler) {
                    Some(known) => *known = route,
                    // Another guarded router may serve the same route with another handler.
                    None => self.bound.push(route),
                }
            }
        }
    }

    /// Removes the registration; `false` if there was none.
    pub(crate) fn withdraw(&mut self) -> bool {
        self.called.take().is_some()
    }

    /// Merges all declarations; `None` if none are left.
    pub(crate) fn merged(&self) -> Result<Option<Arc<Registered>>, RegisterError> {
        let mut all = self.bound.iter().chain(&self.called);
        let Some(first) = all.next() else {
            return Ok(None);
        };
        all.try_fold(first.clone(), |known, more| {
            union(&known, more).map(Arc::new)
        })
        .map(Some)
    }
}

/// Merges two declarations, or fails if they contradict each other. A document alone declares nothing.
pub(crate) fn union(first: &Registered, second: &Registered) -> Result<Registered, RegisterError> {
    let differ = |what: &str| conflict(&first.key, what, first, second);
    Ok(Registered {
        key: first.key.clone(),
        declared: both(&first.declared, &second.declared).map_err(differ)?,
        limits: all(&first.limits, &second.limits, |limit| &limit.name)
            .map_err(|name| differ(&format!("rate limits `{name}`")))?,
        concurrency: all(&first.concurrency, &second.concurrency, |limit| &limit.name)
            .map_err(|name| differ(&format!("concurrency limits `{name}`")))?,
        attached: (first.attached.union(&second.attached)).map_err(|what| differ(&what))?,
        #[cfg(feature = "flags")]
        gates: {
            let mut gates = first.gates.clone();
            let more = second
                .gates
                .iter()
                .filter(|gate| !first.gates.contains(gate))
                .cloned();
            gates.extend(more);
            gates
        },
        #[cfg(feature = "flags")]
        canary: first.canary.clone().or_else(|| second.canary.clone()),
        source: match first.source {
            Source::Document | Source::Router => second.source.clone(),
            _ => first.source.clone(),
        },
    })
}

fn conflict(key: &RouteKey, what: &str, first: &Registered, second: &Registered) -> RegisterError {
    RegisterError::Conflict {
        key: key.clone(),
        what: what.to_owned(),
        first: first.source.clone(),
        second: second.source.clone(),
    }
}

/// Returns `true` if a state refuses requests of some clients at some time.
pub(crate) fn closes(state: &RouteState) -> bool {
    let free = RouteState::default().deprecation(state.deprecation.clone());
    *state != free
}

fn both(first: &RouteState, second: &RouteState) -> Result<RouteState, &'static str> {
    // A force-active route cannot be closed by the other declaration, and must not open it.
    let (open, closed) = (first.force_active, second.force_active);
    if open != closed && closes(if open { second } else { first }) {
        return Err("states, one of them force-active");
    }
    Ok(RouteState::default()
        .position(part(&first.position, &second.position).ok_or("states")?)
        .deprecation(part(&first.deprecation, &second.deprecation).ok_or("deprecations")?)
        .access(waygate_core::model::Access::new(
            part(&first.access.ips, &second.access.ips).ok_or("allowed networks")?,
            part(&first.access.roles, &second.access.roles).ok_or("allowed roles")?,
        ))
        .force_active(first.force_active || second.force_active))
}

/// The declared one; `None` if both are declared and differ.
fn part<T: Default + PartialEq + Clone>(first: &T, second: &T) -> Option<T> {
    let silent = T::default();
    match (*first == silent, *second == silent) {
        (true, _) => Some(second.clone()),
        (_, true) => Some(first.clone()),
        _ => (first == second).then(|| first.clone()),
    }
}

/// The limits of both, in order; `Err` is the name of two different limits.
fn all<P: PartialEq + Clone, N: PartialEq + Clone>(
    first: &[P],
    second: &[P],
    name: impl Fn(&P) -> &N,
) -> Result<Vec<P>, N> {
    let mut all = first.to_vec();
    for limit in second {
        match first.iter().find(|known| name(known) == name(limit)) {
            Some(known) if known == limit => {}
            Some(_) => return Err(name(limit).clone()),
            None => all.push(limit.clone()),
        }
    }
    Ok(all)
}
