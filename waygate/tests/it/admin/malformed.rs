//! 20,000 malformed requests: each gets a problem response, and none changes anything.

use axum::{body::Body, extract::Request};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderName, HeaderValue, Method};
use serde_json::json;

use super::support::{Server, at};

/// xorshift64*, which gives the same sequence for the same seed on every platform.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 33) as usize % bound
    }

    fn pick(&mut self, of: &[&'static str]) -> &'static str {
        of[self.below(of.len())]
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let length = self.below(most);
        (0..length).map(|_| self.next() as u8).collect()
    }
}

const METHODS: [&str; 10] = [
    "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "BREW",
];

const SEGMENTS: [&str; 33] = [
    "api",
    "routes",
    "global",
    "audit",
    "auth",
    "login",
    "logout",
    "tokens",
    "me",
    "health",
    "openapi.json",
    "enable",
    "disable",
    "maintenance",
    "env",
    "schedule",
    "deprecate",
    "access",
    "reset",
    "exempt-paths",
    "rate-limits",
    "global-rate-limit",
    "concurrency-limits",
    "global-concurrency-limits",
    "policies",
    "rate-limit",
    "services",
    "hits",
    "top",
    "promote",
    "explain",
    "static",
    "..",
];

/// Bodies with which no operation succeeds.
const BODIES: [&str; 51] = [
    "{",
    "}",
    "[",
    "[]",
    "null",
    "true",
    "0",
    "\"x\"",
    "{not json",
    "{}{}",
    "{\"reason\":5}",
    "{\"reason\":null}",
    "{\"reason\":\"a\",\"reason\":\"b\"}",
    "{\"reasn\":\"a\"}",
    "{\"\":1}",
    "{\"reason\":\"a\\u0000\"}",
    "{\"reason\":\"\\ud800\"}",
    "{\"until\":\"soon\"}",
    "{\"until\":5}",
    "{\"start\":[],\"end\":{}}",
    "{\"start\":\"x\",\"end\":\"y\"}",
    "{\"envs\":\"dev\"}",
    "{\"envs\":[1]}",
    "{\"envs\":[\"DEV!\"]}",
    "{\"exempt_paths\":[\"x\"]}",
    "{\"exempt_paths\":{}}",
    "{\"include_force_active\":\"yes\"}",
    "{\"allowed_ips\":[\"300.0.0.1\"],\"allowed_roles\":[]}",
    "{\"scopes\":[\"root\"],\"name\":\"x\"}",
    "{\"username\":\"admin\"}",
    "{\"username\":1,\"password\":2}",
    "{\"since\":\"9999-99-99\"}",
    "{\"sunset\":\"Mon, 01 Jan 2028 00:00:00 GMT\"}",
    "{\"use_instead\":\"a b\"}",
    "{\"path\":\"/orders\"}",
    "{\"path\":5,\"limit\":\"1/minute\"}",
    "{\"path\":\"/orders\",\"limit\":5}",
    "{\"path\":\"/orders\",\"limit\":\"1/minute\",\"method\":\"BREW\"}",
    "{\"path\":\"orders\",\"limit\":\"1/minute\"}",
    "{\"limit\":\"99999999999999999999/minute\"}",
    "{\"limit\":\"1/minute\",\"algorithm\":\"leaky\"}",
    "{\"limit\":\"1/minute\",\"burst\":-1}",
    "{\"limit\":\"1/minute\",\"rollout\":1e308}",
    "{\"limit\":\"1/minute\",\"tiers\":[{\"name\":\"a\"}]}",
    "{\"limit\":\"1/minute\",\"time_zone\":\"Mars/Base\"}",
    "{\"limit\":\"1/minute\",\"exempt_routes\":\"/x\"}",
    "{\"name\":\"a b\"}",
    "{\"limit\":0}",
    "{\"limit\":5,\"burst\":1}",
    "{\"path\":\"/orders\",\"limit\":4294967296}",
    "{\"key\":[\"no address\"]}",
];

const QUERIES: [&str; 12] = [
    "",
    "?",
    "?x",
    "?x=1",
    "?limit=a&limit=b",
    "?orphaned=2",
    "?service=%FF",
    "?window=",
    "?window=a/b",
    "?limit=99999999999999999999999",
    "?route=%00",
    "?&&==&",
];

const HEADERS: [(&str, &str); 14] = [
    ("if-match", "\"x\""),
    ("if-match", "nonsense"),
    ("if-match", "W/\"a\", \"b\""),
    ("if-none-match", "\""),
    ("content-type", "text/plain"),
    ("content-type", "\u{7f}"),
    ("content-encoding", "gzip"),
    ("authorization", "Bearer"),
    ("authorization", "Bearer wg_"),
    ("cookie", "waygate_session=x"),
    ("x-waygate-actor", "root"),
    ("x-forwarded-for", "::::"),
    ("forwarded", "for=\"[\""),
    ("range", "bytes=0-"),
];

fn key(random: &mut Random) -> String {
    let known = [
        "GET:/orders",
        "/orders",
        "GET:/payments",
        "GET:/health",
        "GET:/items/{item_id}",
    ];
    let unknown = [
        "GET:/ghost",
        "",
        ":",
        "/",
        "GET",
        "get:/orders",
        "a:b:c:/d",
        "GET:/\u{202e}",
        "__waygate:global__",
    ];
    match random.below(4) {
        0 => URL_SAFE_NO_PAD.encode(random.pick(&known)),
        1 => URL_SAFE_NO_PAD.encode(random.pick(&unknown)),
        2 => URL_SAFE_NO_PAD.encode(random.bytes(64)),
        _ => percent(&random.bytes(24)),
    }
}

fn percent(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("%{byte:02X}")).collect()
}

