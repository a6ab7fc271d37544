//! Exempt callers, and roles that no caller can have.

use waygate_core::{
    Printable,
    decision::{Facts, Gates, RouteRule},
};
use waygate_core::{Timestamp, model::GlobalMaintenance};

use super::limits::caller_around;
use super::request::Asked;
use super::{Inner, kinds::MaintenanceScope, snapshot::Snapshot};

/// The maximum number of items to list; the others are counted.
const NAMED: usize = 3;

impl Inner {
    /// The warning about roles if the builder sets no principal type.
    pub(crate) fn roles_note(&self, snapshot: &Snapshot, now: Timestamp) -> Option<String> {
        if self.principal.is_some() {
            return None;
        }
        let asking: Vec<String> = snapshot.asking_for_roles(now).collect();
        let named = asking.get(..NAMED).unwrap_or(&asking).join(", ");
        let others = match asking.len().saturating_sub(NAMED) {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        (!asking.is_empty()).then(|| {
            format!(
                "roles are required by {named}{others}, but the builder sets no principal type \
                 (`.principal::<YourType>()`): only `Roles` in a request's extensions provide them"
            )
        })
    }

    /// Returns why exemptions of a maintenance record have no effect, if any have none.
    #[cfg(feature = "admin")]
    pub(crate) fn maintenance_warning(
        &self,
        scope: &MaintenanceScope,
        config: &GlobalMaintenance,
        now: Timestamp,
    ) -> Option<String> {
        let unmatched = self
            .snapshot
            .load()
            .unmatched_by_maintenance(scope, config, now);
        let roles = self.roles_warning(scope, config, now);
        let all: Vec<String> = unmatched.into_iter().chain(roles).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }

    /// Returns why the exempt roles of a maintenance record have no effect.
    pub(crate) fn roles_warning(
        &self,
        scope: &MaintenanceScope,
        config: &GlobalMaintenance,
        now: Timestamp,
    ) -> Option<String> {
        // Other processes may have a principal type.
        let is_ours = scope
            .service()
            .is_none_or(|service| self.service.as_ref() == Some(service));
        let asks = asks_for_roles(config, now) && is_ours && self.principal.is_none();
        asks.then(|| {
            "exempt_roles: the builder sets no principal type (`.principal::<YourType>()`), so only callers with \
             `Roles` in the request's extensions are exempt"
                .to_owned()
        })
    }
}

impl Snapshot {
    /// The items in this process that require roles.
    fn asking_for_roles(&self, now: Timestamp) -> impl Iterator<Item = String> {
        let routes = self.table.registered().filter(|route| {
            let slot = self.table.exact(&route.key);
            let state = slot
                .and_then(|slot| self.slot(slot))
                .map(|slot| &slot.state);
            state.is_some_and(|state| !state.access.roles.is_empty() && !state.force_active)
        });
        let routes = routes.map(|route| route.key.to_string());
        let maintenances = self.maintenances();
        let maintenances =
            maintenances.filter(move |(_, maintained)| asks_for_roles(&maintained.config, now));
        let maintenances = maintenances.map(|(scope, _)| scope.in_words());
        let rates = self.all_limits().flat_map(|own| &*own.rates);
        let rates = rates.filter(|policy| !policy.fields.exempt_roles.is_empty());
        let rates = rates.map(|policy| format!("the rate limit {}", policy.key));
        let places = self.all_limits().flat_map(|own| &*own.concurrency);
        let places = places.filter(|limit| !limit.fields.exempt_roles.is_empty());
        let places = places.map(|limit| format!("the concurrency limit {}", limit.key));
        routes.chain(maintenances).chain(rates).chain(places)
    }

    /// Returns why a request is exempt from maintenance that is active at `now`.
    #[cold]
    pub(crate) fn exemption(
        &self,
        slot: Option<usize>,
        asked: &impl Asked,
        facts: &impl Facts,
        now: Timestamp,
    ) -> String {
        let Gates {
            global,
            service,
            route,
        } = self.gates(slot, asked);
        let forced = route.is_some_and(RouteRule::is_force_active);
        let rules = [
            ("global maintenance", global),
            ("maintenance of the service", service),
        ];
        let reasons = rules.into_iter().filter_map(|(what, rule)| {
            let rule = rule.filter(|rule| rule.is_on(forced, || now))?;
            Some(format!("{what} exempts {}", rule.exemption(facts)?))
        });
        reasons.collect::<Vec<_>>().join("; ")
    }

    /// Logs once that the route in `slot` requires a role but the request has no source of roles.
    #[cold]
    pub(crate) fn note_no_caller(&self, slot: Option<usize>, principal: Option<&str>) {
        let route = slot.and_then(|slot| Some((self.table.route(slot)?, self.slot(slot)?)));
        if let Some((route, slot)) = route {
            let by = &route.key;
            let once = &slot.had_no_caller;
            once.get_or_init(|| warn_of_no_caller(by, principal));
        }
    }

    /// Logs once that active maintenance exempts roles but the request has no source of roles.
    #[cold]
    pub(crate) fn note_no_exempt_caller(&self, of_service: bool, principal: Option<&str>) {
        let (scope, maintained) = match of_service {
            true => ("maintenance of the service", &self.service),
            false => ("global maintenance", &self.global),
        };
        if !maintained.governing.exempt_roles.is_empty() {
            let once = &maintained.had_no_caller;
            once.get_or_init(|| warn_of_no_caller(scope, principal));
        }
    }
}

fn asks_for_roles(config: &GlobalMaintenance, now: Timestamp) -> bool {
    let own = config.is_set() && !config.is_over(now) && !config.exempt_roles.is_empty();
    let mut recurring = config.recurring.iter();
    own || recurring.any(|recurring| !recurring.exempt_roles.is_empty())
}

fn warn_of_no_caller(by: impl std::fmt::Display, principal: Option<&str>) {
    tracing::warn!(
        by = %Printable(by),
        "a route requires a role, but the request carries neither `Roles` nor a caller; unless it is anonymous, {}; \
         only the first such request is logged",
        Printable(caller_around(principal)),
    );
}
