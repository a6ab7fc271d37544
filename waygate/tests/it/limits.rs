//! Rate limits: what requests meet, and what operators change.

mod wire;

use std::{borrow::Cow, net::SocketAddr, time::Duration};

use axum::{
    Extension, Router,
    extract::{ConnectInfo, Request},
    middleware::{self, Next},
    response::Response,
    routing::get,
};
use http::Method;
use serde_json::{Value, json};
use waygate::{
    Blocked, ChangeError, Cost, DecisionCause, HitQuery, LimitKey, LimitScope, Principal,
    RateLimitHeaders, RateLimitPolicy, Responses, RouteState, Waygate,
    testing::{ManualClock, TestApp, bypass},
};

use crate::support::{app, builder, clock};

fn policy(fields: Value) -> RateLimitPolicy {
    serde_json::from_value(fields).unwrap()
}

fn key(text: &str) -> LimitKey {
    text.parse().unwrap()
}

async fn set(waygate: &Waygate, at: &str, fields: Value) {
    let operator = waygate.system();
    let set = operator.set_rate_limit(key(at), policy(fields));
    set.await.unwrap();
}

/// An engine with one limited route, `GET:/search`.
async fn limited(fields: Value) -> (Waygate, TestApp, ManualClock) {
    let clock = clock();
    let waygate = builder().clock(clock.clone()).build().await.unwrap();
    let app = app(&waygate, &["GET:/search", "GET:/free"]).await;
    set(&waygate, "GET:/search#default", fields).await;
    (waygate, app, clock)
}

#[tokio::test]
async fn a_limit_lets_so_many_pass_and_says_so() {
    let (_, app, clock) = limited(json!({"limit": "2/minute", "key_strategy": "global"})).await;
    for remaining in ["1", "0"] {
        let answer = app.get("/search").await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.header("x-ratelimit-limit"), Some("2"));
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(remaining));
        assert_eq!(answer.header("x-ratelimit-reset"), Some("1893456060"));
        assert_eq!(
            answer.header("ratelimit"),
            Some(&*format!("\"default\";r={remaining};t=60"))
        );
        assert_eq!(
            answer.header("ratelimit-policy"),
            Some("\"default\";q=2;w=60")
        );
    }
    clock.advance(Duration::from_millis(10_500));
    let refused = app.get("/search?page=2").await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.header("retry-after"), Some("50"));
    assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
    assert_eq!(
        refused.json::<Value>(),
        json!({"error": {
            "code": "RATE_LIMIT_EXCEEDED", "message": "Too many requests", "limit": "2/minute",
            "retry_after_seconds": 50, "reset_at": "2030-01-01T00:01:00+00:00", "path": "/search",
        }})
    );
    let free = app.get("/free").await;
    assert_eq!(
        (free.status(), free.header("ratelimit")),
        (200.try_into().unwrap(), None)
    );
    clock.advance(Duration::from_millis(49_500));
    assert_eq!(app.get("/search").await.status(), 200);
}

#[tokio::test]
async fn problem_details_name_the_quota() {
    let (_, app, _) = limited(json!({"limit": "0/minute", "key_strategy": "global"})).await;
    let accept = Request::get("/search").header("accept", "application/problem+json");
    let refused = app
        .send(accept.body(axum::body::Body::empty()).unwrap())
        .await;
    let problem: Value = refused.json();
    assert_eq!(
        problem["type"],
        "https://iana.org/assignments/http-problem-types#quota-exceeded"
    );
    assert_eq!(problem["status"], 429);
    assert_eq!(problem["violated-policies"], json!(["default"]));
}

#[tokio::test]
async fn several_rates_are_charged_all_or_nothing() {
    let (_, app, clock) =
        limited(json!({"limit": "2/second; 3/hour", "key_strategy": "global"})).await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(app.get("/search").await.status().as_u16());
    }
    clock.advance(Duration::from_secs(1));
    for _ in 0..2 {
        statuses.push(app.get("/search").await.status().as_u16());
    }
    // The third was refused by the second's rate, and did not take from the hour's.
    assert_eq!(statuses, [200, 200, 429, 200, 429]);
    let refused = app.get("/search").await;
    assert_eq!(refused.header("x-ratelimit-limit"), Some("3"));
    assert_eq!(
        refused.header("ratelimit-policy"),
        Some("\"default-hour\";q=3;w=3600")
    );
}