fn path(random: &mut Random) -> String {
    let mut path = match random.below(8) {
        0..4 => format!("/api/routes/{}", key(random)),
        4 => format!("/api/auth/tokens/{}", key(random)),
        5 if random.below(2) == 0 => "/api/global".to_owned(),
        5 => format!("/api/rate-limits/{}", key(random)),
        _ => String::new(),
    };
    for _ in 0..random.below(if path.is_empty() { 5 } else { 3 }) {
        path.push('/');
        if random.below(6) > 0 {
            path.push_str(random.pick(&SEGMENTS));
        } else {
            path.push_str(&percent(&random.bytes(12)));
        }
    }
    if path.is_empty() {
        path.push('/');
    }
    path + random.pick(&QUERIES)
}

fn body(random: &mut Random) -> Vec<u8> {
    match random.below(12) {
        0 => {
            let mut bytes = random.bytes(200);
            bytes.push(0xFF);
            bytes
        }
        1 => "[".repeat(1 + random.below(5_000)).into_bytes(),
        2 => r#"{"":"#.repeat(1 + random.below(5_000)).into_bytes(),
        3 if random.below(40) == 0 => vec![b' '; 256 * 1024 + 1],
        _ => {
            let mut bytes: Vec<u8> = random.pick(&BODIES).into();
            // A byte that is not valid anywhere in JSON.
            if random.below(3) == 0 {
                let at = random.below(bytes.len());
                bytes[at] = 1;
            }
            bytes
        }
    }
}

