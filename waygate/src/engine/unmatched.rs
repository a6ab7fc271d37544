//! Exemptions and services that match nothing: most are typing errors, and none does what it says.
//!
//! They are taken all the same. A route may be registered later, and other processes of a fleet have routes and services
//! that this one does not know.

use waygate_core::{
    grammar::{Method, ServiceName},
    model::{ExemptPath, GlobalMaintenance, LimitKey, LimitScope, RouteKey},
    similar::typing_errors,
};

use super::{
    Component, Inner, maintenance::MaintenanceScope, nearest::nearest, snapshot::Snapshot,
    table::Table,
};

impl Snapshot {
    /// What a limit names that is not known here, in words.
    pub(crate) fn unmatched_by_limit(
        &self,
        scope: &LimitScope,
        exempt: &[ExemptPath],
    ) -> Option<String> {
        match scope {
            LimitScope::Global => self.unmatched(None, exempt),
            LimitScope::Service(service) => self.unmatched(Some(service), exempt),
            LimitScope::Route(_) => (!exempt.is_empty()).then(|| {
                "it exempts routes, which only limits of everything or of a service do".to_owned()
            }),
        }
    }

    /// Why a limit does not count as it is meant to, as far as that is known without a request.
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

    /// What maintenance names that is not known here, in words.
    pub(crate) fn unmatched_by_maintenance(
        &self,
        scope: &MaintenanceScope,
        config: &GlobalMaintenance,
    ) -> Option<String> {
        // One that was never set, or has ended, names nothing.
        let service = scope.service().filter(|_| config.enabled);
        self.unmatched(service, &config.exempt_paths)
    }

    /// The same for all maintenance that is set.
    pub(crate) fn unmatched_maintenance(&self) -> impl Iterator<Item = String> {
        let scopes = std::iter::once((MaintenanceScope::Global, &self.global.config));
        let own = self.own_service.clone().map(MaintenanceScope::Service);
        let maintenance = scopes
            .chain(own.map(|scope| (scope, &self.service.config)))
            .filter_map(|(scope, config)| {
                let problem = self.unmatched_by_maintenance(&scope, config)?;
                Some(format!("{}: {problem}", scope.in_words()))
            });
        let services = self.maintained_elsewhere.iter().filter_map(|service| {
            let problem = self.unmatched(Some(service), &[])?;
            Some(format!("maintenance of the service {service}: {problem}"))
        });
        maintenance.chain(services)
    }

    /// The same for everything that is set.
    fn all_unmatched(&self) -> Vec<String> {
        let rates = self.levels().flat_map(|own| &*own.rates).map(|policy| {
            let exempt = &policy.fields.exempt_routes;
            ("rate limit", &policy.key, exempt)
        });
        let places = self.levels().flat_map(|own| &*own.concurrency);
        let places = places.map(|limit| {
            let exempt = &limit.fields.exempt_routes;
            ("limit of concurrency", &limit.key, exempt)
        });
        let limits = rates.chain(places).filter_map(|(kind, key, exempt)| {
            let problem = self.unmatched_by_limit(&key.scope, exempt)?;
            Some(format!("the {kind} {key}: {problem}"))
        });
        self.unmatched_maintenance().chain(limits).collect()
    }

    fn unmatched(&self, service: Option<&ServiceName>, exempt: &[ExemptPath]) -> Option<String> {
        let stranger = service.and_then(|service| self.stranger(service));
        // Routes of this process are registered without its service.
        let prefix = service.filter(|service| Some(*service) != self.own_service.as_ref());
        let routes = Routes {
            table: &self.table,
            service: service.map(|_| prefix.map(ServiceName::as_str)),
        };
        // Nothing can be said of routes that are not known.
        let exempt = exempt.iter().filter(|_| routes.all().next().is_some());
        let exempt = exempt.filter_map(|exempt| routes.problem(exempt));
        let problems: Vec<String> = stranger.into_iter().chain(exempt).collect();
        (!problems.is_empty()).then(|| problems.join("; "))
    }

    /// What to say of a service that is not known here.
    fn stranger(&self, service: &ServiceName) -> Option<String> {
        let known = || {
            let of_routes = self.table.services();
            of_routes.chain(self.own_service.as_ref().map(ServiceName::as_str))
        };
        if known().any(|known| known == service.as_str()) {
            return None;
        }
        let near = known().map(|known| (typing_errors(known, service.as_str()), known));
        let near = near
            .min_by_key(|(distance, _)| *distance)
            .filter(|(distance, known)| *distance * 2 <= known.len())
            .map(|(_, known)| format!(": did you mean `{known}`?"));
        let hint = near.unwrap_or_default();
        Some(format!(
            "neither this process nor a route known here belongs to the service `{service}`{hint}"
        ))
    }

    /// Whether what matches nothing here matches nothing at all, as far as can be known, and health says so.
    pub(crate) fn knows_every_route(&self) -> bool {
        self.table.is_guarded() && !self.is_part_of_fleet()
    }

    /// Whether routes and services may be meant that other processes have.
    fn is_part_of_fleet(&self) -> bool {
        self.own_service.is_some() || self.table.services().next().is_some()
    }
}

