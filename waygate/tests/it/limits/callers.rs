//! The keys that requests are counted by.

use std::{borrow::Cow, net::SocketAddr};

use axum::{
    Router,
    extract::{ConnectInfo, Request},
    middleware::{self, Next},
    response::Response,
    routing::get,
};
use serde_json::{Value, json};
use waygate::{
    ChangeError, Principal, Waygate,
    limits::{DecisionCause, HitQuery},
    model::RouteState,
    testing::TestApp,
};

use super::{key, policy, set, status};
use crate::support::{app, builder, clock};

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
        .await
        .unwrap();
    let router = Router::new().route("/t/{tenant}", get(|| async { "ok" }));
    let router = waygate.guard(router).await.unwrap().into_router();
    set(&waygate, "GET:/t/{tenant}#default", fields).await;
    (
        waygate,
        TestApp::new(router.layer(middleware::from_fn(authenticate))),
    )
}

#[tokio::test]
async fn each_key_has_its_own_counter() {
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
async fn neighbours_in_one_ipv6_network_are_one_client() {
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
async fn a_request_without_the_key_never_fails() {
    for (on_missing_key, statuses) in [
        (Value::Null, [200, 429]),
        (json!("exempt"), [200, 200]),
        (json!("fallback_ip"), [200, 429]),
        (json!("block"), [401, 401]),
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
        "requests without a user are not counted"
    );
}

#[tokio::test]
async fn plans_have_their_own_limits() {
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
async fn a_rollout_is_sticky_by_key() {
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
        "the rollout is monotonic"
    );
    assert_eq!(refused(0).await.len(), 0);
}

#[tokio::test]
async fn records_contain_no_secrets() {
    let (waygate, app) = with_callers(json!({"limit": "0/hour", "key_strategy": "api_key"})).await;
    let headers = [("x-api-key", "sk_live_0123456789"), ("x-request-id", "r-1")];
    assert_eq!(status(&app, "/t/x", &headers).await, 429);
    let hits = waygate.rate_limit_hits(&HitQuery::newest(5));
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
async fn the_latest_decisions_are_kept() {
    for (capacity, kept) in [(0, [false, false]), (1, [false, true]), (9, [true, true])] {
        let builder = builder().decision_log_capacity(capacity);
        let waygate = builder.build().await.unwrap();
        let app = app(&waygate, &["GET:/search"]).await;
        let fields = json!({"limit": "1/minute", "key_strategy": "global"});
        set(&waygate, "GET:/search#default", fields).await;
        let ids = ["passed", "refused"];
        for (id, expected) in ids.into_iter().zip([200, 429]) {
            assert_eq!(
                status(&app, "/search", &[("x-request-id", id)]).await,
                expected
            );
        }
        assert_eq!(ids.map(|id| waygate.explain(id).is_some()), kept);
    }
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
    for (fields, cause, (steps, refused)) in [
        (none, DecisionCause::Exceeded, (1, 429)),
        (by_user, DecisionCause::NoKey, (0, 401)),
    ] {
        set(&waygate, limit, fields).await;
        assert_eq!(status(&app, "/t/x", &headers).await, refused);
        let explained = waygate.explain("abc").unwrap();
        assert_eq!(
            (explained.refused_by, explained.cause),
            (Some(key(limit)), Some(cause))
        );
        assert_eq!(explained.steps.len(), steps);
    }
}

#[tokio::test]
async fn an_unknown_parameter_is_no_key() {
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
async fn reset_affects_only_the_given_key() {
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
async fn an_attribute_that_no_caller_has_is_reported() {
    let tiers = |tier| {
        json!({
            "limit": "100/hour", "tiers": [{"name": "pro", "limit": "500/hour"}], "tier_resolver": tier,
        })
    };
    let ask = async |app: &TestApp, user: &'static str| {
        let app = app.with_header("x-user", user);
        assert_eq!(app.get("/t/a").await.status(), 200);
    };
    let warning = |waygate: &Waygate| {
        waygate
            .rate_limit(&key("GET:/t/{tenant}#default"))
            .unwrap()
            .warning
    };
    let (waygate, app) = with_callers(tiers("plann")).await;
    assert_eq!(warning(&waygate), None);
    for user in ["paula", "fred"] {
        ask(&app, user).await;
    }
    let said = warning(&waygate).unwrap();
    assert!(
        said.contains("none of 2 callers had the attribute `plann`"),
        "{said}"
    );
    assert!(waygate.report().to_string().contains(&said));
    // An attribute that a caller has raises no warning.
    let (waygate, app) = with_callers(tiers("plan")).await;
    ask(&app, "paula").await;
    assert_eq!(warning(&waygate), None);
}

#[tokio::test]
async fn an_untrusted_proxy_is_logged_once() {
    use crate::log::Log;
    let ask = async |app: &TestApp, peer: &'static str| {
        let app = app.from_peer(SocketAddr::new(peer.parse().unwrap(), 1));
        let app = app.with_header("x-forwarded-for", "203.0.113.7");
        assert_eq!(app.get("/behind").await.status(), 200);
    };
    let (log, _logging) = Log::of_this_thread();
    let said = || {
        let lines = log.lines();
        lines
            .iter()
            .filter(|line| line.contains("trusted_proxies"))
            .count()
    };
    let guarded = async || {
        let waygate = builder().build().await.unwrap();
        let router = Router::new().route("/behind", get(|| async { "ok" }));
        let app = TestApp::new(waygate.guard(router).await.unwrap());
        (waygate, app)
    };
    let (waygate, app) = guarded().await;
    ask(&app, "10.0.0.1").await;
    assert_eq!(said(), 0, "no limit is by address");
    set(
        &waygate,
        "GET:/behind#default",
        json!({"limit": "100/hour"}),
    )
    .await;
    ask(&app, "198.51.100.1").await;
    assert_eq!(said(), 0, "a client may send it");
    for _ in 0..2 {
        ask(&app, "10.0.0.1").await;
    }
    assert_eq!(said(), 1, "{:?}", log.lines());
    for peer in ["::1", "127.0.0.1"] {
        let (waygate, app) = guarded().await;
        set(
            &waygate,
            "GET:/behind#default",
            json!({"limit": "100/hour"}),
        )
        .await;
        ask(&app, peer).await;
    }
    assert_eq!(said(), 3);
}
