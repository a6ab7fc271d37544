//! Requests that a limit does not count since they have nothing that it counts by: never in silence.

use std::{
    borrow::Cow,
    fmt::{Debug, Write},
    sync::{Arc, Mutex},
};

use axum::{Router, body::Body, extract::Request, middleware, response::Response, routing::get};
use serde_json::{Value, json};
use tracing::{
    field::{Field, Visit},
    span,
};
use waygate::{
    Principal, Waygate,
    limits::{ConcurrencyPolicy, OnMissingKey, RateLimitPolicy},
    model::{Registration, RouteState},
    testing::TestApp,
};

use super::{key, set, status};
use crate::support::{app, builder, clock};

const LIMIT: &str = "GET:/search#default";

#[derive(Clone)]
struct User;

impl Principal for User {
    fn user_id(&self) -> Option<Cow<'_, str>> {
        Some("ada".into())
    }
}

async fn authenticate(mut request: Request, next: middleware::Next) -> Response {
    request.extensions_mut().insert(User);
    next.run(request).await
}

async fn with_callers() -> (Waygate, TestApp) {
    let builder = builder().clock(clock()).principal::<User>();
    let waygate = builder.build().await.unwrap();
    let app = app(&waygate, &["GET:/search"]).await;
    (waygate, app)
}

#[tokio::test]
async fn what_is_not_counted_is_listed_and_explained() {
    let (waygate, app) = with_callers().await;
    for (fields, effective) in [
        (
            json!({"limit": "1/hour", "key_strategy": "user"}),
            OnMissingKey::Exempt,
        ),
        (
            json!({"limit": "1/hour", "key_strategy": "api_key", "on_missing_key": "exempt"}),
            OnMissingKey::Exempt,
        ),
        (
            json!({"limit": "1/hour", "key_strategy": "header:x-tenant", "on_missing_key": "block", "shadow": true}),
            OnMissingKey::Block,
        ),
    ] {
        set(&waygate, LIMIT, fields).await;
        let before = waygate.rate_limit(&key(LIMIT)).unwrap();
        assert_eq!((before.on_missing_key, before.warning), (effective, None));
        for _ in 0..3 {
            assert_eq!(status(&app, "/search", &[("x-request-id", "r")]).await, 200);
        }
        let record = waygate.rate_limit(&key(LIMIT)).unwrap();
        assert_eq!(
            (record.skipped - before.skipped, record.counts.allowed),
            (3, 0)
        );
        let explained = waygate.explain("r").unwrap();
        assert!(explained.passed && explained.steps.is_empty());
        let [skipped] = &*explained.skipped else {
            panic!("{explained:?}");
        };
        assert_eq!(
            (&skipped.policy, skipped.on_missing_key),
            (&key(LIMIT), effective)
        );
    }
    let report = waygate.report().to_string();
    assert!(
        report.contains("(none of 9 requests had its key)"),
        "{report}"
    );
}

#[tokio::test]
async fn a_policy_that_skips_stands_beside_those_that_count() {
    let (waygate, app) = with_callers().await;
    set(
        &waygate,
        LIMIT,
        json!({"limit": "1/hour", "key_strategy": "user"}),
    )
    .await;
    set(
        &waygate,
        "*#default",
        json!({"limit": "9/hour", "key_strategy": "global"}),
    )
    .await;
    assert_eq!(status(&app, "/search", &[("x-request-id", "r")]).await, 200);
    let explained = waygate.explain("r").unwrap();
    let counted: Vec<_> = explained
        .steps
        .iter()
        .map(|step| step.policy.clone())
        .collect();
    let skipped: Vec<_> = explained
        .skipped
        .iter()
        .map(|one| one.policy.clone())
        .collect();
    assert_eq!(
        (counted, skipped),
        (vec![key("*#default")], vec![key(LIMIT)])
    );
}

#[tokio::test]
async fn what_is_exempt_or_refused_is_not_skipped() {
    let (waygate, app) = with_callers().await;
    let block = json!({"limit": "1/hour", "key_strategy": "user", "on_missing_key": "block"});
    set(&waygate, LIMIT, block).await;
    assert_eq!(status(&app, "/search", &[]).await, 401);
    let by_address =
        json!({"limit": "9/hour", "key_strategy": "user", "on_missing_key": "fallback_ip"});
    set(&waygate, LIMIT, by_address).await;
    assert_eq!(status(&app, "/search", &[("x-request-id", "r")]).await, 200);
    assert!(waygate.explain("r").unwrap().skipped.is_empty());
    let record = waygate.rate_limit(&key(LIMIT)).unwrap();
    assert_eq!(
        (record.skipped, record.counts.allowed, record.counts.refused),
        (0, 1, 1)
    );
    assert_eq!(record.on_missing_key, OnMissingKey::FallbackIp);
}

