//! The state that the recorded exchanges about rate limits start from, and the comparisons that cannot be made member
//! by member.

use axum::{body::Body, extract::Request};
use serde_json::{Value, json};

use super::{Server, lines, missing, recorded};

/// Declares what the recorded application declares, except the policy with a key function, which no operator can set.
pub(super) async fn declare(server: &Server) {
    for policy in listed() {
        let field = |name: &str| policy[name].as_str().unwrap().to_owned();
        let key = format!("{}:{}#default", field("method"), field("path"));
        let fields = json!({
            "limit": policy["limit"], "key_strategy": policy["key_strategy"],
            "on_missing_key": policy["on_missing_key"], "burst": policy["burst"],
        });
        let policy = serde_json::from_value(fields).unwrap();
        let set = server.waygate.system();
        set.set_rate_limit(key.parse().unwrap(), policy)
            .await
            .unwrap();
    }
}

fn listed() -> Vec<Value> {
    let listed = recorded("rate-limits")[0]["response"]["body"].clone();
    let Value::Array(mut listed) = listed else {
        panic!("the first exchange lists policies");
    };
    listed.retain(|policy| policy["key_strategy"] != "custom");
    listed
}

/// Compares the list with the recording, ignoring the order and that policy.
pub(super) async fn list(server: &Server) {
    let mut expected = listed();
    expected.sort_by_key(|policy| policy["path"].as_str().unwrap().to_owned());
    let found = server.get("/api/rate-limits").await.expect(200);
    let missing = missing("", &json!(expected), &found);
    assert!(missing.is_empty(), "{missing:?}");
}

/// Sends one recorded request to the application and compares the responses, ignoring times.
async fn call(server: &Server, exchange: &Value, status: u64) {
    let asked = &exchange["request"];
    let mut request = Request::get(asked["path"].as_str().unwrap());
    for (name, value) in asked["headers"].as_object().unwrap() {
        request = request.header(name, value.as_str().unwrap());
    }
    let answer = server.call(request.body(Body::empty()).unwrap()).await;
    let name = &exchange["name"];
    assert_eq!(u64::from(answer.status.as_u16()), status, "{name}");
    if status == 429 {
        let (found, expected) = (answer.json(), &exchange["response"]["body"]);
        for member in ["code", "message", "limit", "path"] {
            assert_eq!(found["error"][member], expected["error"][member], "{name}");
        }
        // Rounded up and never 0; the recorded server truncates.
        let seconds = found["error"]["retry_after_seconds"].as_u64().unwrap();
        let recorded = &expected["error"]["retry_after_seconds"];
        assert_eq!(seconds, recorded.as_u64().unwrap() + 1, "{name}");
        assert_eq!(answer.header("retry-after"), seconds.to_string(), "{name}");
    }
}

/// Replays the recorded requests that were counted.
pub(super) async fn traffic(server: &Server) {
    let exchanges = recorded("blocked-routes");
    let counted = exchanges.iter().filter(|exchange| {
        exchange["request"]["path"]
            .as_str()
            .unwrap()
            .starts_with("/limited")
    });
    let mut count = 0;
    for exchange in counted {
        let name = exchange["name"].as_str().unwrap();
        let status = match name {
            // No proxy is trusted here, so both requests come from the same client.
            "rate limit other client via X-Forwarded-For" => 429,
            // Waiting does not help.
            "api_key strategy, missing key, on_missing_key=block" => 401,
            "burst=5 on 2/minute call 3: burst is not applied" => 200,
            // This policy does not exist here.
            "custom key function fails" => 200,
            _ => exchange["response"]["status"].as_u64().unwrap(),
        };
        if name.contains("X-Forwarded-For") {
            let request = Request::get("/limited").header("x-forwarded-for", "203.0.113.9");
            let answer = server.call(request.body(Body::empty()).unwrap()).await;
            assert_eq!(u64::from(answer.status.as_u16()), status, "{name}");
        } else {
            call(server, exchange, status).await;
        }
        count += 1;
    }
    assert_eq!(count, 14);
}

