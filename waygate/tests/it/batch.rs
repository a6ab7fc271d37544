//! Several changes as one, and planned changes, in code.

use std::sync::Arc;

use waygate::{
    ChangeError, Waygate, audit::AuditQuery, limits::RateLimitPolicy, model::RouteState,
};
use waygate_backends::MemoryBackend;

async fn engine(backend: Arc<MemoryBackend>) -> Waygate {
    let waygate = Waygate::builder().backend(backend).build().await.unwrap();
    for key in ["GET:/a", "GET:/b"] {
        let key = key.parse().unwrap();
        waygate.register(key, RouteState::default()).await.unwrap();
    }
    waygate
}

fn status(waygate: &Waygate, key: &str) -> String {
    waygate.route(key).unwrap().view.status.to_string()
}

#[tokio::test]
async fn a_batch_is_made_whole_or_not_at_all() {
    let waygate = engine(Arc::new(MemoryBackend::new())).await;
    let system = waygate.system();
    let failed = system.batch(|batch| async move {
        batch.disable("GET:/a", "x").await?;
        batch.disable("GET:/ghost", "x").await
    });
    assert!(matches!(failed.await, Err(ChangeError::Resolve(_))));
    assert_eq!(
        (
            status(&waygate, "GET:/a").as_str(),
            waygate.revision().number
        ),
        ("active", 0)
    );
    let made = system.batch(|batch| async move {
        let first = batch.disable("GET:/a", "x").await?;
        assert_eq!(first.view.status.as_str(), "disabled");
        // Each change sees those before it.
        batch.set_env_only("GET:/a", &["staging"]).await?;
        batch.enable("GET:/b", "x").await?;
        Ok(batch)
    });
    let over = made.await.unwrap();
    assert_eq!(waygate.revision().number, 1);
    assert_eq!(
        waygate.audit(AuditQuery::newest(10)).await.unwrap().len(),
        3
    );
    let late = over.disable("GET:/b", "x").await;
    assert!(
        matches!(late, Err(ChangeError::NotStaged { .. })),
        "a batch that is over"
    );
    assert_eq!(status(&waygate, "GET:/b"), "active");
    // A batch without an effect writes nothing.
    let idle = system.batch(|batch| async move { batch.end_maintenance("GET:/b", "").await });
    idle.await.unwrap();
    assert_eq!(waygate.revision().number, 1);
}

#[tokio::test]
async fn a_failed_batch_within_a_batch_leaves_no_trace() {
    let waygate = engine(Arc::new(MemoryBackend::new())).await;
    let system = waygate.system();
    let made = system.batch(|batch| async move {
        let inner = batch.batch(|inner| async move {
            inner.disable("GET:/a", "x").await?;
            inner.disable("GET:/ghost", "x").await
        });
        assert!(inner.await.is_err());
        batch.disable("GET:/b", "x").await
    });
    made.await.unwrap();
    assert_eq!(status(&waygate, "GET:/a"), "active");
    assert_eq!(status(&waygate, "GET:/b"), "disabled");
}

#[tokio::test]
async fn a_change_with_another_effect_is_not_planned() {
    let waygate = engine(Arc::new(MemoryBackend::new())).await;
    let system = waygate.system();
    let key: waygate::LimitKey = "*#default".parse().unwrap();
    let policy = RateLimitPolicy::new("5/minute".parse().unwrap()).unwrap();
    system.set_rate_limit(key.clone(), policy).await.unwrap();
    let before = waygate.revision();
    let dry = system.dry_run(|dry| {
        let key = key.clone();
        async move { dry.reset_rate_limit_key(key, &["203.0.113.7"]).await }
    });
    assert!(matches!(dry.await, Err(ChangeError::NotStaged { .. })));
    assert_eq!(waygate.revision(), before);
}

/// Two processes with one store, which both make batches and single changes of the same routes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn batches_of_two_processes_are_never_mixed() {
    let backend = Arc::new(MemoryBackend::new());
    let (one, other) = (engine(backend.clone()).await, engine(backend).await);
    let both = async |waygate: &Waygate, reason: &'static str| {
        for _ in 0..25 {
            let system = waygate.system();
            let made = system.batch(|batch| async move {
                batch.disable("GET:/a", reason).await?;
                batch.disable("GET:/b", reason).await
            });
            made.await.unwrap();
        }
    };
    let single = async |waygate: &Waygate| {
        for _ in 0..25 {
            waygate
                .system()
                .set_maintenance("GET:/a", "single")
                .await
                .unwrap();
        }
    };
    tokio::join!(both(&one, "one"), both(&other, "other"), single(&one));
    let lines = one.audit(AuditQuery::newest(1_000)).await.unwrap();
    assert_eq!(lines.len(), 2 * 50 + 25);
    let mut batches = std::collections::BTreeMap::new();
    for line in lines.iter().filter(|line| line.batch.is_some()) {
        let paths: &mut Vec<_> = batches.entry(line.batch).or_default();
        paths.push((line.path.as_str(), line.revision, line.reason.as_str()));
    }
    assert_eq!(batches.len(), 50);
    for lines in batches.values() {
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert_eq!(lines[0].1, lines[1].1, "one commit: {lines:?}");
        assert_eq!(lines[0].2, lines[1].2, "one author: {lines:?}");
        assert_ne!(lines[0].0, lines[1].0, "each route: {lines:?}");
    }
    // Each line continues the one before it: no change was lost.
    for path in ["GET:/a", "GET:/b"] {
        let own: Vec<_> = lines.iter().filter(|line| line.path == path).collect();
        for pair in own.windows(2) {
            assert_eq!(pair[0].previous, pair[1].new, "{path}");
        }
    }
}
