//! Routers that serve the same method and path, each on its own engine.

use axum::{Router, routing::get};
use waygate::{BindError, Waygate, WaygateBuilder, testing::TestApp};

mod public {
    #[waygate::disabled(route = "GET /apart/status")]
    pub(super) async fn status() -> &'static str {
        "public"
    }
}

mod private {
    #[waygate::maintenance(reason = "moving", route = "GET /apart/status")]
    pub(super) async fn status() -> &'static str {
        "private"
    }
}

const PUBLIC: &str = "it::apart::public";
const PRIVATE: &str = "it::apart::private";

fn public() -> Router {
    Router::new().route("/apart/status", get(public::status))
}

fn private() -> Router {
    Router::new().route("/apart/status", get(private::status))
}

/// An engine that guards one of the routers, with a list of its bindings.
async fn guarded(builder: WaygateBuilder, router: Router) -> (String, TestApp) {
    let waygate = builder.build().await.unwrap();
    let app = TestApp::new(waygate.guard(router).await.unwrap());
    let source = waygate.route("/apart/status").unwrap().source;
    (source.unwrap().handler().unwrap().to_owned(), app)
}

#[tokio::test]
async fn each_engine_binds_its_own_handler() {
    let all = || Waygate::builder().allow_unmounted("");
    for (is_public, builder) in [
        (true, Waygate::builder().only_handlers_under(PUBLIC)),
        (false, Waygate::builder().only_handlers_under(PRIVATE)),
        (true, all().allow_unmounted(PRIVATE)),
        (false, all().allow_unmounted("it::apart::public::status")),
        // The more specific name.
        (
            true,
            all().allow_unmounted("it::apart").allow_unmounted(PRIVATE),
        ),
    ] {
        let router = if is_public { public() } else { private() };
        let (handler, app) = guarded(builder, router).await;
        let module = if is_public { PUBLIC } else { PRIVATE };
        assert_eq!(handler, format!("{module}::status"));
        let answer = app.get("/apart/status").await;
        assert_eq!(answer.status(), 503);
        let code = if is_public {
            "ROUTE_DISABLED"
        } else {
            "MAINTENANCE_MODE"
        };
        assert!(answer.text().contains(code), "{}", answer.text());
    }
}

#[tokio::test]
async fn excluded_handlers_run_nowhere() {
    let builder = Waygate::builder()
        .allow_unmounted("")
        .allow_unmounted(PRIVATE);
    let waygate = builder.build().await.unwrap();
    let app = TestApp::new(waygate.guard(private()).await.unwrap());
    waygate.system().enable("/apart/status", "").await.unwrap();
    assert_eq!(app.get("/apart/status").await.status(), 503);
}

#[tokio::test]
async fn ambiguous_handlers_are_refused_with_a_hint() {
    let waygate = Waygate::builder()
        .allow_unmounted("")
        .build()
        .await
        .unwrap();
    let errors = waygate.guard(public()).await.unwrap_err();
    let claimed = |error: &&BindError| matches!(error, BindError::ClaimedTwice { route, .. } if route.to_string() == "GET /apart/status");
    let error = errors.errors().iter().find(claimed).unwrap().to_string();
    for said in [
        "use one engine per router",
        "`.allow_unmounted(\"it::apart::private::status\")` on the other",
        "`.allow_unmounted(\"it::apart::public::status\")` on the engine whose router serves `it::apart::private::status`",
    ] {
        assert!(error.contains(said), "{error}");
    }
}
