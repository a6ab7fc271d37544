use std::sync::Arc;

use waygate_core::{
    Timestamp,
    decision::{Facts, Gates, RouteRule, Verdict, decide},
    grammar::{EnvName, Method},
    model::{GlobalMaintenance, Revision, RouteState},
};

#[cfg(feature = "axum")]
use super::headers::{DeprecationHeaders, announce};
use super::{stored::Stored, table::Table};

/// The immutable picture that requests read: everything compiled, nothing to look up or wait for.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// The store's revision that this picture shows.
    pub(crate) revision: Revision,
    /// Grows with every picture of this process, those included that only time has changed.
    pub(crate) version: u64,
    /// The latest time at which any of it was compiled.
    pub(crate) made_at: Timestamp,
    pub(crate) table: Arc<Table>,
    routes: Vec<Arc<Slot>>,
    /// Slots at which there is nothing to check but global maintenance: one byte to read for most requests.
    open: Vec<bool>,
    pub(crate) global: Global,
    /// Entities of other kinds, such as the tokens of the admin interface.
    #[cfg(feature = "admin")]
    pub(crate) others: Arc<super::stored::Others>,
}

/// One route, ready for decisions.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) rule: RouteRule,
    pub(crate) state: RouteState,
    /// The commit that last changed it; 0 when only the declaration speaks.
    pub(crate) revision: u64,
    /// Whether the code declares something else than when an operator changed the route.
    pub(crate) drifted: bool,
    /// When time will change the route.
    pub(crate) next_change: Option<Timestamp>,
    /// What answers of a deprecated route carry.
    #[cfg(feature = "axum")]
    pub(crate) announcement: Option<DeprecationHeaders>,
}

/// Global maintenance, with the exemptions resolved to slots.
#[derive(Debug, Clone, Default)]
pub(crate) struct Global {
    enabled: bool,
    pub(crate) config: Arc<GlobalMaintenance>,
    pub(crate) revision: u64,
    exempt: Arc<[bool]>,
}

impl Snapshot {
    /// Compiles everything. `previous` only lends its version.
    pub(crate) fn build(
        stored: &Stored,
        table: Arc<Table>,
        env: &EnvName,
        now: Timestamp,
        version: u64,
    ) -> Self {
        let routes: Vec<Arc<Slot>> = (0..table.len())
            .filter_map(|slot| Some(Arc::new(Slot::compile(stored, &table, slot, env, now)?)))
            .collect();
        let open = routes
            .iter()
            .map(|slot| slot.rule.is_unrestricted())
            .collect();
        let global = Global::compile(stored, &table);
        Self {
            revision: stored.revision,
            version,
            made_at: now,
            table,
            routes,
            open,
            global,
            #[cfg(feature = "admin")]
            others: stored.others.clone(),
        }
    }

    /// The next picture after `slots` (and perhaps global maintenance) have changed: all other routes are shared.
    pub(crate) fn patch(
        &self,
        stored: &Stored,
        slots: &[usize],
        env: &EnvName,
        now: Timestamp,
    ) -> Self {
        let (mut routes, mut open) = (self.routes.clone(), self.open.clone());
        for &slot in slots {
            if let (Some(place), Some(open), Some(compiled)) = (
                routes.get_mut(slot),
                open.get_mut(slot),
                Slot::compile(stored, &self.table, slot, env, now),
            ) {
                *open = compiled.rule.is_unrestricted();
                *place = Arc::new(compiled);
            }
        }
        let global = if self.global.revision == stored.global.revision
            && *self.global.config == stored.global.value
        {
            self.global.clone()
        } else {
            Global::compile(stored, &self.table)
        };
        Self {
            revision: stored.revision,
            version: self.version + 1,
            made_at: self.made_at.max(now),
            table: self.table.clone(),
            routes,
            open,
            global,
            #[cfg(feature = "admin")]
            others: stored.others.clone(),
        }
    }