/// Compares the refusals, in the recorded form.
pub(super) async fn hits(server: &Server) {
    let found = server
        .get("/api/rate-limits/hits?limit=1")
        .await
        .expect(200);
    let hit = &found[0];
    let (path, limit) = ("/limited-key", "2/minute");
    let expected = json!([{
        "id": hit["id"], "timestamp": "2026-11-22T22:16:28.050033Z", "path": path, "method": "GET", "limit": limit,
        "tier": null, "reset_at": "2026-11-22T22:17:28.050033Z",
    }]);
    let differences = missing("", &expected, &found);
    assert!(differences.is_empty(), "{differences:?} in {found}");
    let key = hit["key"].as_str().unwrap();
    let digest = key.strip_prefix("waygate:ratelimit:GET:/limited-key:");
    assert!(digest.is_some_and(|digest| digest != "k1"), "{key}");
    let of_path = "/api/rate-limits/hits?route=/limited-key&limit=1";
    assert_eq!(server.get(of_path).await.expect(200), found);
}

/// The audit entries of the exchanges, newest first.
pub(super) async fn audit(server: &Server) {
    assert_eq!(
        lines(server, 4).await,
        [
            "/limited | rl_reset | admin | cli |  |  | ",
            "GET:/limited | rl_reset | admin | cli |  |  | ",
            "GET:/orders | rl_policy_updated | admin | cli | 10/hour · sliding_window · api_key |  | ",
            "GET:/orders | rl_policy_set | admin | cli | 5/minute · fixed_window · ip |  | ",
        ]
    );
}

/// The audit entries of the global policy.
pub(super) async fn global_audit(server: &Server) {
    let line = |action: &str, reason: &str| {
        format!("__global_rl__ | global_rl_{action} | admin | cli | {reason} |  | ")
    };
    assert_eq!(
        lines(server, 5).await,
        [
            line("deleted", ""),
            line("reset", ""),
            line("enabled", "2/minute · fixed_window · ip"),
            line("disabled", "2/minute · fixed_window · ip"),
            line("set", "2/minute · fixed_window · ip"),
        ]
    );
}

/// Replays the recorded requests under the global policy, with its exemptions.
pub(super) async fn global_traffic(server: &Server) {
    let policy = json!({ "limit": "2/minute", "exempt_routes": ["/health", "GET:/orders"] });
    server
        .post("/api/global-rate-limit", policy)
        .await
        .expect(201);
    for exchange in recorded("blocked-global-rate-limit") {
        let status = exchange["response"]["status"].as_u64().unwrap();
        call(server, &exchange, status).await;
    }
}

/// Registers the routes of an exchange.
pub(super) async fn register(server: &Server, exchange: &Value) {
    let states = exchange["request"]["body"]["states"].as_array().unwrap();
    for state in states {
        let Some(key) = state["path"].as_str() else {
            continue;
        };
        let declared = waygate::model::RouteState::default();
        server
            .waygate
            .register(key.parse().unwrap(), declared)
            .await
            .unwrap();
    }
}

/// Compares a service's routes with the recording, ignoring the order and the routes that declarations and operators
/// had closed.
pub(super) async fn services(server: &Server) {
    let exchanges = recorded("services").into_iter();
    let mut asked = exchanges.filter(|exchange| exchange["name"] == "routes of service");
    let exchange = asked.next().unwrap();
    let body = &exchange["response"]["body"];
    let mut expected = body.as_array().unwrap().clone();
    expected.sort_by_key(|route| route["path"].as_str().unwrap().to_owned());
    for route in &mut expected {
        route["status"] = json!("active");
        route["reason"] = json!("");
    }
    let path = "/api/routes?service=payments-service";
    let found = server.get(path).await.expect(200);
    assert_eq!(expected.len(), 3);
    let missing = missing("", &json!(expected), &found);
    assert!(missing.is_empty(), "{missing:?}");
}

/// The audit entries of the exchanges about services, newest first.
pub(super) async fn services_audit(server: &Server) {
    let service = |service: &str, rest: &str| format!("__waygate:svc_{service}__ | {rest}");
    let set = "100/minute · fixed_window · ip";
    let limit = |action: &str, reason: &str| {
        let rest = format!("svc_rl_{action} | admin | cli | {reason} |  | ");
        service("rl:payments-service", &rest)
    };
    assert_eq!(
        lines(server, 8).await,
        [
            limit("deleted", ""),
            limit("reset", ""),
            limit("enabled", set),
            limit("disabled", set),
            limit("set", set),
            service(
                "global:ghost",
                "service_maintenance_on | admin | cli |  | active | maintenance"
            ),
            service(
                "global:payments-service",
                "service_maintenance_off | admin | cli |  | maintenance | active"
            ),
            service(
                "global:payments-service",
                "service_maintenance_on | admin | cli | DB | active | maintenance"
            ),
        ]
    );
    let of_service = server.get("/api/audit?service=payments-service").await;
    assert_eq!(of_service.expect(200).as_array().unwrap().len(), 7);
}
