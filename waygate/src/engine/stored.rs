use std::collections::{BTreeMap, BTreeSet};

use waygate_core::{
    grammar::ServiceName,
    model::{GlobalMaintenance, LimitKey, LimitScope, Revision, RouteKey},
    port::{Entity, EntityKey, Expected},
};

use super::{
    kinds::{MaintenanceScope, RecordId, Records, Routes, closed_maintenance},
    store::{Holds, Instead, Kind, Place, Setback, Unreadable, Versioned},
};

/// The last known good content of the store.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) revision: Revision,
    /// All readable records, and the substitutes for others.
    pub(crate) records: Records,
    /// Unreadable records, and their substitutes.
    pub(crate) unreadable: BTreeMap<EntityKey, Unreadable>,
    /// The changes that the store has lost.
    pub(crate) setback: Option<Setback>,
    /// The error if no record at all can be read.
    pub(crate) blind: Option<String>,
    /// The lowest revision number since the store was rolled back: later numbers may have been reused.
    pub(crate) regressed_to: Option<u64>,
    pub(crate) source: Source,
}

/// Where a state comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nothing was read yet, so that nothing is known.
    Nowhere,
    /// The boot cache, which may be out of date.
    #[cfg_attr(not(feature = "file"), allow(dead_code))]
    BootCache,
    /// The store.
    Store,
}

impl Stored {
    /// Returns `true` if this is a state that the store has, or had.
    pub(crate) fn is_known(&self) -> bool {
        self.source != Source::Nowhere
    }

    /// A state without records, as that of an empty store.
    pub(crate) fn empty(revision: Revision) -> Self {
        Self {
            revision,
            records: Records::default(),
            unreadable: BTreeMap::new(),
            setback: None,
            blind: None,
            regressed_to: None,
            source: Source::Store,
        }
    }

    /// Adds one record.
    pub(crate) fn put(&mut self, key: &EntityKey, entity: Entity) -> Result<(), String> {
        let id = RecordId::of(key).map_err(|invalid| invalid.to_string())?;
        self.records.put(&id, entity)?;
        self.forget_unreadable(key);
        Ok(())
    }

    /// Removes one record.
    pub(crate) fn delete(&mut self, key: &EntityKey) {
        self.forget_unreadable(key);
        if let Ok(id) = RecordId::of(key) {
            self.records.delete(&id);
        }
    }

    /// Every readable record, in its stored form.
    pub(crate) fn entities(&self) -> Vec<(EntityKey, Entity)> {
        let all = self.records.ids();
        all.filter_map(|id| Some((id.entity().clone(), self.records.entity(&id)?)))
            .collect()
    }

    /// The records that differ in `other`, or have another substitute there.
    pub(crate) fn changed(&self, other: &Self) -> BTreeSet<RecordId> {
        let stands_in = |key: &EntityKey| self.unreadable.get(key) != other.unreadable.get(key);
        let unreadable = self.unreadable.keys().chain(other.unreadable.keys());
        let unreadable = unreadable.filter(|key| stands_in(key));
        let mut changed = self.records.changed(&other.records);
        changed.extend(unreadable.filter_map(|key| RecordId::of(key).ok()));
        changed
    }

    /// The stored maintenance of a scope.
    pub(crate) fn maintenance(&self, scope: &MaintenanceScope) -> Versioned<GlobalMaintenance> {
        match (self.records.maintenances.get(scope), scope) {
            (Some(known), _) => known.clone(),
            (None, MaintenanceScope::Service(_)) if self.closes_services() => Versioned {
                revision: 0,
                value: closed_maintenance(),
            },
            (None, _) => Versioned::default(),
        }
    }

    /// The resets of a policy's own counters.
    pub(crate) fn own_generation(&self, key: &LimitKey) -> u64 {
        let known = self.records.generations.get(key);
        known.map_or(0, |known| known.value.generation)
    }

    /// The resets of all counters in a scope.
    pub(crate) fn counter_resets(&self, scope: &MaintenanceScope) -> u64 {
        let known = self.records.counter_resets.get(scope);
        known.map_or(0, |known| known.value.resets)
    }

