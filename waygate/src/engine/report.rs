use std::fmt;

use waygate_core::{
    Printable,
    grammar::EnvName,
    model::{LimitScope, RouteKey, RouteStatus},
};

use super::{ConcurrencyRecord, LimitRecord, RouteRecord, Source};

/// A human-readable start report: the environment and stores, the table of routes, and problems.
///
/// Each route has one line with its key, its status and its origin, followed by its limits. The shared limits are at
/// the end.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use waygate::{Waygate};
/// # use waygate::model::RouteState;
///
/// let waygate = Waygate::builder().build().await?;
/// # waygate.register("GET:/payments".parse()?, RouteState::default()).await?;
/// let report = waygate.report();
/// assert_eq!(report.routes().len(), 1);
/// assert!(report.to_string().contains("GET:/payments"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Report {
    environment: EnvName,
    routes: Vec<RouteRecord>,
    rates: Vec<LimitRecord>,
    concurrency: Vec<ConcurrencyRecord>,
    facts: Vec<(&'static str, String)>,
    notes: Vec<String>,
}

impl Report {
    pub(crate) fn new(
        environment: EnvName,
        routes: Vec<RouteRecord>,
        rates: Vec<LimitRecord>,
        concurrency: Vec<ConcurrencyRecord>,
    ) -> Self {
        Self {
            environment,
            routes,
            rates,
            concurrency,
            facts: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Adds lines at the beginning.
    pub(crate) fn with_facts(mut self, facts: Vec<(&'static str, String)>) -> Self {
        self.facts.extend(facts);
        self
    }

    /// Adds lines at the end.
    pub(crate) fn with_notes(mut self, notes: Vec<String>) -> Self {
        self.notes.extend(notes);
        self
    }

    /// The routes, by path and method.
    pub fn routes(&self) -> &[RouteRecord] {
        &self.routes
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |of: fn(&RouteRecord) -> usize| self.routes.iter().map(of).max().unwrap_or(0);
        for (what, fact) in &self.facts {
            writeln!(f, "{:<13}{}", format!("{what}:"), Printable(fact))?;
        }
        let key_width = width(|route| key(route).chars().count());
        let handler_width = width(|route| handler(route).len());
        for route in &self.routes {
            write!(
                f,
                "{:<key_width$}  {:<handler_width$}  {:<16}  {}",
                key(route),
                handler(route),
                origin(route),
                status(route, &self.environment),
            )?;
            notes(route, f)?;
            writeln!(f)?;
            self.limits(f, |scope| match scope {
                LimitScope::Route(key) => self.meets(&route.key, key),
                LimitScope::Global | LimitScope::Service(_) => false,
            })?;
        }
        self.limits(f, |scope| !matches!(scope, LimitScope::Route(_)))?;
        if self.has_shared_limit() {
            writeln!(
                f,
                "note: global and service limits do not count unmatched requests and axum's 405 responses, nor \
                 force-active routes unless `include_force_active` is set"
            )?;
        }
        self.notes
            .iter()
            .try_for_each(|note| writeln!(f, "note: {}", Printable(note)))
    }
}

impl Report {
    /// Returns `true` if limits with this key apply to a route: its own, or those of one of its methods.
    fn meets(&self, route: &RouteKey, key: &RouteKey) -> bool {
        let is_wider = route.method().is_none() && key.path() == route.path();
        key == route || is_wider && self.is_part(key)
    }

    fn has_shared_limit(&self) -> bool {
        let rates = self.rates.iter().map(|limit| &limit.key);
        let concurrency = self.concurrency.iter().map(|limit| &limit.key);
        rates
            .chain(concurrency)
            .any(|key| !matches!(key.scope, LimitScope::Route(_)))
    }

    /// Returns `true` if the key is one method of a route for all methods.
    fn is_part(&self, key: &RouteKey) -> bool {
        self.routes.iter().all(|route| route.key != *key)
    }

    fn limits(
        &self,
        f: &mut fmt::Formatter<'_>,
        wanted: impl Fn(&LimitScope) -> bool,
    ) -> fmt::Result {
        let rates = self.rates.iter().map(|limit| {
            let resting = match (limit.policy.enabled, limit.policy.shadow) {
                (false, _) => " (paused)",
                (true, true) => " (shadow: only reported)",
                (true, false) => "",
            };
            let missing = Missing {
                warning: limit.warning.as_deref(),
                keys: limit.skipped,
                counts: limit.counts.total() > 0,
                callers: limit.without_caller,
            };
            (&limit.key, Printable(&limit.meaning), resting, missing)
        });
        let concurrency = self.concurrency.iter().map(|limit| {
            let missing = Missing {
                warning: limit.warning.as_deref(),
                keys: limit.skipped,
                counts: true,
                callers: 0,
            };
            (&limit.key, Printable(&limit.meaning), "", missing)
        });
        for (key, meaning, resting, missing) in rates.chain(concurrency) {
            if !wanted(&key.scope) {
                continue;
            }
            let name = Printable(&key.name);
            match &key.scope {
                LimitScope::Route(route) if self.is_part(route) => {
                    let method = route.method().map_or("*", |method| method.as_str());
                    write!(f, "        {method} {name}: {meaning}{resting}")?;
                }
                LimitScope::Route(_) => write!(f, "        {name}: {meaning}{resting}")?,
                LimitScope::Global => write!(f, "global {name}: {meaning}{resting}")?,
                LimitScope::Service(service) => {
                    let service = Printable(service);
                    write!(f, "service {service} {name}: {meaning}{resting}")?;
                }
            }
            writeln!(f, "{missing}")?;
        }
        Ok(())
    }
}

/// The format that operators write.
fn key(route: &RouteRecord) -> String {
    Printable(&route.key).to_string()
}

/// The parts of requests that a limit needs but did not find.
struct Missing<'a> {
    /// The problem that is known without a request.
    warning: Option<&'a str>,
    /// Requests without its key.
    keys: u64,
    /// `true` if some requests had its key.
    counts: bool,
    /// Requests without a caller, of a limit with tiers.
    callers: u64,
}

impl fmt::Display for Missing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(warning) = self.warning {
            write!(f, " (warning: {})", Printable(warning))?;
        }
        let keys = self.keys;
        match (keys, self.counts) {
            (0, _) => {}
            (_, true) => write!(f, " ({keys} requests without its key not counted)")?,
            (_, false) => write!(f, " (none of {keys} requests had its key)")?,
        }
        match self.callers {
            0 => Ok(()),
            callers => write!(
                f,
                " ({callers} requests without a caller had none of its tiers)"
            ),
        }
    }
}

