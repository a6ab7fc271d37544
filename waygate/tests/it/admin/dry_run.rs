//! `dry_run=true`: the plan of a change, and nothing else.

use axum::body::Body;
use futures_util::FutureExt;
use http::header;
use serde_json::{Value, json};

use super::{
    document::{ENTRY, document, operations, with_entry},
    support::{Server, at, limit_at},
};

async fn dry(server: &Server, path: &str, body: Value) -> Value {
    let before = server.state().await;
    let plan = server.post(&format!("{path}?dry_run=true"), body).await;
    let plan = plan.expect(200);
    assert_eq!(server.state().await, before, "{path}");
    assert_eq!(plan["dry_run"], true);
    assert_eq!(plan["revision"], server.waygate.revision().number);
    plan
}

#[tokio::test]
async fn a_plan_counts_the_requests_to_a_route_that_changes_for_some_clients() {
    let server = Server::start().await;
    for _ in 0..3 {
        let request = axum::extract::Request::get("/orders").body(Body::empty());
        server.call(request.unwrap()).await;
    }
    let access = json!({ "allowed_ips": ["10.0.0.0/8"], "allowed_roles": [] });
    let window = json!({ "start": "2030-01-01T00:00:00Z", "end": "2030-01-02T00:00:00Z" });
    let nightly = json!({ "every": "0 3 * * *", "for": "30m" });
    for (path, body) in [
        (at("GET:/orders", "/access"), access),
        (at("GET:/orders", "/schedule"), window),
        ("/api/global/schedule".to_owned(), nightly),
    ] {
        assert_eq!(dry(&server, &path, body).await["requests"], 3, "{path}");
    }
    let other = at("POST:/orders", "/disable");
    assert_eq!(dry(&server, &other, json!({})).await["requests"], 0);
}

#[tokio::test]
async fn a_plan_shows_the_routes_before_and_after() {
    let server = Server::start().await;
    let mut events = server.waygate.subscribe();
    let path = at("GET:/orders", "/disable");
    let plan = dry(&server, &path, json!({ "reason": "incident 12" })).await;
    assert_eq!(
        plan["routes"],
        json!([{
            "key": "GET:/orders",
            "before": { "status": "active", "blocked_by": null, "reason": "", "http_status": null },
            "after": {
                "status": "disabled", "blocked_by": "disabled", "reason": "incident 12", "http_status": 503,
            },
        }])
    );
    assert_eq!(plan["limits"], json!([]));
    assert_eq!(plan["changes"][0]["action"], "disable");
    assert_eq!(plan["changes"][0]["path"], "GET:/orders");
    assert!(events.next().now_or_never().is_none(), "no event is sent");

    let plan = dry(
        &server,
        "/api/global/enable",
        json!({ "reason": "upgrade" }),
    )
    .await;
    let closed = plan["routes"].as_array().unwrap();
    assert!(closed.len() > 3, "{plan}");
    for route in closed {
        assert_eq!(
            route["after"]["blocked_by"], "global_maintenance",
            "{route}"
        );
        assert_eq!(route["before"]["status"], route["after"]["status"]);
    }
}

#[tokio::test]
async fn a_plan_counts_the_requests_of_the_last_hour() {
    let server = Server::start().await;
    for _ in 0..3 {
        let request = axum::extract::Request::get("/orders").body(Body::empty());
        assert_eq!(server.call(request.unwrap()).await.status, 200);
    }
    let plan = dry(&server, &at("GET:/orders", "/disable"), json!({})).await;
    assert_eq!(plan["requests"], 3);
    let plan = dry(&server, &at("POST:/orders", "/disable"), json!({})).await;
    assert_eq!(plan["requests"], 0);
    let limit = json!({ "limit": "5/minute" });
    let plan = dry(&server, "/api/global-rate-limit", limit).await;
    assert_eq!(plan["requests"], 3);
    assert_eq!(plan["limits"][0]["key"], "*#default");
    assert_eq!(plan["limits"][0]["before"], Value::Null);
    assert_eq!(plan["limits"][0]["after"]["limit"], "5/minute");
}

