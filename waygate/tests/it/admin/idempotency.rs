//! Requests with the header `Idempotency-Key`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{body::Body, extract::Request};
use http::header;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use waygate::{
    admin::{Credentials, Role},
    audit::{AuditEntry, AuditQuery},
    model::Revision,
};
use waygate_backends::MemoryBackend;
use waygate_core::port::{Backend, BackendError, Batch, BoxFuture, BoxStream, CommitError, Image};

use super::{
    document::{document, operations},
    support::{Answer, Server, at},
};

const KEY: &str = "8e03978e-40d5-43e8-bc93-6894a57f9324";

fn keyed(server: &Server, method: &str, path: &str, key: &str, body: &Value) -> Request {
    let request = server.request(method, path).header("idempotency-key", key);
    let request = request.header(header::CONTENT_TYPE, "application/json");
    request.body(body.to_string().into()).unwrap()
}

async fn post(server: &Server, path: &str, key: &str, body: Value) -> Answer {
    server.send(keyed(server, "POST", path, key, &body)).await
}

fn is_replayed(answer: &Answer) -> bool {
    answer.header("idempotent-replayed") == "true"
}

/// The audit lines about a route.
async fn lines(server: &Server, route: &str) -> usize {
    server
        .waygate
        .count_audit(AuditQuery::newest(1).path(route))
        .await
        .unwrap()
}

fn credentials() -> Credentials {
    Credentials::new("admin", "secret")
}

/// Two processes with one store and one token.
async fn replicas(backend: impl Backend + Clone) -> [Server; 2] {
    let first = Server::on(backend.clone(), credentials()).await;
    let mut second = Server::on(backend, credentials()).await;
    second.token.clone_from(&first.token);
    // Until the other process has read the token.
    while second.get("/api/auth/me").await.status != 200 {
        tokio::task::yield_now().await;
    }
    [first, second]
}

#[tokio::test]
async fn the_same_request_again_gets_the_same_response() {
    let server = Server::start().await;
    let path = at("GET:/orders", "/disable");
    let body = json!({ "reason": "once" });
    let first = post(&server, &path, KEY, body.clone()).await;
    assert_eq!((first.status.as_u16(), is_replayed(&first)), (200, false));
    let changed = lines(&server, "GET:/orders").await;
    // With and without quotes, it is the same key.
    for key in [KEY, &format!("\"{KEY}\"")] {
        let again = post(&server, &path, key, body.clone()).await;
        assert_eq!((again.status.as_u16(), is_replayed(&again)), (200, true));
        assert_eq!(again.body, first.body);
        for name in ["etag", "content-type", "cache-control"] {
            assert_eq!(again.header(name), first.header(name), "{name}");
        }
    }
    assert_eq!(lines(&server, "GET:/orders").await, changed);
    let other = post(&server, &path, "another", body).await;
    assert!(!is_replayed(&other));
    assert_eq!(lines(&server, "GET:/orders").await, changed + 1);
}

#[tokio::test]
async fn a_key_of_another_request_is_refused() {
    let server = Server::start().await;
    let path = at("GET:/orders", "/disable");
    post(&server, &path, KEY, json!({ "reason": "a" }))
        .await
        .expect(200);
    let before = server.state().await;
    let requests = [
        keyed(&server, "POST", &path, KEY, &json!({ "reason": "b" })),
        keyed(
            &server,
            "POST",
            &at("GET:/orders", "/enable"),
            KEY,
            &json!({ "reason": "a" }),
        ),
        keyed(
            &server,
            "POST",
            &at("GET:/debug", "/disable"),
            KEY,
            &json!({ "reason": "a" }),
        ),
    ];
    for request in requests {
        let refused = server.send(request).await;
        let kind = refused.json()["type"].clone();
        assert_eq!(kind, "urn:waygate:problem:idempotency-key-reused");
        let error = refused.refused(422);
        assert!(error.contains("use a new key"), "{error}");
    }
    let mut request = keyed(&server, "POST", &path, KEY, &json!({ "reason": "a" }));
    request
        .headers_mut()
        .insert(header::IF_MATCH, "*".parse().unwrap());
    server.send(request).await.refused(422);
    assert_eq!(server.state().await, before);
}

