use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use waygate_core::{
    Timestamp,
    grammar::ServiceName,
    model::{
        ConcurrencyPolicy, GlobalMaintenance, LimitKey, LimitScope, RateLimitPolicy, Revision,
        RouteKey, RouteOverride,
    },
    port::{Entity, EntityKey, Expected, Image},
};

use super::{
    limits::{Generation, Overrides},
    maintenance::MaintenanceScope,
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
}

/// A value, and the number of the commit that wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Versioned<T> {
    pub(crate) revision: u64,
    pub(crate) value: T,
}

/// Up to when the transitions of a route have been told to the audit log and to subscribers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Schedule {
    pub(crate) told_until: Timestamp,
}

/// What the store holds, parsed: the last-known-good picture.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) revision: Revision,
    pub(crate) routes: HashMap<RouteKey, Versioned<RouteOverride>>,
    pub(crate) schedules: HashMap<RouteKey, Versioned<Schedule>>,
    pub(crate) global: Versioned<GlobalMaintenance>,
    pub(crate) services: HashMap<ServiceName, Versioned<GlobalMaintenance>>,
    pub(crate) limits: Overrides<RateLimitPolicy>,
    pub(crate) concurrency: Overrides<ConcurrencyPolicy>,
    pub(super) generations: HashMap<LimitKey, Versioned<Generation>>,
    /// Records that cannot be read, and the commits that wrote them: what is to replace them must name these.
    pub(super) unreadable: HashMap<EntityKey, u64>,
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
            unreadable: HashMap::new(),
            regressed_to: None,
            from_cache: false,
            others: Arc::default(),
        }
    }

    /// Reads an image. An entity that cannot be read keeps its last known value, and is reported:
    /// one bad record never takes the others down with it.
    pub(crate) fn read(image: Image, last: Option<&Self>) -> (Self, Vec<String>) {
        let mut next = Self::empty(image.revision);
        let mut unreadable = Vec::new();
        for (key, entity) in image.entities {
            let revision = entity.revision;
            if let Err(problem) = next.put(&key, entity) {
                unreadable.push(format!("`{key}`: {problem}"));
                next.unreadable.insert(key.clone(), revision);
                if let Some(last) = last {
                    next.keep(&key, last);
                }
            }
        }
        (next, unreadable)
    }

    /// Takes in one entity.
    pub(crate) fn put(&mut self, key: &EntityKey, entity: Entity) -> Result<(), String> {
        self.unreadable.remove(key);
        if let Some(name) = key.name_in(kind::ROUTE) {
            let name = name.parse().map_err(|error| format!("{error}"))?;
            self.routes.insert(name, parse(entity)?);
        } else if let Some(name) = key.name_in(kind::SCHEDULE) {
            let name = name.parse().map_err(|error| format!("{error}"))?;
            self.schedules.insert(name, parse(entity)?);
        } else if key.as_str() == kind::GLOBAL {
            self.global = parse(entity)?;
        } else if let Some(name) = key.name_in(kind::SERVICE) {
            let name = name.parse().map_err(|error| format!("{error}"))?;
            self.services.insert(name, parse(entity)?);
        } else if let Some(name) = key.name_in(kind::LIMIT) {
            let name = name.parse().map_err(|error| format!("{error}"))?;
            self.limits.insert(name, parse(entity)?);
        } else if let Some(name) = key.name_in(kind::CONCURRENCY) {
            let name = name.parse().map_err(|error| format!("{error}"))?;
            self.concurrency.insert(name, parse(entity)?);
        } else if let Some(name) = key.name_in(kind::COUNTERS) {
            let name = name.parse().map_err(|error| format!("{error}"))?;
            self.generations.insert(name, parse(entity)?);
        } else {
            Arc::make_mut(&mut self.others).insert(key.clone(), entity);
        }
        Ok(())
    }

    /// Forgets one entity.
    pub(crate) fn delete(&mut self, key: &EntityKey) {
        self.unreadable.remove(key);
        if let Some(Ok(name)) = key.name_in(kind::ROUTE).map(str::parse::<RouteKey>) {
            self.routes.remove(&name);
        } else if let Some(Ok(name)) = key.name_in(kind::SCHEDULE).map(str::parse::<RouteKey>) {
            self.schedules.remove(&name);
        } else if key.as_str() == kind::GLOBAL {
            self.global = Versioned::default();
        } else if let Some(Ok(name)) = key.name_in(kind::SERVICE).map(str::parse::<ServiceName>) {
            self.services.remove(&name);
        } else if let Some(Ok(key)) = key.name_in(kind::LIMIT).map(str::parse::<LimitKey>) {
            self.limits.remove(&key);
        } else if let Some(Ok(key)) = key.name_in(kind::CONCURRENCY).map(str::parse::<LimitKey>) {
            self.concurrency.remove(&key);
        } else if let Some(Ok(key)) = key.name_in(kind::COUNTERS).map(str::parse::<LimitKey>) {
            self.generations.remove(&key);
        } else {
            Arc::make_mut(&mut self.others).remove(key);
        }
    }

    fn keep(&mut self, key: &EntityKey, last: &Self) {
        if let Some(Ok(name)) = key.name_in(kind::ROUTE).map(str::parse::<RouteKey>) {
            if let Some(known) = last.routes.get(&name) {
                self.routes.insert(name, known.clone());
            }
        } else if key.as_str() == kind::GLOBAL {
            self.global = last.global.clone();
        } else if let Some(Ok(name)) = key.name_in(kind::SERVICE).map(str::parse::<ServiceName>) {
            if let Some(known) = last.services.get(&name) {
                self.services.insert(name, known.clone());
            }
        } else if let Some(Ok(key)) = key.name_in(kind::LIMIT).map(str::parse::<LimitKey>) {
            if let Some(known) = last.limits.get(&key) {
                self.limits.insert(key, known.clone());
            }
        } else if let Some(Ok(key)) = key.name_in(kind::CONCURRENCY).map(str::parse::<LimitKey>) {
            if let Some(known) = last.concurrency.get(&key) {
                self.concurrency.insert(key, known.clone());
            }
        } else if let Some(Ok(key)) = key.name_in(kind::COUNTERS).map(str::parse::<LimitKey>)
            && let Some(known) = last.generations.get(&key)
        {
            self.generations.insert(key, known.clone());
        }
    }

    /// Maintenance of a scope, as it is stored.
    pub(crate) fn maintenance(&self, scope: &MaintenanceScope) -> Versioned<GlobalMaintenance> {
        match scope {
            MaintenanceScope::Global => self.global.clone(),
            MaintenanceScope::Service(name) => self.services.get(name).cloned().unwrap_or_default(),
        }
    }

    /// Which generation of a policy's counters counts.
    pub(crate) fn generation(&self, key: &LimitKey) -> u64 {
        let known = self.generations.get(key);
        known.map_or(0, |known| known.value.generation)
    }

    /// The scopes whose policies or counters are not the same in `other`.
    pub(crate) fn changed_limits(&self, other: &Self) -> HashSet<LimitScope> {
        let mut changed = self.limits.changed(&other.limits);
        let keys = self.generations.keys().chain(other.generations.keys());
        let began_anew = keys.filter(|key| self.generations.get(key) != other.generations.get(key));
        changed.extend(began_anew.map(|key| key.scope.clone()));
        changed
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

    pub(crate) fn expected_schedule(&self, key: &RouteKey) -> Expected {
        let known = self.schedules.get(key).map(|known| known.revision);
        self.expected(&EntityKey::of(kind::SCHEDULE, key), known)
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
        let revision = self.unreadable.get(key).copied().or(known);
        revision.map_or(Expected::Absent, Expected::Revision)
    }
}

fn parse<T: DeserializeOwned>(entity: Entity) -> Result<Versioned<T>, String> {
    let value = serde_json::from_value(entity.value).map_err(|error| error.to_string())?;
    Ok(Versioned {
        revision: entity.revision,
        value,
    })
}
