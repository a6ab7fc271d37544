//! Commits that wait for replicas.

use std::time::Duration;

use serde_json::json;
use waygate_core::port::{Backend, CommitError};
use waygate_faultproxy::RedisProc;

use crate::kit::*;

#[tokio::test]
async fn a_commit_waits_for_replicas_and_reports_a_timeout() {
    let master = RedisProc::start();
    let replica = RedisProc::options().replica_of(master.addr()).start();
    replica.wait_synced();
    master.wait_replicas(1);
    let backend = open(master.addr()).wait_replicas(1, Duration::from_millis(300));
    for nth in 1..=5 {
        master.command(&["SCRIPT", "FLUSH"]);
        let made = backend.commit(put("a", json!(nth))).await.unwrap();
        let held = replica.command(&["HGET", "waygate:{state}:meta", "revision"]);
        assert_eq!(held, made.number.to_string());
    }
    replica.stop();
    let outcome = backend.commit(put("a", json!(6))).await;
    let Err(CommitError::Unconfirmed(why)) = outcome else {
        panic!("`Unconfirmed` was due, not {outcome:?}");
    };
    assert!(why.contains("only 0 of 1 replicas"), "{why}");
    assert_eq!(backend.load().await.unwrap().revision.number, 6);
    replica.cont();
    master.wait_replicas(1);
    assert_eq!(backend.commit(put("a", json!(7))).await.unwrap().number, 7);
}

#[tokio::test]
async fn a_cluster_node_waits_for_replicas() {
    let server = shared_cluster();
    let options =
        waygate_backends::RedisOptions::new(&format!("redis+cluster://{}", server.addr()));
    let backend = waygate_backends::RedisBackend::open(options.unwrap().prefix(prefix()));
    let backend = backend.wait_replicas(1, Duration::from_millis(10));
    let outcome = backend.commit(put("a", json!(1))).await;
    let Err(CommitError::Unconfirmed(why)) = outcome else {
        panic!("`Unconfirmed` was due, not {outcome:?}");
    };
    assert!(why.contains("only 0 of 1 replicas"), "{why}");
    let backend = backend.wait_replicas(0, Duration::from_millis(10));
    assert_eq!(backend.commit(put("a", json!(2))).await.unwrap().number, 2);
}