#[tokio::test]
async fn malformed_keys_are_refused_before_the_change() {
    let server = Server::start().await;
    let before = server.state().await;
    let long = "x".repeat(256);
    for key in ["", "\"\"", "\"a", "a b", &long] {
        let path = at("GET:/orders", "/disable");
        let error = post(&server, &path, key, json!({})).await.refused(400);
        assert!(error.starts_with("Invalid `Idempotency-Key`: "), "{error}");
    }
    assert_eq!(server.state().await, before);
    // Operations that change nothing, or that anyone may call, ignore it.
    let request = keyed(&server, "GET", "/api/routes", "a b", &json!({}));
    assert_eq!(server.send(request).await.status, 200);
    let login = json!({ "username": "admin", "password": "secret" });
    let first = post(&server, "/api/auth/login", KEY, login.clone())
        .await
        .expect(200);
    let second = post(&server, "/api/auth/login", KEY, login)
        .await
        .expect(200);
    assert_ne!(first["token"], second["token"]);
}

#[tokio::test]
async fn a_request_that_fails_leaves_its_key_free() {
    let server = Server::start().await;
    let path = at("GET:/orders", "/schedule");
    post(&server, &path, KEY, json!({ "start": "x" }))
        .await
        .refused(400);
    let window = json!({ "start": "2030-01-01T00:00:00Z", "end": "2030-01-02T00:00:00Z" });
    let made = post(&server, &path, KEY, window.clone()).await;
    assert_eq!((made.status.as_u16(), is_replayed(&made)), (200, false));
    assert!(is_replayed(&post(&server, &path, KEY, window).await));
}

#[tokio::test]
async fn other_methods_take_keys() {
    let server = Server::start().await;
    let path = "/api/announcements/upgrade";
    for (method, body) in [("PUT", json!({ "text": "Soon." })), ("DELETE", json!({}))] {
        let first = server
            .send(keyed(&server, method, path, method, &body))
            .await;
        assert_eq!(
            (first.status.as_u16(), is_replayed(&first)),
            (200, false),
            "{method}"
        );
        let again = server
            .send(keyed(&server, method, path, method, &body))
            .await;
        assert_eq!(
            (again.status.as_u16(), is_replayed(&again)),
            (200, true),
            "{method}"
        );
    }
}

#[tokio::test]
async fn keys_of_different_tokens_differ() {
    let mut server = Server::start().await;
    let path = at("GET:/orders", "/disable");
    post(&server, &path, KEY, json!({ "reason": "a" }))
        .await
        .expect(200);
    let login = json!({ "username": "admin", "password": "secret" });
    let login = server.post("/api/auth/login", login).await.expect(200);
    server.token = login["token"].as_str().unwrap().to_owned();
    let other = post(&server, &path, KEY, json!({ "reason": "b" })).await;
    assert_eq!((other.status.as_u16(), is_replayed(&other)), (200, false));
}

#[tokio::test]
async fn a_kept_response_needs_the_services_of_a_new_one() {
    let backend = MemoryBackend::new();
    let first = Server::on(backend.clone(), credentials()).await;
    let path = "/api/services/billing/maintenance/enable";
    let body = json!({ "reason": "upgrade" });
    post(&first, path, KEY, body.clone()).await.expect(200);
    // Handlers check the services of these.
    let change = json!({ "action": "enable_service_maintenance", "service": "billing" });
    let changes = json!({ "changes": [change] });
    let made = post(&first, "/api/changes", "other", changes.clone()).await;
    made.expect(200);
    let limited = credentials().with("root", "other");
    let limited = limited.with_role("admin", Role::Operator.of(["shop"]).unwrap());
    let mut second = Server::on(backend, limited.unwrap()).await;
    second.token.clone_from(&first.token);
    post(&second, path, KEY, body).await.refused(403);
    post(&second, "/api/changes", "other", changes)
        .await
        .refused(422);
}

#[tokio::test]
async fn a_key_is_free_after_a_day() {
    let server = Server::with(Credentials::none()).await;
    let path = at("GET:/orders", "/disable");
    post(&server, &path, KEY, json!({ "reason": "a" }))
        .await
        .expect(200);
    server.clock.advance(Duration::from_secs(86_399));
    post(&server, &path, KEY, json!({ "reason": "b" }))
        .await
        .refused(422);
    server.clock.advance(Duration::from_secs(1));
    let later = post(&server, &path, KEY, json!({ "reason": "b" })).await;
    assert_eq!((later.status.as_u16(), is_replayed(&later)), (200, false));
}

#[tokio::test]
async fn another_process_sends_the_stored_response() {
    let [first, second] = replicas(MemoryBackend::new()).await;
    let path = at("GET:/orders", "/disable");
    let body = json!({ "reason": "once" });
    let made = post(&first, &path, KEY, body.clone()).await;
    assert_eq!(made.status, 200);
    let again = post(&second, &path, KEY, body).await;
    assert_eq!((again.status.as_u16(), is_replayed(&again)), (200, true));
    assert_eq!(again.body, made.body);
    assert_eq!(again.header("etag"), made.header("etag"));
    post(&second, &path, KEY, json!({ "reason": "twice" }))
        .await
        .refused(422);
    assert_eq!(lines(&second, "GET:/orders").await, 1);
}

