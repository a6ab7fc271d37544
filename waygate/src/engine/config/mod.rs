//! Settings from the environment and the nearest `.waygate` file (wire contract, section 15).

mod file;
mod names;
mod setting;
mod sources;
#[cfg(test)]
mod tests;

#[cfg(feature = "file")]
use std::path::PathBuf;
use std::{env, ffi::OsString, path::Path};

#[cfg(feature = "redis")]
use waygate_core::port::BackendError;

#[cfg(feature = "file")]
use super::counter_snapshot::Place;
use super::{BuildError, WaygateBuilder};
pub(super) use setting::Setting;
use sources::Sources;

const BACKEND: &str = "WAYGATE_BACKEND";
const COUNTERS_URL: &str = "WAYGATE_COUNTERS_REDIS_URL";
const COUNTER_SNAPSHOT: &str = "WAYGATE_COUNTER_SNAPSHOT";
const FILE_PATH: &str = "WAYGATE_FILE_PATH";
const REDIS_URL: &str = "WAYGATE_REDIS_URL";

pub(crate) fn from_env() -> Result<WaygateBuilder, BuildError> {
    let directory = env::current_dir().map_err(|source| BuildError::Config {
        path: ".".to_owned(),
        source,
    })?;
    from_sources(env::vars_os(), &directory)
}

/// Like [`from_env`], with this file instead of the nearest one; it must exist.
pub(crate) fn from_env_file(path: &Path) -> Result<WaygateBuilder, BuildError> {
    from_file(env::vars_os(), file::read_named(path)?)
}

fn from_sources(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
    directory: &Path,
) -> Result<WaygateBuilder, BuildError> {
    from_file(variables, file::nearest(directory)?)
}

fn from_file(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
    file: file::File,
) -> Result<WaygateBuilder, BuildError> {
    let sources = Sources::new(variables, file)?;
    let mut builder = WaygateBuilder::default();
    builder.settings = Some(sources.described());
    builder.environment.reads_settings = true;
    builder.environment.by_setting = sources.get("WAYGATE_ENV");
    if let Some(bypass) = sources.get("WAYGATE_BYPASS_LIFECYCLE") {
        builder.bypass_lifecycle = switch(bypass)?;
    }
    if let Some(bypass) = sources.get("WAYGATE_BYPASS_RATE_LIMITS") {
        builder.bypass_rate_limits = switch(bypass)?;
    }
    let backend = sources.get(BACKEND);
    if let Some(backend) = &backend {
        match backend.value.as_str() {
            "memory" => {}
            #[cfg(feature = "file")]
            "file" => {
                let (path, named_by) = match sources.get(FILE_PATH) {
                    Some(setting) => (path(setting)?, FILE_PATH),
                    None => ("waygate-state.json".into(), BACKEND),
                };
                builder.file = Some(beside(sources.directory_of(named_by), path));
            }
            #[cfg(feature = "redis")]
            "redis" => {
                let options = redis(sources.get(REDIS_URL));
                builder.redis = Some(options.map_err(BackendError::Misconfigured)?);
            }
            _ => return Err(backend.invalid("backend", backends())),
        }
    }
    refuse_idle(&sources, backend.as_ref())?;
    if let Some(url) = sources.get(COUNTERS_URL) {
        #[cfg(not(feature = "redis"))]
        return Err(url.sets_nothing(without("redis")));
        #[cfg(feature = "redis")]
        {
            let options = redis(Some(url)).map_err(BuildError::Misconfigured)?;
            builder.redis_counters = Some(options);
        }
    }
    if let Some(snapshot) = sources.get(COUNTER_SNAPSHOT) {
        #[cfg(not(feature = "file"))]
        if snapshot.value != "off" {
            return Err(snapshot.sets_nothing(without("file")));
        }
        #[cfg(feature = "file")]
        {
            let directory = sources.directory_of(COUNTER_SNAPSHOT);
            builder.counter_snapshot = match place(snapshot)? {
                Place::At(path) => Place::At(beside(directory, path)),
                other => other,
            };
        }
    }
    Ok(builder)
}

