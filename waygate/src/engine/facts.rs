//! What the report of the start says of the engine itself.

use waygate_core::model::GlobalMaintenance;

use super::{Inner, maintenance::MaintenanceScope, snapshot::Snapshot};

impl Inner {
    /// Each with its name.
    pub(crate) fn facts(&self, snapshot: &Snapshot) -> Vec<(&'static str, String)> {
        let mut facts = vec![("environment", self.environment_in_words())];
        facts.extend((self.settings.clone()).map(|settings| ("settings", settings)));
        facts.extend((self.service.as_ref()).map(|service| ("service", service.to_string())));
        facts.push(("state", self.backend.describe()));
        facts.push(("counters", self.counters_in_words()));
        let now = self.clock.now();
        let on = (snapshot.maintenances()).filter(|(_, maintained)| maintained.is_on(now));
        facts.extend(
            on.map(|(scope, maintained)| ("maintenance", in_words(&scope, &maintained.config))),
        );
        facts
    }

    fn counters_in_words(&self) -> String {
        if let Some(shared) = &self.counters.shared {
            return shared.store.describe();
        }
        #[cfg(feature = "file")]
        if let Some(snapshot) = &self.counter_snapshot {
            return format!("in memory, kept in file `{}`", snapshot.path().display());
        }
        "in memory of this process; they end with it".to_owned()
    }
}

fn in_words(scope: &MaintenanceScope, config: &GlobalMaintenance) -> String {
    let mut words = format!("{} is on", scope.in_words());
    let reason = config.reason.to_string();
    if !reason.is_empty() {
        words.push_str(&format!(" ({reason})"));
    }
    if let Some(end) = config.end {
        words.push_str(&format!(", until {end}"));
    }
    let paths = config.exempt_paths.iter().map(ToString::to_string);
    let networks = config.exempt_ips.iter().map(ToString::to_string);
    let roles = config.exempt_roles.iter();
    let exempt: Vec<String> = paths
        .chain(networks)
        .chain(roles.map(|role| format!("role {role}")))
        .collect();
    if !exempt.is_empty() {
        words.push_str(&format!(", but for {}", exempt.join(", ")));
    }
    words
}