#[tokio::test]
async fn processes_that_race_make_a_change_once() {
    let [first, second] = replicas(MemoryBackend::new()).await;
    let path = at("GET:/orders", "/disable");
    for nth in 0..20 {
        let body = json!({ "reason": format!("{nth}") });
        let key = format!("race {nth}");
        let key = format!("\"{key}\"");
        let (one, other) = tokio::join!(
            post(&first, &path, &key, body.clone()),
            post(&second, &path, &key, body.clone()),
        );
        for answer in [&one, &other] {
            // The other one may not have written its response yet.
            assert!(
                [200, 409].contains(&answer.status.as_u16()),
                "{}",
                answer.status
            );
        }
        assert!(one.status == 200 || other.status == 200);
        assert_eq!(lines(&first, "GET:/orders").await, nth + 1);
        let again = post(&second, &path, &key, body).await;
        assert_eq!((again.status.as_u16(), is_replayed(&again)), (200, true));
    }
}

#[tokio::test]
async fn a_retry_at_another_process_does_not_fail_on_its_own_change() {
    let [first, second] = replicas(MemoryBackend::new()).await;
    let path = "/api/announcements/upgrade";
    let put = |server: &Server| {
        let mut request = keyed(server, "PUT", path, KEY, &json!({ "text": "Soon." }));
        let headers = request.headers_mut();
        headers.insert(header::IF_NONE_MATCH, "*".parse().unwrap());
        request
    };
    let made = first.send(put(&first)).await;
    assert_eq!(made.status, 200);
    // The resource exists now, so that the precondition no longer holds.
    first
        .put(path, json!({ "text": "Later." }))
        .await
        .expect(200);
    let again = second.send(put(&second)).await;
    assert_eq!((again.status.as_u16(), is_replayed(&again)), (200, true));
    assert_eq!(again.body, made.body);
}

#[tokio::test]
async fn secrets_are_not_in_the_store() {
    let backend = MemoryBackend::new();
    let [first, second] = replicas(backend.clone()).await;
    let ask = json!({ "name": "deploy", "scopes": ["read"], "expires_in_seconds": 3600 });
    let made = post(&first, "/api/auth/tokens", KEY, ask.clone()).await;
    assert_eq!(made.status, 201);
    let token = made.json()["token"].as_str().unwrap().to_owned();
    let again = post(&first, "/api/auth/tokens", KEY, ask.clone()).await;
    assert_eq!((again.status.as_u16(), is_replayed(&again)), (201, true));
    assert_eq!(again.body, made.body);
    let stored = format!("{:?}", backend.load().await.unwrap().entities);
    assert!(stored.contains("idempotency_key/") && !stored.contains(&token));
    // The name of the key would reveal the key.
    assert!(!stored.contains(KEY));
    let elsewhere = post(&second, "/api/auth/tokens", KEY, ask).await;
    assert_eq!(
        elsewhere.json()["type"],
        "urn:waygate:problem:idempotent-response-not-kept"
    );
    elsewhere.refused(409);
    let tokens = second
        .get("/api/auth/tokens?search=deploy")
        .await
        .expect(200);
    assert_eq!(tokens.as_array().unwrap().len(), 1);
}

/// A store with commits that wait, or succeed without an answer.
#[derive(Debug, Clone)]
struct Slow {
    store: MemoryBackend,
    /// A permit for each commit.
    gate: Arc<Semaphore>,
    is_gated: Arc<AtomicBool>,
    is_silent: Arc<AtomicBool>,
}

impl Slow {
    fn new() -> Self {
        Self {
            store: MemoryBackend::new(),
            gate: Arc::new(Semaphore::new(0)),
            is_gated: Arc::default(),
            is_silent: Arc::default(),
        }
    }
}

impl Backend for Slow {
    fn load(&self) -> BoxFuture<'_, Result<Image, BackendError>> {
        self.store.load()
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<Revision, CommitError>> {
        Box::pin(async move {
            if self.is_gated.load(Ordering::SeqCst) {
                self.gate.acquire().await.unwrap().forget();
            }
            let made = self.store.commit(batch).await?;
            match self.is_silent.load(Ordering::SeqCst) {
                true => Err(CommitError::Unconfirmed("no answer".to_owned())),
                false => Ok(made),
            }
        })
    }

    fn changes(&self) -> BoxStream<'static, Revision> {
        self.store.changes()
    }

    fn audit(&self, query: AuditQuery) -> BoxFuture<'_, Result<Vec<AuditEntry>, BackendError>> {
        self.store.audit(query)
    }

    fn health(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        self.store.health()
    }
}

