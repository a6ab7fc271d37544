//! Records that cannot be read, and what applies instead: what may have been closed stays closed.

use std::{collections::BTreeSet, fmt};

use waygate_core::{
    model::RouteKey,
    port::{EntityKey, Image},
};

use super::{
    kinds::{MaintenanceScope, Maintenances, RecordId, Routes, closed_maintenance},
    misnamed::{Place, StandIn},
    setback::Setback,
    store::{Instead, Kind, Unread},
    stored::Stored,
};

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

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.problem, self.instead.in_words())
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
            let unread = Unread { revision, says_off };
            let StandIn {
                instead,
                kept,
                place,
            } = next.stand_in(&key, &unread, past, |key| keys.contains(key));
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
        let closed = closed_maintenance(0);
        let maintenances = &mut self.records.maintenances;
        maintenances.insert(MaintenanceScope::Global, closed);
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
        unread: &Unread,
        past: Past<'_>,
        is_there: impl Fn(&EntityKey) -> bool,
    ) -> StandIn {
        let Ok(id) = RecordId::of(key) else {
            let mut stand_in = self.stand_in_for_misnamed(key, unread, past, is_there);
            // What was decided about it holds for as long as it is the same.
            if let Past::Current(last) = past
                && let Some(known) = last.unreadable.get(key)
                && known.revision == unread.revision
                && stand_in.instead != Instead::Nothing
            {
                stand_in.instead = known.instead;
            }
            return stand_in;
        };
        let kept = match past {
            Past::Current(last) => self.keep(&id, last, |_| true),
            // What is legible of a newer record counts for more than an older one.
            Past::Older(_) if unread.says_off && id.is::<Maintenances>() => false,
            Past::Older(images) => images
                .iter()
                .any(|older| self.keep(&id, older, |older| older.may_stand_in(&id))),
        };
        let instead = match kept {
            true => Instead::LastKnown,
            false => self.records.stand_in(&id, unread),
        };
        StandIn {
            instead,
            kept: BTreeSet::new(),
            place: None,
        }
    }

    /// Whether the value of a record here, which may be out of date, may stand in for it.
    pub(super) fn may_stand_in(&self, id: &RecordId) -> bool {
        let collection = self.records.of(id);
        collection.is_some_and(|collection| collection.may_stand_in(id.entity()))
    }

    /// Takes over one record of another picture; `false` when there is none, or it is not `fit`.
    pub(super) fn keep(&mut self, id: &RecordId, last: &Self, fit: impl Fn(&Self) -> bool) -> bool {
        let known = last.records.entity(id).filter(|_| fit(last));
        known.is_some_and(|known| self.put(id.entity(), known).is_ok())
    }

    /// The commit that wrote the record for which a route is closed, because that record cannot be read.
    pub(crate) fn held(&self, route: &RouteKey) -> Option<u64> {
        if self.unreadable.is_empty() || self.records.routes.contains(route) {
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
        let unreadable = self.unreadable.get(&Routes::entity(route))?;
        (unreadable.instead == Instead::Closed).then_some(unreadable.revision)
    }

    /// Every route that is held closed.
    pub(crate) fn all_held(&self) -> impl Iterator<Item = RouteKey> {
        let held = self.unreadable.iter();
        held.filter(|(_, unreadable)| unreadable.instead == Instead::Closed)
            .filter_map(|(key, _)| RecordId::of(key).ok()?.as_key::<Routes>())
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
