//! The exchanges that were recorded with Python waygate 0.2.0, sent to this server.
//!
//! Statuses and bodies must be the recorded ones, but for the table of differences. Members that the recording does
//! not have may be added to objects.

use axum::body::Body;
use serde_json::{Value, json};
use waygate::Credentials;
use waygate_core::grammar::parse_instant;

use super::support::{Answer, Server};

/// What is different here.
struct Difference {
    file: &'static str,
    name: &'static str,
    status: u16,
    /// Members that the answer has; `None` where only the status matters.
    body: Option<Value>,
    #[expect(dead_code, reason = "it is there to be read")]
    reason: &'static str,
}

fn differences() -> Vec<Difference> {
    let differs = |file, name, status, body, reason| Difference {
        file,
        name,
        status,
        body,
        reason,
    };
    let unauthenticated = || {
        Some(json!({
            "error": "Authentication required. Use POST /api/auth/login to obtain a token."
        }))
    };
    let no_dashboard = "there is no dashboard yet; nothing is public but login and logout";
    let unchecked = "wrong types are 400, and change nothing";
    let future = "a window closes the route when it begins, not at once";
    let not_text = "problems are `application/problem+json`";
    vec![
        differs(
            "auth",
            "bearer header is not accepted",
            200,
            Some(json!({ "username": "admin", "platform": "cli" })),
            "`Authorization: Bearer` is accepted besides `X-Waygate-Token`",
        ),
        differs(
            "auth",
            "html page without credentials redirects",
            401,
            unauthenticated(),
            no_dashboard,
        ),
        differs(
            "auth",
            "nested html page redirect is relative",
            401,
            unauthenticated(),
            no_dashboard,
        ),
        differs(
            "auth",
            "dashboard login ok",
            401,
            unauthenticated(),
            no_dashboard,
        ),
        differs(
            "auth",
            "dashboard login bad",
            401,
            unauthenticated(),
            no_dashboard,
        ),
        differs(
            "auth",
            "dashboard logout",
            401,
            unauthenticated(),
            no_dashboard,
        ),
        differs(
            "auth",
            "cookie authenticates API; platform dashboard",
            401,
            unauthenticated(),
            "a cookie alone never authorises JSON: browsers send it without their user's doing",
        ),
        differs(
            "routes",
            "list routes",
            200,
            None,
            "sorted, and the future window does not close: see `list`",
        ),
        differs(
            "routes",
            "get unknown route returns synthetic active state",
            404,
            Some(json!({
                "error": "Route 'GET:/does-not-exist' is not registered. Use 'waygate status' to see all registered routes."
            })),
            "nothing is made up",
        ),
        differs(
            "routes",
            "get bare path does not resolve to the method key",
            200,
            Some(json!({ "path": "GET:/payments", "status": "maintenance" })),
            "a bare path stands for its only method, as it does for changes",
        ),
        differs(
            "routes",
            "get with undecodable path key",
            400,
            Some(json!({ "error": "Invalid path key: '!' is no base64url character." })),
            "what is no key is refused",
        ),
        differs(
            "routes",
            "maintenance ok with window",
            400,
            Some(json!({
                "error": "invalid window `2030-01-01T02:00:00Z/2030-01-01T02:00:00Z`: the window must end after it starts"
            })),
            "the recorded window ends when it begins: 02:00Z is 04:00+02:00",
        ),
        differs(
            "routes",
            "maintenance non-string reason",
            400,
            Some(json!({ "error": "reason: invalid type: integer `5`, expected a string" })),
            unchecked,
        ),
        differs(
            "routes",
            "schedule ok (note immediate maintenance status)",
            200,
            Some(json!({
                "status": "active",
                "reason": "",
                "window": { "start": "2031-01-01T00:00:00Z", "end": "2031-01-01T01:00:00Z", "reason": "planned" },
            })),
            future,
        ),
        differs(
            "routes",
            "schedule end before start accepted",
            400,
            Some(json!({
                "error": "invalid window `2031-01-01T00:00:00Z/2030-01-01T01:00:00Z`: the window must end after it starts"
            })),
            "such a window could never begin",
        ),
        differs(
            "routes",
            "cancel schedule (status and window are left as they were)",
            200,
            Some(json!({ "status": "active", "window": null, "windows": [] })),
            "cancelling takes the window back",
        ),
        differs(
            "routes",
            "cancel schedule unknown",
            404,
            Some(json!({
                "error": "Route 'GET:/ghost' is not registered. Use 'waygate status' to see all registered routes."
            })),
            "nothing is made up",
        ),
        differs(
            "routes",
            "method not allowed",
            405,
            Some(
                json!({ "error": "Method Not Allowed: PUT on /api/routes; allowed are GET, HEAD." }),
            ),
            not_text,
        ),
        differs(
            "routes",
            "unknown api path",
            404,
            Some(json!({ "error": "Not Found" })),
            not_text,
        ),
        differs(
            "audit",
            "list",
            200,
            None,
            "schedules and cancellations are audited, too: see `audit_list`",
        ),
        differs(
            "global-maintenance",
            "enable wrong type exempt",
            400,
            Some(
                json!({ "error": "exempt_paths: invalid type: string \"x\", expected a sequence" }),
            ),
            unchecked,
        ),
        differs(
            "no-auth-mode",
            "me with actor and platform headers",
            200,
            Some(json!({ "username": "anonymous", "platform": "cli" })),
            "what a client says about itself is not believed",
        ),
        differs(
            "no-auth-mode",
            "create flag attributed to the header actor",
            404,
            Some(json!({ "error": "Not Found" })),
            "flags are no part of this interface yet",
        ),
        differs(
            "no-auth-mode",
            "audit shows header actor and platform",
            200,
            None,
            "there is no flag whose creation could be shown",
        ),
        differs(
            "no-auth-mode",
            "dashboard login page posts redirect straight in",
            404,
            Some(json!({ "error": "Not Found" })),
            "there is no dashboard yet",
        ),
    ]
}

