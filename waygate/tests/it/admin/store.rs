//! The admin API while the store fails.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use axum::body::Body;
use serde_json::json;
use waygate::{
    admin::Credentials,
    audit::{AuditEntry, AuditQuery},
    model::Revision,
};
use waygate_backends::MemoryBackend;
use waygate_core::port::{Backend, BackendError, Batch, BoxFuture, BoxStream, CommitError, Image};

use super::support::{Server, at};
use crate::log::Log;

/// A store that fails on demand: 1 unavailable, 2 full, 3 corrupt, 4 refuses the batch, 5 and 6 include secrets in
/// errors.
#[derive(Debug, Clone, Default)]
pub(super) struct Failing {
    store: MemoryBackend,
    mode: Arc<AtomicU8>,
}

const PLACES: &str =
    "`/srv/my shop/state.json` and redis://ada:hunter2@10.0.0.1:6379/0: no space left";

impl Failing {
    pub(super) fn fail(&self, mode: u8) {
        self.mode.store(mode, Ordering::SeqCst);
    }

    fn error(&self) -> Option<BackendError> {
        match self.mode.load(Ordering::SeqCst) {
            1 => Some(BackendError::Unavailable("connection refused".to_owned())),
            2 => Some(BackendError::NotWritable("no space left".to_owned())),
            5 => Some(BackendError::NotWritable(PLACES.to_owned())),
            6 => Some(BackendError::Unavailable(PLACES.to_owned())),
            3 => Some(BackendError::Corrupt("nonsense".to_owned())),
            4 => Some(BackendError::InvalidBatch("nonsense".to_owned())),
            _ => None,
        }
    }
}

impl Backend for Failing {
    fn load(&self) -> BoxFuture<'_, Result<Image, BackendError>> {
        self.store.load()
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<Revision, CommitError>> {
        Box::pin(async move {
            match self.error() {
                Some(error) => Err(error.into()),
                None => self.store.commit(batch).await,
            }
        })
    }

    fn changes(&self) -> BoxStream<'static, Revision> {
        self.store.changes()
    }

    fn audit(&self, query: AuditQuery) -> BoxFuture<'_, Result<Vec<AuditEntry>, BackendError>> {
        Box::pin(async move {
            match self.error() {
                Some(error) => Err(error),
                None => self.store.audit(query).await,
            }
        })
    }

    fn health(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        self.store.health()
    }
}

#[tokio::test]
async fn store_failures_are_distinguished_and_change_nothing() {
    let backend = Failing::default();
    let server = Server::on(backend.clone(), Credentials::new("admin", "secret")).await;
    let before = server.state().await;
    for (mode, status) in [(1, 503), (2, 507), (3, 503)] {
        backend.mode.store(mode, Ordering::SeqCst);
        for path in [&at("GET:/orders", "/disable"), "/api/global/enable"] {
            let answer = server.post(path, json!({})).await;
            assert_eq!(
                answer.header("retry-after"),
                if status == 503 { "5" } else { "" }
            );
            answer.refused(status);
        }
        let ask = json!({ "name": "x", "scopes": ["read"], "expires_in_seconds": 60 });
        server.post("/api/auth/tokens", ask).await.refused(status);
        let login = json!({ "username": "admin", "password": "secret" });
        let text = server.post("/api/auth/login", login).await.refused(status);
        // Clients without a token do not learn the reason.
        assert!(
            !text.contains("refused") && !text.contains("space"),
            "{text}"
        );
        // The token is still valid, so logging out failed.
        server
            .post("/api/auth/logout", json!({}))
            .await
            .refused(status);
        server.get("/api/audit").await.refused(status);
        // Reads still work.
        assert_eq!(server.get("/api/routes").await.status, 200);
        let health = server.get("/api/health").await.expect(200);
        assert_eq!(health["status"], "degraded");
        assert!(
            health["components"]["store"]["cause"].is_string(),
            "{health}"
        );
        backend.mode.store(0, Ordering::SeqCst);
        assert_eq!(server.state().await, before);
    }
    server
        .post(&at("GET:/orders", "/disable"), json!({}))
        .await
        .expect(200);
    assert_eq!(server.get("/api/health").await.expect(200)["status"], "ok");
}

