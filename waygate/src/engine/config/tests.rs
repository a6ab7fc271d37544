use std::fs;

use tempfile::TempDir;

use super::*;

fn settings(variables: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    let variables = variables.iter();
    variables
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

fn built(variables: &[(&str, &str)]) -> Result<WaygateBuilder, BuildError> {
    from_sources(settings(variables), Path::new("/nowhere"))
}

fn refused(variables: &[(&str, &str)]) -> String {
    built(variables).unwrap_err().to_string()
}

/// A directory with this text as its `.waygate`.
fn directory(text: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(file::FILE), text).unwrap();
    directory
}

/// The settings from these variables and such a file.
fn built_with(text: &str, variables: &[(&str, &str)]) -> Result<WaygateBuilder, BuildError> {
    from_sources(settings(variables), directory(text).path())
}

#[test]
fn a_named_file_is_read_and_has_to_be_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("settings.env");
    let missing = from_env_file(&path).unwrap_err().to_string();
    assert!(missing.contains(&*path.display().to_string()), "{missing}");
    fs::write(&path, "WAYGATE_BYPASS_LIFECYCLE=true\n").unwrap();
    let file = || file::read_named(&path).unwrap();
    let built = from_file([], file()).unwrap();
    assert!(built.bypass_lifecycle.is_some());
    let variables = settings(&[("WAYGATE_BYPASS_LIFECYCLE", "false")]);
    let first = from_file(variables, file()).unwrap();
    assert!(
        first.bypass_lifecycle.is_none(),
        "the environment comes first"
    );
}

#[test]
fn the_report_will_say_which_file_was_read() {
    let said = |directory: &Path| from_sources([], directory).unwrap().settings.unwrap();
    let directory = directory("");
    let inside = directory.path().join("src");
    fs::create_dir(&inside).unwrap();
    let path = directory.path().join(file::FILE);
    let expected = format!("the environment, and {}", path.display());
    assert_eq!(said(&inside), expected);
    let none = "the environment, and no file (`.waygate` is neither in /nowhere nor above it)";
    assert_eq!(said(Path::new("/nowhere")), none);
}