/// Every operation. With the bodies above, only reads succeed.
const OPERATIONS: [(&str, &str); 69] = [
    ("POST", "/api/auth/login"),
    ("GET", "/api/auth/me"),
    ("GET", "/api/auth/tokens"),
    ("POST", "/api/auth/tokens"),
    ("DELETE", "/api/auth/tokens/{key}"),
    ("GET", "/api/auth/sessions"),
    ("POST", "/api/auth/device/token"),
    ("POST", "/api/auth/device/approve"),
    ("GET", "/livez"),
    ("GET", "/readyz"),
    ("GET", "/version"),
    ("GET", "/api/routes"),
    ("GET", "/api/routes/{key}"),
    ("DELETE", "/api/routes/{key}"),
    ("POST", "/api/routes/{key}/enable"),
    ("POST", "/api/routes/{key}/disable"),
    ("POST", "/api/routes/{key}/maintenance"),
    ("POST", "/api/routes/{key}/env"),
    ("POST", "/api/routes/{key}/schedule"),
    ("DELETE", "/api/routes/{key}/schedule"),
    ("POST", "/api/routes/{key}/deprecate"),
    ("DELETE", "/api/routes/{key}/deprecate"),
    ("POST", "/api/routes/{key}/access"),
    ("POST", "/api/routes/{key}/reset"),
    ("GET", "/api/global"),
    ("POST", "/api/global/enable"),
    ("POST", "/api/global/disable"),
    ("POST", "/api/global/exempt-paths"),
    ("GET", "/api/rate-limits"),
    ("POST", "/api/rate-limits"),
    ("GET", "/api/rate-limits/hits"),
    ("GET", "/api/rate-limits/explain"),
    ("GET", "/api/rate-limits/{key}"),
    ("DELETE", "/api/rate-limits/{key}"),
    ("GET", "/api/rate-limits/{key}/top"),
    ("POST", "/api/rate-limits/{key}/pause"),
    ("POST", "/api/rate-limits/{key}/promote"),
    ("POST", "/api/rate-limits/{key}/reset"),
    ("DELETE", "/api/rate-limits/{key}/reset"),
    ("GET", "/api/global-rate-limit"),
    ("POST", "/api/global-rate-limit"),
    ("DELETE", "/api/global-rate-limit"),
    ("DELETE", "/api/global-rate-limit/reset"),
    ("POST", "/api/global-rate-limit/enable"),
    ("POST", "/api/global-rate-limit/shadow"),
    ("GET", "/api/services"),
    ("GET", "/api/services/{key}/maintenance"),
    ("POST", "/api/services/{key}/maintenance/enable"),
    ("POST", "/api/services/billing/maintenance/disable"),
    ("GET", "/api/services/billing/rate-limit"),
    ("POST", "/api/services/billing/rate-limit"),
    ("DELETE", "/api/services/billing/rate-limit"),
    ("DELETE", "/api/services/billing/rate-limit/reset"),
    ("POST", "/api/services/billing/rate-limit/enable"),
    ("POST", "/api/services/billing/rate-limit/shadow"),
    ("GET", "/api/announcements"),
    ("PUT", "/api/announcements/{key}"),
    ("DELETE", "/api/announcements/{key}"),
    ("GET", "/api/webhooks"),
    ("POST", "/api/webhooks"),
    ("PUT", "/api/webhooks/{key}"),
    ("PATCH", "/api/webhooks/{key}"),
    ("DELETE", "/api/webhooks/{key}"),
    ("POST", "/api/webhooks/{key}/rotate"),
    ("POST", "/api/webhooks/{key}/replay"),
    ("GET", "/api/webhooks/{key}/dead-letters"),
    ("GET", "/api/audit"),
    ("GET", "/api/health"),
    ("GET", "/api/openapi.json"),
];

fn request(random: &mut Random, server: &Server, weak: &str) -> Request {
    let (method, path) = if random.below(4) == 0 {
        (random.pick(&METHODS), path(random))
    } else {
        let (method, template) = OPERATIONS[random.below(OPERATIONS.len())];
        let key = match random.below(3) {
            0 => key(random),
            _ => URL_SAFE_NO_PAD.encode("GET:/orders"),
        };
        let query = match method {
            "POST" => "",
            _ => random.pick(&QUERIES),
        };
        (method, template.replace("{key}", &key) + query)
    };
    let mut builder = Request::builder()
        .method(Method::from_bytes(method.as_bytes()).unwrap())
        .uri(path)
        .header("host", "localhost");
    let token = match random.below(12) {
        0 => "",
        1 => "wg_garbage",
        2 => weak,
        _ => server.token.as_str(),
    };
    builder = builder.header("x-waygate-token", token);
    for _ in 0..random.below(3) {
        let (name, value) = HEADERS[random.below(HEADERS.len())];
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            builder = builder.header(name, value);
        }
    }
    if random.below(10) == 0 {
        let name = HeaderName::from_static("x-waygate-platform");
        let bytes: Vec<u8> = random.bytes(40).iter().map(|byte| byte | 0x80).collect();
        builder = builder.header(name, HeaderValue::from_bytes(&bytes).unwrap());
    }
    // A deletion needs no body, so none can be malformed.
    if method == "DELETE" {
        builder = builder.header("if-match", "\"never\"");
    }
    // A missing body is no reason to refuse the request.
    let body = match method != "POST" && random.below(8) > 0 {
        true => Vec::new(),
        false => body(random),
    };
    builder.body(Body::from(body)).unwrap()
}

