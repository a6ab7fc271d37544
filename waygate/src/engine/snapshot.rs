#[cfg(feature = "openapi")]
mod closures;
#[cfg(feature = "flags")]
mod declared_flags;
#[cfg(feature = "flags")]
mod flag_gates;
#[cfg(feature = "flags")]
mod flags;
mod limits;
mod maintained;
mod slot;
mod swallowed;

use std::sync::Arc;

#[cfg(feature = "flags")]
use waygate_core::flag::FlagSet;
use waygate_core::{
    Timestamp,
    decision::{Facts, Gates, RouteRule, Verdict, decide},
    grammar::ServiceName,
    model::{LimitScope, Revision},
};

use super::{
    compiler::{Bypass, Compiler},
    kinds::{MaintenanceScope, Records},
    limits::{RouteLimits, SharedPolicies},
    request::Asked,
    stored::Stored,
    table::Table,
    touched::Touched,
};
#[cfg(feature = "flags")]
pub(crate) use declared_flags::{DeclaredFlags, StoredFlag};
#[cfg(feature = "flags")]
pub(crate) use flags::FlagNotes;
pub(crate) use maintained::Maintained;
pub(crate) use slot::Slot;
use slot::limitable;
use swallowed::Swallowed;

/// The immutable state that requests read: fully compiled, without lookups or waiting.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// The store's revision of this snapshot.
    pub(crate) revision: Revision,
    /// `false` until the store or its boot cache was read once: what is missing here may be in the store.
    pub(crate) is_known: bool,
    /// Increases with every snapshot of this process, including scheduled transitions.
    pub(crate) version: u64,
    /// The latest time at which a part was compiled.
    pub(crate) compiled_at: Timestamp,
    /// The bypasses of this process.
    pub(crate) bypass: Bypass,
    pub(crate) table: Arc<Table>,
    routes: Vec<Arc<Slot>>,
    /// The limits of each slot's route.
    limits: Vec<RouteLimits>,
    levels: Arc<SharedPolicies>,
    /// The checks of each slot besides global maintenance: one byte to read for most requests.
    checks: Vec<Checks>,
    pub(crate) global: Maintained,
    pub(crate) service: Maintained,
    /// The service of this process.
    pub(crate) own_service: Option<ServiceName>,
    /// Closed routes in the store that have been replaced by another route.
    pub(crate) swallowed: Swallowed,
    /// The compiled flags and segments.
    #[cfg(feature = "flags")]
    pub(crate) flags: Arc<FlagSet>,
    #[cfg(feature = "flags")]
    pub(crate) flag_notes: Arc<FlagNotes>,
    /// The flags of the declarations in code.
    #[cfg(feature = "flags")]
    pub(crate) declared: Arc<DeclaredFlags>,
    /// The records that the snapshot was compiled from, shared with the store's.
    pub(crate) records: Records,
}

impl Snapshot {
    /// Compiles everything. `previous` provides only its version.
    pub(crate) fn build(
        stored: &Stored,
        table: Arc<Table>,
        compiler: Compiler<'_>,
        version: u64,
    ) -> Self {
        let routes: Vec<Arc<Slot>> = (0..table.len())
            .filter_map(|slot| Some(Arc::new(Slot::compile(stored, &table, slot, compiler)?)))
            .collect();
        let levels = Arc::new(SharedPolicies::compile(stored, compiler));
        let limits = levels.compose(limitable(&table, &routes));
        let checks = routes.iter().zip(&limits).map(Checks::of).collect();
        #[cfg(feature = "flags")]
        let (flags, flag_notes) = flags::compile(stored, compiler);
        Self {
            revision: stored.revision,
            is_known: stored.is_known(),
            version,
            bypass: compiler.bypass,
            compiled_at: compiler.now,
            global: Maintained::compile(stored, &MaintenanceScope::Global, &table, compiler.now),
            service: Maintained::of_service(stored, compiler, &table),
            own_service: compiler.service.cloned(),
            swallowed: Swallowed::find(stored, &table),
            table,
            routes,
            limits,
            levels,
            checks,
            #[cfg(feature = "flags")]
            declared: DeclaredFlags::find(&flags, None),
            #[cfg(feature = "flags")]
            flags,
            #[cfg(feature = "flags")]
            flag_notes,
            records: stored.records.clone(),
        }
    }

