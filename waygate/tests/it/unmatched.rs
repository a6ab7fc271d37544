//! Exemptions and services that match nothing, exemptions of everything below a path, and where both are shown.

use std::sync::Arc;

use axum::{
    Router,
    routing::{any, get, post},
};
use serde_json::{Value, json};
use waygate::{
    Waygate, health::Component, limits::LimitKey, model::RouteState, port::Backend,
    testing::TestApp,
};
use waygate_backends::MemoryBackend;

use crate::{
    log::Log,
    support::{app, at, builder, clock},
};

const ROUTES: [&str; 4] = [
    "GET:/health",
    "GET:/v1/items",
    "POST:/v1/items/{id}",
    "GET:/v2/items",
];

async fn status(app: &TestApp, method: &str, path: &str) -> u16 {
    let request = axum::extract::Request::builder().method(method).uri(path);
    let answer = app
        .send(request.body(axum::body::Body::empty()).unwrap())
        .await;
    answer.status().as_u16()
}

fn key(text: &str) -> LimitKey {
    text.parse().unwrap()
}

async fn set(waygate: &Waygate, at: &str, policy: Value) {
    let policy = serde_json::from_value(policy).unwrap();
    let operator = waygate.system();
    operator.set_rate_limit(key(at), policy).await.unwrap();
}

fn cause(waygate: &Waygate) -> Option<String> {
    let health = waygate.health();
    health
        .get(&Component::Unmatched)
        .map(|degraded| degraded.cause.clone())
}

#[tokio::test]
async fn an_exemption_of_a_prefix_holds_in_maintenance() {
    for service in [None, Some("billing")] {
        let builder = service
            .into_iter()
            .fold(builder(), |b, name| b.service(name));
        let waygate = builder.build().await.unwrap();
        let app = app(&waygate, &ROUTES).await;
        let config = serde_json::from_value(json!({
            "exempt_paths": ["/v1/{*rest}", "GET:/v2/{*rest}"],
        }));
        let operator = waygate.system();
        match service {
            None => operator.enable_global_maintenance(config.unwrap()).await,
            Some(name) => {
                operator
                    .enable_service_maintenance(name, config.unwrap())
                    .await
            }
        }
        .unwrap();
        for (method, path, expected) in [
            ("GET", "/v1/items", 200),
            ("HEAD", "/v1/items", 200),
            ("POST", "/v1/items/7", 200),
            ("GET", "/v2/items", 200),
            ("GET", "/health", 503),
        ] {
            assert_eq!(
                status(&app, method, path).await,
                expected,
                "{method} {path}"
            );
        }
        assert_eq!(cause(&waygate), None);
    }
}

#[tokio::test]
async fn urls_without_a_route_are_exempt_by_prefix() {
    let waygate = builder().build().await.unwrap();
    let app = app(&waygate, &ROUTES).await;
    let config = serde_json::from_value(json!({ "exempt_paths": ["/v1/{*rest}"] })).unwrap();
    waygate
        .system()
        .enable_global_maintenance(config)
        .await
        .unwrap();
    assert_eq!(status(&app, "GET", "/v1/nothing/here").await, 404);
    assert_eq!(status(&app, "GET", "/v3/nothing").await, 503);
}

#[tokio::test]
async fn an_exemption_of_a_prefix_holds_for_limits_of_both_kinds() {
    let limit = json!({
        "limit": "1/hour", "key_strategy": "global", "exempt_routes": ["/v1/{*rest}", "GET:/any"],
    });
    for (service, at) in [
        (None, "*#default"),
        (Some("billing"), "service:billing#default"),
    ] {
        let builder = service
            .into_iter()
            .fold(builder(), |b, name| b.service(name));
        let waygate = builder.build().await.unwrap();
        let router = Router::new()
            .route("/health", get(async || "well"))
            .route("/v1/items", get(async || "items"))
            .route("/any", any(async || "any"));
        let app = TestApp::new(waygate.guard(router).await.unwrap().into_router());
        set(&waygate, at, limit.clone()).await;
        for _ in 0..3 {
            for (method, path) in [("GET", "/v1/items"), ("GET", "/any"), ("HEAD", "/any")] {
                assert_eq!(status(&app, method, path).await, 200, "{method} {path}");
            }
        }
        assert_eq!(status(&app, "POST", "/any").await, 200);
        assert_eq!(status(&app, "POST", "/any").await, 429);
        assert_eq!(status(&app, "GET", "/health").await, 429);
        assert_eq!(waygate.rate_limit(&key(at)).unwrap().warning, None);
    }
}

