//! The admin API and its OpenAPI document, compared by schemathesis: 50 examples for each operation.

use std::{fs, process::Command};

use waygate_e2e::Service;

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/schemathesis.toml");

/// Operations that would revoke the token of the test, or that respond with an endless stream.
const EXCLUDED: &str = "/api/(auth/logout|auth/tokens/|auth/sessions|flag-evaluations)";

#[test]
fn the_document_describes_what_the_admin_api_does() {
    let binary = std::env::var("WAYGATE_TEST_SCHEMATHESIS")
        .expect("WAYGATE_TEST_SCHEMATHESIS names the command; ./test.sh installs it");
    let directory = tempfile::tempdir().unwrap();
    let service = Service::quickstart(env!("CARGO_BIN_EXE_e2e-quickstart"), directory.path(), &[]);
    let token = service.log_in();
    let document = service.get_with("/waygate/api/openapi.json", "X-Waygate-Token", &token);
    assert_eq!(document.status, 200);
    let path = directory.path().join("openapi.json");
    fs::write(&path, document.json().to_string()).unwrap();

    // Boundary values of every parameter take several minutes more.
    let phases = match std::env::var_os("WAYGATE_TEST_FULL") {
        Some(_) => "examples,coverage,fuzzing",
        None => "examples,fuzzing",
    };
    let run = Command::new(binary)
        .current_dir(directory.path())
        .args(["--config-file", CONFIG, "run"])
        .arg(&path)
        .args(["--url", &service.url("/waygate")])
        .args(["--header", &format!("X-Waygate-Token: {token}")])
        .args(["--phases", phases, "--max-examples", "50"])
        .args(["--generation-deterministic", "--continue-on-failure"])
        .args(["--exclude-path-regex", EXCLUDED, "--no-color"])
        .args(["--request-timeout", "30", "--warnings", "off"])
        .output()
        .expect("schemathesis should start");
    let output = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{output}");
    assert!(output.contains("Fuzzing"), "{output}");
    // It still runs, and nothing has logged the test out.
    let me = service.get_with("/waygate/api/auth/me", "X-Waygate-Token", &token);
    assert_eq!(me.status, 200);
}
