//! Routes that the program registers and unregisters, in addition to those that `guard` finds.

use axum::{Router, routing::get};
use serde_json::json;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate::{
    BindError, RegisterError, RouteGuard, Waygate, disabled,
    limits::{ConcurrencyPolicy, RateLimitPolicy},
    model::{Access, Lifecycle, Position, Registration, RouteKey, RouteState, RouteStatus, Source},
    port::MemoryBackend,
    rate_limit,
    testing::TestApp,
};

use crate::{log::Log, reseed::status, support::builder};

fn key(text: &str) -> RouteKey {
    text.parse().unwrap()
}

fn maintained() -> RouteState {
    RouteState::default().position(Position::new(Lifecycle::Maintenance, Default::default()))
}

fn rate(limit: &str) -> RateLimitPolicy {
    RateLimitPolicy::new(limit.parse().unwrap()).unwrap()
}

#[utoipa::path(get, path = "/plain", responses((status = OK)))]
async fn plain() -> &'static str {
    "plain"
}

#[rate_limit("1/minute", key = "global")]
#[utoipa::path(get, path = "/limited", responses((status = OK)))]
async fn limited() -> &'static str {
    "limited"
}

#[disabled(reason = "old")]
#[utoipa::path(get, path = "/off", responses((status = OK)))]
async fn off() -> &'static str {
    "off"
}

fn api() -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(plain))
        .routes(routes!(limited))
        .routes(routes!(off))
}

async fn guarded(waygate: &Waygate) -> TestApp {
    TestApp::new(waygate.guard(api()).await.unwrap().into_router())
}

async fn answer(app: &TestApp, path: &str) -> u16 {
    app.get(path).await.status().as_u16()
}

#[tokio::test]
async fn guard_does_not_open_a_route_registered_as_closed() {
    for register_first in [true, false] {
        let waygate = builder().build().await.unwrap();
        let register = async || {
            waygate
                .register(key("GET:/plain"), maintained())
                .await
                .unwrap()
        };
        if register_first {
            register().await;
        }
        let app = guarded(&waygate).await;
        if !register_first {
            assert_eq!(answer(&app, "/plain").await, 200);
            register().await;
        }
        assert_eq!(answer(&app, "/plain").await, 503, "first: {register_first}");
        // Guarding again changes nothing, and another router opens nothing that an attribute closes.
        let again = guarded(&waygate).await;
        assert_eq!(answer(&again, "/plain").await, 503);
        let bare = OpenApiRouter::new().routes(routes!(plain));
        drop(waygate.guard(bare).await.unwrap());
        assert_eq!(answer(&app, "/plain").await, 503);
        assert_eq!(answer(&app, "/off").await, 503);
    }
}

#[rate_limit("100/minute", key = "global")]
#[utoipa::path(get, path = "/shared", responses((status = OK)))]
async fn shared_open() -> &'static str {
    "open"
}

#[disabled]
#[utoipa::path(get, path = "/shared", responses((status = OK)))]
async fn shared_off() -> &'static str {
    "off"
}

#[tokio::test]
async fn guarding_one_of_two_handlers_again_opens_nothing() {
    let waygate = builder().build().await.unwrap();
    let guard =
        async |api: OpenApiRouter| TestApp::new(waygate.guard(api).await.unwrap().into_router());
    let open = || OpenApiRouter::new().routes(routes!(shared_open));
    let app = guard(open()).await;
    assert_eq!(answer(&app, "/shared").await, 200);
    guard(OpenApiRouter::new().routes(routes!(shared_off))).await;
    assert_eq!(answer(&app, "/shared").await, 503);
    let again = guard(open()).await;
    assert_eq!(answer(&again, "/shared").await, 503);
    assert_eq!(waygate.rate_limits().len(), 1);
}

#[tokio::test]
async fn registrations_add_to_attributes() {
    let waygate = builder().build().await.unwrap();
    let app = guarded(&waygate).await;
    let access = Access::new(vec!["192.0.2.0/24".parse().unwrap()], []);
    let state = RouteState::default().access(access);
    let mut more = rate("100/minute");
    more.name = "more".parse().unwrap();
    let registration = Registration::new(key("GET:/limited"))
        .state(state)
        .rate_limit(more);
    waygate.register_all([registration]).await.unwrap();
    assert_eq!(
        waygate.rate_limits().len(),
        2,
        "the attribute's limit is still there"
    );
    let (inside, outside) = (([192, 0, 2, 1], 1), ([198, 51, 100, 1], 1));
    assert_eq!(answer(&app.from_peer(outside), "/limited").await, 403);
    assert_eq!(answer(&app.from_peer(inside), "/limited").await, 200);
    assert_eq!(answer(&app.from_peer(inside), "/limited").await, 429);
    // An active state does not contradict an attribute that closes the route.
    waygate
        .register(key("GET:/off"), RouteState::default())
        .await
        .unwrap();
    assert_eq!(answer(&app, "/off").await, 503);
}