#[tokio::test]
async fn a_plan_makes_the_checks_of_the_change() {
    let server = Server::start().await;
    let before = server.state().await;
    for (path, body, status) in [
        (at("GET:/ghost", "/disable"), json!({}), 404),
        (at("/orders", "/disable"), json!({}), 409),
        (at("GET:/health", "/disable"), json!({}), 409),
        (at("GET:/orders", "/disable"), json!({ "reasn": "" }), 400),
        (at("GET:/orders", "/env"), json!({ "envs": [] }), 400),
        (limit_at("GET:/orders", "/pause"), json!({}), 404),
    ] {
        let real = server.post(&path, body.clone()).await;
        let planned = server.post(&format!("{path}?dry_run=true"), body).await;
        assert_eq!(planned.status, status, "{path}");
        assert_eq!(planned.body, real.body, "{path}");
    }
    let disable = format!("{}?dry_run=true", at("GET:/orders", "/disable"));
    let stale = server.request("POST", &disable).header("if-match", "\"x\"");
    server
        .send(stale.body(Body::empty()).unwrap())
        .await
        .refused(412);
    for value in ["maybe", "", "1", "True"] {
        let path = disable.replace("true", value);
        let text = server.post(&path, json!({})).await.refused(400);
        assert_eq!(text, "dry_run: expected `true` or `false`");
    }
    let text = server
        .post(&format!("{disable}&dry_run=true"), json!({}))
        .await;
    assert_eq!(text.refused(400), "the parameter `dry_run` is given twice");
    assert_eq!(server.state().await, before);
    let real = disable.replace("true", "false");
    server.post(&real, json!({})).await.expect(200);
    assert_ne!(server.state().await, before);
}

/// Every operation of the document that may change something either plans, or refuses to.
#[tokio::test]
async fn no_operation_changes_anything_in_a_dry_run() {
    let server = Server::start().await;
    let (mut planned, mut refused) = (0, 0);
    for operation in operations(&document(&server).await) {
        if operation.method == "GET" {
            continue;
        }
        let name = operation.name();
        #[cfg(feature = "flags")]
        super::flags::prepare(&server).await;
        prepare(&server).await;
        let key = at("GET:/orders", "").replace("/api/routes/", "");
        let path = operation
            .template
            .replace("{pk}", &key)
            .replace("{id}", "0123456789abcdef")
            .replace("{entry}", ENTRY)
            .replace("{service}", "billing")
            .replace("{name}", "upgrade")
            .replace("segments/{key}", "segments/beta")
            .replace("{key}", "search")
            .replace("{change}", "change-1");
        let body = match &operation.body {
            Value::Null => Vec::new(),
            body => body.to_string().into_bytes(),
        };
        let (path, body) = with_entry(&server, &format!("{path}?dry_run=true"), &body).await;
        let before = (server.state().await, server.waygate.revision());
        let request = server
            .request(&operation.method, &path)
            .header(header::CONTENT_TYPE, "application/json");
        let answer = server.send(request.body(body.into()).unwrap()).await;
        let after = (server.state().await, server.waygate.revision());
        assert_eq!(after, before, "{name}");
        let parameters = operation.described["parameters"].as_array();
        let mut parameters = parameters.into_iter().flatten();
        match parameters.any(|parameter| parameter["name"] == "dry_run") {
            // The code has the route.
            true if name == "DELETE /api/routes/{pk}" => assert_eq!(answer.status, 409),
            true => {
                let plan = answer.expect(200);
                assert_eq!(plan["dry_run"], true, "{name}");
                planned += 1;
            }
            false => {
                let text = answer.refused(400);
                assert!(
                    text.starts_with("unknown parameter `dry_run`"),
                    "{name}: {text}"
                );
                refused += 1;
            }
        }
    }
    assert!(planned > 45 && refused > 4, "{planned} {refused}");
}

async fn prepare(server: &Server) {
    let system = server.waygate.system();
    system.disable("GET:/orders", "to revert").await.unwrap();
    super::support::set_limits(server).await;
    let text = json!({ "text": "Soon." });
    let set = server.put("/api/announcements/upgrade", text).await;
    set.expect(200);
    #[cfg(feature = "webhooks")]
    {
        let webhook = json!({ "url": "https://hooks.invalid/", "events": ["segment.*"] });
        let set = server.put("/api/webhooks/upgrade", webhook).await;
        set.expect(200);
    }
    // The end of maintenance is refused on a disabled route.
    let maintained = system.set_maintenance("GET:/orders", "to revert").await;
    maintained.unwrap();
}
