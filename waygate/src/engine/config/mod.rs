//! Settings from the environment and the nearest `.waygate` file (wire contract, section 15).

mod file;
mod names;

use std::{collections::HashMap, env, ffi::OsString, path::Path};

use waygate_core::grammar::Invalid;
#[cfg(feature = "redis")]
use waygate_core::port::BackendError;

#[cfg(feature = "file")]
use super::counter_snapshot::Place;
use super::{BuildError, WaygateBuilder, builder::Setting};

pub(crate) fn from_env() -> Result<WaygateBuilder, BuildError> {
    let directory = env::current_dir().map_err(|source| BuildError::Config {
        path: ".".to_owned(),
        source,
    })?;
    from_sources(env::vars_os(), &directory)
}

/// The same with this file in place of the nearest one; it has to be there.
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
    let variables = of_environment(variables)?;
    let setting = |name: &str| {
        let set = |value: String, origin: &str| {
            (!value.is_empty()).then(|| Setting {
                value,
                origin: format!("{name} from {origin}"),
            })
        };
        let variable = variables.get(name).cloned();
        variable
            .and_then(|value| set(value, ENVIRONMENT))
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
        builder.redis_counters = Some(redis(Some(url)).map_err(BuildError::Misconfigured)?);
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
            }
            #[cfg(feature = "redis")]
            "redis" => {
                let options = redis(setting("WAYGATE_REDIS_URL"));
                builder.redis = Some(options.map_err(BackendError::Misconfigured)?);
            }
            _ => return Err(wrong(&backend, "backend", backends())),
        }
    }
    #[cfg(feature = "file")]
    if let Some(snapshot) = setting("WAYGATE_COUNTER_SNAPSHOT") {
        builder.counter_snapshot = match snapshot.value.as_str() {
            "off" => Place::Nowhere,
            path => Place::At(path.into()),
        };
    }
    Ok(builder)
}

const ENVIRONMENT: &str = "the environment";

/// The variables that are ours. An empty one counts as unset, whatever its name.
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
        let value = value.into_string().map_err(|value| BuildError::Setting {
            setting: format!("{name} from {ENVIRONMENT}"),
            invalid: Invalid::new("text", &value.to_string_lossy(), "it is not UTF-8"),
        })?;
        ours.insert(name.to_owned(), value);
    }
    Ok(ours)
}

/// What a URL says wrongly is told without the URL, which may hold a password.
#[cfg(feature = "redis")]
fn redis(url: Option<Setting>) -> Result<waygate_backends::RedisOptions, String> {
    let url = url.unwrap_or_else(|| Setting {
        value: "redis://localhost:6379/0".to_owned(),
        origin: "WAYGATE_REDIS_URL by default".to_owned(),
    });
    let options = waygate_backends::RedisOptions::new(&url.value);
    options.map_err(|error| format!("{}: {error}", url.origin))
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
    match setting.value.as_str() {
        "true" => Ok(Some(setting.origin)),
        "false" => Ok(None),
        _ => Err(wrong(&setting, "boolean", "expected `true` or `false`")),
    }
}

fn wrong(setting: &Setting, noun: &'static str, problem: &'static str) -> BuildError {
    BuildError::Setting {
        setting: setting.origin.clone(),
        invalid: Invalid::new(noun, &setting.value, problem),
    }
}

#[cfg(test)]
mod explicit {
    use super::*;

    #[test]
    fn a_named_file_is_read_and_has_to_be_there() {
        let path = env::temp_dir().join(format!("waygate-{}.env", std::process::id()));
        let missing = from_env_file(&path).unwrap_err().to_string();
        assert!(missing.contains(&*path.display().to_string()), "{missing}");
        std::fs::write(&path, "WAYGATE_ENV=staging\n").unwrap();
        let file = || file::read_named(&path).unwrap();
        let built = from_file([], file()).unwrap();
        assert_eq!(built.environment.value, "staging");
        let variable = ("WAYGATE_ENV".into(), "dev".into());
        let first = from_file([variable], file()).unwrap();
        assert_eq!(
            first.environment.value, "dev",
            "the environment comes first"
        );
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
        let pipe = directory.join(file::FILE);
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        let (said, hears) = mpsc::channel();
        let within = directory.clone();
        thread::spawn(move || said.send(from_sources([], &within).map(drop)));
        let refused = hears.recv_timeout(Duration::from_secs(20));
        std::fs::remove_dir_all(&directory).unwrap();
        let refused = refused.expect("it hangs").unwrap_err().to_string();
        assert!(refused.contains(".waygate: it is a pipe"), "{refused}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(variables: &[(&str, &str)]) -> Result<WaygateBuilder, BuildError> {
        let variables = variables
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        from_sources(variables, Path::new("/nowhere"))
    }

    fn refused(variables: &[(&str, &str)]) -> String {
        built(variables).unwrap_err().to_string()
    }

    #[test]
    fn a_switch_is_true_or_false() {
        let name = "WAYGATE_BYPASS_LIFECYCLE";
        for (value, on) in [("true", true), ("false", false), ("", false)] {
            let builder = built(&[(name, value)]).unwrap();
            assert_eq!(builder.bypass_lifecycle.is_some(), on, "{value}");
        }
        for value in ["yes", "no", "1", "0", "on", "off", "True", " true"] {
            let expected = format!(
                "{name} from the environment: invalid boolean `{value}`: expected `true` or `false`"
            );
            assert_eq!(refused(&[(name, value)]), expected);
        }
    }

    #[test]
    fn a_variable_that_sets_nothing_is_refused() {
        assert_eq!(
            refused(&[("HOME", "/root"), ("WAYGATE_ENVV", "prod")]),
            "the environment: invalid setting `WAYGATE_ENVV`: there is no such setting: did you mean `WAYGATE_ENV`?"
        );
        let others = [
            ("WAYGATE_SERVER_URL", "http://localhost"),
            ("WAYGATE_SERVICE", "billing"),
            ("WAYGATE_SERVICE_HOST", "10.0.0.1"),
            ("WAYGATE_PORT", "tcp://10.0.0.1:80"),
            ("WAYGATE_UNKNOWN", ""),
        ];
        assert!(built(&others).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn a_variable_that_is_no_text_is_refused() {
        use std::os::unix::ffi::OsStringExt;
        let value = OsString::from_vec(b"pr\xffd".to_vec());
        let built = from_sources([("WAYGATE_ENV".into(), value)], Path::new("/nowhere"));
        assert_eq!(
            built.unwrap_err().to_string(),
            "WAYGATE_ENV from the environment: invalid text `pr\u{fffd}d`: it is not UTF-8"
        );
    }

    #[cfg(feature = "redis")]
    #[test]
    fn redis_is_asked_for_by_its_url() {
        let backend = ("WAYGATE_BACKEND", "redis");
        assert!(built(&[backend]).unwrap().redis.is_some());
        let url = "redis+sentinel://:hunter2@a,b/main";
        let builder = built(&[backend, ("WAYGATE_REDIS_URL", url)]).unwrap();
        let shown = format!("{:?}", builder.redis);
        assert!(
            shown.contains("main") && !shown.contains("hunter2"),
            "{shown}"
        );
    }

    #[cfg(feature = "redis")]
    #[test]
    fn a_wrong_url_is_told_without_its_password() {
        let url = ("WAYGATE_REDIS_URL", "redis://:hunter2@host:port");
        let said = refused(&[("WAYGATE_BACKEND", "redis"), url]);
        assert!(
            said.contains("WAYGATE_REDIS_URL from the environment"),
            "{said}"
        );
        assert!(!said.contains("hunter2"), "{said}");
    }
}
