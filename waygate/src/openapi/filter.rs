//! What the picture says about each operation of the document.

use waygate_core::{
    Timestamp,
    grammar::{Method, Reason},
    model::{Deprecation, Effective},
};

use crate::engine::{Governing, Snapshot};

/// What is to become of an operation.
#[derive(Debug)]
pub(super) enum Listing<'a> {
    /// The route is disabled, or belongs to other environments.
    Hidden,
    /// Shown, with what is to be said about it.
    Shown(Notes<'a>),
}

/// What is to be said about an operation that is shown; nothing by default.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Notes<'a> {
    pub(super) maintenance: Option<Maintenance<'a>>,
    pub(super) deprecation: Option<&'a Deprecation>,
}

/// Why an operation is not served, and until when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Maintenance<'a> {
    pub(super) reason: &'a Reason,
    pub(super) until: Option<Timestamp>,
}

impl Notes<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.maintenance.is_none() && self.deprecation.is_none()
    }
}

/// One picture at one instant.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) now: Timestamp,
    /// Whether routes are served whatever their state is.
    pub(super) bypassed: bool,
}

impl<'a> View<'a> {
    /// What becomes of the operation `method` at `path`. One that no route is known for stays as it is.
    pub(super) fn of(&self, method: Method, path: &str) -> Listing<'a> {
        let mut shown = None;
        for slot in self.slots(method, path) {
            match self.of_slot(slot) {
                Listing::Hidden => return Listing::Hidden,
                Listing::Shown(notes) => {
                    let shown = shown.get_or_insert(notes);
                    shown.maintenance = shown.maintenance.or(notes.maintenance);
                }
            }
        }
        Listing::Shown(shown.unwrap_or_default())
    }

    fn of_slot(&self, slot: usize) -> Listing<'a> {
        let Some(route) = self.snapshot.slot(slot) else {
            return Listing::Shown(Notes::default());
        };
        let deprecation = route.state.deprecation.as_ref();
        if self.bypassed {
            return Listing::Shown(Notes {
                maintenance: None,
                deprecation,
            });
        }
        if !route.rule.is_listed(self.now) {
            return Listing::Hidden;
        }
        // In the order of the decisions: global maintenance comes before the route's own.
        let global = self.snapshot.closed_by_maintenance(slot, self.now);
        let maintenance = match (global, route.state.position.effective(self.now)) {
            (Some(global), _) => Some(Maintenance {
                reason: &global.reason,
                until: global.end,
            }),
            (None, Effective::Maintenance { reason, until }) if !route.rule.is_force_active() => {
                Some(Maintenance { reason, until })
            }
            (None, _) => None,
        };
        Listing::Shown(Notes {
            maintenance,
            deprecation,
        })
    }

    /// The routes of an operation, mostly one. Binding looks for a path as the document spells it, then without the slash that
    /// utoipa writes for the root of a nested router and axum does not; so does this.
    fn slots(&self, method: Method, path: &str) -> Governing {
        let of = |path: &str| self.snapshot.table.governing(method.as_str(), path);
        let slots = of(path);
        match path.strip_suffix('/').filter(|path| !path.is_empty()) {
            Some(path) if slots.is_empty() => of(path),
            _ => slots,
        }
    }
}
