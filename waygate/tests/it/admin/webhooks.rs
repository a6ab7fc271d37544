//! Webhooks over REST. `tests/webhooks` tests their deliveries.

use serde_json::{Value, json};
use waygate::{
    Waygate,
    admin::Credentials,
    audit::AuditQuery,
    webhook::{Egress, Webhook, WebhookOptions},
};

use super::support::{Answer, Server};

const PATH: &str = "/api/webhooks/ops";
const URL: &str = "https://hooks.invalid/services/T0/secret-path";

async fn patch(server: &Server, body: Value) -> Answer {
    let request = server.request("PATCH", PATH).body(body.to_string().into());
    server.send(request.unwrap()).await
}

async fn created(server: &Server) -> Value {
    let body = json!({"name": "ops", "url": URL, "events": ["segment.*"]});
    server.post("/api/webhooks", body).await.expect(201)
}

#[tokio::test]
async fn a_secret_is_shown_once() {
    let server = Server::start().await;
    let made = created(&server).await;
    let secret = made["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_"), "{secret}");
    assert_eq!(made["url"], "https://hooks.invalid/…");
    assert_eq!(made["events"], json!(["segment.*"]));
    let rotated = server
        .post(&format!("{PATH}/rotate"), json!({}))
        .await
        .expect(200);
    let rotated = rotated["secret"].as_str().unwrap();
    assert_ne!(rotated, secret);
    let given = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let own = json!({"secret": given, "headers": {"authorization": "Bearer hidden"}});
    let patched = patch(&server, own).await.expect(200);
    assert_eq!(
        (&patched["secret"], &patched["headers"]),
        (&Value::Null, &json!(["authorization"]))
    );
    // Neither lists, nor the audit log, nor the events of the page show one of them.
    let log = server.waygate.audit(AuditQuery::newest(100)).await.unwrap();
    let mut shown = serde_json::to_string(&log).unwrap();
    for path in ["/api/webhooks", PATH, "/api/audit", "/api/health"] {
        shown.push_str(&server.get(path).await.expect(200).to_string());
    }
    for hidden in [secret, rotated, given, "Bearer hidden", "secret-path"] {
        assert!(!shown.contains(hidden), "{hidden}");
    }
}

