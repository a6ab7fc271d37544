//! Exemptions and services without a match: most are typos, and none has an effect.
//!
//! They are accepted: a route may be registered later, and other processes of a fleet have routes and services that
//! this process does not know.

mod meant;

use std::{collections::HashSet, sync::Arc};

use waygate_core::{
    Timestamp,
    grammar::ServiceName,
    model::{ExemptPath, GlobalMaintenance, LimitKey, LimitScope},
};

use super::{Component, Inner, kinds::MaintenanceScope, snapshot::Snapshot};
use meant::{Routes, did_you_mean, meant_service};

/// The maximum number of unmatched exemptions to list; the others are counted.
const NAMED: usize = 8;
/// The maximum number of unmatched settings to list; the others are counted.
const SHOWN: usize = 32;

impl Snapshot {
    /// Describes the unknown names in a limit.
    pub(crate) fn unmatched_by_limit(
        &self,
        scope: &LimitScope,
        exempt: &[ExemptPath],
    ) -> Option<String> {
        match scope {
            LimitScope::Global => self.unmatched(None, exempt),
            LimitScope::Service(service) => self.unmatched(Some(service), exempt),
            LimitScope::Route(_) => (!exempt.is_empty())
                .then(|| "it exempts routes, but only global and service limits can".to_owned()),
        }
    }

    /// Returns why a limit cannot work as configured, if that can be determined without a request.
    pub(crate) fn limit_warning(
        &self,
        key: &LimitKey,
        problem: Option<&String>,
        exempt: &[ExemptPath],
    ) -> Option<String> {
        let unmatched = self.unmatched_by_limit(&key.scope, exempt);
        let all: Vec<String> = problem.cloned().into_iter().chain(unmatched).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }

    /// Describes the unknown names in a maintenance record.
    pub(crate) fn unmatched_by_maintenance(
        &self,
        scope: &MaintenanceScope,
        config: &GlobalMaintenance,
        now: Timestamp,
    ) -> Option<String> {
        // An expired record names nothing, and one that was never set names no service.
        let own: &[ExemptPath] = match config.is_over(now) {
            true if config.recurring.is_empty() => return None,
            true => &[],
            false => &config.exempt_paths,
        };
        let service = scope.service().filter(|_| config.is_set());
        if config.recurring.is_empty() {
            return self.unmatched(service, own);
        }
        let recurring = config.recurring.iter();
        let recurring = recurring.flat_map(|recurring| &recurring.exempt_paths);
        let mut all: Vec<ExemptPath> = Vec::new();
        for exempt in own.iter().chain(recurring) {
            if !all.contains(exempt) {
                all.push(exempt.clone());
            }
        }
        self.unmatched(service, &all)
    }

    /// Describes the unknown names in every maintenance record.
    pub(crate) fn unmatched_maintenance(&self, now: Timestamp) -> impl Iterator<Item = String> {
        let mut unmatched = Unmatched::default();
        self.note_maintenance(&mut unmatched, now);
        unmatched.in_words()
    }

    fn note_maintenance(&self, unmatched: &mut Unmatched, now: Timestamp) {
        let own = self.own_service.clone().map(MaintenanceScope::Service);
        let own = own.map(|scope| (scope, &self.service.config));
        let scopes = std::iter::once((MaintenanceScope::Global, &self.global.config)).chain(own);
        for (scope, config) in scopes {
            if let Some(problem) = self.unmatched_by_maintenance(&scope, config, now) {
                unmatched.add(|| format!("{}: {problem}", scope.in_words()));
            }
        }
        let known = self.known_services();
        for (scope, set) in self.records.maintenances.iter() {
            let is_current = set.value.is_set()
                && (set.value.end.is_none_or(|end| now < end) || !set.value.recurring.is_empty());
            match scope.service().filter(|_| is_current) {
                Some(service) if !known.contains(service.as_str()) => unmatched.add(|| {
                    let problem = self.stranger(service).unwrap_or_default();
                    format!("maintenance of the service {service}: {problem}")
                }),
                _ => {}
            }
        }
    }

