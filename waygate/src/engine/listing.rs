//! Lists of routes.

use waygate_core::{
    Timestamp,
    model::{Dropped, Revision, RouteKey, RouteState, RouteView},
};

use super::{Inner, RouteRecord, kinds::closed_route, snapshot::Snapshot, stored::Stored};

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
        #[cfg(feature = "flags")]
        flag_gates: state
            .gates
            .iter()
            .map(waygate_core::view::FlagGate::from)
            .collect(),
        warning: None,
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

/// A stored route that no longer exists in the code; `None` if nothing is stored for it.
pub(crate) fn orphan(stored: &Stored, key: &RouteKey, now: Timestamp) -> Option<RouteRecord> {
    let (state, number) = match stored.records.routes.get(key) {
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
        #[cfg(feature = "flags")]
        flag_gates: Vec::new(),
        warning: None,
        dropped: Dropped::default(),
    })
}

pub(crate) fn orphans(snapshot: &Snapshot, stored: &Stored, now: Timestamp) -> Vec<RouteRecord> {
    let known = stored.records.routes.keys().cloned();
    let mut keys: Vec<RouteKey> = known.chain(stored.all_held()).collect();
    keys.retain(|key| snapshot.table.exact(key).is_none());
    keys.sort();
    let orphans = keys.iter().filter_map(|key| orphan(stored, key, now));
    orphans.collect()
}

impl Inner {
    pub(crate) async fn orphans(&self) -> Vec<RouteRecord> {
        let stored = self.stored.lock().await;
        orphans(&self.snapshot.load(), &stored, self.clock.now())
    }
}
