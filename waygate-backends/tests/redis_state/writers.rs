//! Many writers, over connections that break.

use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use waygate_core::port::{AuditQuery, Backend, BackendError, CommitError, Expected};
use waygate_faultproxy::{FaultProxy, RedisProc};

use crate::kit::*;

/// Increments `times` times. Returns the acknowledged commits, and the unconfirmed ones.
async fn count_up(backend: waygate_backends::RedisBackend, times: u32) -> (u32, u32) {
    let (mut made, mut unknown) = (0, 0);
    while made < times {
        let Ok(image) = backend.load().await else {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        let found = image.entities.into_iter().next();
        let (expected, value) = match found {
            Some((_, entity)) => (Expected::Revision(entity.revision), entity.value),
            None => (Expected::Absent, json!(0)),
        };
        let next = value.as_u64().unwrap() + 1;
        let batch = put("count", json!(next))
            .expect("count", expected)
            .audit(entry("/count"));
        match backend.commit(batch).await {
            Ok(_) => made += 1,
            Err(CommitError::Unconfirmed(_)) => unknown += 1,
            Err(
                CommitError::Conflict { .. } | CommitError::Backend(BackendError::Unavailable(_)),
            ) => {}
            Err(error) => panic!("{error}"),
        }
    }
    (made, unknown)
}

async fn race(addr: std::net::SocketAddr, times: u32) -> (u32, u32) {
    let mut writers = JoinSet::new();
    for _ in 0..8 {
        writers.spawn(count_up(open(addr), times));
    }
    let counts = writers.join_all().await.into_iter();
    counts.fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_increment_of_eight_writers_is_lost() {
    let server = RedisProc::start();
    let times: u32 =
        std::env::var("WAYGATE_TEST_INCREMENTS").map_or(50, |text| text.parse().unwrap());
    let begin = std::time::Instant::now();
    let (made, unknown) = race(server.addr(), times).await;
    assert_eq!(unknown, 0);
    let image = open(server.addr()).load().await.unwrap();
    println!(
        "8 writers, {made} acknowledged increments in {:?}",
        begin.elapsed()
    );
    assert_eq!(image.entities[0].1.value, json!(made));
    assert_eq!(image.revision.number, u64::from(made));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_increment_is_lost_or_doubled_when_connections_break() {
    let server = RedisProc::start();
    let proxy = FaultProxy::start(server.addr()).await;
    let stop = tokio::sync::Notify::new();
    let breaking = async {
        let mut resets = 0;
        loop {
            tokio::select! {
                () = stop.notified() => return resets,
                () = tokio::time::sleep(Duration::from_millis(fastrand::u64(20..120))) => {
                    proxy.reset_connections();
                    resets += 1;
                }
            }
        }
    };
    let counting = async {
        let counts = race(proxy.addr(), 20).await;
        stop.notify_one();
        counts
    };
    let ((made, unknown), resets) = tokio::join!(counting, breaking);
    let direct = open(server.addr());
    let image = direct.load().await.unwrap();
    let count = image.entities[0].1.value.as_u64().unwrap();
    println!(
        "{resets} resets under 8 writers: {made} acknowledged, {unknown} unconfirmed, {count} made"
    );
    assert!(resets > 0);
    assert!((u64::from(made)..=u64::from(made + unknown)).contains(&count));
    let log = direct.audit(AuditQuery::newest(10_000)).await.unwrap();
    assert_eq!(log.len() as u64, count, "each commit has one line");
}