#[tokio::test]
async fn contradictions_name_both_sides() {
    let waygate = builder().build().await.unwrap();
    let app = guarded(&waygate).await;
    let refused = waygate
        .register(key("GET:/off"), maintained())
        .await
        .unwrap_err();
    let text = refused.to_string();
    assert!(matches!(refused, RegisterError::Conflict { .. }), "{text}");
    assert!(
        text.contains("register::off`") && text.contains("by `register`"),
        "{text}"
    );
    let other = Registration::new(key("GET:/limited")).rate_limit(rate("9/minute"));
    let fine = Registration::new(key("GET:/new"));
    let refused = waygate.register_all([fine, other]).await.unwrap_err();
    assert!(
        refused.to_string().contains("rate limits `default`"),
        "{refused}"
    );
    assert!(waygate.route("GET:/new").is_err(), "all or nothing");
    let forced = RouteState::default().force_active(true);
    assert!(waygate.register(key("GET:/off"), forced).await.is_err());
    assert_eq!(answer(&app, "/off").await, 503);

    let waygate = builder().build().await.unwrap();
    waygate
        .register(key("GET:/off"), maintained())
        .await
        .unwrap();
    let refused = waygate.guard(api()).await.unwrap_err();
    assert!(
        matches!(
            refused.errors(),
            [BindError::Registered(RegisterError::Conflict { .. })]
        ),
        "{refused}"
    );
}

#[tokio::test]
async fn invalid_registrations_are_refused() {
    let waygate = builder().build().await.unwrap();
    let app = guarded(&waygate).await;
    let disabled = RouteState::default().position(Position::new(
        Lifecycle::Disabled(Default::default()),
        Default::default(),
    ));
    // A route of another service is listed, but not enforced here.
    let elsewhere = key("billing:GET:/plain");
    waygate
        .register(elsewhere.clone(), disabled.clone())
        .await
        .unwrap();
    assert_eq!(answer(&app, "/plain").await, 200);
    let listed = waygate.routes();
    assert!(
        listed.iter().any(|route| route.key == elsewhere),
        "{listed:?}"
    );
    let own = builder().service("billing").build().await.unwrap();
    let refused = own.register(elsewhere.clone(), disabled).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "`billing:GET:/plain` names the service of this process: register `GET:/plain`"
    );
    assert!(waygate.unregister(&elsewhere).await);
    assert_eq!(answer(&app, "/plain").await, 200);
    let custom: RateLimitPolicy =
        serde_json::from_value(json!({"limit": "1/minute", "key_strategy": "custom"})).unwrap();
    let by_path: ConcurrencyPolicy =
        serde_json::from_value(json!({"limit": 1, "key_strategy": "path:id"})).unwrap();
    let route = || Registration::new(key("GET:/x"));
    for wrong in [
        route().rate_limit(custom),
        route().concurrency_limit(by_path),
        route()
            .rate_limit(rate("1/minute"))
            .rate_limit(rate("2/minute")),
    ] {
        let refused = waygate.register_all([wrong]).await.unwrap_err();
        assert!(
            matches!(refused, RegisterError::Invalid { .. }),
            "{refused}"
        );
        assert!(waygate.route("GET:/x").is_err());
    }
}

#[tokio::test]
async fn registered_limits_are_enforced_until_unregistered() {
    let waygate = builder().build().await.unwrap();
    let router = Router::new().route("/x", get(async || "x"));
    let app = TestApp::new(waygate.guard(router).await.unwrap().into_router());
    let limited = Registration::new(key("GET:/x")).rate_limit(rate("1/minute"));
    waygate.register_all([limited.clone()]).await.unwrap();
    assert_eq!(answer(&app, "/x").await, 200);
    assert_eq!(answer(&app, "/x").await, 429);
    assert!(waygate.unregister(&key("GET:/x")).await);
    assert!(!waygate.unregister(&key("GET:/x")).await);
    let left = waygate.route("GET:/x").unwrap();
    assert_eq!(left.source, Some(Source::Router), "the router still has it");
    assert!(waygate.rate_limits().is_empty());
    assert_eq!(answer(&app, "/x").await, 200);
    waygate.register_all([limited]).await.unwrap();
    assert_eq!(answer(&app, "/x").await, 429, "usage is kept");
}

