use serde_json::json;
use waygate::AuditQuery;

use super::support::Server;

#[tokio::test]
async fn exempt_paths_are_set_without_switching_maintenance_on() {
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
            "`billing` is no HTTP method",
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
async fn enabling_replaces_everything_and_disabling_takes_no_fields() {
    let server = Server::start().await;
    let all = json!({ "reason": "a", "exempt_paths": ["/x"], "include_force_active": true });
    server.post("/api/global/enable", all).await.expect(200);
    let global = server.post_raw("/api/global/enable", "").await.expect(200);
    assert_eq!(
        global,
        json!({ "enabled": true, "reason": "", "exempt_paths": [], "include_force_active": false })
    );
    let text = server
        .post("/api/global/disable", json!({ "reason": "x" }))
        .await
        .refused(400);
    assert_eq!(text, "unknown field `reason`: none is expected here");
    let global = server.post_raw("/api/global/disable", "").await.expect(200);
    assert_eq!(global["enabled"], false);
}
