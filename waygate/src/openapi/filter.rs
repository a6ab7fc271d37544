//! The effect of a snapshot on each operation of the document.

use http::StatusCode;
use waygate_core::{
    Timestamp,
    grammar::{Interval, Method, Reason},
};

use super::notes::{Custom, Maintenance, Notes, Planned};
use crate::http::functions;
use crate::{
    engine::{Asked, Governing, Slot, Snapshot},
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

/// A request for an operation of the document, of no special client.
struct Operation(http::Method);

impl From<Method> for Operation {
    fn from(method: Method) -> Self {
        let method = http::Method::from_bytes(method.as_str().as_bytes());
        Self(method.unwrap_or_default())
    }
}

impl Asked for Operation {
    fn method(&self) -> &http::Method {
        &self.0
    }

    /// Only requests without a route are exempted by their names.
    fn names(&self) -> [Option<&str>; 3] {
        [None; 3]
    }

    fn is_unhandled_preflight(&self) -> bool {
        false
    }

    /// Only that which is the same for all callers.
    #[cfg(feature = "flags")]
    fn is_on(
        &self,
        _: &waygate_core::flag::FlagSet,
        flag: &waygate_core::flag::CompiledFlag,
    ) -> Result<bool, waygate_core::flag::ErrorCode> {
        flag.constant()
            .map_or(Ok(true), waygate_core::flag::FlagValue::as_bool)
    }

    /// A document has no caller.
    #[cfg(feature = "flags")]
    fn depends_on_caller(&self, _: usize, _: &crate::engine::RouteGate) {}

    /// A document serves no request.
    #[cfg(feature = "flags")]
    fn serves_default(
        &self,
        _: &std::sync::Arc<waygate_core::flag::FlagSet>,
        _: usize,
        _: &crate::engine::RouteGate,
        _: waygate_core::flag::ErrorCode,
    ) {
    }
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
        let operation = Operation::from(method);
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
            #[cfg(feature = "flags")]
            if self.is_hidden_by_flag(route) {
                return Listing::Hidden;
            }
            let notes = self.of_slot(slot, route, &operation);
            shown = Some(match shown {
                None => notes,
                Some(first) => first.and(notes),
            });
        }
        let mut notes = shown.unwrap_or_default();
        if !self.unlimited {
            notes.limits = self.snapshot.limits_among(&slots, true, &operation.0);
        }
        Listing::Shown(Box::new(notes))
    }

    fn of_slot(&self, slot: usize, route: &'a Slot, operation: &Operation) -> Notes<'a> {
        let state = &route.state;
        let notes = Notes {
            deprecation: state.deprecation.as_ref(),
            custom: self.custom(slot),
            #[cfg(feature = "flags")]
            flag: self.flag(route),
            shows_access: self.shows_access,
            ..Notes::default()
        };
        if self.bypassed {
            return notes;
        }
        let is_force_active = route.rule.is_force_active();
        let closures = self.snapshot.closures(slot, operation, self.now);
        let maintenance = closures
            .filter_map(Maintenance::of)
            .reduce(Maintenance::and);
        let windows = match is_force_active {
            true => Vec::new(),
            false => state.position.planned(self.now),
        };
        let notes = Notes {
            planned: self.planned(slot, operation, windows, maintenance.as_ref()),
            maintenance,
            is_force_active,
            ..notes
        };
        if is_force_active {
            return notes;
        }
        Notes {
            envs: state.position.envs.as_deref().unwrap_or_default(),
            networks: &state.access.ips,
            roles: &state.access.roles,
            ..notes
        }
    }

    /// Returns `true` if a flag hides the route from all callers.
    #[cfg(feature = "flags")]
    fn is_hidden_by_flag(&self, route: &Slot) -> bool {
        let mut hiding = route.gates.iter().filter(|gate| gate.status == 404);
        hiding.any(|gate| self.snapshot.gate_for_all(gate) == Some(false))
    }

    /// The gate of the route, and the value of its flag if it is that of all callers.
    #[cfg(feature = "flags")]
    fn flag(&self, route: &Slot) -> Option<(&'static str, u16, Option<bool>)> {
        let gate = route.gates.first()?;
        let enabled = self.snapshot.gate_for_all(gate);
        Some((gate.flag.key(), gate.status, enabled))
    }

    /// The future maintenance of the route in `slot` after the current one: its own `windows`, and the global and
    /// service maintenance that does not exempt it.
    fn planned(
        &self,
        slot: usize,
        operation: &Operation,
        windows: Vec<(Interval, &'a Reason)>,
        maintenance: Option<&Maintenance<'_>>,
    ) -> Vec<Planned<'a>> {
        let from = maintenance.and_then(Maintenance::until);
        let from = from.unwrap_or(self.now).max(self.now);
        let others = self.snapshot.planned_maintenances(slot, operation);
        let others = others.filter_map(|set| {
            Some(Planned {
                start: set.start?,
                end: set.end,
                reason: &set.reason,
            })
        });
        let own = windows.into_iter().map(|(interval, reason)| Planned {
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
