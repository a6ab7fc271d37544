//! Handlers served elsewhere than their `route = ".."` says, and routes served by another handler.

use axum::{Router, routing::get};
use waygate::{Waygate, health::Component, testing::TestApp};

use super::ask;
use crate::log::Log;

mod copied {
    #[waygate::disabled(route = "GET /unlisted/orders")]
    pub(super) async fn payments() {}
}

mod twice {
    #[waygate::maintenance(reason = "moving", route = "GET /unlisted/a/x")]
    pub(super) async fn x() {}
}

mod nowhere {
    #[allow(dead_code)]
    #[waygate::disabled(route = "GET /unlisted/status")]
    pub(super) async fn status() {}
}

async fn guarded(module: &str, router: Router) -> (Waygate, TestApp) {
    let module = format!("it::endpoints::unlisted_mounts::{module}");
    let builder = Waygate::builder().only_handlers_under(module);
    let waygate = builder.build().await.unwrap();
    let app = TestApp::new(waygate.guard(router).await.unwrap());
    (waygate, app)
}

fn unmatched(waygate: &Waygate) -> Option<String> {
    let health = waygate.health();
    Some(health.get(&Component::Unmatched)?.cause.clone())
}

/// The line of a route in the report.
fn line(waygate: &Waygate, key: &str) -> String {
    let report = waygate.report().to_string();
    let line = report.lines().find(|line| line.starts_with(key));
    line.unwrap().to_owned()
}

#[tokio::test]
async fn copied_routes_are_reported_with_the_correct_one() {
    let router = Router::new()
        .route("/unlisted/orders", get(async || "orders"))
        .route("/unlisted/payments", get(copied::payments));
    let (waygate, app) = guarded("copied", router).await;
    let (log, _logging) = Log::of_this_thread();
    for path in ["/unlisted/orders", "/unlisted/payments"] {
        assert_eq!(ask(&app, "GET", path).await, 503, "{path}");
    }
    let said = "`it::endpoints::unlisted_mounts::copied::payments` names `GET:/unlisted/orders` and is also served at \
                `GET:/unlisted/payments`";
    let lines = log.lines();
    let line_of = lines.iter().find(|line| line.contains(said));
    assert!(
        line_of
            .unwrap()
            .contains("`route = \"GET /unlisted/payments\"`"),
        "{lines:?}"
    );
    assert!(
        waygate.report().to_string().contains(said),
        "{}",
        waygate.report()
    );
    let payments = line(&waygate, "GET:/unlisted/payments");
    assert!(
        payments.ends_with(" +also gated by GET:/unlisted/orders"),
        "{payments}"
    );
    assert_eq!(unmatched(&waygate), None, "mounting at both is allowed");

    // The other handler answers.
    waygate
        .system()
        .enable("GET:/unlisted/orders", "")
        .await
        .unwrap();
    assert_eq!(ask(&app, "GET", "/unlisted/orders").await, 200);
    let said = "`it::endpoints::unlisted_mounts::copied::payments` names `GET:/unlisted/orders`, which another handler \
                serves; it is itself served at `GET:/unlisted/payments`";
    let cause = unmatched(&waygate).unwrap();
    assert!(cause.contains(said), "{cause}");
    assert!(
        waygate.report().to_string().contains(said),
        "{}",
        waygate.report()
    );
    assert!(
        log.lines().iter().any(|line| line.contains(said)),
        "{:?}",
        log.lines()
    );
}

#[tokio::test]
async fn unmounted_handlers_of_routes_that_others_serve_are_reported() {
    let router = Router::new().route("/unlisted/status", get(async || "another"));
    let (waygate, app) = guarded("nowhere", router).await;
    assert_eq!(ask(&app, "GET", "/unlisted/status").await, 503);
    assert_eq!(unmatched(&waygate), None);
    waygate
        .system()
        .enable("GET:/unlisted/status", "")
        .await
        .unwrap();
    assert_eq!(ask(&app, "GET", "/unlisted/status").await, 200);
    let cause = unmatched(&waygate).unwrap();
    assert!(
        cause.contains(
            "nowhere::status` names `GET:/unlisted/status`, which another handler serves"
        ),
        "{cause}"
    );
    assert!(!cause.contains("itself"), "{cause}");
}

#[tokio::test]
async fn the_report_shows_other_gates_of_a_second_mount() {
    let part = || Router::new().route("/x", get(twice::x));
    let router = Router::new()
        .nest("/unlisted/a", part())
        .nest("/unlisted/b", part());
    let (waygate, app) = guarded("twice", router).await;
    assert_eq!(ask(&app, "GET", "/unlisted/b/x").await, 503);
    let second = line(&waygate, "GET:/unlisted/b/x");
    assert!(
        second.ends_with(" +also gated by GET:/unlisted/a/x"),
        "{second}"
    );
    assert!(!line(&waygate, "GET:/unlisted/a/x").contains("also gated"));
    let also = |record: waygate::model::RouteRecord| {
        let also = record.also_gated_by.iter().map(ToString::to_string);
        also.collect::<Vec<_>>()
    };
    let (system, key) = (waygate.system(), "GET:/unlisted/b/x");
    assert_eq!(also(waygate.route(key).unwrap()), ["GET:/unlisted/a/x"]);
    assert_eq!(
        also(system.enable(key, "").await.unwrap()),
        ["GET:/unlisted/a/x"]
    );
    assert_eq!(ask(&app, "GET", "/unlisted/b/x").await, 503);
    system.enable("GET:/unlisted/a/x", "").await.unwrap();
    for path in ["/unlisted/a/x", "/unlisted/b/x"] {
        assert_eq!(ask(&app, "GET", path).await, 200, "{path}");
    }
    assert_eq!(unmatched(&waygate), None, "its own route runs it");
}