    /// The slot's route.
    #[inline]
    pub(crate) fn slot(&self, slot: usize) -> Option<&Slot> {
        self.routes.get(slot).map(|slot| &**slot)
    }

    /// Global maintenance, when it closes the route in `slot`.
    #[cfg(feature = "openapi")]
    pub(crate) fn closed_by_global(&self, slot: usize) -> Option<&GlobalMaintenance> {
        let Global {
            enabled,
            config,
            exempt,
            ..
        } = &self.global;
        let exempt = exempt.get(slot).copied().unwrap_or(false);
        let forced = self.slot(slot)?.rule.is_force_active();
        let closes = *enabled && !exempt && (!forced || config.include_force_active);
        closes.then_some(&**config)
    }

    /// Slots that time will change, and when.
    pub(crate) fn timed(&self) -> impl Iterator<Item = (usize, Timestamp)> {
        let slots = self.routes.iter().enumerate();
        slots.filter_map(|(slot, route)| Some((slot, route.next_change?)))
    }

    /// Decides about a request for the route in `slot`, or for a URL that no controlled route has.
    #[inline]
    pub(crate) fn decide(
        &self,
        slot: Option<usize>,
        request: Asked<'_>,
        facts: &impl Facts,
        now: impl FnOnce() -> Timestamp,
    ) -> Verdict<'_> {
        let open = slot.is_none_or(|slot| self.open.get(slot).copied().unwrap_or(true));
        if open && !self.global.enabled {
            return Verdict::Pass;
        }
        let route = slot.and_then(|slot| self.slot(slot)).map(|slot| &slot.rule);
        decide(
            Gates {
                global: self.global.for_request(slot, request),
                route,
            },
            facts,
            now,
        )
    }
}

/// What was asked for, as far as exemptions need it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a http::Method,
    /// The URL's path, for requests without a route.
    pub(crate) path: &'a str,
}

impl Slot {
    fn compile(
        stored: &Stored,
        table: &Table,
        slot: usize,
        env: &EnvName,
        now: Timestamp,
    ) -> Option<Self> {
        let route = table.route(slot)?;
        let (state, revision, drifted) = match stored.routes.get(&route.key) {
            // A route that has become force-active in code is no longer for operators to close.
            Some(known) if !route.declared.force_active => {
                let drifted = known.value.declared != route.declared;
                (known.value.state.clone(), known.revision, drifted)
            }
            Some(known) => (route.declared.clone(), known.revision, true),
            None => (route.declared.clone(), 0, false),
        };
        Some(Self {
            rule: RouteRule::compile(&state, env, now),
            next_change: state.position.next_change(now),
            #[cfg(feature = "axum")]
            announcement: state.deprecation.as_ref().map(announce),
            state,
            revision,
            drifted,
        })
    }
}

impl Global {
    fn compile(stored: &Stored, table: &Table) -> Self {
        let config = Arc::new(stored.global.value.clone());
        let exempts =
            |key: &waygate_core::model::RouteKey| config.exempts(key.method(), key.path());
        let exempt = if config.enabled && !config.exempt_paths.is_empty() {
            table.iter().map(|route| exempts(&route.key)).collect()
        } else {
            Arc::default()
        };
        Self {
            enabled: config.enabled,
            config,
            revision: stored.global.revision,
            exempt,
        }
    }

    #[inline]
    fn for_request(&self, slot: Option<usize>, asked: Asked<'_>) -> Option<&GlobalMaintenance> {
        if !self.enabled || self.lets_through(slot, asked) {
            return None;
        }
        Some(&self.config)
    }

    #[cold]
    fn lets_through(&self, slot: Option<usize>, asked: Asked<'_>) -> bool {
        match slot {
            Some(slot) => self.exempt.get(slot).copied().unwrap_or(false),
            None => self
                .config
                .exempts(Method::from_name(asked.method.as_str()), asked.path),
        }
    }
}
