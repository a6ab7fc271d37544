use serde::Serialize;
use waygate_core::{
    Timestamp,
    model::{Dropped, Revision, RouteKey, RouteState, RouteView},
};

use super::{snapshot::Snapshot, stored::Stored, table::Source, unreadable::closed_route};

/// A route as it is at one instant, with where it comes from.
#[derive(Debug, Clone, Serialize)]
pub struct RouteRecord {
    /// The name under which the route is controlled.
    #[serde(skip)]
    pub key: RouteKey,
    /// The route in the form of the wire contract, section 2.1.
    #[serde(flatten)]
    pub view: RouteView,
    /// The commit that last changed the route; number 0 when only the declaration speaks.
    #[serde(skip)]
    pub revision: Revision,
    /// How the engine learned of the route; `None` for an orphan.
    #[serde(skip)]
    pub source: Option<Source>,
    /// Whether an operator has changed the route.
    pub overridden: bool,
    /// Whether the code declares something else by now than when an operator changed the route.
    pub drifted: bool,
    /// Whether the route is stored, but no longer in the code.
    pub orphaned: bool,
    /// The stored or declared state that the view shows.
    #[serde(skip)]
    pub state: RouteState,
    /// Whether there are guarded routers, and none of them was found to serve the route. One that another framework or a
    /// `RouteGuard` serves is so, too.
    #[serde(skip)]
    pub unserved: bool,
    /// The routes whose gates and limits hold at this one too, since a handler whose attributes are bound to them was found
    /// to serve it: what this route says can open nothing that they close. A handler is found by its first request.
    #[serde(skip)]
    pub also_gated_by: Vec<RouteKey>,
    /// What the command that this answers has dropped, such as planned windows. Empty everywhere else.
    #[serde(skip_serializing_if = "Dropped::is_empty")]
    pub dropped: Dropped,
}

pub(crate) fn of_slot(snapshot: &Snapshot, slot: usize, now: Timestamp) -> Option<RouteRecord> {
    let (route, state) = (snapshot.table.route(slot)?, snapshot.slot(slot)?);
    Some(RouteRecord {
        key: route.key.clone(),
        view: RouteView::new(&route.key, &state.state, now),
        revision: Revision {
            number: state.revision,
            ..snapshot.revision
        },
        source: Some(route.source.clone()),
        overridden: state.revision > 0,
        drifted: state.drifted,
        orphaned: false,
        state: state.state.clone(),
        unserved: snapshot.table.is_unserved(&route.key),
        also_gated_by: snapshot.table.mounts.also_gating(&route.key),
        dropped: Dropped::default(),
    })
}

pub(crate) fn list(snapshot: &Snapshot, now: Timestamp) -> Vec<RouteRecord> {
    let mut routes: Vec<RouteRecord> = (0..snapshot.table.len())
        .filter(|slot| !snapshot.table.is_gone(*slot))
        .filter_map(|slot| of_slot(snapshot, slot, now))
        .collect();
    routes.sort_by(|a, b| a.key.cmp(&b.key));
    routes
}

/// A stored route that the code no longer has; `None` when nothing is stored of it.
pub(crate) fn orphan(stored: &Stored, key: &RouteKey, now: Timestamp) -> Option<RouteRecord> {
    let (state, number) = match stored.routes.get(key) {
        Some(known) => (known.value.state.clone(), known.revision),
        None => (
            closed_route(&RouteState::default()),
            stored.held_by_record(key)?,
        ),
    };
    Some(RouteRecord {
        key: key.clone(),
        view: RouteView::new(key, &state, now),
        revision: Revision {
            number,
            ..stored.revision
        },
        source: None,
        overridden: true,
        drifted: false,
        orphaned: true,
        state,
        unserved: false,
        also_gated_by: Vec::new(),
        dropped: Dropped::default(),
    })
}

pub(crate) fn orphans(snapshot: &Snapshot, stored: &Stored, now: Timestamp) -> Vec<RouteRecord> {
    let known = stored.routes.keys().cloned();
    let mut keys: Vec<RouteKey> = known.chain(stored.all_held()).collect();
    keys.retain(|key| snapshot.table.exact(key).is_none());
    keys.sort();
    let orphans = keys.iter().filter_map(|key| orphan(stored, key, now));
    orphans.collect()
}