/// The warnings of this test's thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::WARN
    }

    fn event(&self, event: &tracing::Event<'_>) {
        struct Line(String);
        impl Visit for Line {
            fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
                write!(self.0, " {field}={value:?}").unwrap();
            }
        }
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[tokio::test]
async fn an_auth_layer_inside_the_guarded_router_is_found_out() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());

    let waygate = builder()
        .clock(clock())
        .principal::<User>()
        .build()
        .await
        .unwrap();
    waygate
        .register("GET:/search".parse().unwrap(), RouteState::default())
        .await
        .unwrap();
    let inside = Router::new()
        .route("/search", get(|| async {}))
        .layer(middleware::from_fn(authenticate));
    let inside = TestApp::new(waygate.guard(inside).await.unwrap().into_router());
    set(
        &waygate,
        LIMIT,
        json!({"limit": "1/hour", "key_strategy": "user"}),
    )
    .await;
    for _ in 0..5 {
        assert_eq!(status(&inside, "/search", &[]).await, 200);
    }
    let lines = log.0.lock().unwrap().clone();
    let [line] = &*lines else {
        panic!("{lines:#?}")
    };
    assert!(
        line.contains("is not counted") && line.contains(LIMIT),
        "{line}"
    );
    assert!(
        line.contains("in a layer around the guarded router"),
        "{line}"
    );
    assert_eq!(waygate.rate_limit(&key(LIMIT)).unwrap().skipped, 5);
}

/// A limit with tiers, and what it says of requests without a caller.
fn tiers(key: &str) -> Value {
    json!({"limit": "9/hour", "key_strategy": key, "tiers": [{"name": "pro", "limit": "99/hour"}]})
}

#[tokio::test]
async fn tiers_without_a_caller_are_found_out() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let (waygate, app) = with_callers().await;
    set(&waygate, LIMIT, tiers("global")).await;
    for _ in 0..3 {
        assert_eq!(status(&app, "/search", &[("x-request-id", "r")]).await, 200);
    }
    let record = waygate.rate_limit(&key(LIMIT)).unwrap();
    assert_eq!(
        (record.without_caller, record.skipped, record.counts.allowed),
        (3, 0, 3)
    );
    assert_eq!(record.warning, None);
    let explained = waygate.explain("r").unwrap();
    let [step] = &*explained.steps else {
        panic!("{explained:?}")
    };
    assert!(step.without_caller && step.tier.is_none(), "{step:?}");
    let report = waygate.report().to_string();
    assert!(
        report.contains("(3 requests without a caller had none of its tiers)"),
        "{report}"
    );
    let lines = log.0.lock().unwrap().clone();
    let [line] = &*lines else {
        panic!("{lines:#?}")
    };
    assert!(
        line.contains("carries no caller") && line.contains(LIMIT),
        "{line}"
    );
    assert!(
        line.contains("in a layer around the guarded router"),
        "{line}"
    );
}

#[tokio::test]
async fn a_caller_without_a_plan_is_nothing_to_report() {
    let waygate = builder().clock(clock()).principal::<User>();
    let waygate = waygate.build().await.unwrap();
    let router = Router::new().route("/search", get(|| async {}));
    let guarded = waygate.guard(router).await.unwrap().into_router();
    let known = guarded.clone().layer(middleware::from_fn(authenticate));
    let (known, unknown) = (TestApp::new(known), TestApp::new(guarded));
    set(&waygate, LIMIT, tiers("user")).await;
    assert_eq!(
        status(&known, "/search", &[("x-request-id", "r")]).await,
        200
    );
    let explained = waygate.explain("r").unwrap();
    assert!(!explained.steps[0].without_caller, "{explained:?}");
    // What is not counted at all is told of once.
    assert_eq!(status(&unknown, "/search", &[]).await, 200);
    let record = waygate.rate_limit(&key(LIMIT)).unwrap();
    assert_eq!((record.without_caller, record.skipped), (0, 1));
    let report = waygate.report().to_string();
    assert!(!report.contains("without a caller"), "{report}");
}

#[tokio::test]
async fn what_an_operator_sets_without_a_type_of_callers_carries_a_warning() {
    let waygate = builder().clock(clock()).build().await.unwrap();
    let app = app(&waygate, &["GET:/search"]).await;
    for (fields, need) in [
        (
            json!({"limit": "1/hour", "key_strategy": "user"}),
            "counts by `user`",
        ),
        (
            json!({"limit": "5/hour", "key_strategy": "global", "tiers": [{"name": "pro", "limit": "9/hour"}]}),
            "has `tiers`",
        ),
    ] {
        set(&waygate, LIMIT, fields).await;
        let warning = waygate.rate_limit(&key(LIMIT)).unwrap().warning.unwrap();
        assert!(
            warning.contains(need) && warning.contains(".principal::<YourType>()"),
            "{warning}"
        );
        assert!(waygate.report().to_string().contains(&warning));
    }
    set(
        &waygate,
        LIMIT,
        json!({"limit": "1/hour", "key_strategy": "global"}),
    )
    .await;
    assert_eq!(waygate.rate_limit(&key(LIMIT)).unwrap().warning, None);
    assert_eq!(status(&app, "/search", &[]).await, 200);
}

