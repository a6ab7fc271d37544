use serde_json::json;
use waygate::audit::AuditQuery;

use super::support::{Server, at};

#[tokio::test]
async fn setting_exempt_paths_does_not_enable_maintenance() {
    let server = Server::start().await;
    let paths = json!({ "exempt_paths": ["/orders", "GET:/health"] });
    let global = server
        .post("/api/global/exempt-paths", paths)
        .await
        .expect(200);
    assert_eq!(
        global,
        json!({
            "enabled": false,
            "reason": "",
            "exempt_paths": ["/orders", "GET:/health"],
            "include_force_active": false,
        })
    );
    let lines = server.waygate.audit(AuditQuery::newest(1)).await.unwrap();
    assert_eq!(lines[0].action.to_string(), "global_exempt_paths_set");
    for (body, problem) in [
        (json!({}), "missing field `exempt_paths`"),
        (
            json!({ "exempt_paths": ["orders"] }),
            "exempt_paths[0]: invalid exempt path",
        ),
        (
            json!({ "exempt_paths": ["billing:/x"] }),
            "`billing` is not an HTTP method",
        ),
        (
            json!({ "exempt_paths": null }),
            "exempt_paths: invalid type: null",
        ),
    ] {
        let text = server
            .post("/api/global/exempt-paths", body)
            .await
            .refused(400);
        assert!(text.contains(problem), "{text}");
    }
    let text = server
        .post_raw("/api/global/exempt-paths", "")
        .await
        .refused(400);
    assert_eq!(text, "Invalid JSON body");
}

#[tokio::test]
async fn enabling_replaces_everything_and_disabling_accepts_no_fields() {
    let server = Server::start().await;
    let all = json!({ "reason": "a", "exempt_paths": ["/x"], "include_force_active": true });
    server.post("/api/global/enable", all).await.expect(200);
    let global = server.post_raw("/api/global/enable", "").await.expect(200);
    assert_eq!(
        global,
        json!({
            "enabled": true, "reason": "", "exempt_paths": [], "include_force_active": false,
            "dropped": { "exempt_paths": ["/x"], "include_force_active": true },
        })
    );
    let text = server
        .post("/api/global/disable", json!({ "reason": "x" }))
        .await
        .refused(400);
    assert_eq!(text, "unknown field `reason`: none is expected here");
    let global = server.post_raw("/api/global/disable", "").await.expect(200);
    assert_eq!(global["enabled"], false);
}

const BASES: [&str; 2] = ["/api/global", "/api/services/billing/maintenance"];

#[tokio::test]
async fn maintenance_can_be_planned_with_exemptions() {
    let server = Server::start().await;
    for base in BASES {
        let (enable, show) = (format!("{base}/enable"), base);
        let planned = json!({
            "reason": "upgrade", "exempt_ips": ["10.1.2.3/8", "192.0.2.7"], "exempt_roles": ["ops"],
            "start": "2030-01-01T04:00:00+02:00", "end": "2030-01-01 04:00:00",
        });
        let answer = server.post(&enable, planned).await;
        let tag = answer.headers["etag"].clone();
        let mut shown = answer.expect(200);
        let mut whole = shown.clone();
        let warning = shown.as_object_mut().unwrap().remove("warning");
        let warning = warning.unwrap().as_str().unwrap().to_owned();
        let masked =
            "exempt_ips[0]: `10.1.2.3/8` has bits beyond its prefix, and means `10.0.0.0/8`; ";
        // Only the response to the change has this warning.
        whole["warning"] = json!(warning.strip_prefix(masked).unwrap());
        let is_ours = base == "/api/global";
        assert_eq!(
            warning.contains("exempt_roles: the builder sets no"),
            is_ours
        );
        assert_eq!(
            shown,
            json!({
                "enabled": false, "reason": "upgrade", "exempt_paths": [], "include_force_active": false,
                "start": "2030-01-01T02:00:00Z", "end": "2030-01-01T04:00:00Z",
                "exempt_ips": ["10.0.0.0/8", "192.0.2.7/32"], "exempt_roles": ["ops"],
            })
        );
        let got = server.get(show).await;
        assert_eq!(got.headers["etag"], tag);
        assert_eq!(got.expect(200), whole);
        // The command-line client adds an exemption by replacing the whole configuration, so the response names what
        // is dropped.
        let again =
            json!({ "reason": "upgrade", "exempt_paths": ["/a"], "include_force_active": false });
        let answer = server.post(&enable, again).await.expect(200);
        assert_eq!(answer["enabled"], true);
        assert_eq!(
            answer["dropped"],
            json!({
                "start": "2030-01-01T02:00:00Z", "end": "2030-01-01T04:00:00Z",
                "exempt_ips": ["10.0.0.0/8", "192.0.2.7/32"], "exempt_roles": ["ops"],
            })
        );
        let ended = server
            .post_raw(&format!("{base}/disable"), "")
            .await
            .expect(200);
        assert_eq!(ended["dropped"], json!({ "exempt_paths": ["/a"] }));
        assert_eq!(server.get(show).await.expect(200)["dropped"], json!(null));
    }
}

