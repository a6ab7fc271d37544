//! The environment of the process, its origin, and the check against the routes.

use std::collections::BTreeSet;

use waygate_core::{
    Printable,
    grammar::EnvName,
    model::{RouteKey, RouteState},
    similar::typing_errors,
};

use super::{Inner, snapshot::Snapshot};

impl Snapshot {
    /// The environments that routes of this process name.
    fn environments(&self) -> BTreeSet<&EnvName> {
        let of_process = self.routes().filter(|(key, _)| key.service().is_none());
        of_process
            .filter_map(|(_, state)| state.position.envs.as_ref())
            .flatten()
            .collect()
    }

    /// The registered routes.
    fn routes(&self) -> impl Iterator<Item = (&RouteKey, &RouteState)> {
        let slots = (0..self.table.len()).filter(|slot| !self.table.is_gone(*slot));
        slots.filter_map(|slot| Some((&self.table.route(slot)?.key, &self.slot(slot)?.state)))
    }
}

impl Inner {
    /// The environment, for the report.
    pub(super) fn environment_in_words(&self) -> String {
        match (self.named.is_named(), self.named.reads_settings) {
            (true, _) => self.env.to_string(),
            (false, true) => format!("{} (by default: WAYGATE_ENV is not set)", self.env),
            (false, false) => format!("{} (by default: none is set)", self.env),
        }
    }

    /// Notes on the environment, for the report.
    pub(super) fn environment_notes(&self, snapshot: &Snapshot) -> Vec<String> {
        let overridden = match (&self.named.in_code, &self.named.by_setting) {
            (Some(code), Some(setting)) if code.value != setting.value => Some(format!(
                "{} is `{}`, but has no effect: .environment(\"{}\") in code takes precedence",
                setting.origin,
                setting.shown(),
                self.env
            )),
            _ => None,
        };
        let of_routes = snapshot.environments();
        let unknown = match self.named.is_named() {
            // Most programs run in an environment that none of their routes names.
            true if of_routes.contains(&self.env) => None,
            true => self.unknown_environment(&of_routes),
            false => self.unnamed_environment(&of_routes),
        };
        let misspelled = snapshot.routes().filter_map(|(route, state)| {
            let problem = self.misspelled(route, state)?;
            Some(format!("`{route}` is {problem}"))
        });
        let notes = overridden.into_iter();
        match unknown {
            Some(unknown) => notes.chain([unknown]).collect(),
            None => notes.chain(misspelled).collect(),
        }
    }

    /// Warns once that routes depend on an environment but none is set.
    pub(super) fn warn_of_unnamed_environment(&self, snapshot: &Snapshot) {
        if self.named.is_named() || self.named.warned.get().is_some() {
            return;
        }
        if let Some(problem) = self.unnamed_environment(&snapshot.environments()) {
            self.named
                .warned
                .get_or_init(|| tracing::warn!("{}", Printable(problem)));
        }
    }

    fn unnamed_environment(&self, of_routes: &BTreeSet<&EnvName>) -> Option<String> {
        (!of_routes.is_empty()).then(|| {
            format!(
                "some routes are limited to environments ({}), but none is set: this process defaults to `{}`; {}",
                list(of_routes),
                self.env,
                self.named.remedy()
            )
        })
    }

    /// The warning if an environment similar to that of this process closes a route here.
    pub(super) fn misspelled(&self, route: &RouteKey, state: &RouteState) -> Option<String> {
        let envs: BTreeSet<&EnvName> = state.position.envs.iter().flatten().collect();
        // Routes of a service are open or closed in its processes.
        if envs.contains(&self.env) || route.service().is_some() {
            return None;
        }
        meant(self.env.as_str(), &envs)?;
        Some(format!(
            "limited to {}, so closed in this process, whose environment is `{env}`: did you mean `{env}`?",
            list(&envs),
            env = self.env
        ))
    }

    fn unknown_environment(&self, of_routes: &BTreeSet<&EnvName>) -> Option<String> {
        let meant = meant(self.env.as_str(), of_routes)?;
        Some(format!(
            "no route names the environment `{}`, but routes are limited to {}: did you mean `{meant}`?",
            self.env,
            list(of_routes),
        ))
    }
}

fn list(environments: &BTreeSet<&EnvName>) -> String {
    let names: Vec<String> = (environments.iter())
        .map(|name| format!("`{name}`"))
        .collect();
    names.join(", ")
}

/// The most similar name, or one that is a prefix of the other (`prod`).
fn meant<'a>(asked: &str, known: &BTreeSet<&'a EnvName>) -> Option<&'a EnvName> {
    let distance = |name: &str| match name.starts_with(asked) || asked.starts_with(name) {
        true if name.len().min(asked.len()) >= 3 => 1,
        _ => typing_errors(name, asked),
    };
    let near = known.iter().map(|name| (distance(name.as_str()), *name));
    near.min_by_key(|(distance, _)| *distance)
        .filter(|(distance, name)| *distance * 3 <= name.as_str().len())
        .map(|(_, name)| name)
}