#[tokio::test]
async fn a_limit_of_concurrency_tells_the_same() {
    let waygate = builder().clock(clock()).build().await.unwrap();
    let app = app(&waygate, &["GET:/search"]).await;
    let fields: Value = json!({"limit": 1, "key_strategy": "user"});
    let policy = serde_json::from_value(fields).unwrap();
    let operator = waygate.system();
    let record = operator
        .set_concurrency_limit(key(LIMIT), policy)
        .await
        .unwrap();
    assert_eq!(
        (record.skipped, record.on_missing_key),
        (0, OnMissingKey::Exempt)
    );
    let warning = record.warning.unwrap();
    assert!(
        warning.contains("counts by `user`") && warning.contains(".principal::<"),
        "{warning}"
    );
    for _ in 0..2 {
        let request = Request::get("/search").body(Body::empty()).unwrap();
        assert_eq!(app.send(request).await.status(), 200);
    }
    assert_eq!(waygate.concurrency_limit(&key(LIMIT)).unwrap().skipped, 2);
}

#[tokio::test]
async fn a_registered_limit_by_callers_needs_a_type_of_them() {
    let rate = |fields: Value| serde_json::from_value::<RateLimitPolicy>(fields).unwrap();
    let by_user = rate(json!({"limit": "1/hour", "key_strategy": "user"}));
    let place: ConcurrencyPolicy =
        serde_json::from_value(json!({"limit": 1, "key_strategy": "user"})).unwrap();
    let route = |key: &str| Registration::new(key.parse().unwrap());
    for (registration, need) in [
        (
            route("GET:/search").rate_limit(by_user.clone()),
            "counts by `user`",
        ),
        (
            route("GET:/search").rate_limit(rate(tiers("global"))),
            "has `tiers`",
        ),
        (
            route("/search").concurrency_limit(place),
            "counts by `user`",
        ),
    ] {
        let waygate = builder().build().await.unwrap();
        let refused = waygate
            .register_all([registration.clone()])
            .await
            .unwrap_err();
        let said = refused.to_string();
        assert!(
            said.contains(need) && said.contains(".principal::<YourType>()"),
            "{said}"
        );
        assert!(waygate.routes().is_empty());
        let waygate = builder().principal::<User>().build().await.unwrap();
        waygate.register_all([registration]).await.unwrap();
    }
    // Another service may have callers.
    let waygate = builder().build().await.unwrap();
    let elsewhere = route("billing:GET:/search").rate_limit(by_user);
    waygate.register_all([elsewhere]).await.unwrap();
}

#[tokio::test]
async fn stored_limits_that_find_no_caller_are_logged_once_at_the_start() {
    let backend = Arc::new(waygate_backends::MemoryBackend::new());
    let store = || builder().backend(backend.clone()).service("shop");
    let other = store().principal::<User>().build().await.unwrap();
    let search = || "GET:/search".parse().unwrap();
    other
        .register(search(), RouteState::default())
        .await
        .unwrap();
    let by_user = json!({"limit": "1/hour", "key_strategy": "user"});
    let ours = [LIMIT, "*#default", "service:shop#default"];
    for key in ours.into_iter().chain(["service:billing#default"]) {
        set(&other, key, by_user.clone()).await;
    }
    let places = serde_json::from_value(json!({"limit": 1, "key_strategy": "user"})).unwrap();
    let system = other.system();
    system
        .set_concurrency_limit(key("*#places"), places)
        .await
        .unwrap();

    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let waygate = store().build().await.unwrap();
    let router = Router::new().route("/search", get(|| async {}));
    let _app = waygate.guard(router).await.unwrap();
    waygate
        .register(search(), RouteState::default())
        .await
        .unwrap();
    let lines = log.0.lock().unwrap().clone();
    for key in ours.into_iter().chain(["*#places"]) {
        let of = lines
            .iter()
            .filter(|line| line.contains(&format!("policy={key} ")));
        assert_eq!(of.count(), 1, "{key}: {lines:#?}");
    }
    assert_eq!(lines.len(), 4, "{lines:#?}");
}

#[tokio::test]
async fn a_refusal_for_want_of_a_key_is_logged_once() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let (waygate, app) = with_callers().await;
    let block = json!({"limit": "1/hour", "key_strategy": "user", "on_missing_key": "block"});
    set(&waygate, LIMIT, block).await;
    for _ in 0..3 {
        assert_eq!(status(&app, "/search", &[]).await, 401);
    }
    let lines = log.0.lock().unwrap().clone();
    let [line] = &*lines else {
        panic!("{lines:#?}")
    };
    assert!(
        line.contains("is refused") && line.contains(LIMIT),
        "{line}"
    );
}