    /// Describes the unknown names in all maintenance records and limits.
    fn all_unmatched(&self, now: Timestamp) -> impl Iterator<Item = String> {
        let mut unmatched = Unmatched::default();
        self.note_maintenance(&mut unmatched, now);
        let known = self.known_services();
        let mut note = |kind: &str, key: &LimitKey, exempt: &[ExemptPath]| {
            let is_known = match &key.scope {
                LimitScope::Service(service) => known.contains(service.as_str()),
                LimitScope::Global | LimitScope::Route(_) => true,
            };
            match is_known && exempt.is_empty() {
                true => {}
                false => unmatched.add_some(|| {
                    let problem = self.unmatched_by_limit(&key.scope, exempt)?;
                    Some(format!("the {kind} {key}: {problem}"))
                }),
            }
        };
        for own in self.levels() {
            for policy in &*own.rates {
                note("rate limit", &policy.key, &policy.fields.exempt_routes);
            }
            for limit in &*own.concurrency {
                note("concurrency limit", &limit.key, &limit.fields.exempt_routes);
            }
        }
        for problem in self.swallowed().chain(self.table.mounts.misplaced()) {
            unmatched.add(|| problem);
        }
        unmatched.in_words()
    }

    /// The services of this process and of the known routes.
    fn known_services(&self) -> HashSet<&str> {
        let own = self.own_service.as_ref().map(ServiceName::as_str);
        self.table.services().chain(own).collect()
    }

    /// Returns `true` if another snapshot has the same settings and routes.
    fn has_same_settings(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.table, &other.table)
            && self.records.maintenances.is(&other.records.maintenances)
            && self.records.rate_limits.is(&other.records.rate_limits)
            && self
                .records
                .concurrency_limits
                .is(&other.records.concurrency_limits)
            && self.records.routes.is(&other.records.routes)
            && Arc::ptr_eq(&self.global.config, &other.global.config)
            && Arc::ptr_eq(&self.service.config, &other.service.config)
    }

    fn unmatched(&self, service: Option<&ServiceName>, exempt: &[ExemptPath]) -> Option<String> {
        if service.is_none() && exempt.is_empty() {
            return None;
        }
        if exempt.is_empty() {
            return service.and_then(|service| self.stranger(service));
        }
        let judged = &self.table.judged;
        judged.or_judge(service, exempt, || self.judge(service, exempt))
    }

    fn judge(&self, service: Option<&ServiceName>, exempt: &[ExemptPath]) -> Option<String> {
        #[cfg(test)]
        tests::JUDGED.set(tests::JUDGED.get() + 1);
        let stranger = service.and_then(|service| self.stranger(service));
        // Routes of this process are registered without its service.
        let prefix = service.filter(|service| Some(*service) != self.own_service.as_ref());
        let routes = Routes {
            table: &self.table,
            service: service.map(|_| prefix.map(ServiceName::as_str)),
        };
        // Exemptions cannot be checked against unknown routes.
        let exempt = exempt.iter().filter(|_| routes.all().next().is_some());
        let wrong: Vec<&ExemptPath> = exempt.filter(|exempt| !routes.has(exempt)).collect();
        let named = wrong
            .iter()
            .take(NAMED)
            .map(|exempt| routes.problem(exempt));
        let others = wrong.len().saturating_sub(NAMED);
        let others = (others > 0).then(|| format!("{others} more exemptions name no route"));
        let problems: Vec<String> = stranger.into_iter().chain(named).chain(others).collect();
        (!problems.is_empty()).then(|| problems.join("; "))
    }

    /// Describes an unknown service.
    fn stranger(&self, service: &ServiceName) -> Option<String> {
        let known = || {
            let of_routes = self.table.services();
            of_routes.chain(self.own_service.as_ref().map(ServiceName::as_str))
        };
        if known().any(|known| known == service.as_str()) {
            return None;
        }
        let hint = did_you_mean(meant_service(service, known()));
        Some(format!(
            "neither this process nor a route known here belongs to the service `{service}`{hint}"
        ))
    }

    /// Returns `true` if an unmatched name matches nothing at all, as far as can be known, so that health reports it.
    pub(crate) fn knows_every_route(&self) -> bool {
        self.table.is_guarded() && !self.is_part_of_fleet()
    }

    /// Returns `true` if other processes may have the routes and services.
    fn is_part_of_fleet(&self) -> bool {
        self.own_service.is_some() || self.table.services().next().is_some()
    }

    /// Warnings about closed routes that were replaced by another route.
    pub(crate) fn swallowed(&self) -> impl Iterator<Item = String> {
        self.swallowed.keys.iter().map(|key| {
            let path = key.path();
            format!(
                "`{key}` is closed in the store and no longer a route: `{path}` serves its requests; close `{path}`, or \
                 purge `{key}`"
            )
        })
    }
}

