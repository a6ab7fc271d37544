//! The OpenAPI document of the admin API.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    document::document as resolved,
    support::{Server, at, limit_at},
};

/// `WAYGATE_TEST_BLESS=1 cargo test -p waygate-rs --features admin` writes the document again; review the difference.
#[cfg(feature = "flags")]
#[tokio::test]
async fn the_document_matches_the_golden_file() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/admin-openapi.json");
    let server = Server::start().await;
    let document = server.get("/api/openapi.json").await.expect(200);
    if std::env::var_os("WAYGATE_TEST_BLESS").is_some() {
        std::fs::write(path, pretty(&document, 0) + "\n").unwrap();
    }
    let reviewed = std::fs::read_to_string(path).unwrap_or_default();
    let reviewed: Value = serde_json::from_str(&reviewed).unwrap_or_default();
    assert!(
        reviewed == document,
        "the document has changed; bless it and review the difference"
    );
}

/// Formats the document, with every value that fits on one line.
fn pretty(value: &Value, depth: usize) -> String {
    const WIDTH: usize = 120;
    let flat = value.to_string();
    let items: Vec<String> = match value {
        _ if 2 * depth + flat.len() <= WIDTH => return flat,
        Value::Array(items) => items.iter().map(|item| pretty(item, depth + 1)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| format!("{}: {}", json!(name), pretty(member, depth + 1)))
            .collect(),
        _ => return flat,
    };
    let (open, close) = if value.is_array() {
        ('[', ']')
    } else {
        ('{', '}')
    };
    let (outer, inner) = ("  ".repeat(depth), "  ".repeat(depth + 1));
    let items = items.join(&format!(",\n{inner}"));
    format!("{open}\n{inner}{items}\n{outer}{close}")
}

#[tokio::test]
async fn every_reference_resolves_and_every_operation_is_described() {
    let server = Server::start().await;
    let document = server.get("/api/openapi.json").await.expect(200);
    let text = document.to_string();
    assert!(!text.contains("{scope}") && !text.contains("{of}") && !text.contains("Tagged"));
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
    let document = resolved(&server).await;
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = format!("{method} {path}");
            assert!(operation["summary"].is_string(), "{name}");
            assert!(
                ids.insert(operation["operationId"].as_str().unwrap()),
                "{name}"
            );
            let answers = operation["responses"].as_object().unwrap();
            let is_probe = ["/livez", "/readyz", "/version"].contains(&path.as_str());
            assert!(is_probe || answers.contains_key("403"), "{name}");
            for (status, answer) in answers {
                let kind = match status.as_str() {
                    status if status >= "400" => "application/problem+json",
                    _ if path == "/api/flag-evaluations" => "text/event-stream",
                    _ if path == "/api/windows.ics" => "text/calendar; charset=utf-8",
                    _ if path == "/metrics" => "text/plain; version=0.0.4; charset=utf-8",
                    _ => "application/json",
                };
                let described = status == "304" || answer["content"][kind]["schema"].is_object();
                assert!(described, "{name} {status}");
            }
        }
    }
}

/// Compares a response with the schema of its operation: every member is described, and every required member is
/// present.
#[track_caller]
fn conforms(document: &Value, schema: &Value, value: &Value, at: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        return conforms(
            document,
            document.pointer(&reference[1..]).unwrap(),
            value,
            at,
        );
    }
    if let Some(all) = schema["allOf"].as_array() {
        let mut rest = value.as_object().unwrap().clone();
        for part in all {
            let names = names(document, part);
            let (own, others) = rest.into_iter().partition(|(name, _)| names.contains(name));
            let own: serde_json::Map<String, Value> = own;
            conforms(document, part, &Value::Object(own), at);
            rest = others;
        }
        assert!(rest.is_empty(), "{at}: {rest:?} are not described");
        return;
    }
    if let Some(any) = schema["oneOf"].as_array() {
        if value.is_null() {
            assert!(any.iter().any(|one| one["type"] == "null"), "{at} is null");
        } else {
            let one = any.iter().find(|one| one["type"] != "null").unwrap();
            conforms(document, one, value, at);
        }
        return;
    }
    let kinds = match &schema["type"] {
        Value::Array(kinds) => kinds.clone(),
        kind => vec![kind.clone()],
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    assert!(kinds.contains(&json!(kind)), "{at} is {kind} for {kinds:?}");
    if let Some(words) = schema["enum"].as_array() {
        assert!(words.contains(value), "{at} is {value} for {words:?}");
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        conforms(document, &schema["items"], item, &format!("{at}[{index}]"));
    }
    let Some(members) = value
        .as_object()
        .filter(|_| schema["properties"].is_object())
    else {
        return;
    };
    for (name, member) in members {
        let described = &schema["properties"][name];
        assert!(described.is_object(), "{at}.{name} is not described");
        conforms(document, described, member, &format!("{at}.{name}"));
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        assert!(
            members.contains_key(name.as_str().unwrap()),
            "{at}.{name} is missing"
        );
    }
}