async fn assault(seed: u64, count: usize) {
    let server = Server::start().await;
    let ask = json!({ "name": "weak", "scopes": ["read"], "expires_in_seconds": 31_536_000 });
    let weak = server.post("/api/auth/tokens", ask).await.expect(201);
    let weak = weak["token"].as_str().unwrap();
    let limit = json!({ "path": "/orders", "method": "GET", "limit": "1/minute" });
    server.post("/api/rate-limits", limit).await.expect(201);
    let before = server.state().await;
    let mut random = Random(seed);
    let mut problems = std::collections::BTreeMap::<u16, usize>::new();
    for index in 0..count {
        let request = request(&mut random, &server, weak);
        let case = format!(
            "seed {seed}, request {index}: {} {}",
            request.method(),
            request.uri()
        );
        let (safe, head) = (request.method().is_safe(), request.method() == Method::HEAD);
        // Logging out always succeeds, and logging in needs no token.
        let public = request.uri().path() == "/api/auth/logout";
        if public && request.headers()["x-waygate-token"] == server.token.as_str() {
            continue;
        }
        let answer = server.send(request).await;
        let status = answer.status.as_u16();
        assert!(status < 500, "{case}: {status}");
        assert!(
            status >= 400 || safe || public && status == 200,
            "{case}: {status}"
        );
        if status >= 400 && !head {
            assert!(!answer.error().is_empty(), "{case}");
            assert!(answer.body.len() < 4_096, "{case}");
            *problems.entry(status).or_default() += 1;
        }
        assert_eq!(answer.header("cache-control"), "no-store", "{case}");
        if index % 1_000 == 0 {
            assert_eq!(server.state().await, before, "{case}");
        }
    }
    assert_eq!(server.state().await, before, "seed {seed}");
    // The generator reaches each of the intended statuses.
    for (status, least) in [(400, 4), (401, 20), (404, 20), (405, 100), (412, 200)] {
        let found = problems.get(&status).copied().unwrap_or_default();
        assert!(
            found > count / least,
            "only {found} of status {status}: {problems:?}"
        );
    }
    println!("{problems:?}");
    // The server still works.
    let answer = server.post(&at("GET:/orders", "/disable"), json!({})).await;
    answer.expect(200);
}

#[tokio::test]
async fn malformed_requests_are_problems_and_change_nothing() {
    let seed = match std::env::var("WAYGATE_TEST_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => 0x5EED_0001,
    };
    println!("WAYGATE_TEST_SEED={seed}");
    assault(seed, 20_000).await;
}

const INSTANTS: [&str; 16] = [
    "2026-11-22T22:16:28.050033Z",
    "2026-11-22T22:16:28.0500339Z",
    "2030-01-01T00:00:00",
    "2030-01-01T00:00:00+14:00",
    "2030-06-01T00:00:00-23:59",
    "2030-01-01 00:00:00Z",
    "2030-12-31T23:59:60Z",
    "1969-12-31T23:59:59.999999999Z",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00.000000001Z",
    "-009999-01-02T01:59:59Z",
    "-009999-01-02T01:59:59.000000001Z",
    "9999-12-30T22:00:00.999999999Z",
    "9999-12-30T22:00:00Z",
    "9999-12-31T23:59:59.999999Z",
    "+010000-01-01T00:00:00Z",
];

const TEXTS: [&str; 6] = [
    "",
    " ",
    "ü\u{1f527}",
    "<script>",
    "'; DROP TABLE routes; --",
    "${jndi:x}",
];