/// The routes that exemptions can name.
struct Routes<'a> {
    table: &'a Table,
    /// What their keys have for a service; `None` where any will do.
    service: Option<Option<&'a str>>,
}

impl<'a> Routes<'a> {
    fn all(&self) -> impl Iterator<Item = &'a RouteKey> + Clone {
        let service = self.service;
        let keys = self.table.registered().map(|route| &route.key);
        keys.filter(move |key| service.is_none_or(|service| key.service() == service))
    }

    /// What is wrong with an exemption, if no route is exempt by it.
    fn problem(&self, exempt: &ExemptPath) -> Option<String> {
        let method = exempt.key().method();
        let fits =
            |key: &RouteKey| method.is_none() || key.method().is_none() || key.method() == method;
        let mut of_path = self.all().filter(|key| exempt.covers_path(key.path()));
        if of_path.clone().any(fits) {
            return None;
        }
        let hint = match of_path.next() {
            Some(other) => Some(other.as_str().to_owned()),
            None => self.meant(exempt.key()),
        };
        let hint = hint.map(|meant| format!(": did you mean `{meant}`?"));
        let hint = hint.unwrap_or_default();
        Some(format!("the exemption `{exempt}` names no route{hint}"))
    }

    /// The exemption that was probably meant.
    fn meant(&self, asked: &RouteKey) -> Option<String> {
        let path = asked.path();
        let found = self
            .all()
            .map(RouteKey::path)
            .find(|template| matches(template, path));
        let found = match (found, path.rsplit_once("/{*")) {
            (Some(template), _) => Some(template.to_owned()),
            // Everything below a path: one of those that there are, as long as it.
            (None, Some((prefix, rest))) => {
                let depth = prefix.split('/').count();
                let prefixes = self.all().filter_map(|key| {
                    let segments: Vec<&str> = key.path().split('/').collect();
                    (segments.len() > depth).then(|| segments[..depth].join("/"))
                });
                nearest_path(prefix, prefixes).map(|prefix| format!("{prefix}/{{*{rest}"))
            }
            (None, None) => nearest_path(path, self.all().map(|key| key.path().to_owned()))
                .or_else(|| self.below(path)),
        }?;
        Some(match asked.method() {
            Some(method) => format!("{method}:{found}"),
            None => found,
        })
    }

    /// Everything below a path that is the beginning of others.
    fn below(&self, path: &str) -> Option<String> {
        let prefix = path.strip_suffix('/').unwrap_or(path);
        let is_below = |key: &RouteKey| {
            let rest = key.path().strip_prefix(prefix);
            rest.is_some_and(|rest| rest.len() > 1 && rest.starts_with('/'))
        };
        let found = !prefix.is_empty() && self.all().any(is_below);
        found.then(|| format!("{prefix}/{{*rest}}"))
    }
}

fn nearest_path(asked: &str, known: impl Iterator<Item = String>) -> Option<String> {
    let asked: RouteKey = asked.parse().ok()?;
    let known: Vec<RouteKey> = known.filter_map(|path| path.parse().ok()).collect();
    nearest(&asked, known.iter()).map(|key| key.path().to_owned())
}

/// Whether a template is that of a URL. Exemptions name routes by their templates.
fn matches(template: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    for part in template.split('/') {
        if part.starts_with("{*") {
            return segments.next().is_some_and(|segment| !segment.is_empty());
        }
        let is_parameter = part.starts_with('{') && !part.starts_with("{{");
        match segments.next() {
            Some(segment) if segment == part || is_parameter && !segment.is_empty() => {}
            _ => return false,
        }
    }
    segments.next().is_none()
}

impl Inner {
    /// Reports what is set and matches nothing, once a guarded router has shown what there is. A process that is part of a
    /// fleet cannot know whether another one has it: it only says so in its report, and when it is set.
    pub(crate) fn note_unmatched(&self, snapshot: &Snapshot) {
        let unmatched = match snapshot.knows_every_route() {
            true => snapshot.all_unmatched(),
            false => Vec::new(),
        };
        match unmatched.is_empty() {
            true => self.monitor.recover(Component::Unmatched),
            false => {
                let (cause, now) = (unmatched.join("; "), self.clock.now());
                self.monitor.degrade(Component::Unmatched, cause, now);
            }
        }
    }
}

/// Whether a method can be exempt by itself on a route that takes all of them.
pub(crate) fn methods_of<'a>(
    exempt: impl Iterator<Item = &'a ExemptPath>,
    path: &str,
) -> Vec<Method> {
    let named = exempt.filter(|exempt| exempt.covers_path(path));
    let mut methods: Vec<Method> = named.filter_map(|exempt| exempt.key().method()).collect();
    methods.sort_unstable();
    methods.dedup();
    methods
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_url_is_told_from_a_template() {
        for (template, path, expected) in [
            ("/users/{id}", "/users/7", true),
            ("/users/{id}", "/users/", false),
            ("/users/{id}", "/users/7/x", false),
            ("/files/{*rest}", "/files/a/b", true),
            ("/files/{*rest}", "/files/", false),
            ("/a", "/b", false),
        ] {
            assert_eq!(matches(template, path), expected, "{template} {path}");
        }
    }
}
