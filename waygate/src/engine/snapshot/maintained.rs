use std::sync::Arc;
use std::sync::OnceLock;

use waygate_core::{
    Timestamp,
    decision::MaintenanceRule,
    grammar::Method,
    model::{GlobalMaintenance, RouteKey},
};

use crate::engine::{
    compiler::Compiler, kinds::MaintenanceScope, request::Asked, store::Versioned, stored::Stored,
    table::Table,
};

/// A global or service maintenance, with its exemptions resolved to slots.
#[derive(Debug, Clone, Default)]
pub(crate) struct Maintained {
    /// `None` if it is off and not planned.
    pub(super) rule: Option<MaintenanceRule>,
    /// The time of its next scheduled change.
    pub(crate) next_change: Option<Timestamp>,
    pub(crate) config: Arc<GlobalMaintenance>,
    /// That of `config` which applies now, or else next.
    pub(crate) governing: Arc<GlobalMaintenance>,
    pub(crate) revision: u64,
    exempt: Arc<[bool]>,
    /// Set after the warning that an exempt role was checked without a source of roles.
    pub(crate) had_no_caller: Arc<OnceLock<()>>,
}

impl Maintained {
    pub(super) fn compile(
        stored: &Stored,
        scope: &MaintenanceScope,
        table: &Table,
        now: Timestamp,
    ) -> Self {
        let Versioned { revision, value } = stored.maintenance(scope);
        let governing = value.governing(now);
        let rule = MaintenanceRule::compile(&governing, now);
        let exempts = |key: &RouteKey| governing.exempts(key.method(), key.path());
        let exempt = if rule.is_some() && !governing.exempt_paths.is_empty() {
            table.iter().map(|route| exempts(&route.key)).collect()
        } else {
            Arc::default()
        };
        Self {
            rule,
            next_change: value.next_change(now),
            config: Arc::new(value),
            governing: Arc::new(governing),
            revision,
            exempt,
            had_no_caller: Arc::default(),
        }
    }

    pub(super) fn of_service(stored: &Stored, compiler: Compiler<'_>, table: &Table) -> Self {
        match compiler.service {
            Some(name) => {
                let scope = MaintenanceScope::Service(name.clone());
                Self::compile(stored, &scope, table, compiler.now)
            }
            None => Self::default(),
        }
    }

    /// Recompiles the maintenance if a command or the schedule has changed it.
    pub(super) fn follow(
        &self,
        stored: &Stored,
        scope: &MaintenanceScope,
        table: &Table,
        now: Timestamp,
    ) -> Self {
        let known = stored.maintenance(scope);
        let is_past = self.next_change.is_some_and(|next| next <= now);
        match !is_past && self.revision == known.revision && *self.config == known.value {
            true => self.clone(),
            false => Self::compile(stored, scope, table, now),
        }
    }

    /// The rule that may close a request, now or later.
    #[inline]
    pub(super) fn for_request(
        &self,
        route: Option<(usize, &RouteKey)>,
        asked: &impl Asked,
        forced: bool,
    ) -> Option<&MaintenanceRule> {
        let rule = self.rule.as_ref().filter(|rule| rule.applies(forced))?;
        (!self.exempts(route, asked)).then_some(rule)
    }

    #[cold]
    fn exempts(&self, route: Option<(usize, &RouteKey)>, asked: &impl Asked) -> bool {
        match route {
            Some((slot, _)) if self.exempts_slot(slot) => true,
            // A route for all methods may be exempt for one of them.
            Some((_, key)) if key.method().is_none() => self.names(asked.method(), key.path()),
            Some(_) => false,
            None => asked
                .names()
                .into_iter()
                .flatten()
                .any(|name| self.names(asked.method(), name)),
        }
    }

    fn exempts_slot(&self, slot: usize) -> bool {
        self.exempt.get(slot).copied().unwrap_or(false)
    }

    /// Returns `true` if an exemption covers this path and method. `HEAD` follows `GET`.
    fn names(&self, method: &http::Method, path: &str) -> bool {
        if self.governing.exempt_paths.is_empty() {
            return false;
        }
        let method = Method::from_name(method.as_str());
        self.governing.exempts(method, path)
            || method == Some(Method::Head) && self.governing.exempts(Some(Method::Get), path)
    }
}
