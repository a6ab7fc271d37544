//! Runs the walk-through of `examples/openfeature` and the code of its services in other languages, and the commands of
//! `docs/ofrep.md`, as written there.

use std::{path::Path, process::Command};

use waygate_e2e::{Service, walkthrough};

use crate::client::{node, python};

const README: &str = include_str!("../../../examples/openfeature/README.md");
const PAGE: &str = include_str!("../../../docs/ofrep.md");

#[test]
fn the_commands_of_the_page_are_correct() {
    let directory = tempfile::tempdir().unwrap();
    let service = Service::start(env!("CARGO_BIN_EXE_e2e-openfeature"), directory.path(), &[]);
    let played = walkthrough::play(&service, PAGE, "## Evaluate");
    assert!(played > 5, "{played} commands");
}

#[test]
fn the_readme_of_the_example_is_correct() {
    let directory = tempfile::tempdir().unwrap();
    let service = Service::start(env!("CARGO_BIN_EXE_e2e-openfeature"), directory.path(), &[]);
    let played = walkthrough::play(&service, README, "## Try it");
    assert!(played > 5, "{played} commands");

    let code = |language: &str, file: &str| {
        let (_, block) = README.split_once(&format!("```{language}\n")).unwrap();
        let (code, _) = block.split_once("\n```").unwrap();
        let path = directory.path().join(file);
        let here = code.replace("http://127.0.0.1:3000", &service.url(""));
        assert_ne!(here, code, "the base URL is that of the example");
        std::fs::write(&path, here).unwrap();
        path
    };
    let run = |mut command: Command, script: &Path, user: &str| {
        let output = command.arg(script).arg(user).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{error}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let service_js = code("js", "service.cjs");
    let service_py = code("python", "service.py");
    for user in ["ada", "cleo", "user-4"] {
        let rust = service.get_with("/search", "x-user", user).json();
        let expected = [&rust["variant"], &rust["reason"]].map(|part| part.as_str().unwrap());
        let expected = expected.join(" ");
        assert_eq!(run(node(), &service_js, user), expected, "{user}");
        assert_eq!(run(python(), &service_py, user), expected, "{user}");
    }
}