    /// Compiles the next snapshot after a change (possibly of maintenance); all other routes are shared.
    pub(crate) fn next(&self, stored: &Stored, touched: &Touched, compiler: Compiler<'_>) -> Self {
        let (mut routes, mut limits) = (self.routes.clone(), self.limits.clone());
        let mut checks = self.checks.clone();
        let mut levels = self.levels.clone();
        for &slot in &touched.slots {
            if let Some(compiled) = Slot::compile(stored, &self.table, slot, compiler)
                && let (Some(route), Some(place), Some(limits), Some(checks)) = (
                    self.table.route(slot),
                    routes.get_mut(slot),
                    limits.get_mut(slot),
                    checks.get_mut(slot),
                )
            {
                *place = Arc::new(compiled);
                *limits = levels.of(&place.limitable(&route.key, self.table.is_forced(slot)));
                *checks = Checks::of((&*place, &*limits));
            }
        }
        if !touched.limits.is_empty() {
            levels = Arc::new(levels.follow(&touched.limits, stored, compiler));
        }
        // Limits of other services are only listed.
        let applies = |scope: &LimitScope| match scope {
            LimitScope::Service(name) => compiler.service == Some(name),
            LimitScope::Global | LimitScope::Route(_) => true,
        };
        if touched.limits.iter().any(applies) {
            limits = levels.compose(limitable(&self.table, &routes));
            checks = routes.iter().zip(&limits).map(Checks::of).collect();
        }
        let follow =
            |last: &Maintained, scope| last.follow(stored, &scope, &self.table, compiler.now);
        let global = follow(&self.global, MaintenanceScope::Global);
        let service = match compiler.service {
            Some(name) => follow(&self.service, MaintenanceScope::Service(name.clone())),
            None => Maintained::default(),
        };
        #[cfg(feature = "flags")]
        let (flags, flag_notes) =
            flags::follow((&self.flags, &self.flag_notes), touched, stored, compiler);
        Self {
            revision: stored.revision,
            is_known: stored.is_known(),
            version: self.version + 1,
            bypass: self.bypass,
            compiled_at: self.compiled_at.max(compiler.now),
            table: self.table.clone(),
            routes,
            limits,
            levels,
            checks,
            global,
            service,
            own_service: self.own_service.clone(),
            swallowed: self.swallowed.follow(stored, &self.table),
            #[cfg(feature = "flags")]
            declared: match Arc::ptr_eq(&flags, &self.flags) {
                true => self.declared.clone(),
                false => DeclaredFlags::find(&flags, Some(&self.declared)),
            },
            #[cfg(feature = "flags")]
            flags,
            #[cfg(feature = "flags")]
            flag_notes,
            records: stored.records.clone(),
        }
    }

    /// The slot's route.
    #[inline]
    pub(crate) fn slot(&self, slot: usize) -> Option<&Slot> {
        self.routes.get(slot).map(|slot| &**slot)
    }

    /// The global maintenance, and that of this service.
    pub(crate) fn maintenances(&self) -> impl Iterator<Item = (MaintenanceScope, &Maintained)> {
        let own = self.own_service.clone().map(MaintenanceScope::Service);
        let own = own.map(|scope| (scope, &self.service));
        std::iter::once((MaintenanceScope::Global, &self.global)).chain(own)
    }

    /// Slots with a scheduled change, and its time.
    pub(crate) fn timed(&self) -> impl Iterator<Item = (usize, Timestamp)> {
        let slots = self.routes.iter().enumerate();
        slots.filter_map(|(slot, route)| Some((slot, route.next_change?)))
    }

    /// The checks for the route in `slot`.
    #[inline]
    pub(crate) fn checks(&self, slot: usize) -> Checks {
        match self.is_unmaintained() {
            true => self.checks.get(slot).copied().unwrap_or(Checks::Nothing),
            false => Checks::Everything,
        }
    }

    /// Returns `true` if no global or service maintenance is active or planned.
    #[inline]
    fn is_unmaintained(&self) -> bool {
        self.global.rule.is_none() && self.service.rule.is_none()
    }

    /// Decides whether to serve a request for the route in `slot`, or for a URL without a controlled route.
    #[inline]
    pub(crate) fn decide(
        &self,
        slot: Option<usize>,
        asked: &impl Asked,
        facts: &impl Facts,
        now: impl FnOnce() -> Timestamp,
    ) -> Verdict<'_> {
        let is_open = match slot {
            Some(slot) => self.checks(slot) != Checks::Everything,
            None => self.is_unmaintained(),
        };
        match is_open {
            true => Verdict::Pass,
            false => self.check(slot, asked, facts, now),
        }
    }

    fn check(
        &self,
        slot: Option<usize>,
        asked: &impl Asked,
        facts: &impl Facts,
        now: impl FnOnce() -> Timestamp,
    ) -> Verdict<'_> {
        // A preflight only asks for permission, and runs no handler. A refusal would show a CORS error in the browser
        // instead of the response to the actual request.
        if asked.is_unhandled_preflight() {
            return Verdict::Pass;
        }
        let verdict = decide(self.gates(slot, asked), facts, now);
        #[cfg(feature = "flags")]
        if !matches!(verdict, Verdict::Block(_))
            && let Some(off) = self.flag_off(slot, asked)
        {
            return Verdict::Block(off);
        }
        verdict
    }

    pub(super) fn gates(&self, slot: Option<usize>, asked: &impl Asked) -> Gates<'_> {
        let route = slot.and_then(|slot| self.slot(slot)).map(|slot| &slot.rule);
        let forced = route.is_some_and(RouteRule::is_force_active);
        let key = slot
            .and_then(|slot| Some((slot, self.table.route(slot)?)))
            .map(|(slot, route)| (slot, &route.key));
        Gates {
            global: self.global.for_request(key, asked, forced),
            // Ungoverned requests belong to no service: only global maintenance applies.
            service: key.and_then(|_| self.service.for_request(key, asked, forced)),
            route,
        }
    }
}

/// The checks for requests of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checks {
    /// Allowed, not counted, and without headers.
    Nothing,
    /// Limits may count them. Allowed requests have no other headers.
    Limits,
    /// The state of the route, or global or service maintenance, may refuse them.
    Everything,
}

impl Checks {
    fn of((route, limits): (&Arc<Slot>, &RouteLimits)) -> Self {
        #[cfg(feature = "flags")]
        if route.is_flagged {
            return Self::Everything;
        }
        match route.rule.is_unrestricted() {
            true if limits.is_empty() => Self::Nothing,
            true => Self::Limits,
            false => Self::Everything,
        }
    }
}
