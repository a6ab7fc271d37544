//! Settings from the environment and the nearest `.waygate` file (wire contract section 15).

use std::{collections::HashMap, env, io, path::Path};

use waygate_core::grammar::Invalid;

#[cfg(feature = "file")]
use super::counter_snapshot::Place;
use super::{BuildError, WaygateBuilder, builder::Setting};

const FILE: &str = ".waygate";

pub(crate) fn from_env() -> Result<WaygateBuilder, BuildError> {
    let directory = env::current_dir().map_err(|source| BuildError::Config {
        path: ".".to_owned(),
        source,
    })?;
    from_sources(&|name| env::var(name).ok(), &directory)
}

/// The same with this file in place of the nearest one; it has to be there.
pub(crate) fn from_env_file(path: &Path) -> Result<WaygateBuilder, BuildError> {
    from_file(&|name| env::var(name).ok(), file(path)?)
}

fn from_sources(
    variable: &dyn Fn(&str) -> Option<String>,
    directory: &Path,
) -> Result<WaygateBuilder, BuildError> {
    from_file(variable, nearest_file(directory)?)
}

fn from_file(
    variable: &dyn Fn(&str) -> Option<String>,
    file: File,
) -> Result<WaygateBuilder, BuildError> {
    let setting = |name: &str| {
        let set = |value: String, origin: &str| {
            (!value.is_empty()).then(|| Setting {
                value,
                origin: format!("{name} from {origin}"),
            })
        };
        variable(name)
            .and_then(|value| set(value, "the environment"))
            .or_else(|| set(file.values.get(name)?.clone(), &file.path))
    };
    let mut builder = WaygateBuilder::default();
    if let Some(environment) = setting("WAYGATE_ENV") {
        builder.environment = environment;
    }
    if let Some(bypass) = setting("WAYGATE_BYPASS_LIFECYCLE") {
        builder.bypass_lifecycle = switch(bypass)?;
    }
    if let Some(bypass) = setting("WAYGATE_BYPASS_RATE_LIMITS") {
        builder.bypass_rate_limits = switch(bypass)?;
    }
    #[cfg(feature = "redis")]
    if let Some(url) = setting("WAYGATE_COUNTERS_REDIS_URL") {
        builder.redis_counters = Some(redis(Some(url))?);
    }
    if let Some(backend) = setting("WAYGATE_BACKEND") {
        match backend.value.as_str() {
            "memory" => {}
            #[cfg(feature = "file")]
            "file" => {
                let path = setting("WAYGATE_FILE_PATH").map(|path| path.value);
                builder.file = Some(
                    path.unwrap_or_else(|| "waygate-state.json".to_owned())
                        .into(),
                );
                builder.counter_snapshot = Some(Place::BesideState);
            }
            #[cfg(feature = "redis")]
            "redis" => builder.redis = Some(redis(setting("WAYGATE_REDIS_URL"))?),
            _ => return Err(wrong(&backend, "backend", backends())),
        }
    }
    #[cfg(feature = "file")]
    if let Some(snapshot) = setting("WAYGATE_COUNTER_SNAPSHOT") {
        builder.counter_snapshot = match snapshot.value.as_str() {
            "off" => None,
            path => Some(Place::At(path.into())),
        };
    }
    Ok(builder)
}

/// What a URL says wrongly is told without the URL, which may hold a password.
#[cfg(feature = "redis")]
fn redis(url: Option<Setting>) -> Result<waygate_backends::RedisOptions, BuildError> {
    let url = url.unwrap_or_else(|| Setting {
        value: "redis://localhost:6379/0".to_owned(),
        origin: "WAYGATE_REDIS_URL by default".to_owned(),
    });
    waygate_backends::RedisOptions::new(&url.value).map_err(|error| {
        let problem = format!("{}: {error}", url.origin);
        waygate_core::port::BackendError::Misconfigured(problem).into()
    })
}

const fn backends() -> &'static str {
    match (cfg!(feature = "file"), cfg!(feature = "redis")) {
        (true, true) => {
            "expected `memory`, `file` or `redis`; other backends are given to the builder with `.backend(..)`"
        }
        (true, false) => {
            "expected `memory` or `file` (`redis` needs the cargo feature `redis`); other backends are given to \
             the builder with `.backend(..)`"
        }
        (false, true) => {
            "expected `memory` or `redis` (`file` needs the cargo feature `file`); other backends are given to \
             the builder with `.backend(..)`"
        }
        (false, false) => {
            "expected `memory` (`file` and `redis` need the cargo features of those names); other backends are \
             given to the builder with `.backend(..)`"
        }
    }
}

/// What has switched it on; `None` when it is off.
fn switch(setting: Setting) -> Result<Option<String>, BuildError> {
    match setting.value.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(Some(setting.origin)),
        "0" | "false" | "no" | "off" => Ok(None),
        _ => Err(wrong(&setting, "boolean", "expected `true` or `false`")),
    }
}

