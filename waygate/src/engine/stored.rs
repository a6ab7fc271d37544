use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use waygate_core::{
    StrictJson, Timestamp,
    grammar::ServiceName,
    model::{
        ConcurrencyPolicy, GlobalMaintenance, LimitKey, LimitScope, RateLimitPolicy, Revision,
        RouteKey, RouteOverride,
    },
    port::{Entity, EntityKey, Expected},
};

use super::{
    change::json,
    limits::{Generation, Overrides},
    maintenance::MaintenanceScope,
    record_id::RecordId,
    scheduler::Timed,
    setback::Setback,
    unreadable::{Unreadable, closed_maintenance},
};

/// Kinds of entities that the engine itself keeps.
pub(crate) mod kind {
    pub(crate) const ROUTE: &str = "route";
    pub(crate) const GLOBAL: &str = "global";
    pub(crate) const SCHEDULE: &str = "schedule";
    /// Maintenance of one service.
    pub(crate) const SERVICE: &str = "service";
    /// A rate limit policy that an operator has set.
    pub(crate) const LIMIT: &str = "limit";
    /// A limit of concurrency that an operator has set.
    pub(crate) const CONCURRENCY: &str = "concurrency";
    /// Which counters of a policy count.
    pub(crate) const COUNTERS: &str = "counters";
    /// From what the store was filled after it had lost everything.
    pub(crate) const RESEED: &str = "reseed";
    /// A token of the admin interface. These two are known without it: processes that have it may share the store.
    pub(crate) const TOKEN: &str = "token";
    /// A network that logins came from.
    pub(crate) const LOGIN: &str = "login";

    /// Those that gate or limit requests, or say how they do.
    pub(crate) const GOVERNING: [&str; 7] = [
        ROUTE,
        GLOBAL,
        SCHEDULE,
        SERVICE,
        LIMIT,
        CONCURRENCY,
        COUNTERS,
    ];
}

/// A value, and the number of the commit that wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Versioned<T> {
    pub(crate) revision: u64,
    pub(crate) value: T,
}

/// Up to when the transitions of a route or of a maintenance have been told to the audit log and to subscribers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Schedule {
    pub(crate) told_until: Timestamp,
}

/// What the store holds, parsed: the last-known-good picture.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) revision: Revision,
    pub(crate) routes: HashMap<RouteKey, Versioned<RouteOverride>>,
    pub(crate) schedules: HashMap<Timed, Versioned<Schedule>>,
    pub(crate) global: Versioned<GlobalMaintenance>,
    pub(crate) services: HashMap<ServiceName, Versioned<GlobalMaintenance>>,
    pub(crate) limits: Overrides<RateLimitPolicy>,
    pub(crate) concurrency: Overrides<ConcurrencyPolicy>,
    pub(super) generations: HashMap<LimitKey, Versioned<Generation>>,
    /// Records that cannot be read, and what stands in for them.
    pub(super) unreadable: BTreeMap<EntityKey, Unreadable>,
    /// What the store has lost and goes on without.
    pub(super) setback: Option<Setback>,
    /// Why nothing can be read, although there is something.
    pub(super) blind: Option<String>,
    /// The lowest revision number that the store has shown since it went back in time: later ones may have been given out
    /// again.
    pub(super) regressed_to: Option<u64>,
    /// Whether it was not the store that showed this.
    pub(super) from_cache: bool,
    /// Entities of other kinds, kept for the parts of Waygate that own them. Shared with the snapshots.
    pub(crate) others: Arc<Others>,
}

/// Entities that the engine keeps without looking into them.
pub(crate) type Others = HashMap<EntityKey, Entity>;

impl Stored {
    pub(crate) fn empty(revision: Revision) -> Self {
        Self {
            revision,
            routes: HashMap::new(),
            schedules: HashMap::new(),
            global: Versioned::default(),
            services: HashMap::new(),
            limits: Overrides::default(),
            concurrency: Overrides::default(),
            generations: HashMap::new(),
            unreadable: BTreeMap::new(),
            setback: None,
            blind: None,
            regressed_to: None,
            from_cache: false,
            others: Arc::default(),
        }
    }

    /// Takes in one record.
    pub(crate) fn put(&mut self, key: &EntityKey, entity: Entity) -> Result<(), String> {
        match RecordId::of(key).map_err(|invalid| invalid.to_string())? {
            RecordId::Route(name) => {
                self.routes.insert(name, parse(entity)?);
            }
            RecordId::Schedule(name) => {
                self.schedules.insert(name, parse(entity)?);
            }
            RecordId::Maintenance(MaintenanceScope::Global) => self.global = parse(entity)?,
            RecordId::Maintenance(MaintenanceScope::Service(name)) => {
                self.services.insert(name, parse(entity)?);
            }
            RecordId::Limit(name) => self.limits.insert(name, parse(entity)?),
            RecordId::Concurrency(name) => self.concurrency.insert(name, parse(entity)?),
            RecordId::Counters(name) => {
                self.generations.insert(name, parse(entity)?);
            }
            RecordId::Other(key) => {
                Arc::make_mut(&mut self.others).insert(key, entity);
            }
        }
        self.forget_unreadable(key);
        Ok(())
    }

