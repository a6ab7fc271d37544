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
        facts
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
