//! A newcomer's first minutes: start, look, change, look again, restart.

use serde_json::json;
use waygate_e2e::Service;

/// `GET:/payments` in URLs of the admin API.
const PAYMENTS: &str = "/waygate/api/routes/R0VUOi9wYXltZW50cw";

#[test]
fn a_change_is_seen_immediately_and_survives_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let file = [
        ("WAYGATE_BACKEND", "file"),
        ("WAYGATE_FILE_PATH", "state.yaml"),
    ];
    let service = Service::quickstart(
        env!("CARGO_BIN_EXE_e2e-quickstart"),
        directory.path(),
        &file,
    );

    let blocked = service.get("/payments");
    assert_eq!(blocked.status, 503);
    assert_eq!(blocked.json()["error"]["reason"], "Back at 04:00 UTC");
    assert_eq!(service.get("/debug").status, 403);
    assert_eq!(service.get("/search").status, 200);
    assert_eq!(service.get("/orders/7").body, "7");
    let document = service.get("/openapi.json").json();
    assert!(document["paths"].get("/debug").is_none());
    assert_eq!(
        document["paths"]["/payments"]["get"]["x-waygate-status"],
        "maintenance"
    );
    assert_eq!(service.get("/docs/").status, 200);

    let token = service.log_in();
    let enabled = service.post(&format!("{PAYMENTS}/enable"), Some(&token), &json!({}));
    assert_eq!(
        (enabled.status, &enabled.json()["status"]),
        (200, &json!("active"))
    );
    assert_eq!(service.get("/payments").body, "[1,2,3]");
    service.kill();

    let service = Service::quickstart(
        env!("CARGO_BIN_EXE_e2e-quickstart"),
        directory.path(),
        &file,
    );
    assert_eq!(
        service.get("/payments").body,
        "[1,2,3]",
        "the change has outlived the crash"
    );
    // The token survives, too: its hash is stored next to the state.
    let closed = service.post(
        &format!("{PAYMENTS}/maintenance"),
        Some(&token),
        &json!({ "reason": "again" }),
    );
    assert_eq!(closed.status, 200);
    assert_eq!(service.get("/payments").json()["error"]["reason"], "again");
    let state = std::fs::read_to_string(directory.path().join("state.yaml")).unwrap();
    assert!(state.contains("route/GET:/payments"), "{state}");
    assert!(!state.contains(&token));
}