fn handler(route: &RouteRecord) -> &'static str {
    route
        .source
        .as_ref()
        .and_then(Source::handler)
        .unwrap_or("-")
}

fn origin(route: &RouteRecord) -> &'static str {
    match &route.source {
        Some(Source::Operation { .. }) => "via operation",
        Some(Source::Attribute { .. }) => "via route =",
        Some(Source::Document) => "not annotated",
        Some(Source::Router) => "not documented",
        Some(Source::Registered) => "via register()",
        None => "orphaned",
    }
}

/// The status, and its effect in this environment, which is unknown for other services.
fn status(route: &RouteRecord, environment: &EnvName) -> String {
    let status = route.view.status;
    let is_gated = status == RouteStatus::EnvGated && route.key.service().is_none();
    match route.view.allowed_envs.contains(environment) {
        true if is_gated => format!("{status} (open here)"),
        false if is_gated => format!("{status} (closed here)"),
        _ => status.to_string(),
    }
}

fn notes(route: &RouteRecord, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if !route.view.reason.is_empty() {
        write!(f, " ({})", Printable(&route.view.reason))?;
    }
    let deprecation = route.state.deprecation.as_ref();
    let has_sunset = deprecation.is_some_and(|details| details.sunset().is_some());
    let marks = [
        (route.state.force_active, "force-active"),
        (
            !route.state.position.windows.is_empty() || !route.state.position.recurring.is_empty(),
            "scheduled",
        ),
        (has_sunset, "sunset"),
        (!route.state.access.ips.is_empty(), "allowed_ips"),
        (!route.state.access.roles.is_empty(), "allowed_roles"),
        (route.overridden, "overridden"),
        (route.drifted, "drifted from its declaration"),
        (route.unserved, "not served by a guarded router"),
    ];
    let mut set = marks.into_iter().filter(|(set, _)| *set);
    set.try_for_each(|(_, mark)| write!(f, " +{mark}"))?;
    #[cfg(feature = "flags")]
    for gate in &route.flag_gates {
        write!(f, " +flag `{}`", gate.flag)?;
        if gate.defaults > 0 {
            let (default, count) = (gate.default, gate.defaults);
            write!(f, " (its default {default} decided {count} requests")?;
            if !gate.errors.is_empty() {
                write!(f, ": {}", gate.errors.join(", "))?;
            }
            write!(f, ")")?;
        }
        match (gate.late_callers, gate.without_caller) {
            (0, 0) => {}
            (0, count) => write!(f, " ({count} requests without a caller)")?,
            (late, _) => write!(
                f,
                " (decided {late} requests without the caller that their handler had)"
            )?,
        }
    }
    let mut also = route.also_gated_by.iter();
    also.try_for_each(|other| write!(f, " +also gated by {}", Printable(other)))
}
