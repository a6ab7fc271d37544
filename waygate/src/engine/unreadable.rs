//! Records that cannot be read, and what applies instead: what may have been closed stays closed.

use std::{collections::BTreeSet, fmt};

use waygate_core::{
    grammar::Reason,
    model::{GlobalMaintenance, Lifecycle, Position, RouteKey, RouteState},
    port::{Entity, EntityKey, Image},
};

use super::{
    maintenance::MaintenanceScope,
    misnamed::{Place, StandIn},
    record_id::RecordId,
    setback::Setback,
    stored::{Stored, Versioned, kind},
};

/// What a route or scope is closed with while its record cannot be read.
const REASON: &str = "stored state unreadable";

/// A record that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreadable {
    /// The commit that wrote it: what is to replace it must name this one.
    pub(super) revision: u64,
    problem: String,
    instead: Instead,
    /// Where its key cannot be read: the records that were kept, because one of them may be meant. They are not in the store.
    kept: BTreeSet<EntityKey>,
    /// Where its key cannot be read, and is that of a route: which routes may be meant.
    place: Option<Place>,
}

/// What applies instead of a record that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instead {
    LastKnown,
    Closed,
    /// Every route that may be meant, and has no record of its own.
    PathClosed,
    MaintenanceOn,
    /// The same of every service that has no record of its own.
    ServicesClosed,
    MaintenanceOff,
    Declared,
    Nothing,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instead = match self.instead {
            Instead::LastKnown => "its last known value applies",
            Instead::Closed => {
                "the route is closed until the record is mended or the route is changed"
            }
            Instead::PathClosed => {
                "the routes of its path are closed until the record is mended, each until it is changed"
            }
            Instead::ServicesClosed => {
                "maintenance of the services that have no record is on until the record is mended or the service's is changed"
            }
            Instead::MaintenanceOn => "its maintenance is on until the record is mended or changed",
            Instead::MaintenanceOff => "its maintenance is off, as the record says",
            Instead::Declared => {
                "what the code declares applies, and no limit where it declares none, until the record is mended or the \
                 limit is set"
            }
            Instead::Nothing => "nothing applies in its place",
        };
        write!(f, "{}; {instead}", self.problem)
    }
}

