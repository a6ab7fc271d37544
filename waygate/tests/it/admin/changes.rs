//! `POST /api/changes`: several changes as one.

use http::header;
use serde_json::{Value, json};
use waygate::{
    admin::{Admin, Credentials},
    audit::AuditQuery,
};

use super::support::Server;

fn all(changes: Value) -> Value {
    json!({ "changes": changes })
}

#[tokio::test]
async fn all_changes_are_one_commit_with_a_line_each() {
    let server = Server::start().await;
    let before = server.waygate.revision().number;
    let changes = json!([
        { "action": "put_route_in_maintenance", "route": "GET:/orders", "reason": "migration" },
        { "action": "disable_route", "route": "POST:/orders", "reason": "migration" },
        { "action": "set_rate_limit", "path": "/orders", "method": "GET", "limit": "5/minute" },
        { "action": "set_global_concurrency_limit", "limit": 5 },
        { "action": "enable_service_maintenance", "service": "billing", "reason": "migration" },
        // On the state that the first change leaves.
        { "action": "end_route_maintenance", "route": "GET:/orders" },
    ]);
    let made = server.post("/api/changes", all(changes)).await.expect(200);
    assert_eq!(server.waygate.revision().number, before + 1);
    assert_eq!(made["revision"], before + 1);
    let targets = made["changes"].as_array().unwrap().iter();
    let targets: Vec<&str> = targets.map(|it| it["target"].as_str().unwrap()).collect();
    assert_eq!(
        targets,
        [
            "GET:/orders",
            "POST:/orders",
            "GET:/orders#default",
            "*#default",
            "service:billing",
            "GET:/orders"
        ]
    );
    let status = |key: &str| server.waygate.route(key).unwrap().view.status.to_string();
    assert_eq!(status("GET:/orders"), "active");
    assert_eq!(status("POST:/orders"), "disabled");
    let lines = server.waygate.audit(AuditQuery::newest(20)).await.unwrap();
    let lines = lines.iter().filter(|line| line.revision == before + 1);
    let lines: Vec<_> = lines.collect();
    assert!(lines.len() >= 6, "{lines:?}");
    for line in &lines {
        assert_eq!(
            line.batch.map(|it| it.to_string()).as_deref(),
            made["batch"].as_str()
        );
        assert_eq!(line.actor, "admin");
    }
}

#[tokio::test]
async fn one_event_is_sent_for_each_record_of_its_own_line() {
    let server = Server::start().await;
    let mut events = server.waygate.subscribe();
    let changes = ["GET:/orders", "POST:/orders"]
        .map(|route| json!({ "action": "disable_route", "route": route, "reason": "x" }));
    server
        .post("/api/changes", all(json!(changes)))
        .await
        .expect(200);
    let mut seen = Vec::new();
    while let Some(Some(event)) = futures_util::FutureExt::now_or_never(events.next()) {
        let changed = event.changed().unwrap();
        seen.push((
            changed.key.clone(),
            changed.audit.as_ref().unwrap().path.clone(),
        ));
    }
    let both = ["GET:/orders", "POST:/orders"].map(|key| (key.to_owned(), key.to_owned()));
    assert_eq!(seen, both);
}

