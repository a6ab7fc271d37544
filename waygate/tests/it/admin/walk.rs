//! Sends valid, invalid, unknown and hostile requests to every operation of the document. Each response must have a
//! documented status and content type.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::header;
use serde_json::{Value, json};
use waygate::{
    Waygate,
    admin::{Admin, Credentials},
};
use waygate_backends::MemoryBackend;

use super::{
    document::{ENTRY, Operation, document, operations, with_entry},
    store::Failing,
    support::{Answer, Server, at},
};

impl Operation {
    fn parameters(&self, place: &str) -> Vec<&Value> {
        let parameters = self.described["parameters"].as_array().into_iter();
        let here = parameters
            .flatten()
            .filter(|parameter| parameter["in"] == place);
        here.collect()
    }

    /// The paths to request: the first is valid, the others fit the template.
    fn paths(&self, token: &str) -> Vec<String> {
        let long = "x".repeat(5_000);
        let keys = [
            "GET:/orders",
            "GET:/gone",
            "/orders",
            "GET:/health",
            "GET:/ghost",
            "ghost:GET:/orders",
            "GET",
            "/",
            "\u{1b}[2J\n",
            &long,
        ];
        let mut values: BTreeMap<&str, Vec<String>> = BTreeMap::from([
            ("pk", keys.map(|key| URL_SAFE_NO_PAD.encode(key)).to_vec()),
            (
                "service",
                ["billing", "ghost", "%20", "a%0Ab", "%FF", ".", &long]
                    .map(str::to_owned)
                    .to_vec(),
            ),
            (
                "id",
                [token, "0123456789abcdef", "%00", "%FF", &long]
                    .map(str::to_owned)
                    .to_vec(),
            ),
            (
                "entry",
                [
                    ENTRY,
                    "00000000-0000-0000-0000-000000000000",
                    "x",
                    "%00",
                    "%FF",
                ]
                .map(str::to_owned)
                .to_vec(),
            ),
            (
                "name",
                ["upgrade", "ghost", "a%20b", "%00", "%FF", &long]
                    .map(str::to_owned)
                    .to_vec(),
            ),
        ]);
        let key = match self.template.starts_with("/api/segments") {
            true => "beta",
            false => "search",
        };
        values.insert(
            "key",
            [key, "ghost", "%67host", "a%20b", "%00", "%FF", &long]
                .map(str::to_owned)
                .to_vec(),
        );
        if self.template.contains("{change}") {
            let ids = ["change-1", "ghost", "%00", "%FF", &long];
            let fill = |id: &str| {
                let template = self.template.replace("{key}", "search");
                template.replace("{change}", id)
            };
            return ids.map(fill).to_vec();
        }
        if let Some(keys) = values.get_mut("pk") {
            keys.extend(["!!!", "%FF", "%2F", "gA", "="].map(str::to_owned));
            if self.name() == "DELETE /api/routes/{pk}" {
                keys.swap(0, 1);
            }
        }
        for (name, values) in values {
            let hole = format!("{{{name}}}");
            if self.template.contains(&hole) {
                let fill = |value: String| self.template.replace(&hole, &value);
                return values.into_iter().map(fill).collect();
            }
        }
        vec![self.template.clone()]
    }

    /// The queries to send: the first is valid.
    fn queries(&self) -> Vec<String> {
        let mut queries = match self.template.rsplit('/').next() {
            Some("explain") => vec!["?request_id=r1".to_owned(), String::new()],
            Some("difference") => vec![format!("?from={ENTRY}"), String::new()],
            _ => vec![String::new()],
        };
        queries.extend(["?nme=x", "?%FF=%FF", "?="].map(str::to_owned));
        for parameter in self.parameters("query") {
            let name = parameter["name"].as_str().unwrap();
            for value in [
                "",
                "abc",
                "-1",
                "+1",
                "1e3",
                "1.5",
                "0x1",
                "%201",
                "1",
                "0",
                "true",
                "TRUE",
                "%00",
                "%FF",
                "GET",
                "GET:/orders",
                "18446744073709551616",
                "default",
            ] {
                queries.push(format!("?{name}={value}"));
            }
            queries.push(format!("?{name}=1&{name}=1"));
        }
        queries
    }

