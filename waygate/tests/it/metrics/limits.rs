//! Decisions of rate limits that a shared store counts, and transitions of windows.

use serde_json::json;
use waygate::{limits::RateLimitPolicy, port::MemoryCounters};

use super::{scrape, value};
use crate::support::{app, builder};

#[tokio::test]
async fn transitions_have_a_series_before_the_first_one() {
    let waygate = builder().build().await.unwrap();
    let families = scrape(&waygate);
    for kind in [
        "maintenance_on",
        "disable",
        "enable",
        "global_maintenance_on",
        "global_maintenance_off",
        "service_maintenance_on",
        "service_maintenance_off",
    ] {
        let name = "waygate_window_transitions_total";
        assert_eq!(
            value(&families, name, &[("kind", kind)]),
            Some(0.0),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn decisions_by_leased_blocks_have_their_mode() {
    let waygate = builder().counters(MemoryCounters::new()).build().await;
    let waygate = waygate.unwrap();
    let app = app(&waygate, &["GET:/x", "GET:/y"]).await;
    for (path, lease) in [("/x", true), ("/y", false)] {
        let policy = json!({ "limit": "100/hour", "lease": lease });
        let policy: RateLimitPolicy = serde_json::from_value(policy).unwrap();
        let key = format!("GET:{path}#default").parse().unwrap();
        let system = waygate.system();
        system.set_rate_limit(key, policy).await.unwrap();
        assert_eq!(app.get(path).await.status(), 200);
    }
    let families = scrape(&waygate);
    let allowed = |policy, mode| {
        let labels = [("policy", policy), ("decision", "allowed"), ("mode", mode)];
        value(&families, "waygate_rate_limit_decisions_total", &labels)
    };
    assert_eq!(allowed("GET:/x#default", "leased"), Some(1.0));
    assert_eq!(allowed("GET:/x#default", "authoritative"), None);
    assert_eq!(allowed("GET:/y#default", "authoritative"), Some(1.0));
    assert_eq!(allowed("GET:/y#default", "leased"), None);
}