    /// Forgets one record.
    pub(crate) fn delete(&mut self, key: &EntityKey) {
        self.forget_unreadable(key);
        let Ok(id) = RecordId::of(key) else {
            return;
        };
        match id {
            RecordId::Route(name) => {
                self.routes.remove(&name);
            }
            RecordId::Schedule(name) => {
                self.schedules.remove(&name);
            }
            RecordId::Maintenance(MaintenanceScope::Global) => self.global = Versioned::default(),
            RecordId::Maintenance(MaintenanceScope::Service(name)) => {
                self.services.remove(&name);
            }
            RecordId::Limit(name) => self.limits.remove(&name),
            RecordId::Concurrency(name) => self.concurrency.remove(&name),
            RecordId::Counters(name) => {
                self.generations.remove(&name);
            }
            RecordId::Other(key) => {
                Arc::make_mut(&mut self.others).remove(&key);
            }
        }
    }

    /// One record as it is stored.
    pub(crate) fn entity(&self, id: &RecordId) -> Option<Entity> {
        match id {
            RecordId::Route(name) => self.routes.get(name).map(entity),
            RecordId::Schedule(name) => self.schedules.get(name).map(entity),
            RecordId::Maintenance(MaintenanceScope::Global) => {
                (self.global.revision > 0).then(|| entity(&self.global))
            }
            RecordId::Maintenance(MaintenanceScope::Service(name)) => {
                self.services.get(name).map(entity)
            }
            RecordId::Limit(name) => self.limits.get(name).map(entity),
            RecordId::Concurrency(name) => self.concurrency.get(name).map(entity),
            RecordId::Counters(name) => self.generations.get(name).map(entity),
            RecordId::Other(key) => self.others.get(key).cloned(),
        }
    }

    /// Every record that can be read.
    pub(crate) fn ids(&self) -> impl Iterator<Item = RecordId> {
        // Without `..`: a new kind has to be named here, too.
        let Self {
            revision: _,
            routes,
            schedules,
            global,
            services,
            limits,
            concurrency,
            generations,
            unreadable: _,
            setback: _,
            blind: _,
            regressed_to: _,
            from_cache: _,
            others,
        } = self;
        let global = (global.revision > 0).then_some(MaintenanceScope::Global);
        let services = services.keys().cloned().map(MaintenanceScope::Service);
        let routes = routes.keys().cloned().map(RecordId::Route);
        routes
            .chain(schedules.keys().cloned().map(RecordId::Schedule))
            .chain(
                global
                    .into_iter()
                    .chain(services)
                    .map(RecordId::Maintenance),
            )
            .chain(limits.iter().map(|(key, _)| RecordId::Limit(key)))
            .chain(
                concurrency
                    .iter()
                    .map(|(key, _)| RecordId::Concurrency(key)),
            )
            .chain(generations.keys().cloned().map(RecordId::Counters))
            .chain(others.keys().cloned().map(RecordId::Other))
    }

    /// Everything that can be read, as it is stored.
    pub(crate) fn entities(&self) -> Vec<(EntityKey, Entity)> {
        let all = self.ids();
        all.filter_map(|id| Some((id.entity(), self.entity(&id)?)))
            .collect()
    }

    /// The records that are not the same in `other`, or that something else stands in for.
    pub(crate) fn changed(&self, other: &Self) -> BTreeSet<RecordId> {
        let stands_in = |key: &EntityKey| self.unreadable.get(key) != other.unreadable.get(key);
        let unreadable = self.unreadable.keys().chain(other.unreadable.keys());
        let unreadable = unreadable.filter(|key| stands_in(key));
        let unreadable = unreadable.filter_map(|key| RecordId::of(key).ok());
        let readable = self.ids().chain(other.ids());
        let mut changed: BTreeSet<_> = readable
            .filter(|id| !self.is_same(other, id))
            .chain(unreadable)
            .collect();
        if self.global != other.global {
            // What stands in for a store that cannot be read is nothing that is stored.
            changed.insert(RecordId::Maintenance(MaintenanceScope::Global));
        }
        changed
    }

    fn is_same(&self, other: &Self, id: &RecordId) -> bool {
        match id {
            RecordId::Route(name) => self.routes.get(name) == other.routes.get(name),
            RecordId::Schedule(name) => self.schedules.get(name) == other.schedules.get(name),
            RecordId::Maintenance(MaintenanceScope::Global) => self.global == other.global,
            RecordId::Maintenance(MaintenanceScope::Service(name)) => {
                self.services.get(name) == other.services.get(name)
            }
            RecordId::Limit(name) => self.limits.get(name) == other.limits.get(name),
            RecordId::Concurrency(name) => {
                self.concurrency.get(name) == other.concurrency.get(name)
            }
            RecordId::Counters(name) => self.generations.get(name) == other.generations.get(name),
            RecordId::Other(key) => self.others.get(key) == other.others.get(key),
        }
    }

