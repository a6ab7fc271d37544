//! Refusals in the store: those of all processes, also before a restart.

use std::{path::Path, time::Duration};

use serde_json::json;
use waygate::{Waygate, limits::HitQuery, port::FileBackend, testing::TestApp};

use super::set;
use crate::support::{app, builder};

async fn process(state: &Path) -> (Waygate, TestApp) {
    let backend = FileBackend::open(state).await.unwrap();
    let waygate = builder().backend(backend).build().await.unwrap();
    let app = app(&waygate, &["GET:/search"]).await;
    (waygate, app)
}

/// Waits until a process sees this many refusals.
async fn sees(waygate: &Waygate, query: &HitQuery, wanted: usize) {
    let seen = async {
        loop {
            let hits = waygate.shared_rate_limit_hits(query).await.unwrap();
            assert!(hits.len() <= wanted, "{hits:?}");
            if hits.len() == wanted {
                return hits;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let hits = tokio::time::timeout(Duration::from_secs(30), seen).await;
    let hits = hits.expect("the refusals of the other process");
    assert!(hits.is_sorted_by(|one, next| one.timestamp >= next.timestamp));
    assert!(hits.iter().all(|hit| hit.path == "/search" && hit.enforced));
}

#[tokio::test]
async fn processes_share_refusals_which_outlive_them() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state.json");
    let (one, app_of_one) = process(&state).await;
    let (other, app_of_other) = process(&state).await;
    set(&one, "GET:/search#default", json!({ "limit": "1/day" })).await;
    let query = HitQuery::newest(10).route("GET:/search");
    assert_eq!(app_of_one.get("/search").await.status(), 200);
    for _ in 0..3 {
        assert_eq!(app_of_one.get("/search").await.status(), 429);
    }
    sees(&one, &query, 3).await;
    sees(&other, &query, 3).await;
    assert_eq!(other.rate_limit_hits(&query), []);
    while app_of_other.get("/search").await.status() != 429 {}
    sees(&one, &query, 4).await;
    sees(&other, &query, 4).await;
    sees(&other, &HitQuery::newest(2), 2).await;
    sees(&other, &query.clone().enforced(false), 0).await;
    sees(&other, &HitQuery::newest(10).policy("other"), 0).await;

    // The last ones are written at the shutdown.
    assert_eq!(app_of_one.get("/search").await.status(), 429);
    one.shutdown().await;
    other.shutdown().await;
    drop((one, other, app_of_one, app_of_other));
    let (again, _app) = process(&state).await;
    assert_eq!(again.rate_limit_hits(&query), []);
    sees(&again, &query, 5).await;
}

#[tokio::test]
async fn a_store_without_a_log_has_those_of_the_process() {
    let waygate = builder().build().await.unwrap();
    let app = app(&waygate, &["GET:/search"]).await;
    set(&waygate, "GET:/search#default", json!({ "limit": "1/day" })).await;
    for _ in 0..3 {
        app.get("/search").await;
    }
    sees(&waygate, &HitQuery::newest(10), 2).await;
}
