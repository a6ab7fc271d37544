//! Several changes as one commit, of two processes.

use std::collections::BTreeMap;

use waygate::{Waygate, audit::AuditQuery};
use waygate_faultproxy::RedisProc;

use crate::support::*;

const ROUNDS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_of_two_processes_are_never_mixed() {
    let server = RedisProc::start();
    let one = engine(options(server.addr())).await;
    let other = engine(options(server.addr())).await;
    for waygate in [&one, &other] {
        app(waygate, 2).await;
    }
    let both = async |waygate: &Waygate, reason: &'static str| {
        for _ in 0..ROUNDS {
            let system = waygate.system();
            let made = system.batch(|batch| async move {
                batch.disable("GET:/0", reason).await?;
                batch.disable("GET:/1", reason).await
            });
            made.await.unwrap();
        }
    };
    tokio::join!(both(&one, "one"), both(&other, "other"));
    let lines = one.audit(AuditQuery::newest(1_000)).await.unwrap();
    let mut batches: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for line in &lines {
        let batch = line.batch.expect("every line is of a batch");
        let own = batches.entry(batch).or_default();
        own.push((line.revision, line.reason.as_str()));
    }
    assert_eq!(batches.len(), 2 * ROUNDS);
    for own in batches.values() {
        assert_eq!(own.len(), 2, "{own:?}");
        assert_eq!(own[0], own[1], "one commit of one author");
    }
    for path in ["GET:/0", "GET:/1"] {
        let own: Vec<_> = lines.iter().filter(|line| line.path == path).collect();
        for pair in own.windows(2) {
            assert_eq!(pair[0].previous, pair[1].new, "{path}: a change was lost");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_is_based_on_the_store_and_writes_nothing() {
    let server = RedisProc::start();
    let one = engine(options(server.addr())).await;
    let other = engine(options(server.addr())).await;
    for waygate in [&one, &other] {
        app(waygate, 1).await;
    }
    block(&one, 0).await;
    // The other process may not have seen the change yet; a change of it that was refused would read the store.
    let dry = other
        .system()
        .if_revision(one.revision().number)
        .dry_run(|dry| async move { dry.enable("GET:/0", "over").await })
        .await
        .unwrap();
    assert_eq!(dry.plan.revision, one.revision().number);
    assert_eq!(dry.plan.routes[0].before.http_status, Some(503));
    assert_eq!(dry.plan.routes[0].after.http_status, None);
    assert_eq!(one.audit(AuditQuery::newest(10)).await.unwrap().len(), 1);
    assert!(one.route("GET:/0").unwrap().view.status.as_str() == "disabled");
}