/// The member names that a schema describes.
fn names(document: &Value, schema: &Value) -> BTreeSet<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        return names(document, document.pointer(&reference[1..]).unwrap());
    }
    let own = schema["properties"].as_object().into_iter().flatten();
    let parts = schema["allOf"].as_array().into_iter().flatten();
    let of_parts = parts.flat_map(|part| names(document, part));
    own.map(|(name, _)| name.clone()).chain(of_parts).collect()
}

/// Sets limits of every kind, and makes one of them refuse a request.
async fn limits(server: &Server) {
    let tiers = json!([{ "name": "pro", "limit": "unlimited" }]);
    let policy = json!({
        "path": "/limited", "limit": "0/minute", "key_strategy": "ip", "tiers": tiers, "exempt_roles": ["ops"],
        "exempt_ips": ["10.0.0.0/8"], "rollout": 99.5, "on_missing_key": "block",
    });
    server
        .post("/api/rate-limits", policy.clone())
        .await
        .expect(201);
    let mut policy = policy;
    policy.as_object_mut().unwrap().remove("path");
    policy["limit"] = json!("100/minute");
    for path in ["/api/global-rate-limit", "/api/services/billing/rate-limit"] {
        server.post(path, policy.clone()).await.expect(201);
    }
    let concurrency = json!({ "path": "/limited", "limit": 5, "exempt_ips": ["10.0.0.0/8"] });
    server
        .post("/api/concurrency-limits", concurrency)
        .await
        .expect(201);
    for path in [
        "/api/global-concurrency-limits",
        "/api/services/billing/concurrency-limits",
    ] {
        let limit = json!({ "limit": 50, "key_strategy": "user" });
        server.post(path, limit).await.expect(201);
    }
    let key: waygate::model::RouteKey = "billing:GET:/invoices".parse().unwrap();
    server
        .waygate
        .register(key, waygate::model::RouteState::default())
        .await
        .unwrap();
    let request = axum::extract::Request::get("/limited").header("x-request-id", "r1");
    let refused = server.call(request.body(axum::body::Body::empty()).unwrap());
    assert_eq!(refused.await.status, 429);
}

