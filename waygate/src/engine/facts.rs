//! Facts about the engine itself, for the start report.

use super::Inner;

impl Inner {
    /// The facts with their names.
    pub(crate) fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![("environment", self.environment_in_words())];
        facts.extend((self.settings.clone()).map(|settings| ("settings", settings)));
        facts.extend((self.service.as_ref()).map(|service| ("service", service.to_string())));
        facts.push(("state", self.state_in_words()));
        facts.push(("counters", self.counters_in_words()));
        #[cfg(feature = "metrics")]
        facts.extend(self.metrics_in_words().map(|metrics| ("metrics", metrics)));
        facts
    }

    /// The number of series, if the program exposes metrics.
    #[cfg(feature = "metrics")]
    fn metrics_in_words(&self) -> Option<String> {
        use std::sync::atomic::Ordering;
        /// The series of a route before its first request: a histogram, the reasons of blocks, the status.
        const OF_ROUTE: usize =
            super::traffic::EDGES.len() + 3 + super::traffic::BlockedBy::ALL.len() + 1;
        /// Those that do not depend on routes, flags and limits.
        const OTHERS: usize = 150;
        if !self.has_metrics.load(Ordering::Relaxed) {
            return None;
        }
        let routes = self.snapshot.load().table.registered().count();
        let (expected, budget) = (routes * OF_ROUTE + OTHERS, self.metrics_budget);
        let more = match routes * OF_ROUTE > budget {
            true => "; the routes above it count together: raise it (`.metrics_budget(..)`)",
            false => "",
        };
        Some(format!(
            "about {expected} series, with a budget of {budget} for routes{more}"
        ))
    }

    /// The backend, with the whole path of a state file.
    fn state_in_words(&self) -> String {
        let words = self.backend.describe();
        let Some(path) = self.backend.state_file() else {
            return words;
        };
        let new = match path.exists() {
            true => "",
            false => " (new state file: the first change creates it)",
        };
        let words = match std::path::absolute(path) {
            Ok(whole) => {
                words.replacen(&path.display().to_string(), &whole.display().to_string(), 1)
            }
            Err(_) => words,
        };
        format!("{words}{new}")
    }

    fn counters_in_words(&self) -> String {
        if let Some(shared) = &self.counters.shared {
            return shared.store.describe();
        }
        #[cfg(feature = "file")]
        if let Some(snapshot) = &self.counter_snapshot {
            let path = snapshot.path();
            return match snapshot.is_held() {
                true => format!("in memory, kept in file `{}`", path.display()),
                false => format!(
                    "in memory only: another process keeps its counters in file `{}`",
                    path.display()
                ),
            };
        }
        "in memory only: they are lost when this process ends".to_owned()
    }
}
