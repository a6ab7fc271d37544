//! Refusals of Redis, and their consequences.

use std::time::{Duration, Instant};

use serde_json::json;
use waygate_backends::RedisBackend;
use waygate_core::port::{Backend, BackendError, CommitError};
use waygate_faultproxy::{FaultProxy, Mode, RedisProc, free_port};

use crate::kit::*;

#[tokio::test]
async fn a_forgotten_script_is_sent_again() {
    let server = RedisProc::start();
    let backend = open(server.addr());
    for nth in 1..=5 {
        server.command(&["SCRIPT", "FLUSH"]);
        let made = backend.commit(put("a", json!(nth))).await.unwrap();
        assert_eq!(made.number, nth);
        server.command(&["SCRIPT", "FLUSH"]);
        assert_eq!(backend.load().await.unwrap().revision, made);
    }
}

#[tokio::test]
async fn a_replica_is_read_only() {
    let master = RedisProc::start();
    let replica = RedisProc::start();
    let backend = open(replica.addr());
    let made = backend.commit(put("a", json!(1))).await.unwrap();
    open(master.addr())
        .commit(put("a", json!(1)))
        .await
        .unwrap();
    replica.replicate(master.addr());
    replica.wait_synced();
    let error = failure(&backend, put("a", json!(2))).await;
    assert!(matches!(error, BackendError::Unavailable(_)), "{error:?}");
    assert!(backend.health().await.is_err());
    replica.promote();
    healthy(&backend).await;
    let found = backend.load().await.unwrap().revision;
    assert_ne!(
        found.epoch, made.epoch,
        "the replica holds what its master held"
    );
}

#[tokio::test]
async fn a_full_server_is_read_only() {
    let mut server = RedisProc::options().max_memory("100mb").start();
    let backend = open(server.addr());
    let made = backend.commit(put("a", json!(1))).await.unwrap();
    server.config_set("maxmemory", "1");
    let batch = put("a", json!(2)).audit(entry("/a"));
    let error = failure(&backend, batch).await;
    assert!(matches!(error, BackendError::NotWritable(_)), "{error:?}");
    assert!(matches!(
        backend.health().await,
        Err(BackendError::NotWritable(_))
    ));
    let image = backend.load().await.unwrap();
    assert_eq!(image.revision, made, "nothing was written");
    assert_eq!(image.entities[0].1.value, json!(1));
    server.config_set("maxmemory", "0");
    healthy(&backend).await;
    assert_eq!(backend.commit(put("a", json!(2))).await.unwrap().number, 2);
}

