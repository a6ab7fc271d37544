use std::{cmp::Ordering, collections::BTreeSet};

use waygate_core::{
    grammar::Invalid,
    model::RouteKey,
    port::{Entity, EntityKey},
};

use super::records::{KINDS, Records};
#[cfg(feature = "openapi")]
use crate::engine::store::Notice;
use crate::engine::store::{AnyCollection, AnyKind, Instead, Kind, Unread, split, unknown};

/// The key of a record of a known kind, with a valid name.
#[derive(Debug, Clone)]
pub(crate) struct RecordId {
    /// The index of its kind in [`KINDS`].
    at: usize,
    kind: &'static dyn AnyKind,
    key: EntityKey,
}

impl RecordId {
    /// Parses the key of a record.
    ///
    /// # Errors
    /// Returns [`Invalid`] if the kind is unknown, or if the name is invalid for its kind.
    pub(crate) fn of(key: &EntityKey) -> Result<Self, Invalid> {
        let (kind, name) = split(key);
        let at = KINDS.iter().position(|known| known.names().contains(&kind));
        let (at, known) = at
            .and_then(|at| Some((at, *KINDS.get(at)?)))
            .ok_or_else(|| unknown(kind))?;
        Ok(Self {
            at,
            kind: known,
            key: known.canonical(kind, name)?,
        })
    }

    /// The record of a kind.
    pub(crate) fn new<K: Kind>(key: &K::Key) -> Option<Self> {
        Self::of(&K::entity(key)).ok()
    }

    /// Returns `true` if the record is of this kind.
    pub(crate) fn is<K: Kind>(&self) -> bool {
        self.kind.names() == K::NAMES
    }

    /// The record's key, if it is of this kind.
    pub(crate) fn as_key<K: Kind>(&self) -> Option<K::Key> {
        let (kind, name) = split(&self.key);
        self.is::<K>().then(|| K::parse(kind, name).ok())?
    }

    /// The key under which the record is stored.
    pub(crate) fn entity(&self) -> &EntityKey {
        &self.key
    }

    /// The route that the record is about.
    pub(crate) fn route(&self) -> Option<RouteKey> {
        self.kind.route(&self.key)
    }
}

impl PartialEq for RecordId {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for RecordId {}

impl PartialOrd for RecordId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RecordId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

/// The kinds with records that gate or limit requests: their names, and how to find a route in a name.
pub(crate) fn governing() -> impl Iterator<Item = (&'static str, &'static dyn AnyKind)> {
    let kinds = KINDS.iter().filter(|kind| kind.governs());
    kinds.flat_map(|kind| kind.names().iter().map(|name| (*name, *kind)))
}

impl Records {
    /// Adds a record.
    ///
    /// # Errors
    /// The reason why it cannot be read.
    pub(crate) fn put(&mut self, id: &RecordId, entity: Entity) -> Result<(), String> {
        match self.at_mut(id.at) {
            Some(collection) => collection.put(&id.key, entity),
            None => Ok(()),
        }
    }

    pub(crate) fn delete(&mut self, id: &RecordId) {
        if let Some(collection) = self.at_mut(id.at) {
            collection.delete(&id.key);
        }
    }

    /// The collection of a record.
    pub(crate) fn of(&self, id: &RecordId) -> Option<&dyn AnyCollection> {
        self.at(id.at)
    }

    /// The stored form of a record.
    pub(crate) fn entity(&self, id: &RecordId) -> Option<Entity> {
        self.of(id)?.entity(&id.key)
    }

    /// Replaces an unreadable record with whatever applies instead.
    pub(crate) fn stand_in(&mut self, id: &RecordId, unreadable: &Unread) -> Instead {
        match self.at_mut(id.at) {
            Some(collection) => collection.stand_in(&id.key, unreadable),
            None => Instead::Nothing,
        }
    }

    /// The texts for readers of the documentation, by kind and key.
    #[cfg(feature = "openapi")]
    pub(crate) fn notices(&self) -> Vec<Notice> {
        self.all().flat_map(AnyCollection::notices).collect()
    }

    /// Every record that was written by a commit.
    pub(crate) fn ids(&self) -> impl Iterator<Item = RecordId> {
        let all = self.all().zip(KINDS).enumerate();
        all.flat_map(|(at, (collection, kind))| {
            let keys = collection.keys().into_iter();
            keys.map(move |key| RecordId {
                at,
                kind: *kind,
                key,
            })
        })
    }

    /// The records that differ between two states.
    pub(crate) fn changed(&self, other: &Self) -> BTreeSet<RecordId> {
        let mut changed = BTreeSet::new();
        for (at, ((ours, theirs), kind)) in self.all().zip(other.all()).zip(KINDS).enumerate() {
            let mut keys = BTreeSet::new();
            ours.changed(theirs, &mut keys);
            changed.extend(keys.into_iter().map(|key| RecordId {
                at,
                kind: *kind,
                key,
            }));
        }
        changed
    }
}