#[tokio::test]
async fn an_exemption_holds_for_limits_of_concurrency() {
    let waygate = builder().build().await.unwrap();
    let app = app(&waygate, &ROUTES).await;
    let policy = json!({ "limit": 1, "exempt_routes": ["/v1/{*rest}", "/helth"] });
    let policy = serde_json::from_value(policy).unwrap();
    let operator = waygate.system();
    let made = operator
        .set_concurrency_limit(key("*#default"), policy)
        .await;
    let warning = made.unwrap().warning.unwrap();
    assert_eq!(
        warning,
        "the exemption `/helth` names no route: did you mean `/health`?"
    );
    let limited = |path: &'static str| {
        let app = &app;
        async move { app.get(path).await.status() }
    };
    assert_eq!(limited("/v1/items").await, 200);
    assert_eq!(limited("/health").await, 200);
}

#[tokio::test]
async fn what_names_no_route_is_flagged_with_what_was_meant() {
    let (log, _guard) = Log::of_this_thread();
    let waygate = builder().build().await.unwrap();
    let _app = app(&waygate, &ROUTES).await;
    for (exempt, meant) in [
        ("/helth", Some("/health")),
        ("GET:/helth", Some("GET:/health")),
        ("POST:/health", Some("GET:/health")),
        ("/items", Some("/v1/items")),
        ("/v1/items/7", Some("/v1/items/{id}")),
        ("/v1/items/", Some("/v1/items")),
        ("/v7/{*rest}", Some("/v1/{*rest}")),
        ("/v1", Some("/v1/{*rest}")),
        ("GET:/v2/", Some("GET:/v2/{*rest}")),
        ("/entirely/elsewhere", None),
    ] {
        let hint = meant.map(|meant| format!(": did you mean `{meant}`?"));
        let problem = format!(
            "the exemption `{exempt}` names no route{}",
            hint.unwrap_or_default()
        );
        let operator = waygate.system();
        operator
            .set_global_exempt_paths(&["/health", exempt])
            .await
            .unwrap();
        assert_eq!(
            cause(&waygate),
            Some(format!("global maintenance: {problem}"))
        );
        let report = waygate.report().to_string();
        assert!(
            report.contains(&format!("note: global maintenance: {problem}")),
            "{report}"
        );
        let policy = json!({ "limit": "9/minute", "exempt_routes": [exempt] });
        set(&waygate, "*#default", policy).await;
        let record = waygate.rate_limit(&key("*#default")).unwrap();
        assert_eq!(record.warning.as_ref(), Some(&problem));
        let report = waygate.report().to_string();
        assert!(
            report.contains(&format!("(warning: {problem})")),
            "{report}"
        );
        let lines = log.lines();
        let warned =
            |line: &String| line.contains("rate limit *#default") && line.contains(&problem);
        assert!(lines.iter().any(warned), "{lines:?}");
        operator.delete_rate_limit(key("*#default")).await.unwrap();
    }
    waygate.system().disable_global_maintenance().await.unwrap();
    assert_eq!(cause(&waygate), None);
}

