//! Lost answers.

use std::time::{Duration, Instant};

use serde_json::json;
use waygate_backends::RedisBackend;
use waygate_core::port::{AuditQuery, Backend, Batch, CommitError};
use waygate_faultproxy::{Direction, FaultProxy, Mode, RedisProc, eventually};

use crate::kit::*;

/// A batch without expectations: a second one would be visible.
fn noted() -> Batch {
    put("a", json!(1)).audit(entry("/a"))
}

#[tokio::test]
async fn a_commit_with_a_lost_answer_is_made_once() {
    let server = RedisProc::start();
    let direct = open(server.addr());
    let proxy = FaultProxy::start(server.addr()).await;
    let backend = open(proxy.addr());
    healthy(&backend).await;
    for (round, after) in (0..64).step_by(7).enumerate() {
        backend.load().await.unwrap();
        proxy.set(Mode::Cut {
            direction: Direction::ToClient,
            after,
        });
        let closed = || proxy.counts().accepted - proxy.counts().open;
        let before = closed();
        let (made, ()) = tokio::join!(backend.commit(noted()), async {
            eventually(PATIENCE, "the connection is cut", || closed() > before).await;
            proxy.set(Mode::Pass);
        });
        let number = made.unwrap().number;
        assert_eq!(number, round as u64 + 1, "after {after} bytes");
        let log = direct.audit(AuditQuery::newest(100)).await.unwrap();
        assert_eq!(log.len(), round + 1, "after {after} bytes");
        healthy(&backend).await;
    }
}

#[tokio::test]
async fn the_epoch_of_an_unconfirmed_commit_is_never_reused() {
    let server = RedisProc::start();
    // Redis caches the script from then on.
    let other = RedisBackend::open(options(server.addr()).prefix(prefix()));
    other.commit(noted()).await.unwrap();
    let backend = open(server.addr());
    healthy(&backend).await;
    server.stop();
    let wait = Duration::from_millis(100);
    let given_up = tokio::time::timeout(wait, backend.commit(noted())).await;
    assert!(given_up.is_err(), "{given_up:?}");
    server.cont();
    let begin = Instant::now();
    let made = loop {
        match backend.load().await {
            Ok(image) if image.revision.number == 1 => break image.revision,
            other => assert!(begin.elapsed() < PATIENCE, "{other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    };
    server.flushall();
    let emptied = backend.load().await.unwrap().revision;
    assert_eq!(emptied.number, 0);
    assert_ne!(emptied.epoch, made.epoch);
}

#[tokio::test]
async fn an_unconfirmed_commit_is_reported() {
    let server = RedisProc::start();
    let proxy = FaultProxy::start(server.addr()).await;
    let backend = open(proxy.addr());
    backend.commit(noted()).await.unwrap();
    let begin = Instant::now();
    let commit = tokio::spawn({
        let backend = backend.clone();
        async move {
            server.stop();
            (backend.commit(noted()).await, server)
        }
    });
    let (outcome, server) = commit.await.unwrap();
    let took = begin.elapsed();
    println!("a commit to a frozen Redis: reported after {took:?}");
    assert!(
        matches!(outcome, Err(CommitError::Unconfirmed(_))),
        "{outcome:?}"
    );
    assert!(
        took < Duration::from_secs(9),
        "before the engine loses patience"
    );
    server.cont();
    healthy(&backend).await;
    let log = backend.audit(AuditQuery::newest(9)).await.unwrap();
    let made = backend.load().await.unwrap().revision.number;
    assert_eq!(log.len() as u64, made, "wholly or not at all");
}

#[tokio::test]
async fn garbage_answers_are_rejected() {
    let server = RedisProc::start();
    let proxy = FaultProxy::start(server.addr()).await;
    let backend = open(proxy.addr());
    let made = backend.commit(noted()).await.unwrap();
    for nth in (0..40).step_by(5) {
        proxy.set(Mode::Corrupt {
            direction: Direction::ToClient,
            nth,
        });
        // Either fails or returns this state, never another one.
        if let Ok(image) = backend.load().await {
            assert_eq!(image.revision.number, made.number);
        }
        proxy.set(Mode::Pass);
        healthy(&backend).await;
    }
    assert_eq!(backend.load().await.unwrap().revision, made);
}