/// Refuses settings of another backend than the selected one, which would have no effect.
fn refuse_idle(sources: &Sources, backend: Option<&Setting>) -> Result<(), BuildError> {
    for (name, needed, is_there, or) in [
        (FILE_PATH, "file", cfg!(feature = "file"), ""),
        (
            REDIS_URL,
            "redis",
            cfg!(feature = "redis"),
            ", or use `WAYGATE_COUNTERS_REDIS_URL` instead to keep only counters there",
        ),
    ] {
        let Some(setting) = sources.get(name) else {
            continue;
        };
        let is_needed = |backend: &Setting| backend.value == needed;
        // The environment may replace the file's backend, together with its settings.
        let is_replaced = !sources.is_of_environment(name)
            && sources
                .of_file(BACKEND)
                .is_some_and(|of_file| is_needed(&of_file));
        if backend.is_some_and(is_needed) || is_replaced {
            continue;
        }
        if !is_there {
            return Err(setting.sets_nothing(without(needed)));
        }
        let found = match backend {
            Some(backend) => format!("{} is `{}`", backend.origin, backend.value),
            None => format!("`{BACKEND}` is not set"),
        };
        let why = format_args!("{found}; set `{BACKEND}={needed}` to keep state there{or}");
        return Err(setting.sets_nothing(why));
    }
    Ok(())
}

fn without(feature: &str) -> String {
    format!("the program is built without the cargo feature `{feature}` of Waygate")
}

/// A word other than `off` is more likely a typo than a file name.
#[cfg(feature = "file")]
fn place(setting: Setting) -> Result<Place, BuildError> {
    if setting.value == "off" {
        return Ok(Place::Nowhere);
    }
    let is_path = setting.value.contains(std::path::is_separator)
        || Path::new(&setting.value).extension().is_some();
    if !is_path {
        let word = setting.shown();
        let problem = format!(
            "expected `off`, or a path with a directory or an extension, such as `./{word}`"
        );
        return Err(setting.invalid("path", problem));
    }
    path(setting).map(Place::At)
}

/// Resolves a path relative to the directory of the file.
#[cfg(feature = "file")]
fn beside(directory: Option<&Path>, path: PathBuf) -> PathBuf {
    match directory {
        Some(directory) => directory.join(path),
        None => path,
    }
}

/// A URL would be shown wherever the file is named.
#[cfg(feature = "file")]
fn path(setting: Setting) -> Result<PathBuf, BuildError> {
    match setting.value.contains("://") {
        true => Err(setting.invalid("path", "expected a file path, found a URL")),
        false => Ok(setting.value.into()),
    }
}

/// Errors omit the URL, which may contain a password.
#[cfg(feature = "redis")]
fn redis(url: Option<Setting>) -> Result<waygate_backends::RedisOptions, String> {
    let url = url.unwrap_or_else(|| Setting {
        value: "redis://localhost:6379/0".to_owned(),
        origin: format!("{REDIS_URL} by default"),
    });
    let options = waygate_backends::RedisOptions::new(&url.value);
    options.map_err(|error| format!("{}: {error}", url.origin))
}

const fn backends() -> &'static str {
    match (cfg!(feature = "file"), cfg!(feature = "redis")) {
        (true, true) => {
            "expected `memory`, `file` or `redis`; set other backends with `.backend(..)` on the builder"
        }
        (true, false) => {
            "expected `memory` or `file` (`redis` needs the cargo feature `redis`); set other backends with \
             `.backend(..)` on the builder"
        }
        (false, true) => {
            "expected `memory` or `redis` (`file` needs the cargo feature `file`); set other backends with \
             `.backend(..)` on the builder"
        }
        (false, false) => {
            "expected `memory` (`file` and `redis` need the cargo features of those names); set other backends with \
             `.backend(..)` on the builder"
        }
    }
}

/// Returns the origin of an enabled switch; `None` if it is off.
fn switch(setting: Setting) -> Result<Option<String>, BuildError> {
    match setting.value.as_str() {
        "true" => Ok(Some(setting.origin)),
        "false" => Ok(None),
        _ => Err(setting.invalid("boolean", "expected `true` or `false`")),
    }
}