#[tokio::test]
async fn overrides_survive_unregistering() {
    let waygate = builder()
        .backend(MemoryBackend::new())
        .build()
        .await
        .unwrap();
    // An unguarded router, so that only `register` names the route.
    let router = Router::new().route("/x", get(async |_: RouteGuard| "x"));
    let app = TestApp::new(router.with_state(waygate.clone()));
    waygate
        .register(key("GET:/x"), RouteState::default())
        .await
        .unwrap();
    let system = waygate.system();
    system.disable("GET:/x", "incident").await.unwrap();
    assert!(waygate.unregister(&key("GET:/x")).await);
    assert_eq!(answer(&app, "/x").await, 503);
    assert!(waygate.routes().is_empty());
    assert!(system.enable("GET:/x", "").await.is_err(), "not registered");
    let orphans = waygate.orphans().await;
    assert_eq!(orphans[0].view.status, RouteStatus::Disabled);
    system.purge("GET:/x").await.unwrap();
    assert_eq!(answer(&app, "/x").await, 200);

    // Attributes stay when the registration is removed.
    let app = guarded(&waygate).await;
    waygate
        .register(key("GET:/off"), RouteState::default())
        .await
        .unwrap();
    assert!(waygate.unregister(&key("GET:/off")).await);
    assert_eq!(status(&waygate, "GET:/off"), RouteStatus::Disabled);
    assert_eq!(answer(&app, "/off").await, 503);
    assert!(!waygate.unregister(&key("GET:/off")).await);
}

#[tokio::test]
async fn unserved_routes_are_accepted_and_reported() {
    let typed = ["GET:/typo", "GET:/late/{y}", "DELETE:/plain", "/nothing"];
    let fine = ["HEAD:/plain", "/plain", "GET:/late/{x}", "billing:GET:/x"];
    for first in [true, false] {
        let (log, _guard) = Log::of_this_thread();
        let waygate = builder().build().await.unwrap();
        let register = async || {
            let keys = typed.into_iter().chain(fine);
            let routes = keys.map(|text| Registration::new(key(text)));
            waygate.register_all(routes).await.unwrap();
        };
        if first {
            register().await;
            assert!(!waygate.report().to_string().contains("not served"));
        }
        let api = api().route("/late/{x}", get(async || "x"));
        let guarded = waygate.guard(api).await.unwrap();
        if !first {
            register().await;
        }
        let report = guarded.report().to_string();
        let marked = |route: &str| {
            let record = waygate.route(route).unwrap();
            assert!(!record.unserved || report.contains("+not served by a guarded router"));
            let log = log.lines();
            let warnings = log
                .iter()
                .filter(|line| line.contains("not in any guarded"));
            let is_logged = warnings
                .into_iter()
                .any(|line| line.contains(&format!("route={route}")));
            assert_eq!(record.unserved, is_logged, "{route}: {log:?}");
            record.unserved
        };
        for route in typed {
            assert!(
                marked(route),
                "{route}, registered first: {first}: {report}"
            );
        }
        for route in ["/plain", "GET:/late/{x}", "GET:/off"] {
            assert!(
                !marked(route),
                "{route}, registered first: {first}: {report}"
            );
        }
        let marks = report.matches("+not served by a guarded router").count();
        assert_eq!(marks, typed.len(), "{report}");
        let log = log.lines();
        assert!(
            log.iter().any(|line| line.contains("`GET:/late/{x}`")),
            "what was meant: {log:?}"
        );
    }
}

#[tokio::test]
async fn contradictions_within_one_call_are_refused() {
    let waygate = builder().build().await.unwrap();
    let route = || Registration::new(key("GET:/x"));
    for two in [
        [
            route().state(maintained()),
            route().state(RouteState::default().force_active(true)),
        ],
        [
            route().rate_limit(rate("1/minute")),
            route().rate_limit(rate("2/minute")),
        ],
    ] {
        let refused = waygate.register_all(two).await.unwrap_err();
        assert!(
            matches!(refused, RegisterError::Conflict { .. }),
            "{refused}"
        );
        assert!(waygate.route("GET:/x").is_err(), "nothing was registered");
    }
    let both = [
        route().state(maintained()),
        route().rate_limit(rate("1/minute")),
    ];
    waygate.register_all(both).await.unwrap();
    assert_eq!(status(&waygate, "GET:/x"), RouteStatus::Maintenance);
    assert_eq!(waygate.rate_limits().len(), 1);
}
