//! The sources of settings: the environment first, then the file.

#[cfg(feature = "file")]
use std::path::Path;
use std::{collections::HashMap, ffi::OsString};

use waygate_core::grammar::Invalid;

use super::{
    file::File,
    names,
    setting::{Setting, shown},
};
use crate::engine::BuildError;

pub(super) const ENVIRONMENT: &str = "the environment";

pub(super) struct Sources {
    variables: HashMap<String, String>,
    file: File,
}

impl Sources {
    pub(super) fn new(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        file: File,
    ) -> Result<Self, BuildError> {
        let variables = of_environment(variables)?;
        Ok(Self { variables, file })
    }

    /// An empty value counts as unset.
    pub(super) fn get(&self, name: &str) -> Option<Setting> {
        match self.variables.get(name) {
            Some(value) => Some(Setting::new(name, value.clone(), ENVIRONMENT)),
            None => self.of_file(name),
        }
    }

    /// The value in the file.
    pub(super) fn of_file(&self, name: &str) -> Option<Setting> {
        let value = self.file.values.get(name)?;
        (!value.is_empty()).then(|| Setting::new(name, value.clone(), &self.file.path))
    }

    /// Describes the sources of settings.
    pub(super) fn described(&self) -> String {
        format!("{ENVIRONMENT}, and {}", self.file.path)
    }

    /// The base of a relative path in this setting: the directory of the file that sets it, or the working directory.
    #[cfg(feature = "file")]
    pub(super) fn directory_of(&self, name: &str) -> Option<&Path> {
        let is_of_file = !self.is_of_environment(name) && self.of_file(name).is_some();
        is_of_file.then_some(&*self.file.directory)
    }

    pub(super) fn is_of_environment(&self, name: &str) -> bool {
        self.variables.contains_key(name)
    }
}

/// The variables with our prefix. An empty one counts as unset, whatever its name.
fn of_environment(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<HashMap<String, String>, BuildError> {
    let mut ours = HashMap::new();
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| names::is_ours(name)) else {
            continue;
        };
        if value.is_empty() {
            continue;
        }
        names::check(name).map_err(|invalid| BuildError::Setting {
            setting: ENVIRONMENT.to_owned(),
            invalid,
        })?;
        let value = value.into_string().map_err(|value| {
            let value = value.to_string_lossy();
            BuildError::Setting {
                setting: format!("{name} from {ENVIRONMENT}"),
                invalid: Invalid::new("text", shown(name, &value), "it is not UTF-8"),
            }
        })?;
        ours.insert(name.to_owned(), value);
    }
    Ok(ours)
}
