//! Records with an unreadable key, and the records that they may refer to.

use std::collections::BTreeSet;

use waygate_core::{port::EntityKey, similar::typing_errors};

use super::{
    kinds::{Maintenances, RecordId, Routes, governing},
    store::{AnyKind, Instead, Kind, Place, Unread, split},
    stored::{Past, Stored},
};

/// A record with an unreadable key.
struct Misnamed {
    /// The probable kind, and its name.
    kind: &'static dyn AnyKind,
    name: &'static str,
    /// The probable record, if only the kind is misspelled.
    exact: Option<RecordId>,
    place: Option<Place>,
}

impl Misnamed {
    fn new(key: &EntityKey) -> Option<Self> {
        let (text, rest) = split(key);
        let (name, kind) = kind_meant(text)?;
        let rest = rest.unwrap_or_default();
        let exact = match name {
            // The key has no name.
            "global" => EntityKey::singleton(name),
            name => EntityKey::of(name, rest),
        };
        Some(Self {
            place: kind.route_in_name(name, rest).and_then(Place::made_out),
            exact: RecordId::of(&exact).ok(),
            kind,
            name,
        })
    }

    fn is<K: Kind>(&self) -> bool {
        self.kind.names() == K::NAMES
    }

    fn may_be(&self, id: &RecordId) -> bool {
        if let Some(exact) = &self.exact {
            return exact == id;
        }
        let may_be = match &self.place {
            Some(place) => id.route().is_some_and(|route| place.covers(&route)),
            None => true,
        };
        id.entity().name_in(self.name).is_some() && may_be
    }
}

/// The probable kind, and its name.
fn kind_meant(text: &str) -> Option<(&'static str, &'static dyn AnyKind)> {
    let text = text.trim().to_ascii_lowercase();
    let distance = |name: &str| typing_errors(name, &text);
    governing()
        .filter(|(name, _)| distance(name) * 3 <= name.len())
        .min_by_key(|(name, _)| (distance(name), *name))
}

/// The substitute for a record with an unreadable key.
pub(super) struct StandIn {
    pub(super) instead: Instead,
    /// The records that were kept, under their own keys.
    pub(super) kept: BTreeSet<EntityKey>,
    /// The paths of the routes that may be meant.
    pub(super) place: Option<Place>,
}

impl Stored {
    /// Keeps the records that such a key may refer to: known records of its kind and path that are no longer in the
    /// store. `is_there` returns `true` for records in the store.
    pub(super) fn stand_in_for_misnamed(
        &mut self,
        key: &EntityKey,
        unread: &Unread,
        past: Past<'_>,
        is_there: impl Fn(&EntityKey) -> bool,
    ) -> StandIn {
        let mut stand_in = StandIn {
            instead: Instead::Nothing,
            kept: BTreeSet::new(),
            place: None,
        };
        let Some(misnamed) = Misnamed::new(key) else {
            return stand_in;
        };
        if let Some(id) = &misnamed.exact
            && (self.records.entity(id).is_some() || is_there(id.entity()))
        {
            return stand_in;
        }
        if misnamed.is::<Maintenances>() && unread.says_off {
            stand_in.instead = Instead::MaintenanceOff;
            return stand_in;
        }
        let meant = |known: &Stored| -> Vec<RecordId> {
            let ids = known.records.ids().filter(|id| misnamed.may_be(id));
            ids.filter(|id| self.records.entity(id).is_none() && !is_there(id.entity()))
                .collect()
        };
        let found = match past {
            Past::Current(last) => Some((last, meant(last))),
            Past::Older(images) => images
                .iter()
                .map(|older| (older, meant(older)))
                .find(|(_, ids)| !ids.is_empty()),
        };
        let mut is_known = false;
        if let Some((known, ids)) = found {
            is_known = !ids.is_empty();
            for id in ids {
                let fits = match past {
                    Past::Current(_) => true,
                    Past::Older(_) => known.may_stand_in(&id),
                };
                match fits && self.keep(&id, known, |_| true) {
                    true => {
                        stand_in.kept.insert(id.entity().clone());
                    }
                    false => is_known = false,
                }
            }
        }
        let is_route = misnamed.is::<Routes>();
        stand_in.instead = match &misnamed.exact {
            _ if is_known => Instead::LastKnown,
            _ if is_route => match &misnamed.place {
                Some(_) => Instead::PathClosed,
                None => Instead::Nothing,
            },
            Some(exact) => {
                let instead = self.records.stand_in(exact, unread);
                if instead == Instead::MaintenanceOn {
                    stand_in.kept.insert(exact.entity().clone());
                }
                instead
            }
            None if misnamed.is::<Maintenances>() => Instead::ServicesClosed,
            None => misnamed.kind.instead(),
        };
        stand_in.place = misnamed.place.filter(|_| is_route);
        stand_in
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_made_out_of_typing_errors() {
        for (text, kind) in [
            ("routes", Some("route")),
            ("Route", Some("route")),
            ("servce", Some("service")),
            ("globl", Some("global")),
            ("concurency", Some("concurrency")),
            ("tokens", None),
            ("flag", None),
            ("", None),
        ] {
            assert_eq!(kind_meant(text).map(|(name, _)| name), kind, "{text}");
        }
    }
}
