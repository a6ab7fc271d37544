//! Bypassed gates and limits, on a running engine and in tests.

use std::net::SocketAddr;

use serde_json::json;
use waygate::{
    Waygate,
    health::Component,
    model::{Access, GlobalMaintenance, RouteState},
    testing::{TestApp, bypass, bypass_lifecycle, bypass_rate_limits},
};

use crate::{
    limits::set,
    support::{app, builder},
};

/// A disabled route, and one with a limit that allows nothing.
async fn closed_and_limited() -> (Waygate, TestApp) {
    let waygate = builder().build().await.unwrap();
    let app = app(&waygate, &["GET:/closed", "GET:/limited"]).await;
    waygate.system().disable("GET:/closed", "").await.unwrap();
    set(&waygate, "GET:/limited#default", json!({"limit": "0/hour"})).await;
    (waygate, app)
}

async fn statuses(app: &TestApp) -> (u16, u16) {
    let (closed, limited) = (app.get("/closed").await, app.get("/limited").await);
    (closed.status().as_u16(), limited.status().as_u16())
}

#[tokio::test]
async fn tests_choose_what_to_bypass() {
    let (_, app) = closed_and_limited().await;
    assert_eq!(statuses(&app).await, (503, 429));
    assert_eq!(bypass_lifecycle(statuses(&app)).await, (200, 429));
    assert_eq!(bypass_rate_limits(statuses(&app)).await, (503, 200));
    let both = bypass_lifecycle(bypass_rate_limits(statuses(&app)));
    assert_eq!(both.await, (200, 200));
    assert_eq!(bypass(statuses(&app)).await, (200, 200));
    assert_eq!(statuses(&app).await, (503, 429));
}

#[tokio::test]
async fn bypasses_of_a_running_engine_can_change() {
    let (waygate, app) = closed_and_limited().await;
    let components = || {
        let health = waygate.health();
        let report = waygate.report().to_string();
        for (component, degraded) in &health {
            assert!(
                degraded.cause.contains("(true)"),
                "{component}: {degraded:?}"
            );
            assert!(report.contains(&degraded.cause), "{report}");
        }
        health.into_keys().collect::<Vec<_>>()
    };
    waygate.bypass_lifecycle(true).await;
    assert_eq!(statuses(&app).await, (200, 429));
    assert_eq!(components(), [Component::LifecycleBypass]);
    waygate.bypass_rate_limits(true).await;
    assert_eq!(statuses(&app).await, (200, 200));
    assert_eq!(
        components(),
        [Component::LifecycleBypass, Component::RateLimitBypass]
    );
    // A change or a new route publishes another snapshot.
    waygate.system().disable("GET:/limited", "").await.unwrap();
    let other = "GET:/other".parse().unwrap();
    waygate
        .register(other, RouteState::default())
        .await
        .unwrap();
    assert_eq!(statuses(&app).await, (200, 200));
    waygate.bypass_lifecycle(false).await;
    assert_eq!(statuses(&app).await, (503, 503));
    assert_eq!(components(), [Component::RateLimitBypass]);
    waygate.bypass_rate_limits(false).await;
    waygate.system().enable("GET:/limited", "").await.unwrap();
    assert_eq!(statuses(&app).await, (503, 429));
    assert_eq!(components(), []);
    assert!(!waygate.report().to_string().contains("bypassed"));
}

#[tokio::test]
async fn bypasses_of_the_builder_can_be_undone() {
    let builder = builder().bypass_lifecycle(true).bypass_rate_limits(true);
    let waygate = builder.build().await.unwrap();
    let app = app(&waygate, &["GET:/x"]).await;
    let mut config = GlobalMaintenance::default();
    config.enabled = true;
    let system = waygate.system();
    system.enable_global_maintenance(config).await.unwrap();
    assert_eq!(app.get("/x").await.status(), 200);
    waygate.bypass_lifecycle(false).await;
    assert_eq!(app.get("/x").await.status(), 503);
    let health: Vec<Component> = waygate.health().into_keys().collect();
    assert_eq!(health, [Component::RateLimitBypass]);
}

#[tokio::test]
async fn access_lists_apply_while_lifecycles_are_bypassed() {
    let (waygate, app) = closed_and_limited().await;
    let office = Access::new(vec!["10.0.0.0/8".parse().unwrap()], []);
    let system = waygate.system();
    system.set_access("GET:/closed", office).await.unwrap();
    let inside = app.from_peer(SocketAddr::from(([10, 1, 2, 3], 1)));
    let of = async |app: &TestApp| app.get("/closed").await.status().as_u16();
    assert_eq!((of(&app).await, of(&inside).await), (503, 503));
    waygate.bypass_lifecycle(true).await;
    assert_eq!((of(&app).await, of(&inside).await), (403, 200));
    // The bypass lets the test pass the gate.
    assert_eq!(bypass_lifecycle(of(&app)).await, 200);
    waygate.bypass_lifecycle(false).await;
    system.enable("GET:/closed", "").await.unwrap();
    assert_eq!((of(&app).await, of(&inside).await), (403, 200));
}
