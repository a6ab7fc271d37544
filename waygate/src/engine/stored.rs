use std::collections::{BTreeMap, BTreeSet};

use waygate_core::{
    model::{GlobalMaintenance, LimitKey, Revision},
    port::{Entity, EntityKey, Expected},
};

use super::{
    kinds::{MaintenanceScope, RecordId, Records, closed_maintenance},
    setback::Setback,
    store::{Holds, Kind, Versioned},
    unreadable::Unreadable,
};

/// The last known good content of the store.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) revision: Revision,
    /// All records that can be read, and what stands in for others.
    pub(crate) records: Records,
    /// Records that cannot be read, and what stands in for them.
    pub(super) unreadable: BTreeMap<EntityKey, Unreadable>,
    /// The changes that the store has lost and goes on without.
    pub(super) setback: Option<Setback>,
    /// Why no record can be read, although there are some.
    pub(super) blind: Option<String>,
    /// The lowest revision number that the store has shown since it went back in time: later ones may have been given out
    /// again.
    pub(super) regressed_to: Option<u64>,
    /// Whether this comes from the boot cache and not from the store.
    pub(super) from_cache: bool,
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
            (None, MaintenanceScope::Service(_)) if self.closes_services() => closed_maintenance(0),
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
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use waygate_core::{
        model::{Epoch, Revision},
        port::Image,
    };

    use super::*;
    use crate::engine::unreadable::Past;

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