#[tokio::test]
async fn a_template_is_shown_to_administrators_only() {
    let server = Server::start().await;
    let pager = json!({
        "url": URL, "format": "template", "template": "{\"routing_key\": \"R0\"}",
    });
    server.put(PATH, pager).await.expect(200);
    let shown = server.get(PATH).await.expect(200);
    assert_eq!(shown["template"], "{\"routing_key\": \"R0\"}");
    let reader = json!({ "name": "reader", "scopes": ["read"], "expires_in_seconds": 60 });
    let reader = server.post("/api/auth/tokens", reader).await.expect(201);
    for path in [PATH, "/api/webhooks"] {
        let request = axum::extract::Request::get(path)
            .header("x-waygate-token", reader["token"].as_str().unwrap())
            .body(axum::body::Body::empty());
        let shown = server.send(request.unwrap()).await.expect(200).to_string();
        assert!(
            shown.contains("hooks.invalid") && !shown.contains("R0"),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn webhooks_change_only_at_the_expected_revision() {
    let server = Server::start().await;
    created(&server).await;
    let seen = server.get(PATH).await;
    let tag = seen.header("etag").to_owned();
    let put = |tag: String| {
        let body = json!({"url": URL, "paused": true}).to_string();
        let request = server.request("PUT", PATH).header("if-match", tag);
        server.send(request.body(body.into()).unwrap())
    };
    let changed = put(tag.clone()).await;
    let next = changed.header("etag").to_owned();
    assert_eq!(changed.expect(200)["paused"], true);
    assert_ne!(tag, next);
    put(tag).await.refused(412);
    assert_eq!(server.get(PATH).await.header("etag"), next);
    put(next).await.expect(200);
    let body = json!({"name": "ops", "url": URL});
    server.post("/api/webhooks", body).await.refused(409);
    server.delete(PATH).await.expect(200);
    server.get(PATH).await.refused(404);
    server.delete(PATH).await.refused(404);
    patch(&server, json!({"thin": true})).await.refused(404);
    assert_eq!(server.get("/api/webhooks").await.expect(200), json!([]));
}

#[tokio::test]
async fn mistakes_name_the_field_and_change_nothing() {
    let server = Server::start().await;
    for (body, part) in [
        (json!({"url": "http://example.com/"}), "https"),
        (json!({"url": "https://127.0.0.1/"}), "loopback"),
        (json!({"url": "https://169.254.169.254/"}), "metadata"),
        (json!({"url": "https://user:pass@example.com/"}), "password"),
        (json!({"url": "https://example.com:22/"}), "port 22"),
        (json!({"url": URL, "events": ["rout.*"]}), "rout.*"),
        (json!({"url": URL, "services": ["a b"]}), "service name"),
        (json!({"url": URL, "format": "xml"}), "cloudevents"),
        (json!({"url": URL, "format": "template"}), "template"),
        (json!({"url": URL, "template": "{{ nothing }}"}), "missing"),
        (
            json!({"url": URL, "content_type": "text/plain"}),
            "template",
        ),
        (json!({"url": URL, "secret": "hunter2"}), "whsec_"),
        (json!({"url": URL, "headers": {"host": "x"}}), "host"),
        (json!({"url": URL, "nme": 1}), "nme"),
        (json!({"events": []}), "url"),
    ] {
        let text = server.put(PATH, body.clone()).await.refused(400);
        assert!(text.contains(part), "{body}: {text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
    server.get(PATH).await.refused(404);
    created(&server).await;
    for (path, body) in [
        ("rotate", json!({"overlap_seconds": 2_592_001})),
        ("replay", json!({"since": "yesterday"})),
        (
            "replay",
            json!({"since": "2030-01-01T00:00:00Z", "entry": "0b8955c8-622a-45a8-8fd8-0e57924ec972"}),
        ),
    ] {
        server
            .post(&format!("{PATH}/{path}"), body)
            .await
            .refused(400);
    }
    let unknown = json!({"entry": "0b8955c8-622a-45a8-8fd8-0e57924ec972"});
    let text = server
        .post(&format!("{PATH}/replay"), unknown)
        .await
        .refused(404);
    assert!(text.contains("0b8955c8"), "{text}");
    for path in ["test", "enable"] {
        server
            .post_raw(&format!("/api/webhooks/ghost/{path}"), "")
            .await
            .refused(404);
    }
}

#[tokio::test]
async fn a_test_shows_the_attempt_and_a_declared_webhook_stays() {
    let builder = Waygate::builder()
        .webhook_options(WebhookOptions::default().egress(Egress::default()))
        .webhook(Webhook::new("ops", "https://hooks.invalid/").events(["segment.*"]));
    let server = Server::built(builder, Credentials::new("admin", "secret")).await;
    let seen = server.get(PATH).await.expect(200);
    assert_eq!(
        (&seen["declared"], &seen["format"]),
        (&json!(true), &json!("standard"))
    );
    server.put(PATH, json!({"url": URL})).await.refused(409);
    server.delete(PATH).await.refused(409);
    let attempt = server
        .post_raw(&format!("{PATH}/test"), "")
        .await
        .expect(200);
    assert_eq!(attempt["outcome"], "failed");
    assert_eq!(attempt["event"], "endpoint.test");
    let listed = server.get(&format!("{PATH}/attempts")).await.expect(200);
    assert_eq!(listed, json!([attempt]));
    for path in ["retries", "dead-letters"] {
        assert_eq!(
            server.get(&format!("{PATH}/{path}")).await.expect(200),
            json!([])
        );
    }
}

#[tokio::test]
async fn of_two_webhooks_with_one_name_one_is_created() {
    let server = Server::start().await;
    let create = |events: &str| {
        let body = json!({ "name": "ops", "url": URL, "events": [events] });
        server.post("/api/webhooks", body)
    };
    let (one, other) = tokio::join!(create("segment.created"), create("segment.deleted"));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    let refused = if one.status == 409 { one } else { other };
    assert!(refused.refused(409).contains("ops"));
}