fn wrong(setting: &Setting, noun: &'static str, problem: &'static str) -> BuildError {
    BuildError::Setting {
        setting: setting.origin.clone(),
        invalid: Invalid::new(noun, &setting.value, problem),
    }
}

#[derive(Default)]
struct File {
    path: String,
    values: HashMap<String, String>,
}

fn file(path: &Path) -> Result<File, BuildError> {
    let shown = path.display().to_string();
    match read(path) {
        Ok(text) => Ok(File {
            path: shown,
            values: parse(&text),
        }),
        Err(source) => Err(BuildError::Config {
            path: shown,
            source,
        }),
    }
}

/// The first `.waygate` file from `directory` upwards; none is not an error.
fn nearest_file(directory: &Path) -> Result<File, BuildError> {
    for directory in directory.ancestors() {
        let path = directory.join(FILE);
        match read(&path) {
            Ok(text) => {
                return Ok(File {
                    path: path.display().to_string(),
                    values: parse(&text),
                });
            }
            // The CLI keeps its own settings in a folder of that name.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::IsADirectory
                ) => {}
            Err(source) => {
                return Err(BuildError::Config {
                    path: path.display().to_string(),
                    source,
                });
            }
        }
    }
    Ok(File::default())
}

/// A named pipe would make the start wait for ever, and a device might never end.
fn read(path: &Path) -> io::Result<String> {
    let kind = std::fs::metadata(path)?.file_type();
    if !kind.is_file() && !kind.is_dir() {
        let problem = "it is a pipe, a socket or a device; it must be a regular file";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
    }
    std::fs::read_to_string(path)
}

/// `KEY=value` lines; `#` begins a comment line; quotes around a value are dropped.
fn parse(text: &str) -> HashMap<String, String> {
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.trim().to_owned(), unquoted(value.trim()).to_owned()))
        .collect()
}

fn unquoted(value: &str) -> &str {
    let stripped = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
    stripped('"').or_else(|| stripped('\'')).unwrap_or(value)
}

#[cfg(test)]
mod explicit {
    use super::*;

    #[test]
    fn a_named_file_is_read_and_has_to_be_there() {
        let path = env::temp_dir().join(format!("waygate-{}.env", uuid::Uuid::new_v4()));
        let missing = from_env_file(&path).unwrap_err().to_string();
        assert!(missing.contains(&*path.display().to_string()), "{missing}");
        std::fs::write(&path, "WAYGATE_ENV=staging\n").unwrap();
        let built = from_file(&|_| None, file(&path).unwrap());
        let first = from_file(&|_| Some("memory".to_owned()), file(&path).unwrap());
        std::fs::remove_file(&path).unwrap();
        assert_eq!(built.unwrap().environment.value, "staging");
        assert!(first.is_err(), "the environment comes first");
    }
}

#[cfg(all(test, unix))]
mod pipe {
    use std::{process::Command, sync::mpsc, thread, time::Duration};

    use super::*;

    #[test]
    fn a_pipe_in_place_of_the_file_is_refused_at_once() {
        let name = format!("waygate-{}", uuid::Uuid::new_v4());
        let directory = env::temp_dir().join(name);
        std::fs::create_dir(&directory).unwrap();
        let pipe = directory.join(FILE);
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        let (said, hears) = mpsc::channel();
        let within = directory.clone();
        thread::spawn(move || said.send(from_sources(&|_| None, &within).map(drop)));
        let refused = hears.recv_timeout(Duration::from_secs(20));
        std::fs::remove_dir_all(&directory).unwrap();
        let refused = refused.expect("it hangs").unwrap_err().to_string();
        assert!(refused.contains(".waygate: it is a pipe"), "{refused}");
    }
}

#[cfg(all(test, feature = "redis"))]
mod tests {
    use super::*;

    fn built(url: Option<&str>) -> Result<WaygateBuilder, BuildError> {
        let variable = |name: &str| match name {
            "WAYGATE_BACKEND" => Some("redis".to_owned()),
            "WAYGATE_REDIS_URL" => url.map(str::to_owned),
            _ => None,
        };
        from_sources(&variable, Path::new("/nowhere"))
    }

    #[test]
    fn redis_is_asked_for_by_its_url() {
        assert!(built(None).unwrap().redis.is_some());
        let builder = built(Some("redis+sentinel://:hunter2@a,b/main")).unwrap();
        let shown = format!("{:?}", builder.redis);
        assert!(
            shown.contains("main") && !shown.contains("hunter2"),
            "{shown}"
        );
    }

    #[test]
    fn a_wrong_url_is_told_without_its_password() {
        let error = built(Some("redis://:hunter2@host:port")).unwrap_err();
        let said = error.to_string();
        assert!(
            said.contains("WAYGATE_REDIS_URL from the environment"),
            "{said}"
        );
        assert!(!said.contains("hunter2"), "{said}");
    }
}