fn recorded(file: &str) -> Vec<Value> {
    let path = format!(
        "{}/tests/data/contract/{file}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The token that an exchange shows.
fn token(server: &Server, name: &str, last: &str) -> String {
    match name {
        "me with bad token" => "wg_bad".to_owned(),
        "logout ok" | "token unusable after logout" => last.to_owned(),
        _ => server.token.clone(),
    }
}

async fn send(server: &Server, exchange: &Value, last: &str) -> Answer {
    let asked = &exchange["request"];
    let mut uri = asked["path"].as_str().unwrap().to_owned();
    let query = asked["query"].as_object().unwrap().iter();
    for (index, (name, value)) in query.enumerate() {
        let sign = if index == 0 { '?' } else { '&' };
        uri.push_str(&format!("{sign}{name}={}", value.as_str().unwrap()));
    }
    let mut request = axum::extract::Request::builder()
        .method(asked["method"].as_str().unwrap())
        .uri(uri)
        .header("host", "localhost:8000");
    let name = exchange["name"].as_str().unwrap();
    for (header, value) in asked["headers"].as_object().unwrap() {
        let value = match header.as_str() {
            "X-Waygate-Token" => token(server, name, last),
            "Authorization" => format!("Bearer {}", server.token),
            _ => value.as_str().unwrap().to_owned(),
        };
        request = request.header(header, value);
    }
    let body = match &asked["body"] {
        Value::Null => Body::empty(),
        Value::String(raw) => raw.clone().into(),
        json => {
            request = request.header("content-type", "application/json");
            json.to_string().into()
        }
    };
    server.send(request.body(body).unwrap()).await
}

/// What of `expected` is not in `found`: the members of objects may be more. Values that are drawn or taken from the
/// clock are compared by their form.
fn missing(at: &str, expected: &Value, found: &Value) -> Vec<String> {
    let name = at.rsplit('.').next().unwrap_or_default();
    match (name, expected, found) {
        ("token", _, Value::String(token)) if token.starts_with("wg_") => vec![],
        ("id", _, Value::String(id)) if id.len() == 36 => vec![],
        ("timestamp", _, Value::String(text)) if parse_instant(text).is_ok() => vec![],
        ("expires_at", Value::String(expected), Value::String(found)) => {
            let second = |text: &str| parse_instant(text).unwrap().as_second();
            let close = (second(expected) - second(found)).abs() <= 1 && found.ends_with("+00:00");
            if close {
                vec![]
            } else {
                vec![format!("{at}: {found} for {expected}")]
            }
        }
        (_, Value::Object(expected), Value::Object(found)) => expected
            .iter()
            .flat_map(|(name, value)| match found.get(name) {
                Some(found) => missing(&format!("{at}.{name}"), value, found),
                None => vec![format!("{at}.{name} is missing")],
            })
            .collect(),
        (_, Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            let pairs = expected.iter().zip(found).enumerate();
            pairs
                .flat_map(|(index, (expected, found))| {
                    missing(&format!("{at}[{index}]"), expected, found)
                })
                .collect()
        }
        _ if expected == found => vec![],
        _ => vec![format!("{at}: {found} for {expected}")],
    }
}

async fn replay(server: &Server, file: &str, differences: &mut Vec<Difference>) {
    let mut last = server.token.clone();
    for exchange in recorded(file) {
        let name = exchange["name"].as_str().unwrap();
        let answer = send(server, &exchange, &last).await;
        let different = differences
            .iter()
            .position(|difference| difference.file == file && difference.name == name)
            .map(|index| differences.remove(index));
        let (status, body) = match different {
            Some(Difference { status, body, .. }) => (status, body),
            None => {
                let response = &exchange["response"];
                let status = response["status"].as_u64().unwrap();
                (status.try_into().unwrap(), Some(response["body"].clone()))
            }
        };
        let text = String::from_utf8_lossy(&answer.body);
        assert_eq!(answer.status, status, "{file}: {name}: {text}");
        if let Some(body) = body {
            let found = answer.json();
            let missing = missing("", &body, &found);
            assert!(missing.is_empty(), "{file}: {name}: {missing:?} in {found}");
            let ambiguous = |body: &Value| body.get("ambiguous_matches").is_some();
            assert_eq!(ambiguous(&body), ambiguous(&found), "{file}: {name}");
        }
        if status >= 400 {
            answer.error();
        }
        if name == "login ok" {
            last = answer.json()["token"].as_str().unwrap().to_owned();
        }
    }
}

#[tokio::test]
async fn recorded_exchanges_come_out_the_same() {
    let mut differences = differences();
    let server = Server::start().await;
    replay(&server, "auth", &mut differences).await;
    let server = Server::start().await;
    list(&server).await;
    replay(&server, "routes", &mut differences).await;
    replay(&server, "audit", &mut differences).await;
    audit_list(&server).await;
    replay(&server, "global-maintenance", &mut differences).await;
    let server = Server::with(Credentials::none()).await;
    replay(&server, "no-auth-mode", &mut differences).await;
    let unused: Vec<_> = differences
        .iter()
        .map(|difference| difference.name)
        .collect();
    assert!(
        unused.is_empty(),
        "differences without an exchange: {unused:?}"
    );
}

/// The recorded list, but for its order and the window of 2030.
async fn list(server: &Server) {
    let exchanges = recorded("routes");
    let mut expected = exchanges[0]["response"]["body"].as_array().unwrap().clone();
    let key = |route: &Value| {
        let key = route["path"].as_str().unwrap().to_owned();
        let (method, path) = key.split_once(':').unwrap();
        (path.to_owned(), method.to_owned())
    };
    expected.sort_by_key(key);
    for route in &mut expected {
        if route["path"] == "GET:/windowed" {
            route["status"] = json!("active");
        }
    }
    let found = server.get("/api/routes").await.expect(200);
    let missing = missing("", &json!(expected), &found);
    assert!(missing.is_empty(), "{missing:?}");
}

/// What the exchanges of `routes` have left in the log, newest first.
async fn audit_list(server: &Server) {
    let found = server.get("/api/audit?limit=5").await.expect(200);
    let line = |line: &Value| {
        let fields = [
            "path",
            "action",
            "actor",
            "platform",
            "reason",
            "previous_status",
            "new_status",
        ];
        let texts = fields.map(|field| line[field].as_str().unwrap_or_default().to_owned());
        texts.join(" | ")
    };
    let lines: Vec<String> = found.as_array().unwrap().iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "GET:/items/{item_id} | enable | admin | cli |  | active | active",
            "GET:/items/{item_id} | schedule_cancelled | admin | cli |  | active | active",
            "GET:/items/{item_id} | schedule | admin | cli | planned | active | active",
            "POST:/orders | enable | admin | cli |  | env_gated | active",
            "POST:/orders | env_gate | admin | cli | Restricted to: [] | env_gated | env_gated",
        ]
    );
}
