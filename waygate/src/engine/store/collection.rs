//! All records of one kind. Copies share their structure, so the cost of a change does not depend on the number of
//! records.

use std::{any::Any, collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};
use waygate_core::{
    StrictJson,
    port::{Entity, EntityKey},
};

use super::{
    instead::Instead,
    kind::{Kind, Touches, Unread, read_key},
    shown::{Shown, View},
    sorted::SortedMap,
};
#[cfg(feature = "openapi")]
use super::{kind::split, shown::Notice};

/// A value, and the number of the commit that wrote it; 0 if none did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Versioned<T> {
    pub(crate) revision: u64,
    pub(crate) value: T,
}

/// All records of one kind, in the order of their keys.
#[derive(Clone)]
pub(crate) struct Collection<K: Kind>(SortedMap<K::Key, Versioned<K::Value>>);

impl<K: Kind> Default for Collection<K> {
    fn default() -> Self {
        Self(SortedMap::default())
    }
}

impl<K: Kind> fmt::Debug for Collection<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: Kind> Collection<K> {
    pub(crate) fn get(&self, key: &K::Key) -> Option<&Versioned<K::Value>> {
        self.0.get(key)
    }

    pub(crate) fn contains(&self, key: &K::Key) -> bool {
        self.0.get(key).is_some()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K::Key, &Versioned<K::Value>)> {
        self.0.iter()
    }

    /// The records from this key on.
    pub(crate) fn from(
        &self,
        start: &K::Key,
    ) -> impl Iterator<Item = (&K::Key, &Versioned<K::Value>)> {
        self.0.from(start)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &K::Key> {
        self.iter().map(|(key, _)| key)
    }

    pub(crate) fn insert(&mut self, key: K::Key, value: Versioned<K::Value>) {
        self.0.insert(key, value);
    }

    pub(crate) fn remove(&mut self, key: &K::Key) {
        self.0.remove(key);
    }

    /// Returns `true` if both are the same copy, which is cheap to check. `false` says nothing about their records.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0.is(&other.0)
    }

    /// The commit that wrote a record; 0 if there is none.
    pub(crate) fn revision(&self, key: &K::Key) -> u64 {
        self.get(key).map_or(0, |known| known.revision)
    }
}

/// A [`Collection`] behind a pointer, addressed by the keys of the store.
pub(crate) trait AnyCollection: Any + Send + Sync {
    /// Adds a record.
    fn put(&mut self, key: &EntityKey, entity: Entity) -> Result<(), String>;
    fn delete(&mut self, key: &EntityKey);
    fn entity(&self, key: &EntityKey) -> Option<Entity>;
    /// The keys of all records that were written by a commit.
    fn keys(&self) -> Vec<EntityKey>;
    /// Collects the keys of records that differ.
    fn changed(&self, other: &dyn AnyCollection, changed: &mut BTreeSet<EntityKey>);
    fn may_stand_in(&self, key: &EntityKey) -> bool;
    fn stand_in(&mut self, key: &EntityKey, unreadable: &Unread) -> Instead;
    /// Reports the parts to recompile after a change of this record.
    fn touches(&self, key: &EntityKey, touch: &mut dyn FnMut(Touches<'_>));
    fn shown(&self, key: &EntityKey, view: &dyn View) -> Option<Shown>;
    /// The texts of its records for the documentation, ordered by key.
    #[cfg(feature = "openapi")]
    fn notices(&self) -> Vec<Notice>;
}

impl<K: Kind> Collection<K> {
    fn read(&self, key: &EntityKey) -> Option<&Versioned<K::Value>> {
        self.0.get(&read_key::<K>(key).ok()?)
    }

    fn like(other: &dyn AnyCollection) -> Option<&Self> {
        (other as &dyn Any).downcast_ref()
    }
}

impl<K: Kind> AnyCollection for Collection<K> {
    fn put(&mut self, key: &EntityKey, entity: Entity) -> Result<(), String> {
        let key = read_key::<K>(key).map_err(|invalid| invalid.to_string())?;
        let value = K::Value::deserialize(StrictJson(entity.value));
        let value = value.map_err(|error| error.to_string())?;
        K::fits(&key, &value)?;
        let value = Versioned {
            revision: entity.revision,
            value,
        };
        self.insert(key, value);
        Ok(())
    }

    fn delete(&mut self, key: &EntityKey) {
        if let Ok(key) = read_key::<K>(key) {
            self.remove(&key);
        }
    }

    fn entity(&self, key: &EntityKey) -> Option<Entity> {
        let known = self.read(key).filter(|known| known.revision > 0)?;
        Some(Entity::new(known.revision, json(&known.value)))
    }

    fn keys(&self) -> Vec<EntityKey> {
        let written = self.iter().filter(|(_, known)| known.revision > 0);
        written.map(|(key, _)| K::entity(key)).collect()
    }

    fn changed(&self, other: &dyn AnyCollection, changed: &mut BTreeSet<EntityKey>) {
        let Some(other) = Self::like(other) else {
            return;
        };
        let mut one_sided = |these: &Self, those: &Self| {
            for (key, known) in these.0.iter() {
                let found = those.0.get(key);
                // Copies share most unchanged values.
                if !found.is_some_and(|found| std::ptr::eq(known, found) || known == found) {
                    changed.insert(K::entity(key));
                }
            }
        };
        one_sided(self, other);
        one_sided(other, self);
    }

    fn may_stand_in(&self, key: &EntityKey) -> bool {
        self.read(key)
            .is_some_and(|known| K::may_stand_in(&known.value))
    }

    fn stand_in(&mut self, key: &EntityKey, unreadable: &Unread) -> Instead {
        let Ok(key) = read_key::<K>(key) else {
            return Instead::Nothing;
        };
        let (instead, value) = K::stand_in(unreadable);
        if let Some(value) = value {
            let revision = unreadable.revision;
            self.insert(key, Versioned { revision, value });
        }
        instead
    }

    fn touches(&self, key: &EntityKey, touch: &mut dyn FnMut(Touches<'_>)) {
        if let Ok(key) = read_key::<K>(key) {
            touch(K::touches(&key));
        }
    }

    fn shown(&self, key: &EntityKey, view: &dyn View) -> Option<Shown> {
        let key = read_key::<K>(key).ok()?;
        K::shown(&key, self.get(&key).map(|known| &known.value), view)
    }

    #[cfg(feature = "openapi")]
    fn notices(&self) -> Vec<Notice> {
        let notice = |(key, known): (&K::Key, &Versioned<K::Value>)| {
            let text = K::notice(&known.value)?.to_owned();
            let key = K::entity(key);
            let (kind, name) = split(&key);
            Some(Notice {
                kind: kind.to_owned(),
                name: name.unwrap_or_default().to_owned(),
                text,
            })
        };
        self.iter().filter_map(notice).collect()
    }
}

/// The JSON form of a value. Our models always have one.
pub(crate) fn json(value: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}
