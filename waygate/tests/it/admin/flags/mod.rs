//! Feature flags and segments over the admin API.

mod bounds;
mod definitions;
mod drafts;
mod evaluate;
mod exchange;
mod history;
mod numbers;
mod preview;
mod refusals;
mod schedule;
mod segments;
mod usage;

use serde_json::{Value, json};

use super::support::{Answer, Server};

/// A flag of type boolean with a rollout.
fn definition(key: &str) -> Value {
    json!({
        "key": key, "name": "New search", "type": "boolean",
        "variations": [{ "name": "on", "value": true }, { "name": "off", "value": false }],
        "off_variation": "off",
        "fallthrough": [{ "variation": "on", "weight": 20_000 }, { "variation": "off", "weight": 80_000 }],
    })
}

/// The state that the valid requests of all operations need.
pub(super) async fn prepare(server: &Server) {
    for key in ["new-checkout", "copy"] {
        server.delete(&format!("/api/flags/{key}")).await;
    }
    server.delete("/api/segments/beta-testers").await;
    server
        .delete("/api/flags/search/scheduled-changes/change-1")
        .await;
    // A draft of an earlier version would be stale.
    server.delete("/api/flags/search/draft").await;
    let set = server.put("/api/flags/search", definition("search")).await;
    set.expect(200);
    let progressive = json!({
        "variation": "on", "baseline": "off", "start": "2026-11-22T22:00:00Z",
        "stages": [{ "after_seconds": 0, "weight": 1_000 }, { "after_seconds": 3_600, "weight": 100_000 }],
    });
    let change =
        json!({ "id": "change-1", "execute_at": "2031-01-01T00:00:00Z", "action": "disable" });
    let body = json!({ "progressive": progressive, "scheduled_changes": [change] });
    patch(server, "/api/flags/search", body).await.expect(200);
    server
        .put("/api/flags/search/draft", definition("search"))
        .await
        .expect(200);
    let segment = json!({ "name": "Beta" });
    server.put("/api/segments/beta", segment).await.expect(200);
}

async fn patch(server: &Server, path: &str, body: Value) -> Answer {
    send(server, "PATCH", path, &[], &body.to_string()).await
}

async fn send(
    server: &Server,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut request = server.request(method, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.header("content-type", "application/json");
    server
        .send(request.body(body.to_owned().into()).unwrap())
        .await
}

/// The `errors` of a problem, as `pointer code`.
fn mistakes(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let errors = body["errors"].as_array().into_iter().flatten();
    errors
        .map(|it| {
            assert!(!it["message"].as_str().unwrap().is_empty());
            let text = |name: &str| it[name].as_str().unwrap().to_owned();
            format!("{} {}", text("pointer"), text("code"))
        })
        .collect()
}