#[tokio::test]
async fn wrong_passwords_are_refused_even_if_the_failure_cannot_be_stored() {
    let backend = Failing::default();
    let server = Server::on(backend.clone(), Credentials::new("admin", "secret")).await;
    backend.mode.store(1, Ordering::SeqCst);
    let login = json!({ "username": "admin", "password": "wrong" });
    server.post("/api/auth/login", login).await.refused(401);
}

#[tokio::test]
async fn an_emptied_store_is_restored() {
    let link = crate::reseed::Link::default();
    let credentials = Credentials::new("admin", "secret");
    let server = Server::on(link.clone(), credentials).await;
    let path = "/api/store/reseed";
    server
        .post(&at("GET:/orders", "/disable"), json!({}))
        .await
        .expect(200);
    let reply = server.post_raw(path, "").await.expect(200);
    assert_eq!(reply, json!({ "ok": true, "reseeded": false }));
    link.empty();
    let known = server.get("/api/health").await.expect(200)["revision"].clone();
    let reseed = |tag: &str| {
        let request = server
            .request("POST", path)
            .header("if-match", format!("\"{tag}\""));
        server.send(request.body(Body::empty()).unwrap())
    };
    reseed("another").await.refused(412);
    let reply = reseed(known.as_str().unwrap()).await.expect(200);
    assert_eq!(reply, json!({ "ok": true, "reseeded": true }));
    // The token was restored, too.
    let lines = server.get("/api/audit").await.expect(200);
    let line = &lines[0];
    assert_eq!(
        (&line["action"], &line["actor"], &line["platform"]),
        (&json!("store_reseeded"), &json!("admin"), &json!("cli"))
    );
    let reason = line["reason"].as_str().unwrap();
    assert!(reason.ends_with(known.as_str().unwrap()), "{reason}");
    let route = server.get(&at("GET:/orders", "")).await.expect(200);
    assert_eq!(route["status"], "disabled");
}

/// Locations of files and credentials are for the log only.
#[tokio::test]
async fn responses_do_not_reveal_store_addresses() {
    let backend = Failing::default();
    let server = Server::on(backend.clone(), Credentials::new("admin", "secret")).await;
    let (log, _guard) = Log::of_this_thread();
    let shown = "`state.json` and redis://***@10.0.0.1:6379/0: no space left";
    for (mode, status) in [(5, 507), (6, 503)] {
        backend.fail(mode);
        for path in [&at("GET:/orders", "/disable"), "/api/global/enable"] {
            let answer = server.post(path, json!({})).await;
            let body = answer.json();
            assert!(!body.to_string().contains("/srv"), "{body}");
            assert!(answer.refused(status).contains(shown), "{body}");
        }
        server.get("/api/audit").await.refused(status);
        let health = server.get("/api/health").await.expect(200);
        let cause = health["components"]["store"]["cause"].as_str().unwrap();
        assert!(cause.contains(shown), "{cause}");
        backend.fail(0);
    }
    let lines = log.lines();
    let kept = |line: &String| line.contains("/srv/my shop/state.json");
    assert!(lines.iter().any(kept), "{lines:?}");
    assert!(
        !lines.iter().any(|line| line.contains("hunter2")),
        "{lines:?}"
    );
}

#[cfg(feature = "file")]
#[tokio::test]
async fn responses_do_not_reveal_the_state_directory() {
    use waygate_core::model::Epoch;

    let directory = std::env::temp_dir().join(format!("waygate-{}", Epoch::random()));
    std::fs::create_dir(&directory).unwrap();
    let backend = waygate_backends::FileBackend::open(directory.join("state.json"))
        .await
        .unwrap();
    let server = Server::on(backend, Credentials::new("admin", "secret")).await;
    let hidden = directory.to_str().unwrap().to_owned();
    let says_nothing = |text: String| assert!(!text.contains(&hidden), "{text}");
    std::fs::write(directory.join("state.json"), "nonsense").unwrap();
    let asked = async || {
        let change = server.post("/api/global/enable", json!({})).await;
        says_nothing(change.json().to_string());
        let health = server.get("/api/health").await.expect(200);
        says_nothing(health.to_string());
        change.status.as_u16()
    };
    asked().await;
    // The engine may write into it at the same time.
    while directory.exists() {
        let _ = std::fs::remove_dir_all(&directory);
    }
    assert_eq!(asked().await, 507);
}