    /// Maintenance of a scope, as it is stored.
    pub(crate) fn maintenance(&self, scope: &MaintenanceScope) -> Versioned<GlobalMaintenance> {
        match scope {
            MaintenanceScope::Global => self.global.clone(),
            MaintenanceScope::Service(name) => match self.services.get(name) {
                Some(known) => known.clone(),
                None if self.closes_services() => closed_maintenance(0),
                None => Versioned::default(),
            },
        }
    }

    /// Maintenance of every scope, as it is stored.
    pub(crate) fn maintenances(
        &self,
    ) -> impl Iterator<Item = (MaintenanceScope, &GlobalMaintenance)> {
        let global = (MaintenanceScope::Global, &self.global.value);
        let services = self.services.iter().map(|(name, known)| {
            let scope = MaintenanceScope::Service(name.clone());
            (scope, &known.value)
        });
        std::iter::once(global).chain(services)
    }

    /// Maintenance of services other than this one, on or planned, and when it ends.
    pub(crate) fn maintained_but(
        &self,
        own: Option<&ServiceName>,
    ) -> Vec<(ServiceName, Option<Timestamp>)> {
        let others = self.services.iter().filter(|(name, _)| Some(*name) != own);
        let set = others.filter(|(_, known)| known.value.is_set());
        let mut ends: Vec<_> = set
            .map(|(name, known)| (name.clone(), known.value.end))
            .collect();
        ends.sort_unstable();
        ends
    }

    /// Which generation of a policy's counters counts.
    pub(crate) fn generation(&self, key: &LimitKey) -> u64 {
        let known = self.generations.get(key);
        known.map_or(0, |known| known.value.generation)
    }

    /// What is stored of a route's limits, and what a commit must expect of it.
    pub(crate) fn limits_of_route(&self, route: &RouteKey) -> Vec<(EntityKey, Expected)> {
        let scope = LimitScope::Route(route.clone());
        let limits = self.limits.keys(&scope);
        let limits =
            limits.map(|key| (EntityKey::of(kind::LIMIT, &key), self.expected_limit(&key)));
        let concurrency = self.concurrency.keys(&scope);
        let concurrency = concurrency.map(|key| {
            let entity = EntityKey::of(kind::CONCURRENCY, &key);
            (entity, self.expected_concurrency(&key))
        });
        let counters = self.generations.keys().filter(|key| key.scope == scope);
        let counters = counters.map(|key| {
            let entity = EntityKey::of(kind::COUNTERS, key);
            (entity, self.expected_generation(key))
        });
        limits.chain(concurrency).chain(counters).collect()
    }

    /// What a commit must expect of a route's entity.
    pub(crate) fn expected_route(&self, key: &RouteKey) -> Expected {
        let known = self.routes.get(key).map(|known| known.revision);
        self.expected(&EntityKey::of(kind::ROUTE, key), known)
    }

    pub(crate) fn expected_schedule(&self, timed: &Timed) -> Expected {
        let known = self.schedules.get(timed).map(|known| known.revision);
        self.expected(&timed.entity(), known)
    }

    pub(crate) fn expected_maintenance(&self, scope: &MaintenanceScope) -> Expected {
        let revision = self.maintenance(scope).revision;
        self.expected(&scope.entity(), (revision > 0).then_some(revision))
    }

    pub(crate) fn expected_limit(&self, key: &LimitKey) -> Expected {
        let known = self.limits.get(key).map(|known| known.revision);
        self.expected(&EntityKey::of(kind::LIMIT, key), known)
    }

    pub(crate) fn expected_concurrency(&self, key: &LimitKey) -> Expected {
        let known = self.concurrency.get(key).map(|known| known.revision);
        self.expected(&EntityKey::of(kind::CONCURRENCY, key), known)
    }

    pub(crate) fn expected_generation(&self, key: &LimitKey) -> Expected {
        let known = self.generations.get(key).map(|known| known.revision);
        self.expected(&EntityKey::of(kind::COUNTERS, key), known)
    }

    fn expected(&self, key: &EntityKey, known: Option<u64>) -> Expected {
        let unreadable = self.unreadable.get(key);
        let known = known.filter(|_| !self.is_kept(key));
        let revision = unreadable.map(|unreadable| unreadable.revision).or(known);
        revision.map_or(Expected::Absent, Expected::Revision)
    }
}

fn entity<T: Serialize>(known: &Versioned<T>) -> Entity {
    Entity {
        revision: known.revision,
        value: json(&known.value),
    }
}

fn parse<T: DeserializeOwned>(entity: Entity) -> Result<Versioned<T>, String> {
    let value = T::deserialize(StrictJson(entity.value)).map_err(|error| error.to_string())?;
    Ok(Versioned {
        revision: entity.revision,
        value,
    })
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
            assert_eq!(RecordId::of(&key).unwrap().entity(), key);
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