#[tokio::test]
async fn the_tightest_of_several_policies_is_told() {
    let (waygate, app, _) = limited(json!({"limit": "9/minute", "key_strategy": "global"})).await;
    set(
        &waygate,
        "*#default",
        json!({"limit": "4/hour", "key_strategy": "global", "exempt_routes": ["/free"]}),
    )
    .await;
    let answer = app.get("/search").await;
    assert_eq!(answer.header("x-ratelimit-limit"), Some("4"));
    assert_eq!(
        answer.header("ratelimit-policy"),
        Some("\"default\";q=4;w=3600, \"default\";q=9;w=60")
    );
    assert_eq!(app.get("/free").await.header("x-ratelimit-limit"), None);
    for _ in 0..3 {
        app.get("/search").await;
    }
    assert_eq!(app.get("/search").await.status(), 429);
    // What was refused by the global policy was not charged to the route's.
    waygate
        .system()
        .delete_rate_limit(key("*#default"))
        .await
        .unwrap();
    assert_eq!(
        app.get("/search").await.header("x-ratelimit-remaining"),
        Some("4")
    );
}

#[tokio::test]
async fn a_service_has_a_policy_and_a_maintenance_of_its_own() {
    let waygate = builder().service("billing").build().await.unwrap();
    let app = app(&waygate, &["GET:/search"]).await;
    set(
        &waygate,
        "service:billing#default",
        json!({"limit": "1/hour", "key_strategy": "global"}),
    )
    .await;
    set(
        &waygate,
        "service:other#default",
        json!({"limit": "0/hour", "key_strategy": "global"}),
    )
    .await;
    assert_eq!(app.get("/search").await.status(), 200);
    assert_eq!(app.get("/search").await.status(), 429);

    let operator = waygate.system();
    operator
        .enable_service_maintenance("other", Default::default())
        .await
        .unwrap();
    assert_eq!(app.get("/search").await.status(), 429);
    operator
        .enable_service_maintenance("billing", Default::default())
        .await
        .unwrap();
    assert_eq!(app.get("/search").await.status(), 503);
    // Unknown URLs meet global maintenance only.
    assert_eq!(app.get("/unknown").await.status(), 404);
    operator
        .disable_service_maintenance("billing")
        .await
        .unwrap();
    assert_eq!(app.get("/search").await.status(), 429);
}

#[tokio::test]
async fn a_blocked_request_takes_nothing() {
    let (waygate, app, _) = limited(json!({"limit": "2/hour", "key_strategy": "global"})).await;
    waygate.system().disable("GET:/search", "").await.unwrap();
    for _ in 0..3 {
        assert_eq!(app.get("/search").await.status(), 503);
    }
    waygate.system().enable("GET:/search", "").await.unwrap();
    assert_eq!(
        app.get("/search").await.header("x-ratelimit-remaining"),
        Some("1")
    );
}

#[tokio::test]
async fn a_change_keeps_what_was_consumed() {
    let (waygate, app, _) = limited(json!({"limit": "5/hour", "key_strategy": "global"})).await;
    for _ in 0..3 {
        app.get("/search").await;
    }
    for (limit, algorithm, remaining) in [
        ("10/hour", "fixed_window", "6"),
        ("20/hour", "sliding_window", "15"),
        ("4/hour", "fixed_window", "0"),
    ] {
        let fields = json!({"limit": limit, "algorithm": algorithm, "key_strategy": "global"});
        set(&waygate, "GET:/search#default", fields).await;
        let answer = app.get("/search").await;
        assert_eq!(
            answer.header("x-ratelimit-remaining"),
            Some(remaining),
            "{limit}"
        );
    }
    assert_eq!(app.get("/search").await.status(), 429);
    let scope = LimitScope::Route("GET:/search".parse().unwrap());
    waygate.system().reset_rate_limits(scope).await.unwrap();
    assert_eq!(
        app.get("/search").await.header("x-ratelimit-remaining"),
        Some("3")
    );
}

