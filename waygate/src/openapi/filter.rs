//! The effect of a snapshot on each operation of the document.

use http::StatusCode;
use waygate_core::{
    Timestamp,
    grammar::Method,
    model::{Effective, Window},
};

use super::notes::{Custom, Maintenance, Notes, Planned};
use crate::http::functions;
use crate::{
    engine::{Governing, Slot, Snapshot},
    http::Responses,
};

/// The treatment of an operation.
#[derive(Debug)]
pub(super) enum Listing<'a> {
    /// Hidden: the route is disabled, or belongs to other environments.
    Hidden,
    /// Shown, with its notes.
    Shown(Box<Notes<'a>>),
}

/// One snapshot at one instant.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) now: Timestamp,
    /// `true` if the lifecycle is bypassed.
    pub(super) bypassed: bool,
    /// `true` if the limits are bypassed.
    pub(super) unlimited: bool,
    /// `true` if environments, networks and roles are shown.
    pub(super) shows_access: bool,
    /// Responses of the whole application.
    pub(super) responses: &'a Responses,
}

impl<'a> View<'a> {
    /// Returns the treatment of the operation `method` at `path`. Unchanged if it has no known route.
    pub(super) fn of(&self, method: Method, path: &str) -> Listing<'a> {
        let slots = self.slots(method, path);
        let mut shown: Option<Notes<'a>> = None;
        // A force-active route overrides an operator's changes to the other one.
        let table = &self.snapshot.table;
        let has_say = |slot: &&usize| !slots.iter().any(|other| table.yields(**slot, *other));
        for &slot in slots.iter().filter(has_say) {
            let Some(route) = self.snapshot.slot(slot) else {
                continue;
            };
            if !self.bypassed && !route.rule.is_listed(self.now) {
                return Listing::Hidden;
            }
            let notes = self.of_slot(slot, route);
            shown = Some(match shown {
                None => notes,
                Some(first) => first.and(notes),
            });
        }
        let mut notes = shown.unwrap_or_default();
        if !self.unlimited
            && let Ok(method) = http::Method::from_bytes(method.as_str().as_bytes())
        {
            notes.limits = self.snapshot.limits_among(&slots, true, &method);
        }
        Listing::Shown(Box::new(notes))
    }

    fn of_slot(&self, slot: usize, route: &'a Slot) -> Notes<'a> {
        let state = &route.state;
        let notes = Notes {
            deprecation: state.deprecation.as_ref(),
            custom: self.custom(slot),
            shows_access: self.shows_access,
            ..Notes::default()
        };
        if self.bypassed {
            return notes;
        }
        // In the order of decisions: global maintenance precedes the route's own.
        let global = self.snapshot.closed_by_maintenance(slot, self.now);
        let is_force_active = route.rule.is_force_active();
        let maintenance = match (global, state.position.effective(self.now)) {
            (Some(global), _) => Some(Maintenance {
                reason: &global.reason,
                until: global.end,
            }),
            (None, Effective::Maintenance { reason, until }) if !is_force_active => {
                Some(Maintenance { reason, until })
            }
            (None, _) => None,
        };
        if is_force_active {
            return Notes {
                maintenance,
                planned: self.planned(slot, &[], maintenance),
                is_force_active,
                ..notes
            };
        }
        Notes {
            maintenance,
            planned: self.planned(slot, &state.position.windows, maintenance),
            envs: state.position.envs.as_deref().unwrap_or_default(),
            networks: &state.access.ips,
            roles: &state.access.roles,
            ..notes
        }
    }

    /// The future maintenances of the route in `slot` after the current one: its own `windows`, and the global and
    /// service maintenances that do not exempt it.
    fn planned(
        &self,
        slot: usize,
        windows: &'a [Window],
        maintenance: Option<Maintenance<'_>>,
    ) -> Vec<Planned<'a>> {
        let from = maintenance.and_then(|maintenance| maintenance.until);
        let from = from.unwrap_or(self.now).max(self.now);
        let others = self.snapshot.planned_maintenances(slot);
        let others = others.filter_map(|set| {
            Some(Planned {
                start: set.start?,
                end: set.end,
                reason: &set.reason,
            })
        });
        let own = windows.iter().map(|Window { interval, reason }| Planned {
            start: interval.start(),
            end: Some(interval.end()),
            reason,
        });
        let all = others.chain(own).filter(|planned| planned.start > from);
        let mut planned: Vec<Planned<'_>> = all.collect();
        planned.sort_by_key(|planned| planned.start);
        planned
    }

    /// The custom responses of the application for the route in `slot`.
    fn custom(&self, slot: usize) -> Custom {
        let route = self.snapshot.table.route(slot);
        let answers = |status| {
            route.is_some_and(|route| functions(&route.attached).answers(status))
                || self.responses.answers(status)
        };
        Custom {
            bad_request: answers(StatusCode::BAD_REQUEST),
            unauthorized: answers(StatusCode::UNAUTHORIZED),
            forbidden: answers(StatusCode::FORBIDDEN),
            too_many: answers(StatusCode::TOO_MANY_REQUESTS),
            unavailable: answers(StatusCode::SERVICE_UNAVAILABLE),
        }
    }

    /// The routes of an operation, usually one. As in binding, the path is looked up in the document's spelling, then
    /// without the slash that utoipa writes for the root of a nested router and axum does not.
    fn slots(&self, method: Method, path: &str) -> Governing {
        let of = |path: &str| self.snapshot.table.governing(method.as_str(), path);
        let slots = of(path);
        match path.strip_suffix('/').filter(|path| !path.is_empty()) {
            Some(path) if slots.is_empty() => of(path),
            _ => slots,
        }
    }
}