#[tokio::test]
async fn responses_match_the_document() {
    let server = Server::start().await;
    let document = resolved(&server).await;
    let window =
        json!({ "start": "2030-01-01T00:00:00Z", "end": "2030-01-02T00:00:00Z", "reason": "x" });
    let going = json!({ "since": "2026-01-01T00:00:00Z", "sunset": "2028-01-01T00:00:00Z", "use_instead": "/b" });
    let access = json!({ "allowed_ips": ["10.0.0.0/8"], "allowed_roles": ["ops"] });
    let until = json!({ "until": "2027-01-01T00:00:00Z" });
    let key = "GET:/orders";
    server.post(&at(key, "/schedule"), window).await.expect(200);
    server.post(&at(key, "/deprecate"), going).await.expect(200);
    server.post(&at(key, "/access"), access).await.expect(200);
    server.post(&at(key, "/disable"), until).await.expect(200);
    let exempt = json!({ "exempt_paths": ["/a"] });
    server
        .post("/api/global/exempt-paths", exempt)
        .await
        .expect(200);
    limits(&server).await;
    let (order, item) = (at(key, ""), at("GET:/items/{item_id}", ""));
    let simultaneous = limit_at("/limited", "").replace("rate-limits", "concurrency-limits");
    let (limited, top) = (limit_at("/limited", ""), limit_at("/limited", "/top"));
    let gets = [
        ("/api/rate-limits", "/api/rate-limits"),
        (limited.as_str(), "/api/rate-limits/{pk}"),
        (top.as_str(), "/api/rate-limits/{pk}/top"),
        ("/api/rate-limits/hits", "/api/rate-limits/hits"),
        (
            "/api/rate-limits/explain?request_id=r1",
            "/api/rate-limits/explain",
        ),
        ("/api/global-rate-limit", "/api/global-rate-limit"),
        (
            "/api/global-rate-limit/policies",
            "/api/global-rate-limit/policies",
        ),
        (
            "/api/services/billing/rate-limit/policies",
            "/api/services/{service}/rate-limit/policies",
        ),
        ("/api/concurrency-limits", "/api/concurrency-limits"),
        (simultaneous.as_str(), "/api/concurrency-limits/{pk}"),
        (
            "/api/global-concurrency-limits",
            "/api/global-concurrency-limits",
        ),
        (
            "/api/services/billing/concurrency-limits",
            "/api/services/{service}/concurrency-limits",
        ),
        ("/api/services", "/api/services"),
        (
            "/api/services/billing/maintenance",
            "/api/services/{service}/maintenance",
        ),
        (
            "/api/services/billing/rate-limit",
            "/api/services/{service}/rate-limit",
        ),
        (
            "/api/services/other/rate-limit",
            "/api/services/{service}/rate-limit",
        ),
        (order.as_str(), "/api/routes/{pk}"),
        (item.as_str(), "/api/routes/{pk}"),
        ("/api/routes", "/api/routes"),
        ("/api/audit", "/api/audit"),
        ("/api/global", "/api/global"),
        ("/api/health", "/api/health"),
        ("/api/auth/me", "/api/auth/me"),
        ("/api/auth/tokens", "/api/auth/tokens"),
    ];
    for (path, template) in gets {
        let answer = server.get(path).await.expect(200);
        assert_ne!(answer, json!([]), "{path}");
        let schema = &document["paths"][template]["get"]["responses"]["200"]["content"]["application/json"]
            ["schema"];
        conforms(&document, schema, &answer, template);
    }
    let schema = |path: &str, status: &str| {
        let content = &document["paths"][path]["post"]["responses"][status]["content"];
        let kind = if status >= "400" {
            "application/problem+json"
        } else {
            "application/json"
        };
        content[kind]["schema"].clone()
    };
    for base in ["/api/global", "/api/services/{service}/maintenance"] {
        let path = base.replace("{service}", "billing");
        let planned = json!({
            "start": "2029-01-01T00:00:00Z", "end": "2030-01-01T00:00:00Z", "exempt_ips": ["10.0.0.0/8"],
            "exempt_roles": ["ops"], "exempt_paths": ["/a"], "include_force_active": true,
        });
        let enable = format!("{path}/enable");
        server.post(&enable, planned).await.expect(200);
        let answer = server.post(&enable, json!({})).await.expect(200);
        assert_eq!(answer["dropped"].as_object().unwrap().len(), 6);
        let schema = schema(&format!("{base}/enable"), "200");
        conforms(&document, &schema, &answer, base);
    }
    let answer = server.get("/api/health").await.expect(200);
    let health = &document["paths"]["/api/health"]["get"]["responses"]["200"];
    conforms(
        &document,
        &health["content"]["application/json"]["schema"],
        &answer,
        "health",
    );
    let answer = server.post(&at(key, "/reset"), json!({})).await.expect(200);
    assert_eq!(answer["dropped"].as_object().unwrap().len(), 5);
    conforms(
        &document,
        &schema("/api/routes/{pk}/reset", "200"),
        &answer,
        "reset",
    );
    let login = json!({ "username": "admin", "password": "secret" });
    let answer = server.post("/api/auth/login", login).await.expect(200);
    conforms(
        &document,
        &schema("/api/auth/login", "200"),
        &answer,
        "login",
    );
    let ask = json!({ "name": "x", "scopes": ["read"], "expires_in_seconds": 60 });
    let answer = server.post("/api/auth/tokens", ask).await.expect(201);
    conforms(
        &document,
        &schema("/api/auth/tokens", "201"),
        &answer,
        "token",
    );
    let answer = server
        .post(&at("/orders", "/enable"), json!({}))
        .await
        .expect(409);
    conforms(
        &document,
        &schema("/api/routes/{pk}/enable", "409"),
        &answer,
        "problem",
    );
    let answer = server.post("/api/auth/logout", json!({})).await.expect(200);
    conforms(
        &document,
        &schema("/api/auth/logout", "200"),
        &answer,
        "logout",
    );
}