#[tokio::test]
async fn what_is_stored_is_flagged_at_the_start_and_until_a_route_has_it() {
    let backend = MemoryBackend::new();
    let first = builder().backend(backend.clone()).build().await.unwrap();
    let config = serde_json::from_value(json!({ "exempt_paths": ["/helth"] })).unwrap();
    first
        .system()
        .enable_global_maintenance(config)
        .await
        .unwrap();
    assert_eq!(cause(&first), None, "nothing is known of routes yet");
    drop(first);

    let (log, _guard) = Log::of_this_thread();
    let waygate = builder().backend(backend).build().await.unwrap();
    let router = Router::new().route("/health", get(async || "well"));
    let guarded = waygate.guard(router).await.unwrap();
    let problem = "the exemption `/helth` names no route: did you mean `/health`?";
    let report = guarded.report().to_string();
    assert!(report.contains(problem), "{report}");
    let lines = log.lines();
    let warned = |line: &String| line.contains("component=unmatched") && line.contains(problem);
    assert!(lines.iter().any(warned), "{lines:?}");
    assert!(cause(&waygate).is_some());
    let late = Router::new().route("/helth", get(async || "well"));
    let _late = waygate.guard(late).await.unwrap();
    assert_eq!(cause(&waygate), None);
}

#[tokio::test]
async fn what_is_set_is_logged_once() {
    for (service, component) in [
        (None, "component=unmatched"),
        (Some("shop"), "maintenance="),
    ] {
        let engine = match service {
            Some(service) => builder().service(service),
            None => builder(),
        };
        let waygate = engine.build().await.unwrap();
        let _app = app(&waygate, &ROUTES).await;
        let (log, _guard) = Log::of_this_thread();
        let config = serde_json::from_value(json!({ "exempt_paths": ["/helth"] })).unwrap();
        let operator = waygate.system();
        operator.enable_global_maintenance(config).await.unwrap();
        let lines = log.lines();
        let named: Vec<&String> = lines
            .iter()
            .filter(|line| line.contains("/helth"))
            .collect();
        assert!(
            matches!(&named[..], [once] if once.contains(component)),
            "{service:?}: {lines:#?}"
        );
    }
}

#[tokio::test]
async fn an_unknown_service_is_flagged() {
    let waygate = builder().service("billing").build().await.unwrap();
    let key_of = |text: &str| text.parse().unwrap();
    waygate
        .register(key_of("search:GET:/find"), RouteState::default())
        .await
        .unwrap();
    let _app = app(&waygate, &ROUTES).await;
    let policy = json!({ "limit": "9/minute" });
    for (service, hint) in [
        ("biling", Some(": did you mean `billing`?")),
        ("serach", Some(": did you mean `search`?")),
        ("entirely-else", Some("")),
        ("billing", None),
        ("search", None),
    ] {
        let problem = hint.map(|hint| {
            format!("neither this process nor a route known here belongs to the service `{service}`{hint}")
        });
        let at = format!("service:{service}#default");
        set(&waygate, &at, policy.clone()).await;
        assert_eq!(waygate.rate_limit(&key(&at)).unwrap().warning, problem);
        let config = serde_json::from_value(json!({})).unwrap();
        let operator = waygate.system();
        operator
            .enable_service_maintenance(service, config)
            .await
            .unwrap();
        let report = waygate.report().to_string();
        let note = format!("note: maintenance of the service {service}: ");
        assert_eq!(report.contains(&note), problem.is_some(), "{report}");
        operator.disable_service_maintenance(service).await.unwrap();
    }
    assert_eq!(cause(&waygate), None, "another process may have it");
}

#[tokio::test]
async fn routes_of_another_service_are_not_judged_by_those_of_this_one() {
    let waygate = builder().service("billing").build().await.unwrap();
    let _app = app(&waygate, &ROUTES).await;
    let exempt = json!({ "limit": "9/minute", "exempt_routes": ["/find"] });
    set(&waygate, "service:search#default", exempt.clone()).await;
    let warning = |at: &str| waygate.rate_limit(&key(at)).unwrap().warning;
    let problem = warning("service:search#default").unwrap();
    assert!(!problem.contains("/find"), "{problem}");
    waygate
        .register("search:GET:/find".parse().unwrap(), RouteState::default())
        .await
        .unwrap();
    assert_eq!(warning("service:search#default"), None);
    set(&waygate, "service:billing#default", exempt).await;
    assert!(warning("service:billing#default").is_some());
}