#[tokio::test]
async fn invalid_windows_and_exemptions_are_explained() {
    let server = Server::start().await;
    for base in BASES {
        let enable = format!("{base}/enable");
        for (body, text) in [
            (json!({ "start": "soon" }), "Invalid datetime for start/end"),
            (
                json!({ "end": "2026-11-22" }),
                "Invalid datetime for start/end",
            ),
            (
                json!({ "start": "2030-01-02T00:00:00Z", "end": "2030-01-01T00:00:00Z" }),
                "the window must end after it starts",
            ),
            (
                json!({ "end": "2020-01-01T00:00:00Z" }),
                "the time span has already ended",
            ),
            (
                json!({ "exempt_ips": ["10.0.0.0/33"] }),
                "exempt_ips[0]: invalid CIDR `10.0.0.0/33`",
            ),
            (
                json!({ "exempt_ips": "10.0.0.0/8" }),
                "exempt_ips: invalid type",
            ),
            (
                json!({ "exempt_roles": ["a b"] }),
                "invalid role name `a b`",
            ),
            (
                json!({ "exempt_ips": ["10.0.0.1", "no"] }),
                "exempt_ips[1]: invalid CIDR `no`",
            ),
            (
                json!({ "exempt_role": ["ops"] }),
                "did you mean `exempt_roles`?",
            ),
            (json!({ "until": "2030-01-01T00:00:00Z" }), "known are"),
        ] {
            let refused = server.post(&enable, body.clone()).await.refused(400);
            assert!(refused.contains(text), "{body}: {refused}");
        }
        let backwards = json!({ "start": "2030-01-02T00:00:00Z", "end": "2030-01-01T00:00:00Z" });
        let problem = server.post(&enable, backwards).await.expect(400);
        assert_eq!(problem["type"], "urn:waygate:problem:invalid-value");
        assert_eq!(server.get(base).await.expect(200)["enabled"], false);
    }
}

#[tokio::test]
async fn health_reports_active_and_planned_maintenance() {
    let server = Server::start().await;
    let planned = json!({ "reason": "x", "start": "2026-11-22T22:30:00Z" });
    server.post("/api/global/enable", planned).await.expect(200);
    let health = server.get("/api/health").await.expect(200);
    let start = "2026-11-22T22:30:00Z";
    let notice = |state| json!([{ "scope": "global", "state": state, "reason": "x", "start": start, "end": null }]);
    assert_eq!(
        (&health["status"], &health["maintenance"]),
        (&json!("ok"), &notice("planned"))
    );
    server.clock.set_wall(start.parse().unwrap());
    let health = server.get("/api/health").await.expect(200);
    assert_eq!(health["maintenance"], notice("on"));
}

#[tokio::test]
async fn commands_on_routes_report_what_they_drop() {
    let server = Server::start().await;
    let key = "GET:/orders";
    let window =
        json!({ "start": "2026-11-22T22:30:00Z", "end": "2026-11-22T23:30:00Z", "reason": "x" });
    let envs = json!({ "envs": ["production", "staging"] });
    server.post(&at(key, "/env"), envs).await.expect(200);
    server.post(&at(key, "/schedule"), window).await.expect(200);
    server
        .clock
        .set_wall("2026-11-22T22:40:00Z".parse().unwrap());
    let later = json!({ "start": "2030-02-01T02:00:00Z", "end": "2030-02-01T04:00:00Z" });
    server.post(&at(key, "/schedule"), later).await.expect(200);
    let reason = json!({ "reason": "done" });
    let ended = server
        .post(&at(key, "/maintenance/end"), reason)
        .await
        .expect(200);
    assert_eq!(ended["status"], "env_gated");
    assert_eq!(ended["windows"][0]["start"], "2030-02-01T02:00:00Z");
    assert_eq!(
        ended["dropped"]["windows"][0]["start"],
        "2026-11-22T22:30:00Z"
    );
    let enabled = server
        .post(&at(key, "/enable"), json!({}))
        .await
        .expect(200);
    assert_eq!(enabled["status"], "active");
    assert_eq!(
        enabled["dropped"]["windows"][0]["start"],
        "2030-02-01T02:00:00Z"
    );
    assert_eq!(
        enabled["dropped"]["allowed_envs"],
        json!(["production", "staging"])
    );
    let lines = server.get("/api/audit?limit=1").await.expect(200);
    assert_eq!(lines[0]["dropped"], enabled["dropped"]);
    server
        .post(&at(key, "/disable"), json!({}))
        .await
        .expect(200);
    let refused = server
        .post(&at(key, "/maintenance/end"), json!({}))
        .await
        .refused(400);
    assert!(refused.contains("is disabled"), "{refused}");
}