#[tokio::test]
async fn a_policy_can_rest_only_report_and_be_promoted() {
    let (waygate, app, _) =
        limited(json!({"limit": "1/hour", "key_strategy": "global", "shadow": true})).await;
    let (operator, key) = (waygate.system(), key("GET:/search#default"));
    for _ in 0..3 {
        let answer = app.get("/search").await;
        assert_eq!(
            (answer.status().as_u16(), answer.header("ratelimit")),
            (200, None)
        );
    }
    let record = waygate.rate_limit(&key).unwrap();
    assert_eq!((record.counts.allowed, record.counts.would_refuse), (1, 2));
    let shadowed = HitQuery {
        limit: 10,
        enforced: Some(false),
        ..HitQuery::default()
    };
    assert_eq!(waygate.rate_limit_hits(&shadowed).len(), 2);

    operator.promote_rate_limit(key.clone()).await.unwrap();
    assert_eq!(
        app.get("/search").await.status(),
        429,
        "what it counted counts"
    );
    operator.pause_rate_limit(key.clone()).await.unwrap();
    assert_eq!(app.get("/search").await.status(), 200);
    let resumed = operator.resume_rate_limit(key).await.unwrap().unwrap();
    assert!(resumed.overridden && !resumed.policy.shadow);
    assert_eq!(app.get("/search").await.status(), 429);
}

#[tokio::test]
async fn head_counts_as_get_and_preflights_do_not_count() {
    let (_, app, _) = limited(json!({"limit": "1/hour", "key_strategy": "global"})).await;
    let preflight = || {
        Request::options("/search")
            .header("origin", "https://example.com")
            .header("access-control-request-method", "GET")
            .body(axum::body::Body::empty())
            .unwrap()
    };
    for _ in 0..3 {
        assert_ne!(app.send(preflight()).await.status(), 429);
    }
    assert_eq!(app.request(Method::HEAD, "/search", "").await.status(), 200);
    assert_eq!(app.get("/search").await.status(), 429);
    assert_eq!(bypass(app.get("/search")).await.status(), 200);
}

#[derive(Clone)]
struct Account {
    id: &'static str,
    plan: &'static str,
}

impl Principal for Account {
    fn user_id(&self) -> Option<Cow<'_, str>> {
        Some(self.id.into())
    }

    fn has_role(&self, role: &str) -> bool {
        self.id == "root" && role == "staff"
    }

    fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        (name == "plan").then_some(self.plan.into())
    }
}

async fn authenticate(mut request: Request, next: Next) -> Response {
    let account = request
        .headers()
        .get("x-user")
        .map(|user| match user.to_str() {
            Ok("root") => Account {
                id: "root",
                plan: "free",
            },
            Ok("paula") => Account {
                id: "paula",
                plan: "pro",
            },
            Ok("erin") => Account {
                id: "erin",
                plan: "enterprise",
            },
            _ => Account {
                id: "fred",
                plan: "free",
            },
        });
    if let Some(account) = account {
        request.extensions_mut().insert(account);
    }
    let from = request
        .headers()
        .get("x-from")
        .and_then(|ip| ip.to_str().ok()?.parse().ok());
    let peer: SocketAddr = SocketAddr::new(from.unwrap_or([192, 0, 2, 1].into()), 1);
    request.extensions_mut().insert(ConnectInfo(peer));
    next.run(request).await
}

async fn with_callers(fields: Value) -> (Waygate, TestApp) {
    let waygate = builder()
        .clock(clock())
        .principal::<Account>()
        .build()
        .await
        .unwrap();
    let key = "GET:/t/{tenant}";
    waygate
        .register(key.parse().unwrap(), RouteState::default())
        .await;
    let router = Router::new().route("/t/{tenant}", get(|| async { "ok" }));
    let router = waygate.guard(router).await.unwrap().into_router();
    set(&waygate, "GET:/t/{tenant}#default", fields).await;
    (
        waygate,
        TestApp::new(router.layer(middleware::from_fn(authenticate))),
    )
}