/// Well-formed but extreme values may be accepted or refused, but whatever is stored can be read again.
#[tokio::test]
async fn extreme_values_that_are_accepted_can_be_read_again() {
    let backend = waygate_backends::MemoryBackend::new();
    let credentials = || waygate::admin::Credentials::new("admin", "secret");
    let server = Server::on(backend.clone(), credentials()).await;
    let mut random = Random(0x5EED_0002);
    let (key, mut taken) = ("GET:/orders", 0);
    for index in 0..2_000 {
        let (start, end) = (random.pick(&INSTANTS), random.pick(&INSTANTS));
        let text = random.pick(&TEXTS);
        let (endpoint, body) = match random.below(8) {
            0 => ("/disable", json!({ "reason": text, "until": end })),
            1 => (
                "/schedule",
                json!({ "start": start, "end": end, "reason": text }),
            ),
            2 => (
                "/maintenance",
                json!({ "start": start, "end": end, "reason": text }),
            ),
            3 => (
                "/deprecate",
                json!({ "since": start, "sunset": end, "use_instead": "/\u{7e}" }),
            ),
            4 => ("/env", json!({ "envs": ["a", "a", "0-_"] })),
            5 => (
                "/access",
                json!({ "allowed_ips": ["0.0.0.0/0", "::/0", "::"], "allowed_roles": ["/"] }),
            ),
            6 => ("/enable", json!({ "reason": text })),
            _ => ("/reset", json!({})),
        };
        let case = format!("request {index}: {endpoint} {body}");
        let answer = server.post(&at(key, endpoint), body).await;
        let changed = answer.status == 200;
        if !changed {
            assert_eq!(answer.status, 400, "{case}: {}", answer.error());
        }
        taken += usize::from(changed);
        let shown = server.get(&at(key, "")).await.expect(200);
        if changed {
            let mut left = answer.json();
            left.as_object_mut().unwrap().remove("dropped");
            assert_eq!(left, shown, "{case}");
        }
        let health = server.get("/api/health").await.expect(200);
        assert_eq!(health["status"], "ok", "{case}: {health}");
        if index % 50 == 0 {
            let again = Server::on(backend.clone(), credentials()).await;
            let health = again.get("/api/health").await.expect(200);
            assert_eq!(health["status"], "ok", "{case}: {health}");
            assert_eq!(
                again.get(&at(key, "")).await.expect(200)["windows"],
                shown["windows"],
                "{case}"
            );
        }
    }
    assert!(taken > 500, "only {taken} were taken");
}

#[tokio::test]
async fn bodies_are_limited_to_256_kibibytes() {
    let server = Server::start().await;
    let padded = |length: usize| format!("{}{}", " ".repeat(length - 2), "{}");
    let path = at("GET:/orders", "/disable");
    server.post_raw(&path, padded(256 * 1024)).await.expect(200);
    let text = server
        .post_raw(&path, padded(256 * 1024 + 1))
        .await
        .refused(413);
    assert_eq!(text, "The body is larger than 262144 bytes.");
    // Chunked, so that the length is unknown in advance.
    let chunks = (0..10_000).map(|_| Ok::<_, std::io::Error>("x".repeat(1_024)));
    let endless = Body::from_stream(futures_util::stream::iter(chunks));
    server.post_raw(&path, endless).await.refused(413);
    let broken = futures_util::stream::iter([Ok("{"), Err(std::io::Error::other("cut"))]);
    let text = server
        .post_raw(&path, Body::from_stream(broken))
        .await
        .refused(400);
    assert_eq!(text, "The body could not be read to its end.");
}

#[tokio::test]
async fn json_errors_name_their_location() {
    let server = Server::start().await;
    for (body, detail) in [
        ("{not json", "key must be a string at line 1 column 2"),
        (
            r#"{"reason":"a","reason":"b"}"#,
            "the name \"reason\" occurs twice in one object at line 1 column 22",
        ),
        ("{} x", "trailing characters at line 1 column 4"),
    ] {
        let answer = server.post_raw(&at("GET:/orders", "/disable"), body).await;
        assert_eq!(answer.json()["detail"], detail);
        assert_eq!(answer.refused(400), "Invalid JSON body");
    }
    let answer = server.post_raw(&at("GET:/orders", "/disable"), "[]").await;
    assert_eq!(answer.json()["detail"], "The body is an array.");
    assert_eq!(answer.refused(400), "JSON body must be an object");
    let answer = server
        .post(&at("GET:/orders", "/env"), json!({ "envs": ["a", 5] }))
        .await;
    assert_eq!(
        answer.json()["detail"],
        "envs[1]: invalid type: integer `5`, expected a string"
    );
    assert_eq!(answer.refused(400), "envs must be a list of strings");
}
