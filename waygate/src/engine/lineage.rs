//! Decides whether the store's content continues the last known state or has a different history.

use std::collections::HashMap;

use serde::Deserialize;
use waygate_core::{
    StrictJson,
    port::{Entity, EntityKey, Image},
};

use super::{
    kinds::{Filled, Reseeds},
    store::Kind,
    stored::Stored,
};

impl Filled {
    /// The mark in an image, and the commit that wrote it.
    pub(crate) fn of(image: &Image) -> Option<(u64, Self)> {
        let found = image.entities.iter();
        let mark = Reseeds::entity(&());
        let (_, entity) = found.into_iter().find(|(key, _)| *key == mark)?;
        let filled = Self::deserialize(StrictJson(entity.value.clone())).ok()?;
        Some((entity.revision, filled))
    }
}

/// Returns `true` if an image continues a known state of the store.
pub(crate) fn follows(stored: &Stored, image: &Image) -> bool {
    let (known, found) = (stored.revision, image.revision);
    if known.epoch != found.epoch {
        return Filled::of(image).is_some_and(|(_, Filled { from })| {
            from.epoch == known.epoch && from.number >= known.number
        });
    }
    found.number >= known.number && shares_history(stored, image)
}

/// After the store was rolled back, its revision numbers are not enough: all lost records must be present again. A
/// record that another process has deleted meanwhile looks like a loss.
fn shares_history(stored: &Stored, image: &Image) -> bool {
    let Some(regressed_to) = stored.regressed_to else {
        return true;
    };
    let was_lost = |revision: u64| revision > regressed_to && revision <= stored.revision.number;
    let ours: HashMap<EntityKey, Entity> = stored.entities().into_iter().collect();
    let theirs: HashMap<&EntityKey, &Entity> = image.entities.iter().map(|(k, e)| (k, e)).collect();
    let is_back = |(key, entity): (&EntityKey, &Entity)| {
        let found = theirs.get(key);
        found.is_some_and(|found| *found == entity || found.revision > stored.revision.number)
    };
    let mut lost = ours.iter().filter(|(_, entity)| was_lost(entity.revision));
    let mut given_out = theirs
        .iter()
        .filter(|(_, entity)| was_lost(entity.revision));
    lost.all(is_back) && given_out.all(|(key, entity)| ours.get(*key) == Some(*entity))
}