    /// The size limit of a body.
    fn most(&self) -> usize {
        let takes = |name| {
            self.described["requestBody"]
                .to_string()
                .contains(&format!("schemas/{name}\""))
        };
        match [
            "FlagDefinition",
            "FlagPatch",
            "SegmentDefinition",
            "PreviewRequest",
            "FlagDefinitions",
        ]
        .into_iter()
        .any(takes)
        {
            true => 8 * 1024 * 1024,
            false => 256 * 1024,
        }
    }

    /// The bodies to send: the first is valid.
    fn bodies(&self) -> Vec<Vec<u8>> {
        if !["POST", "PUT", "PATCH"].contains(&self.method.as_str()) {
            return vec![Vec::new()];
        }
        let mut bodies = vec![match &self.body {
            Value::Null => Vec::new(),
            body => body.to_string().into_bytes(),
        }];
        for text in ["", "{}", "[]", "null", "{", "\"x\"", "{\"a\":1,\"a\":1}"] {
            bodies.push(text.into());
        }
        bodies.push(vec![0xFF; 8]);
        bodies.push(vec![b' '; self.most() + 1]);
        let hostile = json!({ "a": ["\u{1b}[2J\r\n", 1e300, null, { "b": {} }] });
        let values = [
            Value::Null,
            json!([]),
            json!(""),
            json!("\u{0}\u{202e}"),
            json!(-1),
            json!(true),
            json!("x".repeat(10_000)),
            json!(["a b"]),
            hostile,
        ];
        let schema = self
            .described
            .pointer("/requestBody/content/application~1json/schema");
        let reference = schema.and_then(|schema| schema["$ref"].as_str());
        let fields = reference.map_or_else(BTreeSet::new, |reference| {
            fields(&self.described, reference)
        });
        for field in fields
            .iter()
            .map(String::as_str)
            .chain(["Reason", "unknown"])
        {
            for value in &values {
                let mut body = self.body.as_object().cloned().unwrap_or_default();
                body.insert(field.to_owned(), value.clone());
                bodies.push(Value::from(body).to_string().into_bytes());
            }
        }
        bodies
    }
}

/// The field names of a schema; `described` holds the schemas of the document.
fn fields(described: &Value, reference: &str) -> BTreeSet<String> {
    let schema =
        described["x-schemas"].pointer(reference.trim_start_matches("#/components/schemas"));
    let own = schema.and_then(|schema| schema["properties"].as_object());
    let own = own
        .into_iter()
        .flat_map(|properties| properties.keys().cloned());
    let parts = schema.and_then(|schema| schema["allOf"].as_array());
    let parts = parts.into_iter().flatten();
    let inherited = parts.flat_map(|part| match part["$ref"].as_str() {
        Some(reference) => fields(described, reference),
        None => part["properties"]
            .as_object()
            .map(|properties| properties.keys().cloned().collect())
            .unwrap_or_default(),
    });
    own.chain(inherited).collect()
}

/// The statuses seen for each operation.
#[derive(Default)]
struct Seen(BTreeMap<String, BTreeSet<u16>>);

impl Seen {
    /// Records a response, which must be one that the operation documents.
    #[track_caller]
    fn note(&mut self, operation: &Operation, asked: &str, answer: &Answer) {
        let name = operation.name();
        let status = answer.status.as_u16();
        let described = &operation.described["responses"][status.to_string()];
        let body = String::from_utf8_lossy(&answer.body);
        assert!(
            described.is_object(),
            "{name} answers {asked} with {status}, which is not described: {body}"
        );
        let kind = answer.header(header::CONTENT_TYPE);
        let kinds = described["content"].as_object();
        let fits = match kinds {
            Some(kinds) => kinds.contains_key(kind),
            None => kind.is_empty() && body.is_empty(),
        };
        assert!(fits, "{name} answers {asked} with {status} as {kind:?}");
        self.0.entry(name).or_default().insert(status);
    }

    #[track_caller]
    fn has(&self, operation: &str, status: u16) {
        let seen = &self.0[operation];
        assert!(seen.contains(&status), "{operation}: {seen:?}");
    }
}