/// What is known about records from before.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Past<'a> {
    /// The picture that this process follows.
    Current(&'a Stored),
    /// Pictures that may be out of date, the newest first. What is open there may have been closed since.
    Older(&'a [Stored]),
}

impl Stored {
    /// Reads an image. A record that cannot be read is noted, and something stands in for it: one bad record takes no
    /// other down with it.
    pub(crate) fn read(image: Image, past: Past<'_>) -> Self {
        let mut next = Self::empty(image.revision);
        let mut refused = Vec::new();
        for (key, entity) in image.entities {
            let revision = entity.revision;
            let says_off = entity.value.get("enabled") == Some(&false.into());
            if let Err(problem) = next.put(&key, entity) {
                refused.push((key, revision, says_off, problem));
            }
        }
        // What is in the store besides says which records may be meant by a key that cannot be read.
        let keys: BTreeSet<_> = refused.iter().map(|(key, ..)| key.clone()).collect();
        for (key, revision, says_off, problem) in refused {
            let StandIn {
                instead,
                kept,
                place,
            } = next.stand_in(&key, revision, says_off, past, |key| keys.contains(key));
            let unreadable = Unreadable {
                revision,
                problem,
                instead,
                kept,
                place,
            };
            next.unreadable.insert(key, unreadable);
        }
        next
    }

    /// The picture of a store that holds something, none of which can be read: everything is closed.
    pub(crate) fn closed(mut self, cause: String) -> Self {
        self.global = closed_maintenance(0);
        self.blind = Some(cause);
        self
    }

    /// Takes note that records were changed: lost changes of them matter no more.
    pub(crate) fn forget_setback<'a>(&mut self, changed: impl IntoIterator<Item = &'a EntityKey>) {
        if self
            .setback
            .as_mut()
            .is_some_and(|setback| setback.is_over(changed))
        {
            self.setback = None;
        }
    }

    fn stand_in(
        &mut self,
        key: &EntityKey,
        revision: u64,
        says_off: bool,
        past: Past<'_>,
        is_there: impl Fn(&EntityKey) -> bool,
    ) -> StandIn {
        let Ok(id) = RecordId::of(key) else {
            let mut stand_in = self.stand_in_for_misnamed(key, revision, says_off, past, is_there);
            // What was decided about it holds for as long as it is the same.
            if let Past::Current(last) = past
                && let Some(known) = last.unreadable.get(key)
                && known.revision == revision
                && stand_in.instead != Instead::Nothing
            {
                stand_in.instead = known.instead;
            }
            return stand_in;
        };
        let kept = match past {
            Past::Current(last) => self.keep(&id, last, |_| true),
            // What is legible of a newer record counts for more than an older one.
            Past::Older(_) if says_off && matches!(id, RecordId::Maintenance(_)) => false,
            Past::Older(images) => images
                .iter()
                .any(|older| self.keep(&id, older, |older| older.may_stand_in(&id))),
        };
        let instead = match id {
            _ if kept => Instead::LastKnown,
            RecordId::Route(_) => Instead::Closed,
            RecordId::Maintenance(_) if says_off => Instead::MaintenanceOff,
            RecordId::Maintenance(scope) => {
                self.close_scope(&scope, revision);
                Instead::MaintenanceOn
            }
            RecordId::Limit(_) | RecordId::Concurrency(_) => Instead::Declared,
            RecordId::Schedule(_) | RecordId::Counters(_) | RecordId::Other(_) => Instead::Nothing,
        };
        StandIn {
            instead,
            kept: BTreeSet::new(),
            place: None,
        }
    }

    /// Switches maintenance on, where nothing is known of it.
    pub(super) fn close_scope(&mut self, scope: &MaintenanceScope, revision: u64) {
        let closed = closed_maintenance(revision);
        match scope {
            MaintenanceScope::Global => self.global = closed,
            MaintenanceScope::Service(name) => {
                self.services.insert(name.clone(), closed);
            }
        }
    }

    /// Whether what this older picture says of a record can stand in for it: an older value that leaves something open
    /// cannot, since it may have been closed since then.
    pub(super) fn may_stand_in(&self, id: &RecordId) -> bool {
        match id {
            RecordId::Route(key) => {
                let known = self.routes.get(key);
                known.is_some_and(|known| is_closed_for_good(&known.value.state.position))
            }
            RecordId::Maintenance(scope) => {
                let known = self.maintenance(scope).value;
                known.is_unbounded() && known.exempts_nothing()
            }
            RecordId::Schedule(_)
            | RecordId::Limit(_)
            | RecordId::Concurrency(_)
            | RecordId::Counters(_)
            | RecordId::Other(_) => true,
        }
    }

    /// Takes over one record of another picture; `false` when there is none, or it is not `fit`.
    pub(super) fn keep(&mut self, id: &RecordId, last: &Self, fit: impl Fn(&Self) -> bool) -> bool {
        let known = last.entity(id).filter(|_| fit(last));
        known.is_some_and(|known: Entity| self.put(&id.entity(), known).is_ok())
    }

    /// The commit that wrote the record for which a route is closed, because that record cannot be read.
    pub(crate) fn held(&self, route: &RouteKey) -> Option<u64> {
        if self.unreadable.is_empty() || self.routes.contains_key(route) {
            return None;
        }
        let of_path = |unreadable: &&Unreadable| unreadable.instead == Instead::PathClosed;
        self.held_by_record(route).or_else(|| {
            let held = self.meant(route).find(of_path);
            held.map(|unreadable| unreadable.revision)
        })
    }

    /// The records whose keys cannot be read, and that may be a route's.
    fn meant(&self, route: &RouteKey) -> impl Iterator<Item = &Unreadable> {
        let unreadable = self.unreadable.values();
        unreadable.filter(|unreadable| {
            let place = unreadable.place.as_ref();
            place.is_some_and(|place| place.covers(route))
        })
    }

    /// Whether a record whose key cannot be read may be the route's: without one of its own, the route would be closed.
    pub(crate) fn is_in_doubt(&self, route: &RouteKey) -> bool {
        self.meant(route).next().is_some()
    }

    /// Where routes may be meant by records that one of the two cannot read, or that something else stands in for.
    pub(crate) fn newly_in_doubt<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a Place> {
        let unreadable = self.unreadable.iter().chain(&other.unreadable);
        let differ =
            unreadable.filter(|(key, _)| self.unreadable.get(*key) != other.unreadable.get(*key));
        differ.filter_map(|(_, unreadable)| unreadable.place.as_ref())
    }

    /// Whether a record whose key cannot be read may be about any service, and switch its maintenance on.
    pub(super) fn closes_services(&self) -> bool {
        let mut unreadable = self.unreadable.values();
        unreadable.any(|unreadable| unreadable.instead == Instead::ServicesClosed)
    }

    /// Whether a record was kept, because a record whose key cannot be read may be the same: it is not in the store.
    pub(super) fn is_kept(&self, key: &EntityKey) -> bool {
        let mut unreadable = self.unreadable.values();
        unreadable.any(|unreadable| unreadable.kept.contains(key))
    }

    /// Forgets that a record cannot be read, or that it was kept.
    pub(super) fn forget_unreadable(&mut self, key: &EntityKey) {
        self.unreadable.remove(key);
        for unreadable in self.unreadable.values_mut() {
            unreadable.kept.remove(key);
        }
    }

    /// The commit that wrote the record of a route that is closed because this very record cannot be read.
    pub(crate) fn held_by_record(&self, route: &RouteKey) -> Option<u64> {
        let unreadable = self.unreadable.get(&EntityKey::of(kind::ROUTE, route))?;
        (unreadable.instead == Instead::Closed).then_some(unreadable.revision)
    }

    /// Every route that is held closed.
    pub(crate) fn all_held(&self) -> impl Iterator<Item = RouteKey> {
        let held = self.unreadable.iter();
        held.filter(|(_, unreadable)| unreadable.instead == Instead::Closed)
            .filter_map(|(key, _)| match RecordId::of(key) {
                Ok(RecordId::Route(route)) => Some(route),
                _ => None,
            })
    }

    /// Which records cannot be read or were lost, and what applies instead; `None` when all is well.
    pub(crate) fn impairment(&self) -> Option<String> {
        let records = self.unreadable.iter();
        let records: Vec<String> = records
            .map(|(key, unreadable)| format!("`{key}`: {unreadable}"))
            .chain(self.setback.as_ref().map(Setback::cause))
            .collect();
        (!records.is_empty()).then(|| records.join("; "))
    }
}

/// The state of a route whose record cannot be read.
pub(crate) fn closed_route(declared: &RouteState) -> RouteState {
    if is_closed_for_good(&declared.position) {
        return declared.clone();
    }
    RouteState {
        position: Position {
            lifecycle: Lifecycle::Maintenance,
            reason: reason(),
            envs: declared.position.envs.clone(),
            windows: Vec::new(),
        },
        ..declared.clone()
    }
}

pub(crate) fn is_closed_for_good(position: &Position) -> bool {
    match &position.lifecycle {
        Lifecycle::Active => false,
        Lifecycle::Maintenance => position.windows.is_empty(),
        Lifecycle::Disabled(disabled) => disabled.until.is_none(),
    }
}

pub(super) fn closed_maintenance(revision: u64) -> Versioned<GlobalMaintenance> {
    Versioned {
        revision,
        value: GlobalMaintenance {
            enabled: true,
            reason: reason(),
            ..GlobalMaintenance::default()
        },
    }
}

fn reason() -> Reason {
    REASON.parse().unwrap_or_default()
}