#[tokio::test]
async fn a_change_without_an_answer_is_not_made_twice() {
    let backend = Slow::new();
    let server = Server::on(backend.clone(), credentials()).await;
    let path = at("GET:/orders", "/disable");
    let body = json!({ "reason": "once" });
    backend.is_silent.store(true, Ordering::SeqCst);
    post(&server, &path, KEY, body.clone()).await.refused(503);
    backend.is_silent.store(false, Ordering::SeqCst);
    let error = post(&server, &path, KEY, body).await.refused(409);
    assert!(error.contains("was carried out"), "{error}");
    assert_eq!(lines(&server, "GET:/orders").await, 1);
}

#[tokio::test]
async fn a_request_that_runs_has_its_key() {
    let backend = Slow::new();
    let server = Server::on(backend.clone(), credentials()).await;
    let path = at("GET:/orders", "/disable");
    let body = json!({ "reason": "once" });
    backend.is_gated.store(true, Ordering::SeqCst);
    let first = post(&server, &path, KEY, body.clone());
    let others = async {
        let running = post(&server, &path, KEY, body.clone()).await;
        assert_eq!(running.header("retry-after"), "1");
        assert_eq!(
            running.json()["type"],
            "urn:waygate:problem:idempotency-key-in-use"
        );
        running.refused(409);
        post(&server, &path, KEY, json!({})).await.refused(422);
        backend.gate.add_permits(100);
    };
    let (first, ()) = tokio::join!(first, others);
    assert_eq!((first.status.as_u16(), is_replayed(&first)), (200, false));
    assert!(is_replayed(&post(&server, &path, KEY, body.clone()).await));
}

#[tokio::test]
async fn a_client_that_was_cut_off_gets_the_response_later() {
    let backend = Slow::new();
    let server = Server::on(backend.clone(), credentials()).await;
    let path = at("GET:/orders", "/disable");
    let body = json!({ "reason": "once" });
    backend.is_gated.store(true, Ordering::SeqCst);
    let cut_off = tokio::time::timeout(
        Duration::from_millis(50),
        post(&server, &path, KEY, body.clone()),
    );
    assert!(cut_off.await.is_err());
    backend.gate.add_permits(100);
    // Until the change is made.
    let answer = loop {
        let answer = post(&server, &path, KEY, body.clone()).await;
        if answer.status != 409 {
            break answer;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((answer.status.as_u16(), is_replayed(&answer)), (200, true));
    assert_eq!(lines(&server, "GET:/orders").await, 1);
}

#[tokio::test]
async fn the_store_keeps_few_keys() {
    let backend = MemoryBackend::new();
    let server = Server::on(backend.clone(), Credentials::none()).await;
    let stored = async || {
        let image = backend.load().await.unwrap();
        let keys = image.entities.into_iter().map(|(key, _)| key);
        keys.filter(|key| key.as_str().starts_with("idempotency_key/"))
            .count()
    };
    let path = at("GET:/orders", "/disable");
    for nth in 0..3 {
        post(&server, &path, &format!("k{nth}"), json!({}))
            .await
            .expect(200);
    }
    assert_eq!(stored().await, 3);
    server.clock.advance(Duration::from_secs(86_400));
    post(&server, &path, "later", json!({})).await.expect(200);
    assert_eq!(stored().await, 1);
}

#[tokio::test]
async fn every_change_of_the_document_takes_a_key() {
    let server = Server::start().await;
    let document = document(&server).await;
    let mut changes = 0;
    for operation in operations(&document) {
        let parameters = operation.described["parameters"].as_array();
        let mut parameters = parameters.into_iter().flatten();
        let has_key = parameters.any(|it| it["name"] == "Idempotency-Key" && it["in"] == "header");
        let is_public = operation.described["security"][0]["token"].is_null();
        let takes_key = operation.method != "GET" && !is_public;
        assert_eq!(has_key, takes_key, "{}", operation.name());
        let responses = &operation.described["responses"];
        assert_eq!(
            responses["422"].is_object(),
            takes_key,
            "{}",
            operation.name()
        );
        changes += usize::from(takes_key);
        if !takes_key {
            continue;
        }
        // The gate comes first.
        let request = Request::builder()
            .method(operation.method.as_str())
            .uri(&operation.template);
        let request = request.header("idempotency-key", "a b").body(Body::empty());
        let answer = server.send(request.unwrap()).await;
        assert!(
            [401, 404].contains(&answer.status.as_u16()),
            "{}",
            operation.name()
        );
    }
    assert!(changes > 20, "{changes}");
}
