//! A setting with its origin.

use std::{borrow::Cow, fmt};

use waygate_core::grammar::{EnvName, Invalid};

use crate::engine::BuildError;

/// The text of a setting, with its origin.
pub(in crate::engine) struct Setting {
    pub(in crate::engine) value: String,
    /// The name and its source, or the call in code.
    pub(in crate::engine) origin: String,
}

impl Setting {
    pub(super) fn new(name: &str, value: String, source: &str) -> Self {
        Self {
            value,
            origin: format!("{name} from {source}"),
        }
    }

    pub(in crate::engine) fn by_default(value: &str) -> Self {
        Self {
            value: value.to_owned(),
            origin: "default".to_owned(),
        }
    }

    /// The value for messages.
    pub(in crate::engine) fn shown(&self) -> &str {
        match may_give_access(&self.value) {
            true => HIDDEN,
            false => &self.value,
        }
    }

    /// The value as the name of an environment.
    pub(in crate::engine) fn environment(&self) -> Result<EnvName, BuildError> {
        let parsed = self.value.parse::<EnvName>();
        parsed.map_err(|invalid| BuildError::Setting {
            setting: format!("environment ({})", self.origin),
            invalid: Invalid::new(
                "environment name",
                self.shown(),
                invalid.problem().to_owned(),
            ),
        })
    }

    pub(super) fn invalid(
        &self,
        noun: &'static str,
        problem: impl Into<Cow<'static, str>>,
    ) -> BuildError {
        BuildError::Setting {
            setting: self.origin.clone(),
            invalid: Invalid::new(noun, self.shown(), problem),
        }
    }

    pub(super) fn sets_nothing(&self, why: impl fmt::Display) -> BuildError {
        BuildError::Misconfigured(format!("{} has no effect: {why}", self.origin))
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ({})", self.shown(), self.origin)
    }
}

/// The placeholder for a value that may grant access.
pub(super) const HIDDEN: &str = "***";

/// Returns `true` if a value looks like a URL, which may contain a password, regardless of the setting.
fn may_give_access(value: &str) -> bool {
    value.contains("://") || value.contains('@')
}

/// A value for messages, of the setting with this name.
pub(super) fn shown<'a>(name: &str, value: &'a str) -> &'a str {
    let is_secret = name.ends_with("_URL") || name.ends_with("_TOKEN");
    match is_secret || may_give_access(value) {
        true => HIDDEN,
        false => value,
    }
}