async fn status(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> u16 {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    app.send(request.body(axum::body::Body::empty()).unwrap())
        .await
        .status()
        .as_u16()
}

#[tokio::test]
async fn each_key_has_a_counter_of_its_own() {
    for (key, same, other) in [
        (
            "ip",
            vec![("x-from", "192.0.2.7")],
            vec![("x-from", "192.0.2.8")],
        ),
        (
            "ip",
            vec![("x-from", "2001:db8::1")],
            vec![("x-from", "2001:db8:0:1::1")],
        ),
        ("user", vec![("x-user", "fred")], vec![("x-user", "paula")]),
        (
            "api_key",
            vec![("x-api-key", "one")],
            vec![("x-api-key", "two")],
        ),
        (
            "header:X-Tenant",
            vec![("x-tenant", "a")],
            vec![("x-tenant", "b")],
        ),
        (
            "user, header:x-tenant",
            vec![("x-user", "fred"), ("x-tenant", "a")],
            vec![("x-user", "fred"), ("x-tenant", "b")],
        ),
    ] {
        let (_, app) = with_callers(json!({"limit": "1/hour", "key_strategy": key})).await;
        assert_eq!(status(&app, "/t/x", &same).await, 200, "{key}");
        assert_eq!(status(&app, "/t/x", &same).await, 429, "{key}");
        assert_eq!(status(&app, "/t/x", &other).await, 200, "{key}");
    }
    let (_, app) = with_callers(json!({"limit": "1/hour", "key_strategy": "path:tenant"})).await;
    assert_eq!(status(&app, "/t/acme", &[]).await, 200);
    assert_eq!(status(&app, "/t/acme", &[]).await, 429);
    assert_eq!(
        status(&app, "/t/%61c%6De", &[]).await,
        429,
        "another spelling"
    );
    assert_eq!(status(&app, "/t/other", &[]).await, 200);
}

#[tokio::test]
async fn neighbours_in_one_network_of_ipv6_are_one_client() {
    let (_, app) = with_callers(json!({"limit": "1/hour"})).await;
    assert_eq!(
        status(&app, "/t/x", &[("x-from", "2001:db8::1")]).await,
        200
    );
    assert_eq!(
        status(&app, "/t/x", &[("x-from", "2001:db8::ffff")]).await,
        429
    );
    assert_eq!(
        status(&app, "/t/x", &[("x-from", "::ffff:192.0.2.9")]).await,
        200
    );
    assert_eq!(status(&app, "/t/x", &[("x-from", "192.0.2.9")]).await, 429);
}

#[tokio::test]
async fn a_request_without_the_key_is_never_an_error() {
    for (on_missing_key, statuses) in [
        (Value::Null, [200, 429]),
        (json!("exempt"), [200, 200]),
        (json!("fallback_ip"), [200, 429]),
        (json!("block"), [429, 429]),
    ] {
        let fields =
            json!({"limit": "1/hour", "key_strategy": "api_key", "on_missing_key": on_missing_key});
        let (_, app) = with_callers(fields).await;
        let found = [
            status(&app, "/t/x", &[]).await,
            status(&app, "/t/x", &[]).await,
        ];
        assert_eq!(found, statuses, "{on_missing_key}");
    }
    let (_, app) = with_callers(json!({"limit": "0/hour", "key_strategy": "user"})).await;
    assert_eq!(
        status(&app, "/t/x", &[]).await,
        200,
        "nobody in particular is not counted"
    );
}

#[tokio::test]
async fn plans_have_limits_of_their_own() {
    let (_, app) = with_callers(json!({
        "limit": "1/hour",
        "tiers": [{"name": "pro", "limit": "2/hour"}, {"name": "enterprise", "limit": "unlimited"}],
    }))
    .await;
    for (user, passing) in [("fred", 1), ("paula", 2), ("erin", 5)] {
        let mut passed = 0;
        for _ in 0..5 {
            passed += u32::from(status(&app, "/t/x", &[("x-user", user)]).await == 200);
        }
        assert_eq!(passed, passing, "{user}");
    }
}

#[tokio::test]
async fn networks_and_roles_can_be_exempt() {
    let (_, app) = with_callers(json!({
        "limit": "0/hour", "exempt_ips": ["10.0.0.0/8"], "exempt_roles": ["staff"],
    }))
    .await;
    assert_eq!(status(&app, "/t/x", &[("x-from", "10.1.2.3")]).await, 200);
    assert_eq!(status(&app, "/t/x", &[("x-user", "root")]).await, 200);
    assert_eq!(status(&app, "/t/x", &[("x-user", "fred")]).await, 429);
}

#[tokio::test]
async fn a_roll_out_is_sticky_by_key() {
    let share = |percent: u32| json!({"limit": "0/hour", "key_strategy": "header:x-id", "rollout": percent});
    let refused = async |percent| {
        let (_, app) = with_callers(share(percent)).await;
        let mut refused = Vec::new();
        for id in 0..400 {
            if status(&app, "/t/x", &[("x-id", &id.to_string())]).await == 429 {
                refused.push(id);
            }
        }
        refused
    };
    let (quarter, half) = (refused(25).await, refused(50).await);
    assert!((60..140).contains(&quarter.len()), "{}", quarter.len());
    assert!((150..250).contains(&half.len()), "{}", half.len());
    assert!(
        quarter.iter().all(|id| half.contains(id)),
        "who is in stays in"
    );
    assert_eq!(refused(0).await.len(), 0);
}

#[tokio::test]
async fn secrets_are_in_no_record() {
    let (waygate, app) = with_callers(json!({"limit": "0/hour", "key_strategy": "api_key"})).await;
    let headers = [("x-api-key", "sk_live_0123456789"), ("x-request-id", "r-1")];
    assert_eq!(status(&app, "/t/x", &headers).await, 429);
    let hits = waygate.rate_limit_hits(&HitQuery {
        limit: 5,
        ..HitQuery::default()
    });
    let near = waygate.near_limit(&key("GET:/t/{tenant}#default"), 5);
    let explained = waygate.explain("r-1").unwrap();
    assert_eq!((hits.len(), near.len(), explained.steps.len()), (1, 1, 1));
    let shown = serde_json::to_string(&(&hits, &near, &explained)).unwrap();
    assert!(!shown.contains("sk_live"), "{shown}");
    assert!(
        hits[0]
            .key
            .starts_with("waygate:ratelimit:GET:/t/{tenant}:#")
    );
}

#[tokio::test]
async fn a_decision_can_be_explained() {
    let (waygate, app) = with_callers(json!({"limit": "3/hour"})).await;
    let headers = [("x-from", "192.0.2.7"), ("x-request-id", "abc")];
    assert_eq!(status(&app, "/t/x", &headers).await, 200);
    let explained = waygate.explain("abc").unwrap();
    assert!(explained.passed);
    assert_eq!(explained.route.as_str(), "GET:/t/{tenant}");
    let [step] = &*explained.steps else {
        panic!("{explained:?}");
    };
    assert_eq!(
        (&*step.key, step.limit, step.remaining),
        ("192.0.2.7", 3, 2)
    );
    assert_eq!(step.policy, key("GET:/t/{tenant}#default"));
    assert_eq!(step.counter, "GET:/t/{tenant}#default/0@0");
    assert_eq!(waygate.explain("unknown"), None);
    assert_eq!((explained.refused_by, explained.cause), (None, None));

    let limit = "GET:/t/{tenant}#default";
    let none = json!({"limit": "0/hour"});
    let by_user = json!({"limit": "3/hour", "key_strategy": "user", "on_missing_key": "block"});
    for (fields, cause, steps) in [
        (none, DecisionCause::Exceeded, 1),
        (by_user, DecisionCause::NoKey, 0),
    ] {
        set(&waygate, limit, fields).await;
        assert_eq!(status(&app, "/t/x", &headers).await, 429);
        let explained = waygate.explain("abc").unwrap();
        assert_eq!(
            (explained.refused_by, explained.cause),
            (Some(key(limit)), Some(cause))
        );
        assert_eq!(explained.steps.len(), steps);
    }
}

#[tokio::test]
async fn a_parameter_that_the_route_does_not_have_is_no_key() {
    let (waygate, _) = with_callers(json!({"limit": "3/hour"})).await;
    let limit = key("GET:/t/{tenant}#default");
    let by_id = policy(json!({"limit": "3/hour", "key_strategy": "user, path:id"}));
    let refused = waygate.system().set_rate_limit(limit, by_id).await;
    let refused = refused.unwrap_err().to_string();
    assert!(
        refused.contains("`/t/{tenant}` has no such parameter; it has `tenant`"),
        "{refused}"
    );
}

#[tokio::test]
async fn exactly_one_key_is_reset() {
    let (waygate, app) = with_callers(json!({"limit": "1/hour"})).await;
    let (one, other) = ([("x-from", "192.0.2.1")], [("x-from", "192.0.2.10")]);
    for headers in [&one, &other] {
        status(&app, "/t/x", headers).await;
        assert_eq!(status(&app, "/t/x", headers).await, 429);
    }
    let operator = waygate.system();
    let limit = key("GET:/t/{tenant}#default");
    operator
        .reset_rate_limit_key(limit.clone(), &["192.0.2.1"])
        .await
        .unwrap();
    assert_eq!(status(&app, "/t/x", &one).await, 200);
    assert_eq!(status(&app, "/t/x", &other).await, 429);
    let revision = waygate.rate_limit(&limit).unwrap().revision.number;
    let late = || waygate.system().if_revision(revision + 1);
    let refused = late()
        .reset_rate_limit_key(limit.clone(), &["192.0.2.1"])
        .await;
    assert!(matches!(refused, Err(ChangeError::Conflict { .. })));
    let refused = late().reset_rate_limits(limit.scope.clone()).await;
    assert!(matches!(refused, Err(ChangeError::Conflict { .. })));
    assert_eq!(status(&app, "/t/x", &one).await, 429, "nothing was reset");
    for wrong in [&["nonsense"][..], &[], &["192.0.2.1", "x"]] {
        assert!(
            operator
                .reset_rate_limit_key(limit.clone(), wrong)
                .await
                .is_err()
        );
    }
}

#[tokio::test]
async fn an_answer_can_say_what_it_cost() {
    let waygate = builder().clock(clock()).build().await.unwrap();
    let key = "GET:/export/{cost}";
    waygate
        .register(key.parse().unwrap(), RouteState::default())
        .await;
    let export = |axum::extract::Path(cost): axum::extract::Path<u32>| async move {
        (Extension(Cost(cost)), "rows")
    };
    let router = Router::new().route("/export/{cost}", get(export));
    let app = TestApp::new(waygate.guard(router).await.unwrap().into_router());
    set(
        &waygate,
        "GET:/export/{cost}#default",
        json!({"limit": "100/hour", "cost": 10, "key_strategy": "global"}),
    )
    .await;
    assert_eq!(
        app.get("/export/30").await.header("x-ratelimit-remaining"),
        Some("90")
    );
    assert_eq!(
        app.get("/export/0").await.header("x-ratelimit-remaining"),
        Some("60")
    );
    assert_eq!(
        app.get("/export/10").await.header("x-ratelimit-remaining"),
        Some("60")
    );
    assert_eq!(app.get("/export/500").await.status(), 200);
    assert_eq!(
        app.get("/export/0").await.status(),
        429,
        "it went beyond the limit"
    );
}

#[tokio::test]
async fn a_late_cost_changes_no_other_window() {
    for algorithm in [
        "fixed_window",
        "sliding_window",
        "moving_window",
        "token_bucket",
    ] {
        let clock = clock();
        let waygate = builder().clock(clock.clone()).build().await.unwrap();
        let route = "GET:/export";
        waygate
            .register(route.parse().unwrap(), RouteState::default())
            .await;
        let slow = clock.clone();
        // The first one takes longer than two windows, and gives back what it took.
        let export = move |request: Request| async move {
            if request.headers().contains_key("x-slow") {
                slow.advance(Duration::from_secs(130));
                return (Extension(Cost(0)), "rows");
            }
            (Extension(Cost(1)), "rows")
        };
        let router = Router::new().route("/export", get(export));
        let app = TestApp::new(waygate.guard(router).await.unwrap().into_router());
        let fields = json!({"limit": "3/minute", "algorithm": algorithm, "key_strategy": "global"});
        set(&waygate, "GET:/export#default", fields).await;
        assert_eq!(status(&app, "/export", &[("x-slow", "1")]).await, 200);
        let mut passed = 0;
        for _ in 0..5 {
            passed += u32::from(status(&app, "/export", &[]).await == 200);
        }
        assert_eq!(passed, 3, "{algorithm}");
    }
}

#[tokio::test]
async fn a_shorter_rate_comes_and_goes_without_a_fresh_start() {
    let (waygate, app, _) =
        limited(json!({"limit": "10/second; 20/hour", "key_strategy": "global"})).await;
    for _ in 0..5 {
        app.get("/search").await;
    }
    for (limit, remaining) in [
        ("20/hour", "14"),
        ("20/hour; 15/second", "9"),
        ("50/hour", "42"),
    ] {
        let fields = json!({"limit": limit, "key_strategy": "global"});
        set(&waygate, "GET:/search#default", fields).await;
        let answer = app.get("/search").await;
        assert_eq!(
            answer.header("x-ratelimit-remaining"),
            Some(remaining),
            "{limit}"
        );
    }
}

#[tokio::test]
async fn headers_are_the_applications_choice() {
    for (headers, legacy, standard) in [
        (RateLimitHeaders::Off, None, None),
        (RateLimitHeaders::Legacy, Some("0"), None),
        (
            RateLimitHeaders::Standard,
            None,
            Some("\"default\";r=0;t=3600"),
        ),
    ] {
        let builder = builder().clock(clock()).rate_limit_headers(headers);
        let waygate = builder.build().await.unwrap();
        let app = app(&waygate, &["GET:/search"]).await;
        set(
            &waygate,
            "GET:/search#default",
            json!({"limit": "1/hour", "key_strategy": "global"}),
        )
        .await;
        for _ in 0..2 {
            let answer = app.get("/search").await;
            assert_eq!(answer.header("x-ratelimit-remaining"), legacy);
            assert_eq!(answer.header("ratelimit"), standard);
        }
        assert_eq!(app.get("/search").await.header("retry-after"), Some("3600"));
    }
}

#[tokio::test]
async fn retries_are_spread_when_asked_for() {
    let builder = builder().clock(clock()).retry_after_jitter(0.5);
    let waygate = builder.build().await.unwrap();
    let app = app(&waygate, &["GET:/search"]).await;
    set(
        &waygate,
        "GET:/search#default",
        json!({"limit": "0/hour", "key_strategy": "global"}),
    )
    .await;
    let mut seen = std::collections::HashSet::new();
    for _ in 0..20 {
        let wait = app
            .get("/search")
            .await
            .header("retry-after")
            .unwrap()
            .parse::<u64>()
            .unwrap();
        assert!((3600..=5400).contains(&wait));
        seen.insert(wait);
    }
    assert!(seen.len() > 1);
}

#[tokio::test]
async fn a_custom_answer_is_completed() {
    let waygate = builder().clock(clock()).build().await.unwrap();
    waygate
        .register("GET:/search".parse().unwrap(), RouteState::default())
        .await;
    let router = Router::new().route("/search", get(|| async { "found" }));
    let sorry = |blocked: &Blocked| format!("{} later", blocked.reason().code());
    let guarded = waygate.guard(router).await.unwrap();
    let app = TestApp::new(
        guarded
            .responses(Responses::new().rate_limited(sorry))
            .into_router(),
    );
    set(
        &waygate,
        "GET:/search#default",
        json!({"limit": "0/hour", "key_strategy": "global"}),
    )
    .await;
    let refused = app.get("/search").await;
    assert_eq!(refused.header("retry-after"), Some("3600"));
    assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
    assert_eq!(refused.text(), "RATE_LIMIT_EXCEEDED later");
}

#[tokio::test]
async fn every_change_is_one_line_in_the_log() {
    let (waygate, _, _) = limited(json!({"limit": "5/minute"})).await;
    let (operator, key) = (waygate.system(), key("GET:/search#default"));
    set(
        &waygate,
        "GET:/search#default",
        json!({"limit": "6/minute", "key_strategy": "user"}),
    )
    .await;
    operator.pause_rate_limit(key.clone()).await.unwrap();
    operator.pause_rate_limit(key.clone()).await.unwrap();
    operator.reset_rate_limits(key.scope.clone()).await.unwrap();
    operator.delete_rate_limit(key.clone()).await.unwrap();
    operator.delete_rate_limit(key).await.unwrap();
    set(&waygate, "*#default", json!({"limit": "7/minute"})).await;
    let log = waygate
        .audit(waygate::AuditQuery::newest(20))
        .await
        .unwrap();
    let lines: Vec<_> = log
        .iter()
        .rev()
        .map(|line| format!("{} {} {}", line.path, line.action, line.reason))
        .collect();
    assert_eq!(
        lines,
        [
            "GET:/search rl_policy_set 5/minute · fixed_window · ip",
            "GET:/search rl_policy_updated 6/minute · fixed_window · user",
            "GET:/search rl_policy_updated 6/minute · fixed_window · user",
            "GET:/search rl_reset ",
            "GET:/search rl_policy_deleted ",
            "__global_rl__ global_rl_set 7/minute · fixed_window · ip",
        ]
    );
}