#[tokio::test]
async fn a_limit_of_a_route_exempts_no_routes() {
    let waygate = builder().build().await.unwrap();
    let _app = app(&waygate, &ROUTES).await;
    let policy = json!({ "limit": "9/minute", "exempt_routes": ["/health"] });
    set(&waygate, "GET:/health#default", policy).await;
    let warning = waygate
        .rate_limit(&key("GET:/health#default"))
        .unwrap()
        .warning;
    assert_eq!(
        warning.as_deref(),
        Some("it exempts routes, but only global and service limits can")
    );
}

/// Waits until health says of a planned maintenance what is expected.
async fn until(waygate: &Waygate, flagged: bool) {
    while cause(waygate).is_some() != flagged {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_is_planned_is_flagged_until_it_is_over() {
    for service in [None, Some("nowhere")] {
        let clock = clock();
        let builder = builder().clock(clock.clone());
        let waygate = builder.build().await.unwrap();
        let _app = app(&waygate, &ROUTES).await;
        let config = serde_json::from_value(json!({
            "exempt_paths": ["/helth"],
            "start": "2030-01-01T02:00:00Z", "end": "2030-01-01T04:00:00Z",
        }));
        let operator = waygate.system();
        match service {
            None => operator.enable_global_maintenance(config.unwrap()).await,
            Some(name) => {
                operator
                    .enable_service_maintenance(name, config.unwrap())
                    .await
            }
        }
        .unwrap();
        let text = service.map_or("the exemption `/helth`", |_| "the service `nowhere`");
        for (now, flagged) in [
            ("2030-01-01T01:00:00Z", true),
            ("2030-01-01T03:00:00Z", true),
            ("2030-01-01T04:00:00Z", false),
        ] {
            clock.set_wall(at(now));
            until(&waygate, flagged).await;
            let report = waygate.report().to_string();
            assert_eq!(report.contains(text), flagged, "{now}: {report}");
        }
    }
}

/// A release that serves all methods of a path where it served one takes the one away, and with it what closed it.
#[tokio::test]
async fn a_closed_route_that_another_one_has_swallowed_is_named() {
    let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::new());
    let start = || builder().backend(backend.clone()).build();
    let handler = || async { "served" };
    let waygate = start().await.unwrap();
    let before = Router::new()
        .route("/any", post(handler))
        .route("/other", post(handler));
    let _ = waygate.guard(before).await.unwrap();
    let system = waygate.system();
    system.disable("POST:/any", "incident").await.unwrap();
    system.disable("POST:/other", "incident").await.unwrap();
    assert_eq!(cause(&waygate), None);

    let waygate = start().await.unwrap();
    let after = Router::new().route("/any", any(handler));
    let _ = waygate.guard(after).await.unwrap();
    let said = cause(&waygate).unwrap();
    assert_eq!(
        said,
        "`POST:/any` is closed in the store and no longer a route: `/any` serves its requests; close `/any`, or purge \
         `POST:/any`"
    );
    assert!(waygate.report().to_string().contains(&said));
    waygate.system().purge("POST:/any").await.unwrap();
    assert_eq!(cause(&waygate), None);
}

#[tokio::test]
async fn the_prefix_of_a_nested_guarded_router_is_no_part_of_a_route() {
    let waygate = builder().build().await.unwrap();
    let _app = app(&waygate, &ROUTES).await;
    let config = serde_json::from_value(json!({ "exempt_paths": ["/shop/health", "/shop/heath"] }));
    let operator = waygate.system();
    operator
        .enable_global_maintenance(config.unwrap())
        .await
        .unwrap();
    let cause = cause(&waygate).unwrap();
    assert!(
        cause.contains("`/shop/health` names no route: did you mean `/health`?"),
        "{cause}"
    );
    assert!(cause.ends_with("`/shop/heath` names no route"), "{cause}");
}
