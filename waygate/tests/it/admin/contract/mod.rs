//! Replays the exchanges recorded with Python Waygate 0.2.0.
//!
//! Statuses and bodies must match the recording, except for the table of differences. Objects may have additional
//! members.

mod differences;
#[cfg(feature = "flags")]
mod flags;
mod limits;

use axum::body::Body;
use serde_json::{Value, json};
use waygate::admin::Credentials;
use waygate_core::grammar::parse_instant;

use self::differences::{Difference, differences};
use super::support::{Answer, Server};

fn recorded(file: &str) -> Vec<Value> {
    let path = format!(
        "{}/tests/data/contract/{file}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The token that an exchange uses.
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

/// Lists the parts of `expected` that `found` lacks; objects may have additional members. Random values and times are
/// compared by their form.
fn missing(at: &str, expected: &Value, found: &Value) -> Vec<String> {
    let name = at.rsplit('.').next().unwrap_or_default();
    match (name, expected, found) {
        ("token", _, Value::String(token)) if token.starts_with("wg_") => vec![],
        ("id", _, Value::String(id)) if id.len() == 36 => vec![],
        ("timestamp" | "created_at" | "updated_at", _, Value::String(text))
            if parse_instant(text).is_ok() =>
        {
            vec![]
        }
        // The server sets the author, which the reference leaves to the client.
        ("created_by", Value::String(_), Value::String(found)) if found == "admin" => vec![],
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
        match name {
            "login ok" => last = answer.json()["token"].as_str().unwrap().to_owned(),
            // The recorded server learned its routes from this request.
            "sdk register new" => limits::register(server, &exchange).await,
            _ => {}
        }
    }
}

#[tokio::test]
async fn recorded_exchanges_replay_identically() {
    let mut differences = differences();
    #[cfg(feature = "flags")]
    differences.extend(flags::differences());
    let server = Server::start().await;
    replay(&server, "auth", &mut differences).await;
    let server = Server::start().await;
    list(&server).await;
    replay(&server, "routes", &mut differences).await;
    replay(&server, "audit", &mut differences).await;
    audit_list(&server).await;
    replay(&server, "global-maintenance", &mut differences).await;
    let server = Server::start().await;
    limits::declare(&server).await;
    limits::list(&server).await;
    limits::traffic(&server).await;
    replay(&server, "rate-limits", &mut differences).await;
    limits::hits(&server).await;
    limits::audit(&server).await;
    let server = Server::start().await;
    replay(&server, "global-rate-limit", &mut differences).await;
    limits::global_audit(&server).await;
    limits::global_traffic(&server).await;
    let server = Server::start().await;
    replay(&server, "services", &mut differences).await;
    limits::services(&server).await;
    limits::services_audit(&server).await;
    #[cfg(feature = "flags")]
    for file in ["flags", "segments"] {
        // The recorded results are of the hash of the reference.
        let builder = waygate::Waygate::builder();
        let builder = builder.flag_options(waygate::flags::CompileOptions::python());
        let server = Server::built(builder, Credentials::new("admin", "secret")).await;
        if file == "flags" {
            // The reference does not ask if a segment exists.
            let beta = json!({ "name": "Beta" });
            server.put("/api/segments/beta", beta).await.expect(200);
        }
        replay(&server, file, &mut differences).await;
    }
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

/// Compares the list with the recording, ignoring the order and the window in 2030.
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

/// The audit entries of the `routes` exchanges, newest first.
async fn audit_list(server: &Server) {
    assert_eq!(
        lines(server, 5).await,
        [
            "GET:/items/{item_id} | enable | admin | cli |  | active | active",
            "GET:/items/{item_id} | schedule_cancelled | admin | cli |  | active | active",
            "GET:/items/{item_id} | schedule | admin | cli | planned | active | active",
            "POST:/orders | enable | admin | cli |  | env_gated | active",
            "POST:/orders | env_gate | admin | cli | Restricted to: ['dev', 'staging'] | active | env_gated",
        ]
    );
}

/// The newest lines of the audit log.
async fn lines(server: &Server, limit: usize) -> Vec<String> {
    let path = format!("/api/audit?limit={limit}");
    let found = server.get(&path).await.expect(200);
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
    found.as_array().unwrap().iter().map(line).collect()
}