#[tokio::test]
async fn every_failing_change_is_named_and_nothing_is_changed() {
    let server = Server::start().await;
    let before = (server.state().await, server.waygate.revision());
    let changes = json!([
        { "action": "disable_route", "route": "GET:/orders" },
        { "action": "disable_route", "route": "GET:/ghost" },
        { "action": "disable_route", "route": "GET:/orders", "reason": "a\u{0}b" },
        { "action": "disable_rout", "route": "GET:/orders" },
        { "action": "gate_route_by_environment", "route": "GET:/orders", "envs": ["prod", "no such!"] },
        { "action": "disable_route", "route": "GET:/health" },
        { "action": "reset_route", "route": "GET:/orders", "reason": "x" },
        { "action": "set_route_access", "route": "GET:/orders", "allowed_ips": ["10.0.0.0/99"], "allowed_roles": [] },
        { "action": "disable_route", "route": "GET:/orders", "if_match": "\"x\"" },
        "disable_route",
        { "action": "enable_service_maintenance" },
    ]);
    let answer = server.post("/api/changes", all(changes)).await;
    assert_eq!(answer.status, 404, "that of the first");
    let body = answer.json();
    let errors: Vec<(&str, &str)> = body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            (
                it["pointer"].as_str().unwrap(),
                it["code"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        errors,
        [
            ("/changes/1", "not_found"),
            ("/changes/2/reason", "invalid_body"),
            ("/changes/3/action", "invalid_body"),
            ("/changes/4", "invalid_value"),
            ("/changes/5", "protected_route"),
            ("/changes/6/reason", "invalid_body"),
            ("/changes/7/allowed_ips/0", "invalid_value"),
            ("/changes/8", "precondition_failed"),
            ("/changes/9", "invalid_body"),
            ("/changes/10", "invalid_body"),
        ],
        "{body}"
    );
    assert!(
        body["errors"][2]["message"]
            .as_str()
            .unwrap()
            .contains("did you mean `disable_route`")
    );
    let wrong = json!([{ "action": "disable", "route": "GET:/orders" }]);
    let error = server.post("/api/changes", all(wrong)).await.refused(400);
    assert!(
        error.starts_with("/changes/0/action: unknown action `disable`"),
        "{error}"
    );
    for body in [json!({}), all(json!([])), all(json!({})), json!([])] {
        server.post("/api/changes", body).await.refused(400);
    }
    let many: Vec<Value> = (0..1_001)
        .map(|_| json!({ "action": "reset_route", "route": "GET:/orders" }))
        .collect();
    let text = server
        .post("/api/changes", all(many.into()))
        .await
        .refused(400);
    assert_eq!(text, "changes: 1001 changes, expected 1 to 1000");
    assert_eq!((server.state().await, server.waygate.revision()), before);
}

#[tokio::test]
async fn a_limit_is_set_by_the_key_of_its_route() {
    let server = Server::start().await;
    let changes = json!([
        { "action": "set_rate_limit", "route": "GET:/orders", "limit": "5/minute" },
        { "action": "set_concurrency_limit", "route": "POST:/orders", "limit": 5 },
    ]);
    let made = server.post("/api/changes", all(changes)).await.expect(200);
    let targets: Vec<_> = made["changes"].as_array().unwrap().iter().collect();
    assert_eq!(targets[0]["target"], "GET:/orders#default");
    assert_eq!(targets[1]["target"], "POST:/orders#default");
    for wrong in [
        json!({ "action": "set_rate_limit", "route": "GET:/orders", "path": "/orders", "limit": "5/minute" }),
        json!({ "action": "set_rate_limit", "route": "GET:/orders", "method": "POST", "limit": "5/minute" }),
        json!({ "action": "set_rate_limit", "route": 5, "limit": "5/minute" }),
        json!({ "action": "set_rate_limit", "limit": "5/minute" }),
    ] {
        server
            .post("/api/changes", all(json!([wrong])))
            .await
            .refused(400);
    }
}

#[tokio::test]
async fn a_thousand_changes_are_one_commit() {
    let server = Server::start().await;
    let before = server.waygate.revision().number;
    let many: Vec<Value> = (0..1_000)
        .map(|at| match at % 2 {
            0 => json!({ "action": "disable_route", "route": "GET:/orders" }),
            _ => json!({ "action": "enable_route", "route": "GET:/orders" }),
        })
        .collect();
    server
        .post("/api/changes", all(many.into()))
        .await
        .expect(200);
    assert_eq!(server.waygate.revision().number, before + 1);
    let route = server.waygate.route("GET:/orders").unwrap();
    assert_eq!(route.view.status.as_str(), "active");
}

#[tokio::test]
async fn shared_changes_need_the_scope_of_their_own_operation() {
    let server = Server::start().await;
    let ask = json!({ "name": "routes", "scopes": ["write:routes"], "expires_in_seconds": 60 });
    let made = server.post("/api/auth/tokens", ask).await.expect(201);
    let token = made["token"].as_str().unwrap().to_owned();
    let send = async |changes: Value| {
        let request = axum::extract::Request::post("/api/changes")
            .header("x-waygate-token", &token)
            .header(header::CONTENT_TYPE, "application/json")
            .body(all(changes).to_string().into());
        server.send(request.unwrap()).await
    };
    let own = json!({ "action": "disable_route", "route": "GET:/orders" });
    let before = server.waygate.revision();
    let text = send(json!([own, { "action": "disable_global_maintenance" }]))
        .await
        .refused(403);
    assert_eq!(
        text,
        "/changes/1: The token lacks the scope `write:global`."
    );
    assert_eq!(server.waygate.revision(), before);
    send(json!([own])).await.expect(200);
}

#[tokio::test]
async fn each_change_can_expect_a_version() {
    let admin = Admin::new(Credentials::new("admin", "secret")).require_if_match(true);
    let server = Server::with(admin).await;
    let tag = server.get(&super::support::at("GET:/orders", "")).await;
    let tag = tag.header("etag").to_owned();
    let change = |tag: Option<&str>| {
        let mut change = json!({ "action": "disable_route", "route": "GET:/orders" });
        if let Some(tag) = tag {
            change["if_match"] = json!(tag);
        }
        all(json!([change]))
    };
    server.post("/api/changes", change(None)).await.refused(428);
    server
        .post("/api/changes", change(Some("x")))
        .await
        .refused(400);
    server
        .post("/api/changes", change(Some("\"x\"")))
        .await
        .refused(412);
    server
        .post("/api/changes", change(Some(&tag)))
        .await
        .expect(200);
    server
        .post("/api/changes", change(Some(&tag)))
        .await
        .refused(412);
    server
        .post("/api/changes", change(Some("*")))
        .await
        .expect(200);
}

#[tokio::test]
async fn what_was_planned_is_made_unless_something_has_changed() {
    let server = Server::start().await;
    let changes = all(json!([
        { "action": "disable_route", "route": "GET:/orders" },
        { "action": "set_route_access", "route": "GET:/orders", "allowed_ips": ["10.0.0.0/8"], "allowed_roles": [] },
        { "action": "disable_route", "route": "POST:/orders" },
    ]));
    let send = async |tag: &str, query: &str| {
        let path = format!("/api/changes{query}");
        let request = server
            .request("POST", &path)
            .header("if-match", tag)
            .body(changes.to_string().into());
        server.send(request.unwrap()).await
    };
    let plan = async || {
        let plan = server.post("/api/changes?dry_run=true", changes.clone());
        plan.await.header("etag").to_owned()
    };
    let tag = plan().await;
    send(&tag, "?dry_run=true").await.expect(200);
    // Another record.
    server
        .post("/api/global/enable", json!({}))
        .await
        .expect(200);
    let before = server.state().await;
    for query in ["", "?dry_run=true"] {
        send(&tag, query).await.refused(412);
    }
    assert_eq!(server.state().await, before);
    let tag = plan().await;
    send(&tag, "").await.expect(200);
    send(&tag, "").await.refused(412);
}

#[tokio::test]
async fn several_changes_can_be_planned() {
    let server = Server::start().await;
    let before = (server.state().await, server.waygate.revision());
    let changes = json!([
        { "action": "disable_route", "route": "GET:/orders", "reason": "x" },
        { "action": "enable_route", "route": "GET:/orders" },
        { "action": "disable_route", "route": "POST:/orders", "reason": "x" },
    ]);
    let plan = server
        .post("/api/changes?dry_run=true", all(changes))
        .await
        .expect(200);
    assert_eq!(plan["routes"].as_array().unwrap().len(), 1, "{plan}");
    assert_eq!(plan["routes"][0]["key"], "POST:/orders");
    assert_eq!(plan["changes"].as_array().unwrap().len(), 3);
    assert_eq!((server.state().await, server.waygate.revision()), before);
}
