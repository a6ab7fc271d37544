use std::{collections::HashMap, sync::Arc};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use waygate_core::{
    Timestamp,
    model::{GlobalMaintenance, Revision, RouteKey, RouteOverride},
    port::{Entity, EntityKey, Expected, Image},
};

/// Kinds of entities that the engine itself keeps.
pub(crate) mod kind {
    pub(crate) const ROUTE: &str = "route";
    pub(crate) const GLOBAL: &str = "global";
    pub(crate) const SCHEDULE: &str = "schedule";
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
    /// Records that cannot be read, and the commits that wrote them: what is to replace them must name these.
    unreadable: HashMap<EntityKey, u64>,
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
            unreadable: HashMap::new(),
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
        }
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

    pub(crate) fn expected_global(&self) -> Expected {
        let known = (self.global.revision > 0).then_some(self.global.revision);
        self.expected(&EntityKey::singleton(kind::GLOBAL), known)
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
