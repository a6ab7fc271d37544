//! The keys in Redis.

use serde_json::json;
use waygate_backends::RedisBackend;
use waygate_core::port::{AuditQuery, Backend, Batch};

use crate::kit::{entry, options, prefix, put, shared};

#[tokio::test]
async fn all_keys_have_the_prefix() {
    let server = waygate_faultproxy::RedisProc::start();
    let backend = RedisBackend::open(options(server.addr()).prefix("shop"));
    for nth in 0..300 {
        let batch = put(&format!("k/{nth}"), json!(nth)).audit(entry("/a"));
        backend.commit(batch).await.unwrap();
    }
    let keys = server.command(&["KEYS", "*{*"]);
    let mut keys: Vec<_> = keys.lines().collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "shop:{state}:audit",
            "shop:{state}:commits",
            "shop:{state}:entities",
            "shop:{state}:meta"
        ]
    );
    assert_eq!(
        server.command(&["HGET", "shop:{state}:entities", "k/7"]),
        "8 7"
    );
    assert_eq!(server.command(&["LLEN", "shop:{state}:commits"]), "256");
    assert_eq!(
        server.command(&["HGET", "shop:{state}:meta", "revision"]),
        "300"
    );
}

#[tokio::test]
async fn the_audit_log_is_bounded() {
    let server = shared();
    let options = options(server.addr()).prefix(prefix());
    for (capacity, due) in [(2, vec!["/c", "/b"]), (0, vec![])] {
        let backend = RedisBackend::open(options.clone()).with_audit_capacity(capacity);
        for path in ["/a", "/b", "/c"] {
            let batch = Batch::new().audit(entry(path));
            backend.commit(batch).await.unwrap();
        }
        let kept = backend.audit(AuditQuery::newest(10)).await.unwrap();
        let kept: Vec<_> = kept.iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(kept, due);
    }
}

#[tokio::test]
async fn entries_that_a_reader_needs_are_kept_up_to_a_bound() {
    let server = shared();
    let options = options(server.addr()).prefix(prefix());
    let backend = RedisBackend::open(options).with_audit_capacity(2);
    let kept = async |keep: Option<u64>, commits: usize| {
        for _ in 0..commits {
            let mut batch = Batch::new().audit(entry("/a"));
            batch.keep_audit_from = keep;
            backend.commit(batch).await.unwrap();
        }
        let kept = backend.audit(AuditQuery::oldest(100)).await.unwrap();
        kept.iter().map(|entry| entry.revision).collect::<Vec<_>>()
    };
    assert_eq!(kept(None, 3).await, [2, 3]);
    assert_eq!(kept(Some(3), 3).await, [3, 4, 5, 6]);
    assert_eq!(kept(Some(3), 10).await, (9..=16).collect::<Vec<_>>());
    assert_eq!(kept(Some(15), 1).await, [15, 16, 17]);
    assert_eq!(kept(Some(18), 1).await, [17, 18]);
}

#[tokio::test]
async fn prefixes_isolate_applications() {
    let server = shared();
    let one = RedisBackend::open(options(server.addr()).prefix(prefix()));
    let other = RedisBackend::open(options(server.addr()).prefix(prefix()));
    one.commit(put("a", json!(1))).await.unwrap();
    assert!(other.load().await.unwrap().entities.is_empty());
    let made = other.commit(put("a", json!(2))).await.unwrap();
    assert_eq!(made.number, 1);
}

#[tokio::test]
async fn an_unchanged_state_is_not_reloaded() {
    let server = shared();
    let backend = RedisBackend::open(options(server.addr()).prefix(prefix()));
    let text = "x".repeat(1 << 20);
    backend.commit(put("big", json!(text))).await.unwrap();
    let first = backend.load().await.unwrap();
    let sent = || -> u64 {
        let sent = server.info("total_net_output_bytes").unwrap();
        sent.parse().unwrap()
    };
    let before = sent();
    for _ in 0..20 {
        assert_eq!(backend.load().await.unwrap(), first);
    }
    // Other tests share the server, but none of them loads that much twenty times.
    let grown = sent() - before;
    println!("20 loads of an unchanged state of 1 MiB: {grown} bytes from Redis, others' included");
    assert!(grown < 20 << 20, "{grown} bytes");
}