#[cfg(unix)]
#[test]
fn a_pipe_in_place_of_the_file_is_refused_immediately() {
    use std::{process::Command, sync::mpsc, thread, time::Duration};

    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join(file::FILE);
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let (said, hears) = mpsc::channel();
    let within = directory.path().to_owned();
    thread::spawn(move || said.send(from_sources([], &within).map(drop)));
    let refused = hears.recv_timeout(Duration::from_secs(20));
    let refused = refused.expect("it hangs").unwrap_err().to_string();
    assert!(refused.contains(".waygate: it is a pipe"), "{refused}");
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
fn a_variable_that_nothing_reads_is_refused() {
    assert_eq!(
        refused(&[("HOME", "/root"), ("WAYGATE_ENVV", "prod")]),
        "the environment: invalid setting `WAYGATE_ENVV`: no such setting: did you mean `WAYGATE_ENV`?"
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
    let value = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    for (name, value, shown) in [
        ("WAYGATE_ENV", value(b"pr\xffd"), "pr\u{fffd}d"),
        ("WAYGATE_TOKEN", value(b"hunter2\xff"), "***"),
    ] {
        let built = from_sources([(name.into(), value)], Path::new("/nowhere"));
        assert_eq!(
            built.unwrap_err().to_string(),
            format!("{name} from the environment: invalid text `{shown}`: it is not UTF-8")
        );
    }
}

const STATE_URL: (&str, &str) = (REDIS_URL, "redis://:hunter2@a");
const SHARED: (&str, &str) = (COUNTERS_URL, "redis://:hunter2@b");
const STATE_FILE: (&str, &str) = (FILE_PATH, "state.json");

/// The settings without effect, with the reason.
fn idle(variables: &[(&str, &str)], name: &str) -> String {
    let said = refused(variables);
    let begin = format!("{name} from the environment has no effect: ");
    let why = said.strip_prefix(&begin);
    why.unwrap_or_else(|| panic!("{said}")).to_owned()
}

#[cfg(all(feature = "file", feature = "redis"))]
#[test]
fn a_setting_of_a_backend_that_is_not_chosen_is_refused() {
    for (setting, needed) in [(STATE_FILE, "file"), (STATE_URL, "redis")] {
        let name = setting.0;
        let why = idle(&[setting], name);
        assert!(why.contains("`WAYGATE_BACKEND` is not set"), "{why}");
        assert!(
            why.contains(&format!("`WAYGATE_BACKEND={needed}`")),
            "{why}"
        );
        let other = if needed == "file" { "redis" } else { "file" };
        for other in ["memory", other] {
            let why = idle(&[setting, ("WAYGATE_BACKEND", other)], name);
            let is = format!("WAYGATE_BACKEND from the environment is `{other}`");
            assert!(why.contains(&is), "{why}");
        }
        assert!(built(&[setting, ("WAYGATE_BACKEND", needed)]).is_ok());
        assert!(built(&[(name, "")]).is_ok(), "an empty one is not set");
    }
    let why = idle(&[STATE_URL], STATE_URL.0);
    assert!(why.contains("`WAYGATE_COUNTERS_REDIS_URL`"), "{why}");
    assert!(built(&[SHARED, STATE_FILE, ("WAYGATE_BACKEND", "file")]).is_ok());
}

#[cfg(all(feature = "file", feature = "redis"))]
#[test]
fn a_backend_of_the_environment_takes_the_place_of_the_files_with_its_settings() {
    let text = "WAYGATE_BACKEND=redis\nWAYGATE_REDIS_URL=redis://a\n";
    let memory = ("WAYGATE_BACKEND", "memory");
    let builder = built_with(text, &[memory]).unwrap();
    assert!(builder.redis.is_none());
    assert!(built_with("WAYGATE_REDIS_URL=redis://a\n", &[memory]).is_err());
    assert!(built_with(text, &[memory, STATE_URL]).is_err());
}

#[cfg(not(feature = "redis"))]
#[test]
fn without_the_feature_a_redis_is_refused() {
    for url in [STATE_URL, SHARED] {
        let why = idle(&[url], url.0);
        assert!(why.contains("the cargo feature `redis`"), "{why}");
        assert!(built(&[(url.0, "")]).is_ok(), "an empty one is not set");
    }
}

#[cfg(not(feature = "file"))]
#[test]
fn without_the_feature_a_file_is_refused() {
    for (name, value) in [STATE_FILE, ("WAYGATE_COUNTER_SNAPSHOT", "/tmp/counters")] {
        let why = idle(&[(name, value)], name);
        assert!(why.contains("the cargo feature `file`"), "{why}");
        assert!(built(&[(name, "")]).is_ok(), "an empty one is not set");
    }
    assert!(built(&[("WAYGATE_COUNTER_SNAPSHOT", "off")]).is_ok());
}

#[cfg(feature = "file")]
#[test]
fn a_file_of_counters_is_a_path_and_no_word() {
    let name = "WAYGATE_COUNTER_SNAPSHOT";
    for path in ["/var/counters", "./offf", "shop.counters"] {
        let builder = built(&[(name, path)]).unwrap();
        assert!(matches!(builder.counter_snapshot, Place::At(at) if at == Path::new(path)));
    }
    let off = built(&[(name, "off")]).unwrap();
    assert!(matches!(off.counter_snapshot, Place::Nowhere));
    for word in ["offf", "Off", "false", "none"] {
        let said = refused(&[(name, word)]);
        let expected = format!(
            "{name} from the environment: invalid path `{word}`: expected `off`, or a path with a directory or an \
             extension, such as `./{word}`"
        );
        assert_eq!(said, expected);
    }
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
fn an_invalid_url_is_reported_without_its_password() {
    let url = ("WAYGATE_REDIS_URL", "redis://:hunter2@host:port");
    let said = refused(&[("WAYGATE_BACKEND", "redis"), url]);
    assert!(
        said.contains("WAYGATE_REDIS_URL from the environment"),
        "{said}"
    );
    assert!(!said.contains("hunter2"), "{said}");
}

/// Everything that settings lead to and a person may read.
async fn texts(built: Result<WaygateBuilder, BuildError>) -> Vec<String> {
    let builder = match built {
        Ok(builder) => builder,
        Err(error) => return vec![error.to_string(), format!("{error:?}")],
    };
    let shown = format!("{builder:?}");
    let built = builder.build().await;
    let mut texts = vec![shown];
    match built {
        Ok(waygate) => texts.extend([
            waygate.report().to_string(),
            format!("{:?}", waygate.report()),
            format!("{:?}", waygate.health()),
            format!("{:?}", waygate.inner),
        ]),
        Err(error) => texts.extend([error.to_string(), format!("{error:?}")]),
    }
    texts
}

#[tokio::test]
async fn no_text_shows_credentials() {
    let backends = ["", "memory", "file", "redis"];
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state.json");
    let state = state.to_str().unwrap();
    let values = [
        "redis://:hunter2@127.0.0.1:1",
        "redis://hunter2@127.0.0.1:1",
        "redis://:x hunter2@127.0.0.1:1",
        "redis://:hunter2@127.0.0.1:port",
        "redis://:hunter2@127.0.0.1/?x=1",
        "redis://:hunter2",
        "redis://ada:hunter2",
    ];
    for name in names::READ {
        for value in values {
            for backend in backends {
                let mut variables = vec![(name, value)];
                if name != BACKEND && !backend.is_empty() {
                    variables.push((BACKEND, backend));
                }
                if name != FILE_PATH && backend == "file" {
                    variables.push((FILE_PATH, state));
                }
                let lines = variables
                    .iter()
                    .map(|(name, value)| format!("{name}={value}\n"));
                let lines: String = lines.collect();
                let of_file = built_with(&lines, &[]);
                let without_equals = built_with(&format!("{name}: {value}"), &[]);
                for built in [built(&variables), of_file, without_equals] {
                    for text in texts(built).await {
                        assert!(!text.contains("hunter2"), "{variables:?}\n{text}");
                    }
                }
            }
        }
    }
}

#[cfg(feature = "file")]
#[test]
fn paths_in_a_file_begin_where_it_is() {
    let directory = directory(
        "WAYGATE_BACKEND=file\nWAYGATE_FILE_PATH=state.json\nWAYGATE_COUNTER_SNAPSHOT=./counters\n",
    );
    let inside = directory.path().join("src");
    fs::create_dir(&inside).unwrap();
    let builder = from_sources([], &inside).unwrap();
    assert_eq!(builder.file, Some(directory.path().join("state.json")));
    let beside = directory.path().join("./counters");
    assert!(matches!(builder.counter_snapshot, Place::At(at) if at == beside));

    // Relative paths in the environment are resolved against the working directory.
    let builder = from_sources(settings(&[STATE_FILE]), &inside).unwrap();
    assert_eq!(builder.file, Some("state.json".into()));
    let absolute = [(FILE_PATH, "/var/state.json")];
    let builder = from_sources(settings(&absolute), &inside).unwrap();
    assert_eq!(builder.file, Some("/var/state.json".into()));

    let by_default = self::directory("WAYGATE_BACKEND=file\n");
    let builder = from_sources([], by_default.path()).unwrap();
    let expected = by_default.path().join("waygate-state.json");
    assert_eq!(builder.file, Some(expected));
}