    /// The epoch of a policy's counters, in a process of a service: it grows with each reset.
    pub(crate) fn generation(&self, key: &LimitKey, service: Option<&ServiceName>) -> u64 {
        let service = match &key.scope {
            LimitScope::Global => None,
            LimitScope::Service(own) => Some(own.clone()),
            LimitScope::Route(route) => match route.service() {
                Some(own) => own.parse().ok(),
                None => service.cloned(),
            },
        };
        let of_service = service.map(MaintenanceScope::Service);
        let of_service = of_service.map_or(0, |scope| self.counter_resets(&scope));
        self.own_generation(key) + self.counter_resets(&MaintenanceScope::Global) + of_service
    }

    /// The expectation of a commit for a record.
    pub(crate) fn expected<K: Kind>(&self, key: &K::Key) -> Expected
    where
        Records: Holds<K>,
    {
        let entity = K::entity(key);
        let known = self.records.collection().revision(key);
        let known = (known > 0 && !self.is_kept(&entity)).then_some(known);
        let unreadable = self.unreadable.get(&entity);
        let revision = unreadable.map(|unreadable| unreadable.revision).or(known);
        revision.map_or(Expected::Absent, Expected::Revision)
    }

    /// The state for a store with content that cannot be read at all: everything is closed.
    pub(crate) fn closed(mut self, cause: String) -> Self {
        let closed = Versioned {
            revision: 0,
            value: closed_maintenance(),
        };
        let maintenances = &mut self.records.maintenances;
        maintenances.insert(MaintenanceScope::Global, closed);
        self.blind = Some(cause);
        self
    }

    /// Notes changed records: their lost changes no longer matter.
    pub(crate) fn forget_setback<'a>(&mut self, changed: impl IntoIterator<Item = &'a EntityKey>) {
        if self
            .setback
            .as_mut()
            .is_some_and(|setback| setback.is_over(changed))
        {
            self.setback = None;
        }
    }

    /// Returns `true` if the record here, which may be out of date, may be used as a substitute.
    pub(crate) fn may_stand_in(&self, id: &RecordId) -> bool {
        let collection = self.records.of(id);
        collection.is_some_and(|collection| collection.may_stand_in(id.entity()))
    }

    /// Takes one record from another state; `false` if there is none, or it is not `fit`.
    pub(crate) fn keep(&mut self, id: &RecordId, last: &Self, fit: impl Fn(&Self) -> bool) -> bool {
        let known = last.records.entity(id).filter(|_| fit(last));
        known.is_some_and(|known| self.put(id.entity(), known).is_ok())
    }

    /// The commit of the unreadable record that closes a route.
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

    /// The records with unreadable keys that may name a route.
    fn meant(&self, route: &RouteKey) -> impl Iterator<Item = &Unreadable> {
        let unreadable = self.unreadable.values();
        unreadable.filter(|unreadable| {
            let place = unreadable.place.as_ref();
            place.is_some_and(|place| place.covers(route))
        })
    }

    /// Returns `true` if a record with an unreadable key may name the route: without its own record, the route is
    /// closed.
    pub(crate) fn is_in_doubt(&self, route: &RouteKey) -> bool {
        self.meant(route).next().is_some()
    }

    /// The paths that unreadable records of one of the two, or their substitutes, may name.
    pub(crate) fn newly_in_doubt<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a Place> {
        let unreadable = self.unreadable.iter().chain(&other.unreadable);
        let differ =
            unreadable.filter(|(key, _)| self.unreadable.get(*key) != other.unreadable.get(*key));
        differ.filter_map(|(_, unreadable)| unreadable.place.as_ref())
    }

    /// Returns `true` if a record with an unreadable key may turn on the maintenance of any service.
    pub(crate) fn closes_services(&self) -> bool {
        let mut unreadable = self.unreadable.values();
        unreadable.any(|unreadable| unreadable.instead == Instead::ServicesClosed)
    }

    /// Returns `true` if a record was kept, because a record with an unreadable key may be the same: it is not in the
    /// store.
    pub(crate) fn is_kept(&self, key: &EntityKey) -> bool {
        let mut unreadable = self.unreadable.values();
        unreadable.any(|unreadable| unreadable.kept.contains(key))
    }

    /// Clears the note that a record cannot be read, or that it was kept.
    pub(crate) fn forget_unreadable(&mut self, key: &EntityKey) {
        self.unreadable.remove(key);
        for unreadable in self.unreadable.values_mut() {
            unreadable.kept.remove(key);
        }
    }

    /// The commit of a route's own record if it is unreadable and closes the route.
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

    /// Describes unreadable and lost records and their substitutes; `None` if there are none.
    pub(crate) fn impairment(&self) -> Option<String> {
        let records = self.unreadable.iter();
        let records: Vec<String> = records
            .map(|(key, unreadable)| format!("`{key}`: {unreadable}"))
            .chain(self.setback.as_ref().map(Setback::cause))
            .collect();
        (!records.is_empty()).then(|| records.join("; "))
    }
}

