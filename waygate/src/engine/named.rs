use std::sync::OnceLock;

use waygate_core::grammar::EnvName;

use super::{BuildError, config::Setting};

/// The default environment.
const DEFAULT: &str = "dev";

/// The origins of the environment's name.
#[derive(Debug, Default)]
pub(crate) struct Named {
    /// The call in code.
    pub(super) in_code: Option<Setting>,
    /// `WAYGATE_ENV`.
    pub(super) by_setting: Option<Setting>,
    /// `true` if that variable is read.
    pub(super) reads_settings: bool,
    /// Set after the warning that routes need a name.
    pub(super) warned: OnceLock<()>,
}

impl Named {
    pub(super) fn name(&self) -> Result<EnvName, BuildError> {
        match self.in_code.as_ref().or(self.by_setting.as_ref()) {
            Some(setting) => setting.environment(),
            None => Setting::by_default(DEFAULT).environment(),
        }
    }

    pub(super) fn is_named(&self) -> bool {
        self.in_code.is_some() || self.by_setting.is_some()
    }

    /// How to set the name.
    pub(super) fn remedy(&self) -> &'static str {
        match self.reads_settings {
            true => "set `WAYGATE_ENV`, or call `.environment(..)`",
            false => "call `.environment(..)`",
        }
    }
}
