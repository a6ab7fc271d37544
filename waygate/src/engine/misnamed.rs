//! Records whose key cannot be read: which records may be meant by them.

use std::{borrow::Cow, collections::BTreeSet};

use waygate_core::{
    grammar::{PathTemplate, ServiceName},
    model::{LimitKey, LimitScope, RouteKey},
    port::EntityKey,
};

use super::{
    record_id::RecordId,
    scheduler::Timed,
    stored::{Stored, kind},
    unreadable::{Instead, Past},
};

/// What can be made out of the name of a route that is no route key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    service: Option<ServiceName>,
    pub(super) path: PathTemplate,
}

impl Place {
    fn made_out(name: &str) -> Option<Self> {
        let name = name.trim();
        let (before, path) = match name.find('/') {
            Some(at) => (&name[..at], Cow::from(&name[at..])),
            // The slash is what is missing.
            None => {
                let at = name.rfind([':', ' '])? + 1;
                (&name[..at], Cow::from(format!("/{}", &name[at..])))
            }
        };
        let service = before.split_once(':').filter(|(_, rest)| !rest.is_empty());
        Some(Self {
            service: service.and_then(|(service, _)| service.parse().ok()),
            path: path.parse().ok()?,
        })
    }

    /// Whether a route is one of those that may be meant.
    pub(crate) fn covers(&self, route: &RouteKey) -> bool {
        let service = self.service.as_ref().map(ServiceName::as_str);
        route.path() == self.path.as_str() && route.service() == service
    }
}

/// A record whose key cannot be read.
struct Misnamed<'a> {
    kind: &'a str,
    place: Option<Place>,
}

impl<'a> Misnamed<'a> {
    fn new(key: &'a EntityKey) -> Option<Self> {
        let (kind, name) = key.as_str().split_once('/')?;
        // Limits have names of their own after the route's.
        let route = match kind {
            kind::SERVICE => None,
            kind::LIMIT | kind::CONCURRENCY | kind::COUNTERS => name.split('#').next(),
            _ => Some(name),
        };
        Some(Self {
            kind,
            place: route.and_then(Place::made_out),
        })
    }

    fn may_be(&self, id: &RecordId) -> bool {
        let entity = id.entity();
        let kind = entity.as_str().split_once('/').map(|(kind, _)| kind);
        let is_there = match (&self.place, route_of(id)) {
            (Some(place), route) => route.is_some_and(|route| place.covers(route)),
            (None, _) => true,
        };
        kind == Some(self.kind) && is_there
    }
}

fn route_of(id: &RecordId) -> Option<&RouteKey> {
    match id {
        RecordId::Route(key) | RecordId::Schedule(Timed::Route(key)) => Some(key),
        RecordId::Limit(key) | RecordId::Concurrency(key) | RecordId::Counters(key) => match key {
            LimitKey {
                scope: LimitScope::Route(key),
                ..
            } => Some(key),
            _ => None,
        },
        RecordId::Schedule(Timed::Maintenance(_))
        | RecordId::Maintenance(_)
        | RecordId::Other(_) => None,
    }
}

/// What stands in for a record whose key cannot be read.
pub(super) struct StandIn {
    pub(super) instead: Instead,
    /// The records that were kept, under their own keys.
    pub(super) kept: BTreeSet<EntityKey>,
    /// Where routes may be meant.
    pub(super) place: Option<Place>,
}

impl Stored {
    /// Keeps what may be meant by such a record: what was known before of its kind and path, and is not in the store any
    /// more. `is_there` says what is in the store.
    pub(super) fn stand_in_for_misnamed(
        &mut self,
        key: &EntityKey,
        says_off: bool,
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
        if misnamed.kind == kind::SERVICE && says_off {
            stand_in.instead = Instead::MaintenanceOff;
            return stand_in;
        }
        let meant = |known: &Stored| -> Vec<RecordId> {
            let ids = known.ids().filter(|id| misnamed.may_be(id));
            ids.filter(|id| self.entity(id).is_none() && !is_there(&id.entity()))
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
                        stand_in.kept.insert(id.entity());
                    }
                    false => is_known = false,
                }
            }
        }
        stand_in.instead = match misnamed.kind {
            _ if is_known => Instead::LastKnown,
            kind::ROUTE if misnamed.place.is_some() => Instead::PathClosed,
            kind::LIMIT | kind::CONCURRENCY => Instead::Declared,
            _ => Instead::Nothing,
        };
        stand_in.place = misnamed.place.filter(|_| misnamed.kind == kind::ROUTE);
        stand_in
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_made_out_of_what_is_no_route_key() {
        for (name, service, path) in [
            ("GTE:/a", None, "/a"),
            ("GET /a", None, "/a"),
            (" GET:/a ", None, "/a"),
            ("GET:a/{id}", None, "/{id}"),
            ("GET:a", None, "/a"),
            ("GET a", None, "/a"),
            (":/a/{id}", None, "/a/{id}"),
            ("billing:GTE:/a", Some("billing"), "/a"),
        ] {
            assert!(name.parse::<RouteKey>().is_err(), "{name}");
            let place = Place::made_out(name).unwrap();
            let found = place.service.as_ref().map(ServiceName::as_str);
            assert_eq!((found, place.path.as_str()), (service, path), "{name}");
        }
        for name in ["", "GET", "GET:/a{", "GET:/{a"] {
            assert_eq!(Place::made_out(name), None, "{name}");
        }
    }
}
