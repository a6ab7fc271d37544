use std::collections::{BTreeMap, BTreeSet};

use waygate_core::{
    model::{GlobalMaintenance, LimitKey, Revision, RouteKey},
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
    /// All records that can be read, and what stands in for others.
    pub(crate) records: Records,
    /// Records that cannot be read, and what stands in for them.
    pub(crate) unreadable: BTreeMap<EntityKey, Unreadable>,
    /// The changes that the store has lost and goes on without.
    pub(crate) setback: Option<Setback>,
    /// Why no record can be read, although there are some.
    pub(crate) blind: Option<String>,
    /// The lowest revision number that the store has shown since it went back in time: later ones may have been given out
    /// again.
    pub(crate) regressed_to: Option<u64>,
    /// Whether this comes from the boot cache and not from the store.
    pub(crate) from_cache: bool,
}

impl Stored {
    pub(crate) fn empty(revision: Revision) -> Self {
        Self {
            revision,
            records: Records::default(),
            unreadable: BTreeMap::new(),
            setback: None,
            blind: None,
            regressed_to: None,
            from_cache: false,
        }
    }

    /// Takes in one record.
    pub(crate) fn put(&mut self, key: &EntityKey, entity: Entity) -> Result<(), String> {
        let id = RecordId::of(key).map_err(|invalid| invalid.to_string())?;
        self.records.put(&id, entity)?;
        self.forget_unreadable(key);
        Ok(())
    }

    /// Forgets one record.
    pub(crate) fn delete(&mut self, key: &EntityKey) {
        self.forget_unreadable(key);
        if let Ok(id) = RecordId::of(key) {
            self.records.delete(&id);
        }
    }

    /// Every record that can be read, as it is stored.
    pub(crate) fn entities(&self) -> Vec<(EntityKey, Entity)> {
        let all = self.records.ids();
        all.filter_map(|id| Some((id.entity().clone(), self.records.entity(&id)?)))
            .collect()
    }

    /// The records that are not the same in `other`, or that something else stands in for.
    pub(crate) fn changed(&self, other: &Self) -> BTreeSet<RecordId> {
        let stands_in = |key: &EntityKey| self.unreadable.get(key) != other.unreadable.get(key);
        let unreadable = self.unreadable.keys().chain(other.unreadable.keys());
        let unreadable = unreadable.filter(|key| stands_in(key));
        let mut changed = self.records.changed(&other.records);
        changed.extend(unreadable.filter_map(|key| RecordId::of(key).ok()));
        changed
    }

    /// Maintenance of a scope, as it is stored.
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

    /// Which generation of a policy's counters counts.
    pub(crate) fn generation(&self, key: &LimitKey) -> u64 {
        let known = self.records.generations.get(key);
        known.map_or(0, |known| known.value.generation)
    }

    /// What a commit must expect of a record.
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

    /// The picture of a store that holds something, none of which can be read: everything is closed.
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

    /// Whether the value of a record here, which may be out of date, may stand in for it.
    pub(crate) fn may_stand_in(&self, id: &RecordId) -> bool {
        let collection = self.records.of(id);
        collection.is_some_and(|collection| collection.may_stand_in(id.entity()))
    }

    /// Takes over one record of another picture; `false` when there is none, or it is not `fit`.
    pub(crate) fn keep(&mut self, id: &RecordId, last: &Self, fit: impl Fn(&Self) -> bool) -> bool {
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
    pub(crate) fn closes_services(&self) -> bool {
        let mut unreadable = self.unreadable.values();
        unreadable.any(|unreadable| unreadable.instead == Instead::ServicesClosed)
    }

    /// Whether a record was kept, because a record whose key cannot be read may be the same: it is not in the store.
    pub(crate) fn is_kept(&self, key: &EntityKey) -> bool {
        let mut unreadable = self.unreadable.values();
        unreadable.any(|unreadable| unreadable.kept.contains(key))
    }

    /// Forgets that a record cannot be read, or that it was kept.
    pub(crate) fn forget_unreadable(&mut self, key: &EntityKey) {
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

/// What is known about records from before.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Past<'a> {
    /// The picture that this process follows.
    Current(&'a Stored),
    /// Pictures that may be out of date, the newest first. What is open there may have been closed since.
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
        let told = json!({"told_until": "2030-01-01T00:00:00Z"});
        let all = [
            ("route/GET:/a", state),
            ("schedule/GET:/a", told.clone()),
            ("schedule/*", told.clone()),
            ("schedule/service:billing", told),
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
            .map(|(key, value)| (key, Entity { revision, value }));
        Image {
            revision: Revision {
                epoch: Epoch::random(),
                number: revision,
            },
            entities: entities.collect(),
        }
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