#[tokio::test]
async fn a_wrong_password_is_reported_and_retried_rarely() {
    let server = RedisProc::options().password("right").start();
    let proxy = FaultProxy::start(server.addr()).await;
    let backend = RedisBackend::open(options(proxy.addr()).password("wrong".to_owned()));
    let error = backend.load().await.unwrap_err();
    assert!(matches!(error, BackendError::Misconfigured(_)), "{error:?}");
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(2) {
        let error = backend.load().await.unwrap_err();
        assert!(matches!(error, BackendError::Misconfigured(_)), "{error:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let dials = proxy.counts().accepted;
    println!("a wrong password for 2 s, asked each 5 ms: {dials} connections");
    assert!(dials <= 4, "{dials} connections");
}

#[tokio::test]
async fn a_changed_password_is_reported_and_recovered() {
    let mut server = RedisProc::options().password("first").start();
    let backend = RedisBackend::open(options(server.addr()).password("first".to_owned()));
    backend.commit(put("a", json!(1))).await.unwrap();
    server.config_set("requirepass", "second");
    server.command(&["CLIENT", "KILL", "TYPE", "normal"]);
    let wait = async {
        while !matches!(backend.health().await, Err(BackendError::Misconfigured(_))) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap();
    server.config_set("requirepass", "first");
    healthy(&backend).await;
}

#[tokio::test]
async fn partial_permissions_write_nothing() {
    let server = RedisProc::options()
        .user("ada", "on >secret ~waygate:* &* +@all -lpush")
        .start();
    let backend = RedisBackend::open(
        options(server.addr())
            .user("ada")
            .password("secret".to_owned()),
    );
    let batch = put("a", json!(1)).audit(entry("/a"));
    let error = failure(&backend, batch).await;
    assert!(matches!(error, BackendError::Misconfigured(_)), "{error:?}");
    assert_eq!(server.command(&["KEYS", "*{*"]), "");
}

#[tokio::test]
async fn the_documented_permissions_are_enough() {
    let rules =
        "on >secret ~waygate:* &waygate:* +@read +@write +@scripting +@pubsub +@connection +time";
    let server = RedisProc::options().user("ada", rules).start();
    let backend = RedisBackend::open(
        options(server.addr())
            .user("ada")
            .password("secret".to_owned()),
    );
    let mut changes = backend.changes();
    let made = backend.commit(put("a", json!(1))).await.unwrap();
    let hint = tokio_stream::StreamExt::next(&mut changes);
    let hint = tokio::time::timeout(PATIENCE, hint).await.unwrap();
    assert_eq!(hint, Some(made));
    backend.health().await.unwrap();
    assert_eq!(backend.load().await.unwrap().revision, made);
}

#[tokio::test]
async fn foreign_data_is_corrupt() {
    for (command, is_read) in [
        (["SET", "waygate:{state}:entities", "x", ""], true),
        (["SET", "waygate:{state}:audit", "x", ""], false),
        (["HSET", "waygate:{state}:entities", "a", "x"], true),
    ] {
        let server = RedisProc::start();
        let backend = open(server.addr());
        let made = backend.commit(put("a", json!(1))).await.unwrap();
        server.command(&["DEL", command[1]]);
        let words: Vec<_> = command
            .into_iter()
            .filter(|word| !word.is_empty())
            .collect();
        server.command(&words);
        // A second handle does not know the state already.
        let loaded = open(server.addr()).load().await;
        assert_eq!(loaded.is_err(), is_read, "{command:?}");
        if is_read {
            assert!(
                matches!(loaded, Err(BackendError::Corrupt(_))),
                "{loaded:?}"
            );
        }
        if command[0] == "SET" {
            let error = failure(&backend, put("b", json!(1))).await;
            assert!(matches!(error, BackendError::Corrupt(_)), "{error:?}");
            let revision = server.command(&["HGET", "waygate:{state}:meta", "revision"]);
            assert_eq!(revision, made.number.to_string());
        }
    }
}

#[tokio::test]
async fn a_flushed_store_refuses_earlier_changes() {
    let server = RedisProc::start();
    let backend = open(server.addr());
    let made = backend.commit(put("a", json!(1))).await.unwrap();
    server.flushall();
    let mut batch = put("b", json!(1));
    batch.expected_epoch = Some(made.epoch);
    match backend.commit(batch).await {
        Err(CommitError::Replaced { expected, found }) => {
            assert_eq!((expected, found), (made.epoch, None));
        }
        other => panic!("`Replaced` was due, not {other:?}"),
    }
    let empty = backend.load().await.unwrap();
    assert!(empty.entities.is_empty());
    assert_eq!(empty.revision.number, 0);
    assert_ne!(empty.revision.epoch, made.epoch);
    let next = backend.commit(put("b", json!(1))).await.unwrap();
    assert_eq!((next.epoch, next.number), (empty.revision.epoch, 1));
}

#[tokio::test]
async fn without_a_server_calls_fail_quickly() {
    let hung = FaultProxy::start(([127, 0, 0, 1], free_port()).into()).await;
    hung.set(Mode::Hang);
    let silent = FaultProxy::start(RedisProc::start().addr()).await;
    silent.set(Mode::Blackhole);
    let closed = ([127, 0, 0, 1], free_port()).into();
    for (name, addr) in [
        ("closed", closed),
        ("hang", hung.addr()),
        ("blackhole", silent.addr()),
    ] {
        let begin = Instant::now();
        let backend = open(addr);
        let first = backend.load().await;
        let took = begin.elapsed();
        println!("{name}: the first load failed after {took:?}");
        assert!(
            matches!(first, Err(BackendError::Unavailable(_))),
            "{first:?}"
        );
        assert!(took < Duration::from_secs(1), "{name}: {took:?}");
        let error = failure(&backend, put("a", json!(1))).await;
        assert!(matches!(error, BackendError::Unavailable(_)), "{error:?}");
    }
}