/// The earlier known records.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Past<'a> {
    /// The state before this one.
    Current(&'a Stored),
    /// States that may be out of date, the newest first. Routes that are open there may have been closed since.
    Older(&'a [Stored]),
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use waygate_core::{
        model::{Epoch, Revision},
        port::Image,
    };

    use super::*;

    /// A record of every kind. A new kind is missing here, and from [`RecordId`], or does not compile.
    fn records() -> Vec<(EntityKey, Value)> {
        let state = json!({"state": {"position": {"lifecycle": "maintenance"}}, "declared": {"position": {}}});
        let mark = json!({"told_until": "2030-01-01T00:00:00Z"});
        let all = [
            ("route/GET:/a", state),
            ("schedule/GET:/a", mark.clone()),
            ("schedule/*", mark.clone()),
            ("schedule/service:billing", mark),
            ("global", json!({"enabled": true})),
            ("service/billing", json!({"enabled": true})),
            (
                "limit/GET:/a#default",
                json!({"policy": {"limit": "5/minute"}}),
            ),
            (
                "concurrency/GET:/a#default",
                json!({"policy": {"limit": 5}}),
            ),
            ("counters/GET:/a#default", json!({"generation": 3})),
        ];
        all.map(|(key, value)| (key.into(), value)).to_vec()
    }

    fn image(records: Vec<(EntityKey, Value)>) -> Image {
        let revision = 7;
        let entities = records
            .into_iter()
            .map(|(key, value)| (key, Entity::new(revision, value)));
        Image::new(
            Revision {
                epoch: Epoch::random(),
                number: revision,
            },
            entities.collect(),
        )
    }

    fn sorted(stored: &Stored) -> Vec<(EntityKey, Entity)> {
        let mut entities = stored.entities();
        entities.sort_by(|(one, _), (other, _)| one.cmp(other));
        entities
    }

    #[test]
    fn every_kind_is_read_kept_compared_and_forgotten() {
        let good = Stored::read(image(records()), Past::Older(&[]));
        assert_eq!(good.impairment(), None);
        assert_eq!(good.entities().len(), records().len());
        for (key, _) in records() {
            assert_eq!(*RecordId::of(&key).unwrap().entity(), key);
            let mut bad = records();
            bad.retain(|(other, _)| *other != key);
            bad.push((key.clone(), json!(["of", "the", "future"])));
            let older = std::slice::from_ref(&good);
            for past in [Past::Current(&good), Past::Older(older)] {
                let kept = Stored::read(image(bad.clone()), past);
                assert_eq!(sorted(&kept), sorted(&good), "{key}");
                assert!(kept.impairment().unwrap().contains(key.as_str()));
                assert_eq!(
                    kept.changed(&good).len(),
                    1,
                    "{key} is no more what is stored"
                );
            }
            let mut without = good.clone();
            without.delete(&key);
            assert_eq!(without.entities().len() + 1, records().len(), "{key}");
            let changed: Vec<_> = without.changed(&good).into_iter().collect();
            assert_eq!(changed, [RecordId::of(&key).unwrap()]);
        }
    }
}