impl Inner {
    /// Reports unmatched settings, after a guarded router was surveyed. A process that is part of a fleet cannot know
    /// the routes of others: it reports them only at start and when they are set.
    pub(crate) fn note_unmatched(&self, snapshot: &Snapshot) {
        let now = self.clock.now();
        let unmatched: Vec<String> = match snapshot.knows_every_route() {
            true => snapshot.all_unmatched(now).collect(),
            false => Vec::new(),
        };
        match unmatched.is_empty() {
            true => self.monitor.recover(Component::Unmatched),
            false => {
                let cause = unmatched.join("; ");
                self.monitor.degrade(Component::Unmatched, cause, now);
            }
        }
    }

    /// Reports unmatched settings of a snapshot that replaces `previous`, if the report may differ.
    pub(crate) fn follow_unmatched(&self, previous: &Snapshot, snapshot: &Snapshot) {
        if !snapshot.has_same_settings(previous) {
            self.note_unmatched(snapshot);
        }
    }
}

/// Unmatched settings: the first ones described, the others counted.
#[derive(Debug, Default)]
struct Unmatched {
    named: Vec<String>,
    others: usize,
}

impl Unmatched {
    fn add(&mut self, problem: impl FnOnce() -> String) {
        self.add_some(|| Some(problem()));
    }

    /// Adds a problem, if there is one; not computed beyond the maximum.
    fn add_some(&mut self, problem: impl FnOnce() -> Option<String>) {
        match self.named.len() < SHOWN {
            true => self.named.extend(problem()),
            false => self.others += 1,
        }
    }

    fn in_words(self) -> impl Iterator<Item = String> {
        let others = (self.others > 0).then(|| {
            format!(
                "{} more limits or maintenances may match nothing",
                self.others
            )
        });
        self.named.into_iter().chain(others)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    thread_local! {
        /// How often exemptions were compared with the routes.
        pub(super) static JUDGED: Cell<usize> = const { Cell::new(0) };
    }

    #[cfg(feature = "axum")]
    #[tokio::test]
    async fn changes_of_other_things_compare_nothing() {
        use axum::{Router, routing::get};
        use waygate_core::model::{GlobalMaintenance, RouteState};

        let waygate = crate::Waygate::builder().build().await.unwrap();
        let served =
            |router: Router, number| router.route(&format!("/r{number}"), get(async || ""));
        let router = (0..30).fold(Router::new(), served);
        let _guarded = waygate.guard(router).await.unwrap();
        let wrong = (0..20).map(|number| format!("/r{number}x").parse().unwrap());
        let config = GlobalMaintenance::default().exempt_paths(wrong);
        let operator = waygate.system();
        let before = JUDGED.get();
        let judged = || JUDGED.get() - before;
        operator.enable_global_maintenance(config).await.unwrap();
        assert_eq!(judged(), 1, "for health and for the log");
        operator.disable("GET:/r1", "incident").await.unwrap();
        operator.enable("GET:/r1", "over").await.unwrap();
        let report = waygate.report().to_string();
        assert!(
            report.contains("; 12 more exemptions name no route"),
            "{report}"
        );
        assert_eq!(report.matches(": did you mean").count(), super::NAMED);
        assert_eq!(judged(), 1, "an unrelated change");
        let late = "GET:/r1x".parse().unwrap();
        waygate.register(late, RouteState::default()).await.unwrap();
        assert_eq!(judged(), 2, "another table");
        operator.set_global_exempt_paths(&["/r2x"]).await.unwrap();
        assert_eq!(judged(), 3, "other exemptions");
    }
}