/// Sets up the state that the valid request of each operation needs.
async fn prepare(server: &Server) -> String {
    super::support::set_limits(server).await;
    let window = json!({ "start": "2031-01-01T00:00:00Z", "end": "2031-01-02T00:00:00Z" });
    for (path, body) in [("/enable", json!({})), ("/schedule", window)] {
        server
            .post(&at("GET:/orders", path), body)
            .await
            .expect(200);
    }
    #[cfg(feature = "flags")]
    super::flags::prepare(server).await;
    let text = json!({ "text": "Soon." });
    let set = server.put("/api/announcements/upgrade", text).await;
    set.expect(200);
    #[cfg(feature = "webhooks")]
    {
        let webhook = json!({ "url": "https://hooks.invalid/", "events": ["segment.*"] });
        let set = server.put("/api/webhooks/upgrade", webhook).await;
        set.expect(200);
    }
    let name = format!("walk{}", server.waygate.revision().number);
    let ask = json!({ "name": name, "scopes": ["read"], "expires_in_seconds": 3600 });
    let made = server.post("/api/auth/tokens", ask).await.expect(201);
    made["id"].as_str().unwrap().to_owned()
}

async fn send(
    server: &Server,
    operation: &Operation,
    target: &str,
    body: &[u8],
    headers: &[(&str, &str)],
) -> Answer {
    let (target, body) = with_entry(server, target, body).await;
    let mut request = server.request(&operation.method, &target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    // Logging out would revoke the token.
    if operation.template == "/api/auth/logout" {
        request.headers_mut().unwrap().remove("x-waygate-token");
    }
    server.send(request.body(Body::from(body)).unwrap()).await
}

/// The document, with its schemas added to each operation.
async fn with_schemas(server: &Server) -> Value {
    let mut document = document(server).await;
    let schemas = document["components"]["schemas"].clone();
    for item in document["paths"].as_object_mut().unwrap().values_mut() {
        for operation in item.as_object_mut().unwrap().values_mut() {
            operation["x-schemas"] = schemas.clone();
        }
    }
    document
}

/// A store with a route that the code no longer has.
async fn with_orphan() -> MemoryBackend {
    let backend = MemoryBackend::new();
    let old = Waygate::builder().backend(backend.clone()).build().await;
    let old = old.unwrap();
    old.register(
        "GET:/gone".parse().unwrap(),
        waygate::model::RouteState::default(),
    )
    .await
    .unwrap();
    old.system().disable("GET:/gone", "old").await.unwrap();
    backend
}

#[tokio::test]
async fn every_response_is_documented() {
    let json_type = ("content-type", "application/json");
    let mut seen = Seen::default();
    let server = Server::on(with_orphan().await, Credentials::new("admin", "secret")).await;
    let request = axum::extract::Request::get("/orders").header("x-request-id", "r1");
    prepare(&server).await;
    server.call(request.body(Body::empty()).unwrap()).await;
    let document = with_schemas(&server).await;
    for operation in operations(&document) {
        let id = prepare(&server).await;
        let (paths, queries, bodies) = (
            operation.paths(&id),
            operation.queries(),
            operation.bodies(),
        );
        let good = format!("{}{}", paths[0], queries[0]);
        let answer = send(&server, &operation, &good, &bodies[0], &[json_type]).await;
        assert!(
            answer.status.is_success(),
            "{}: {}",
            operation.name(),
            answer.status
        );
        seen.note(&operation, "a good request", &answer);
        for (index, path) in paths.iter().enumerate() {
            for query in &queries {
                let target = format!("{path}{query}");
                let answer = send(&server, &operation, &target, &bodies[0], &[json_type]).await;
                seen.note(&operation, &target, &answer);
            }
            // The last paths fail before any body is read.
            let bodies = &bodies[..if index < 6 { bodies.len() } else { 1 }];
            for body in bodies {
                let target = format!("{path}{}", queries[0]);
                let answer = send(&server, &operation, &target, body, &[json_type]).await;
                let shown: String = String::from_utf8_lossy(body).chars().take(200).collect();
                seen.note(&operation, &format!("{target} {shown}"), &answer);
            }
            for headers in [
                [("if-match", "nonsense")],
                [("if-match", "\"x\"")],
                [("if-match", "*")],
                [("if-none-match", "*")],
                [("if-none-match", "\"x\"")],
                [("x-waygate-token", "wg_second")],
            ] {
                let target = format!("{path}{}", queries[0]);
                let answer = send(&server, &operation, &target, &bodies[0], &headers).await;
                seen.note(&operation, &format!("{target} {headers:?}"), &answer);
            }
        }
    }
    for operation in [
        "GET /api/global-rate-limit/top",
        "GET /api/services/{service}/rate-limit/top",
        "POST /api/global-rate-limit/enable",
        "POST /api/global-rate-limit/disable",
        "POST /api/global-rate-limit/reset",
        "POST /api/services/{service}/rate-limit/enable",
        "POST /api/services/{service}/rate-limit/disable",
        "POST /api/services/{service}/rate-limit/reset",
    ] {
        seen.has(operation, 400);
    }
    seen.has("GET /api/services/{service}/rate-limit/top", 404);
    seen.has("GET /api/routes", 200);

    // Missing resources and missing permissions.
    let server = Server::start().await;
    let weak = json!({ "name": "weak", "scopes": [], "expires_in_seconds": 60 });
    let weak = server.post("/api/auth/tokens", weak).await;
    assert_eq!(weak.status, 400);
    let read = json!({ "name": "read", "scopes": ["read"], "expires_in_seconds": 3600 });
    let read = server.post("/api/auth/tokens", read).await.expect(201);
    let read = read["token"].as_str().unwrap().to_owned();
    let named = json!({ "name": "ghost" }).to_string();
    let elsewhere = json!({ "path": "/ghost", "limit": 5 }).to_string();
    let key = json!({ "key": [], "name": "ghost" }).to_string();
    for operation in operations(&document) {
        let target = format!("{}{}", operation.paths("x")[0], operation.queries()[0]);
        for body in [&named, &elsewhere, &key] {
            let answer = send(&server, &operation, &target, body.as_bytes(), &[json_type]).await;
            seen.note(&operation, &format!("{target} {body}"), &answer);
        }
        for query in operation.parameters("query") {
            let name = query["name"].as_str().unwrap();
            for value in ["ghost", "GET:/ghost", "GET", "1"] {
                let target = format!("{}?{name}={value}", operation.paths("x")[0]);
                let body = &operation.bodies()[0];
                let answer = send(&server, &operation, &target, body, &[json_type]).await;
                seen.note(&operation, &target, &answer);
            }
        }
        for token in ["", "wg_garbage", &read] {
            let request = axum::extract::Request::builder()
                .method(operation.method.as_str())
                .uri(&target)
                .header("x-waygate-token", token)
                .header("content-type", "application/json");
            let body = Body::from(operation.bodies()[0].clone());
            let answer = server.send(request.body(body).unwrap()).await;
            seen.note(&operation, &format!("{target} as {token:?}"), &answer);
        }
    }
    for operation in [
        "GET /api/global-rate-limit/top",
        "POST /api/global-rate-limit/enable",
        "POST /api/global-rate-limit/disable",
        "POST /api/global-rate-limit/reset",
        "POST /api/services/{service}/rate-limit/enable",
        "POST /api/services/{service}/rate-limit/disable",
        "POST /api/services/{service}/rate-limit/reset",
        "POST /api/concurrency-limits",
    ] {
        seen.has(operation, 404);
    }
    strict(&mut seen, &document).await;
    stores_that_fail(&mut seen, &document).await;
    without_credentials(&mut seen, &document).await;
}

/// Walks a server that requires preconditions.
async fn strict(seen: &mut Seen, document: &Value) {
    let admin = Admin::new(Credentials::new("admin", "secret")).require_if_match(true);
    let server = Server::with(admin).await;
    for operation in operations(document) {
        let target = format!("{}{}", operation.paths("x")[0], operation.queries()[0]);
        let answer = send(&server, &operation, &target, &operation.bodies()[0], &[]).await;
        seen.note(&operation, &format!("{target} without If-Match"), &answer);
    }
    seen.has("POST /api/global/enable", 428);
}

/// Walks servers with stores that are unavailable, full, corrupt, or refuse the batch.
async fn stores_that_fail(seen: &mut Seen, document: &Value) {
    let backend = Failing::default();
    let server = Server::on(backend.clone(), Credentials::new("admin", "secret")).await;
    for operation in operations(document) {
        let id = prepare(&server).await;
        for mode in 1..=4 {
            backend.fail(mode);
            let target = format!("{}{}", operation.paths(&id)[0], operation.queries()[0]);
            let answer = send(&server, &operation, &target, &operation.bodies()[0], &[]).await;
            seen.note(&operation, &format!("{target} in mode {mode}"), &answer);
            backend.fail(0);
        }
    }
    for status in [500, 503, 507] {
        seen.has("POST /api/global/enable", status);
    }
}

/// Walks a server without credentials, from this machine and from others.
async fn without_credentials(seen: &mut Seen, document: &Value) {
    let server = Server::with(Credentials::none()).await;
    for operation in operations(document) {
        let target = format!("{}{}", operation.paths("x")[0], operation.queries()[0]);
        for peer in [Some("127.0.0.1"), Some("192.0.2.1"), None] {
            for kind in ["application/json", "text/plain"] {
                let request = server.request(&operation.method, &target);
                let request = request.header(header::CONTENT_TYPE, kind);
                let body = Body::from(operation.bodies()[0].clone());
                let answer = server.send_from(peer, request.body(body).unwrap()).await;
                seen.note(
                    &operation,
                    &format!("{target} from {peer:?} as {kind}"),
                    &answer,
                );
            }
        }
    }
    seen.has("POST /api/auth/login", 501);
    seen.has("POST /api/global/enable", 415);
}

/// Parameters of the wrong type are refused in every operation, and the error names them.
#[tokio::test]
async fn parameters_of_the_wrong_type_are_refused_by_name() {
    let server = Server::start().await;
    prepare(&server).await;
    let document = with_schemas(&server).await;
    let mut checked = BTreeSet::new();
    for operation in operations(&document) {
        for parameter in operation.parameters("query") {
            let name = parameter["name"].as_str().unwrap();
            let wrong: &[&str] = match name {
                "format" => &["", "x", "Waygate", "%00"],
                "limit" | "offset" | "days" | "minutes" => {
                    &["", "abc", "-1", "+1", "1e3", "1.0", "%201", "0x10", "٣"]
                }
                "orphaned" | "enforced" | "dry_run" | "force" | "partial" | "round_weights" => {
                    &["", "1", "yes", "True", "true%20"]
                }
                "service" | "policy" | "name" => &["", "a%20b", "%00", "a%2Fb"],
                "method" => &["", "BREW", "GET%20", "%00"],
                "window" => &["", "x", "2030-01-01T00:00:00Z"],
                // Any text can be an id, a key or a path.
                "request_id" | "key" | "from" | "to" => continue,
                "route" if operation.template == "/api/audit" => continue,
                "route" => &["", "search", "BREW:x", "%00"],
                other => panic!("what is wrong for {other}?"),
            };
            checked.insert(name.to_owned());
            let path = &operation.paths("x")[0];
            let before = server.state().await;
            for value in wrong {
                let value = value.replace('٣', "%D9%A3");
                let target = format!("{path}?{name}={value}");
                let answer = send(&server, &operation, &target, b"", &[]).await;
                assert_eq!(answer.status, 400, "{} {target}", operation.method);
                let text = answer.refused(400);
                assert!(text.starts_with(&format!("{name}: ")), "{target}: {text}");
            }
            let target = format!("{path}?{name}=1&{name}=1");
            let text = send(&server, &operation, &target, b"", &[])
                .await
                .refused(400);
            assert_eq!(text, format!("the parameter `{name}` is given twice"));
            assert_eq!(server.state().await, before);
        }
        // Unknown parameters are not ignored.
        let target = format!("{}?unknown=true", operation.paths("x")[0]);
        let body = operation.bodies()[0].clone();
        let text = send(&server, &operation, &target, &body, &[])
            .await
            .refused(400);
        assert!(
            text.starts_with("unknown parameter `unknown`"),
            "{target}: {text}"
        );
    }
    let expected: &[&str] = &[
        "days",
        "dry_run",
        "enforced",
        "force",
        #[cfg(feature = "flags")]
        "format",
        "limit",
        "method",
        "minutes",
        "name",
        "offset",
        "orphaned",
        #[cfg(feature = "flags")]
        "partial",
        "policy",
        #[cfg(feature = "flags")]
        "round_weights",
        "route",
        "service",
        "window",
    ];
    let expected: BTreeSet<String> = expected.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(checked, expected);
    let all = server.state().await["audit"].as_array().unwrap().len();
    for (target, count) in [
        ("/api/audit?limit=1", 1),
        ("/api/audit?limit=01", 1),
        ("/api/audit?limit=0", 0),
        ("/api/audit?limit=99999999999999999999999", all),
        ("/api/audit?offset=1000000", 0),
    ] {
        let lines = server.get(target).await.expect(200);
        assert_eq!(lines.as_array().unwrap().len(), count, "{target}: {lines}");
    }
    // Answering with another page would be wrong.
    let text = server.get("/api/audit?offset=1000001").await.refused(400);
    assert_eq!(text, "offset: expected a whole number from 0 to 1000000");
}
