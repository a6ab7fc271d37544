//! The OpenAPI document as served.

use std::time::Duration;

use axum::{
    Router,
    routing::{MethodFilter, MethodRouter, get},
};
use http::Method;
use serde_json::{Value, json};
use utoipa::openapi::OpenApi;
use waygate::{
    Blocked, Principal, Responses, Waygate,
    limits::{ConcurrencyPolicy, LimitKey, LimitScope, RateLimitPolicy},
    model::{
        Access, Deprecation, ExemptPath, GlobalMaintenance, Interval, Lifecycle, Position, Reason,
        Registration, RouteState, Window,
    },
    port::Clock,
    testing::TestApp,
};

use crate::support::{at, builder, clock, with_all_headers};

/// An API that serves every operation of a document.
fn api(document: &Value) -> (Router, OpenApi) {
    let document: OpenApi = serde_json::from_value(document.clone()).unwrap();
    let written = serde_json::to_value(&document).unwrap();
    let mut router = Router::new();
    for (path, item) in written["paths"].as_object().unwrap() {
        let mut methods = MethodRouter::new();
        for verb in item.as_object().unwrap().keys() {
            if let Ok(method) = Method::from_bytes(verb.to_ascii_uppercase().as_bytes())
                && let Ok(filter) = MethodFilter::try_from(method)
            {
                methods = methods.on(filter, || async {});
            }
        }
        router = router.route(path, methods);
    }
    (router, document)
}

/// A document of operations given as `GET /path`, with the path as the summary.
fn document(operations: &[&str]) -> Value {
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {"title": "Shop", "version": "1.0.0"},
        "paths": {},
    });
    for operation in operations {
        let (method, path) = operation.split_once(' ').unwrap();
        document["paths"][path][method.to_ascii_lowercase()] =
            json!({"summary": path, "responses": {"200": {"description": "fine"}}});
    }
    document
}

async fn serve(waygate: &Waygate, document: &Value) -> TestApp {
    let guarded = waygate.guard(api(document)).await.unwrap();
    TestApp::new(guarded.openapi("/openapi.json").into_router())
}

async fn fetch(app: &TestApp) -> Value {
    let response = app.get("/openapi.json").await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.content_type(), Some("application/json"));
    response.json()
}

fn global(config: Value) -> GlobalMaintenance {
    serde_json::from_value(config).unwrap()
}

/// The paths of a document.
fn paths(document: &Value) -> Vec<&str> {
    document["paths"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[tokio::test]
async fn the_whole_document() {
    let text = include_str!("shop.json");
    let clock = clock();
    let waygate = builder().clock(clock).build().await.unwrap();
    let app = serve(&waygate, &serde_json::from_str(text).unwrap()).await;
    let operator = waygate.system();
    let window = Interval::parse("2029-12-31T23:00:00Z", "2030-01-01T04:00:00Z").unwrap();
    operator
        .schedule("GET:/payments", window, "DB <b>migration</b>, *soon* over")
        .await
        .unwrap();
    operator
        .set_maintenance("POST:/payments", "")
        .await
        .unwrap();
    operator
        .disable("GET:/payments/{id}", "incident 12")
        .await
        .unwrap();
    operator.set_env_only("GET:/debug", &["dev"]).await.unwrap();
    operator
        .set_env_only("GET:/beta", &["production"])
        .await
        .unwrap();
    let sunset = Some(at("2031-01-01T00:00:00Z"));
    let deprecation = Deprecation::new(None, sunset, Some("/v2/users".parse().unwrap())).unwrap();
    operator
        .deprecate("GET:/v1/users", Some(deprecation))
        .await
        .unwrap();
    let shown = fetch(&app).await;
    insta::assert_snapshot!(serde_json::to_string_pretty(&shown).unwrap());
}

/// A caller, whose plan is not used here.
#[derive(Clone)]
pub(crate) struct Caller;

impl Principal for Caller {
    fn user_id(&self) -> Option<std::borrow::Cow<'_, str>> {
        None
    }
}

/// Registers `GET /limited` with limits and access lists.
async fn limit(waygate: &Waygate, responses: Responses) {
    let access: Access =
        serde_json::from_value(json!({"ips": ["10.0.0.0/8"], "roles": ["billing:admin", "ops"]}))
            .unwrap();
    let state = RouteState::default().access(access);
    let mut rate = RateLimitPolicy::new("100/minute".parse().unwrap()).unwrap();
    rate.tiers = serde_json::from_value(json!([
        {"name": "pro", "limit": "1000/minute; 20000/hour burst 50"},
        {"name": "staff", "limit": "unlimited"},
    ]))
    .unwrap();
    let mut shadow = RateLimitPolicy::new("1/second".parse().unwrap()).unwrap();
    (shadow.name, shadow.shadow) = ("trial".parse().unwrap(), true);
    let mut at_a_time = ConcurrencyPolicy::new(4.try_into().unwrap());
    at_a_time.key = "header:X-Tenant, api_key".parse().unwrap();
    let limited = Registration::new("GET:/limited".parse().unwrap())
        .state(state)
        .rate_limit(rate)
        .rate_limit(shadow)
        .concurrency_limit(at_a_time)
        .responses(responses);
    waygate.register_all([limited]).await.unwrap();
}

#[tokio::test]
async fn limits_and_access_lists_are_in_the_document() {
    let waygate = with_all_headers()
        .principal::<Caller>()
        .build()
        .await
        .unwrap();
    let mut all = document(&["GET /limited", "GET /own"]);
    all["paths"]["/own"]["get"]["responses"]["429"] = json!({"description": "ours"});
    let app = serve(&waygate, &all).await;
    limit(&waygate, Responses::new()).await;
    let shown = fetch(&app).await;
    let operation = &shown["paths"]["/limited"]["get"];
    assert_eq!(operation["x-waygate-networks"], json!(["10.0.0.0/8"]));
    assert_eq!(
        operation["x-waygate-roles"],
        json!(["billing:admin", "ops"])
    );
    assert_eq!(
        operation["x-waygate-rate-limits"],
        json!([
            {
                "scope": "route", "name": "default", "limit": "100/minute", "key_strategy": "ip",
                "algorithm": "fixed_window", "summary": "100 requests per minute by address",
                "tiers": [
                    {
                        "name": "pro", "limit": "1000/minute; 20000/hour burst 50",
                        "summary": "1000 requests per minute and 20000 per hour with a burst of 50",
                    },
                    {"name": "staff", "limit": "unlimited", "summary": "unlimited"},
                ],
            },
            {
                "scope": "route", "name": "trial", "limit": "1/second", "key_strategy": "ip",
                "algorithm": "fixed_window", "summary": "1 request per second by address", "shadow": true,
            },
        ])
    );
    assert_eq!(
        operation["x-waygate-concurrency-limits"],
        json!([{
            "scope": "route", "name": "default", "limit": 4, "key_strategy": "header:x-tenant, api_key",
            "summary": "4 requests at a time by header x-tenant and API key",
        }])
    );
    let forbidden = &operation["responses"]["403"];
    assert_eq!(
        forbidden["description"],
        "The client's address is in none of the networks 10.0.0.0/8. The caller has none of the roles \
         billing:admin, ops."
    );
    let too_many = &operation["responses"]["429"];
    assert_eq!(
        too_many["description"],
        "Beyond a limit: 100 requests per minute by address (pro: 1000 requests per minute and 20000 per hour with a burst \
         of 50; staff: unlimited); 4 requests at a time by header x-tenant and API key.",
        "shadow-mode limits refuse nothing"
    );
    let headers: Vec<_> = too_many["headers"].as_object().unwrap().keys().collect();
    assert_eq!(
        headers,
        [
            "RateLimit",
            "RateLimit-Policy",
            "Retry-After",
            "X-RateLimit-Limit",
            "X-RateLimit-Remaining",
            "X-RateLimit-Reset"
        ]
    );
    for answer in [forbidden, too_many] {
        let content = answer["content"].as_object().unwrap().keys();
        assert_eq!(
            content.collect::<Vec<_>>(),
            ["application/json", "application/problem+json"]
        );
    }
    assert_eq!(operation["responses"]["503"], Value::Null);
    assert!(operation["responses"]["200"].is_object());

    let schemas = shown["components"]["schemas"].as_object().unwrap();
    for name in [
        "WaygateForbidden",
        "WaygateForbiddenProblem",
        "WaygateTooManyRequests",
        "WaygateTooManyRequestsProblem",
    ] {
        assert!(schemas[name]["properties"].is_object(), "{name}");
    }
    assert!(!schemas.contains_key("WaygateUnavailable"));

    let global = RateLimitPolicy::new("5/hour".parse().unwrap()).unwrap();
    waygate
        .system()
        .set_rate_limit(
            LimitKey::new(LimitScope::Global, global.name.clone()),
            global,
        )
        .await
        .unwrap();
    let shown = fetch(&app).await;
    let own = &shown["paths"]["/own"]["get"];
    assert_eq!(own["x-waygate-rate-limits"][0]["scope"], "global");
    assert_eq!(own["responses"]["429"], json!({"description": "ours"}));
    assert_eq!(
        shown["paths"]["/limited"]["get"]["responses"]["429"]["description"],
        "Beyond a limit: 5 requests per hour by address, over all routes; 100 requests per minute by address (pro: \
         1000 requests per minute and 20000 per hour with a burst of 50; staff: unlimited); 4 requests at a time by header \
         x-tenant and API key."
    );
}

#[tokio::test]
async fn bodies_of_custom_responses_are_not_documented() {
    let waygate = builder().principal::<Caller>().build().await.unwrap();
    let app = serve(&waygate, &document(&["GET /limited"])).await;
    let custom = Responses::new().rate_limited(|_: &Blocked| "slow down");
    limit(&waygate, custom).await;
    let responses = fetch(&app).await["paths"]["/limited"]["get"]["responses"].clone();
    assert_eq!(responses["429"]["content"], Value::Null);
    assert!(responses["429"]["headers"].is_object());
    assert!(responses["403"]["content"].is_object());
}

#[tokio::test]
async fn bypassed_limits_are_not_in_the_document() {
    let waygate = builder()
        .principal::<Caller>()
        .bypass_rate_limits(true)
        .build()
        .await
        .unwrap();
    let app = serve(&waygate, &document(&["GET /limited"])).await;
    limit(&waygate, Responses::new()).await;
    let operation = fetch(&app).await["paths"]["/limited"]["get"].clone();
    assert_eq!(operation["x-waygate-rate-limits"], Value::Null);
    assert_eq!(operation["responses"]["429"], Value::Null);
    assert!(operation["responses"]["403"].is_object());
}

#[tokio::test]
async fn refusals_for_a_missing_key_are_in_the_document() {
    let waygate = builder().build().await.unwrap();
    let app = serve(&waygate, &document(&["GET /keyed"])).await;
    for (source, word, statuses) in [
        ("user", "block", vec!["401"]),
        ("header:x-tenant", "block", vec!["400"]),
        ("api_key, header:x-tenant", "block", vec!["400", "401"]),
        ("user", "bad_request", vec!["400"]),
        ("header:x-tenant", "unauthorized", vec!["401"]),
        ("user", "exempt", vec![]),
    ] {
        let fields = json!({"limit": "9/hour", "key_strategy": source, "on_missing_key": word});
        crate::limits::set(&waygate, "GET:/keyed#default", fields).await;
        let shown = fetch(&app).await;
        let responses = &shown["paths"]["/keyed"]["get"]["responses"];
        for status in ["400", "401"] {
            let case = format!("{source} {word} {status}");
            assert_eq!(
                responses[status].is_object(),
                statuses.contains(&status),
                "{case}"
            );
        }
        if statuses.contains(&"401") {
            assert!(responses["401"]["headers"]["WWW-Authenticate"].is_object());
            let schema = &shown["components"]["schemas"]["WaygateUnauthorized"];
            assert_eq!(
                schema["properties"]["error"]["properties"]["code"]["enum"],
                json!(["RATE_LIMIT_KEY_MISSING"])
            );
        }
        assert!(responses["429"].is_object());
    }
}

#[tokio::test]
async fn operations_not_served_here_are_not_in_the_document() {
    let waygate = builder().build().await.unwrap();
    let app = serve(
        &waygate,
        &document(&["GET /a", "POST /a", "GET /b", "GET /c"]),
    )
    .await;
    waygate.system().disable("POST:/a", "").await.unwrap();
    waygate.system().disable("GET:/b", "").await.unwrap();
    waygate
        .system()
        .set_env_only("GET:/c", &["dev"])
        .await
        .unwrap();
    let shown = fetch(&app).await;
    assert_eq!(paths(&shown), ["/a"]);
    assert_eq!(
        shown["paths"]["/a"]
            .as_object()
            .unwrap()
            .keys()
            .collect::<Vec<_>>(),
        ["get"]
    );

    waygate
        .system()
        .set_env_only("GET:/c", &["dev", "production"])
        .await
        .unwrap();
    waygate.system().enable("GET:/b", "").await.unwrap();
    assert_eq!(paths(&fetch(&app).await), ["/a", "/b", "/c"]);
}

#[tokio::test]
async fn operations_match_routes_as_in_binding() {
    let waygate = builder().build().await.unwrap();
    // The path that utoipa writes for the root of a nested router, and the one that axum serves.
    let router = Router::new()
        .route("/nested", get(|| async {}).post(|| async {}))
        .route("/both", get(|| async {}))
        .route("/both/", get(|| async {}));
    let described = document(&[
        "GET /nested/",
        "GET /both",
        "GET /both/",
        "HEAD /nested/",
        "GET /elsewhere",
        "POST /nested/",
    ]);
    let described: OpenApi = serde_json::from_value(described).unwrap();
    let guarded = waygate.guard((router, described)).await.unwrap();
    let app = TestApp::new(guarded.openapi("/openapi.json").into_router());
    let operator = waygate.system();
    operator.set_maintenance("POST:/nested", "").await.unwrap();
    operator.disable("GET:/nested", "").await.unwrap();
    operator.disable("HEAD:/nested", "").await.unwrap();
    operator.disable("GET:/both/", "").await.unwrap();
    operator
        .enable_global_maintenance(global(json!({"exempt_paths": ["/both"]})))
        .await
        .unwrap();
    let shown = fetch(&app).await;
    assert_eq!(paths(&shown), ["/both", "/elsewhere", "/nested/"]);
    assert_eq!(
        shown["paths"]["/nested/"]
            .as_object()
            .unwrap()
            .keys()
            .collect::<Vec<_>>(),
        ["post"]
    );
    assert_eq!(
        shown["paths"]["/elsewhere"]["get"],
        document(&["GET /elsewhere"])["paths"]["/elsewhere"]["get"],
        "operations that are not served stay unchanged"
    );
}

#[tokio::test]
async fn global_maintenance_is_shown_where_it_applies() {
    let waygate = builder().build().await.unwrap();
    let all = document(&[
        "GET /open",
        "GET /own",
        "GET /off",
        "GET /forced",
        "GET /exempt",
        "POST /exempt",
    ]);
    let app = serve(&waygate, &all).await;
    let forced = RouteState::default().force_active(true);
    waygate
        .register("GET:/forced".parse().unwrap(), forced)
        .await
        .unwrap();
    let operator = waygate.system();
    operator.set_maintenance("GET:/own", "own").await.unwrap();
    operator
        .set_maintenance("GET:/exempt", "own")
        .await
        .unwrap();
    operator.disable("GET:/off", "").await.unwrap();
    assert_eq!(
        fetch(&app).await["info"]["x-waygate-global-maintenance"],
        json!({"enabled": false})
    );

    let on = json!({"reason": "deploy", "exempt_paths": ["GET:/exempt"]});
    operator
        .enable_global_maintenance(global(on))
        .await
        .unwrap();
    let shown = fetch(&app).await;
    assert_eq!(
        shown["info"]["x-waygate-global-maintenance"],
        json!({"enabled": true, "reason": "deploy", "exempt_paths": ["GET:/exempt"]})
    );
    // Hidden routes are not named anywhere in the document.
    for hidden in ["/off", "/undocumented", "/off/{*rest}"] {
        let on = json!({"reason": "deploy", "exempt_paths": [hidden, "GET:/exempt"]});
        operator
            .enable_global_maintenance(global(on))
            .await
            .unwrap();
        let shown = fetch(&app).await;
        assert_eq!(
            shown["info"]["x-waygate-global-maintenance"]["exempt_paths"],
            json!(["GET:/exempt"]),
            "{hidden}"
        );
    }
    let reason = |shown: &Value, path: &str, verb: &str| {
        shown["paths"][path][verb]["x-waygate-reason"].clone()
    };
    assert_eq!(reason(&shown, "/open", "get"), "deploy");
    assert_eq!(
        reason(&shown, "/own", "get"),
        "deploy",
        "the reason that requests get"
    );
    assert_eq!(reason(&shown, "/exempt", "get"), "own");
    assert_eq!(reason(&shown, "/exempt", "post"), "deploy");
    let mut forced = all["paths"]["/forced"].clone();
    forced["get"]["x-waygate-force-active"] = json!(true);
    assert_eq!(shown["paths"]["/forced"], forced);
    assert_eq!(shown["paths"]["/off"], Value::Null);

    let on = json!({"reason": "deploy", "include_force_active": true});
    operator
        .enable_global_maintenance(global(on))
        .await
        .unwrap();
    assert_eq!(reason(&fetch(&app).await, "/forced", "get"), "deploy");
}

/// The document promises the end that responses promise: that of the last closed gate.
#[tokio::test]
async fn the_end_is_that_of_the_last_closed_gate() {
    let engine = builder().clock(clock()).service("shop");
    let waygate = engine.build().await.unwrap();
    let operations = ["GET /plain", "GET /own", "GET /later", "GET /two"];
    let app = serve(&waygate, &document(&operations)).await;
    let until = |end: Option<&str>, reason: &str| {
        let reason: Reason = reason.parse().unwrap();
        let window = end.map(|end| Window {
            interval: Interval::parse("2029-12-31T00:00:00Z", end).unwrap(),
            reason: reason.clone(),
        });
        let mut position = Position::new(Lifecycle::Maintenance, reason);
        position.windows = window.into_iter().collect();
        RouteState::default().position(position)
    };
    let (early, late) = ("2030-01-01T02:00:00Z", "2030-01-01T06:00:00Z");
    let register = async |key: &str, state| {
        waygate.register(key.parse().unwrap(), state).await.unwrap();
    };
    register("GET:/own", until(None, "own")).await;
    register("GET:/later", until(Some(late), "later")).await;
    // Two routes govern one operation.
    register("GET:/two", until(Some(early), "one")).await;
    register("/two", until(Some(late), "other")).await;
    let agree = async |expected: [(&str, Option<&str>, Value); 4]| {
        let shown = fetch(&app).await;
        for (path, end, reasons) in expected {
            let response = app.get(path).await;
            let operation = &shown["paths"][path]["get"];
            let promised = response.header("retry-after").map(str::to_owned);
            let seconds = end.map(|end| at(end).duration_since(at("2030-01-01T00:00:00Z")));
            let seconds = seconds.map(|wait| wait.as_secs().to_string());
            assert_eq!(promised, seconds, "{path}");
            let shown = &operation["x-waygate-until"];
            assert_eq!(*shown, json!(end.map(str::to_owned)), "{path}");
            let of = |name: &str| operation[name].clone();
            let reasons_shown = json!([of("x-waygate-reason"), of("x-waygate-other-reasons")]);
            assert_eq!(reasons_shown, reasons, "{path}");
            if response.status() == 503 {
                let reason = &response.json::<Value>()["error"]["reason"];
                assert_eq!(*reason, reasons_shown[0], "{path}");
            }
        }
    };
    agree([
        ("/plain", None, json!([null, null])),
        ("/own", None, json!(["own", null])),
        ("/later", Some(late), json!(["later", null])),
        ("/two", Some(late), json!(["one", ["other"]])),
    ])
    .await;
    let operator = waygate.system();
    let set = global(json!({"reason": "site move", "end": early}));
    operator.enable_global_maintenance(set).await.unwrap();
    agree([
        ("/plain", Some(early), json!(["site move", null])),
        ("/own", None, json!(["site move", ["own"]])),
        ("/later", Some(late), json!(["site move", ["later"]])),
        ("/two", Some(late), json!(["site move", ["one", "other"]])),
    ])
    .await;
    let description = fetch(&app).await["paths"]["/later"]["get"]["description"].clone();
    assert_eq!(
        description,
        "> 🔧 **In maintenance.** site move; later\n>\n> Not served until Tue, 01 Jan 2030 06:00:00 GMT."
    );
    let middle = "2030-01-01T04:00:00Z";
    let set = global(json!({"reason": "new disks", "end": middle}));
    operator
        .enable_service_maintenance("shop", set)
        .await
        .unwrap();
    agree([
        ("/plain", Some(middle), json!(["site move", ["new disks"]])),
        ("/own", None, json!(["site move", ["new disks", "own"]])),
        (
            "/later",
            Some(late),
            json!(["site move", ["new disks", "later"]]),
        ),
        (
            "/two",
            Some(late),
            json!(["site move", ["new disks", "one", "other"]]),
        ),
    ])
    .await;
    operator.disable_global_maintenance().await.unwrap();
    agree([
        ("/plain", Some(middle), json!(["new disks", null])),
        ("/own", None, json!(["new disks", ["own"]])),
        ("/later", Some(late), json!(["new disks", ["later"]])),
        ("/two", Some(late), json!(["new disks", ["one", "other"]])),
    ])
    .await;
}

#[tokio::test]
async fn planned_global_and_service_maintenance_is_shown() {
    let clock = clock();
    let engine = builder().clock(clock.clone()).service("shop");
    let waygate = engine.build().await.unwrap();
    let app = serve(&waygate, &document(&["GET /a"])).await;
    let operator = waygate.system();
    let (start, end) = ("2030-01-01T02:00:00Z", "2030-01-01T04:00:00Z");
    let set = json!({
        "reason": "deploy", "start": start, "end": end, "exempt_ips": ["10.0.0.0/8"], "exempt_roles": ["ops"],
    });
    operator
        .enable_global_maintenance(global(set))
        .await
        .unwrap();
    let until = json!({ "end": "2030-01-01T01:00:00Z" });
    operator
        .enable_service_maintenance("shop", global(until))
        .await
        .unwrap();
    let shown = async || {
        let shown = fetch(&app).await;
        let info = &shown["info"];
        (
            info["x-waygate-global-maintenance"].clone(),
            info["x-waygate-service-maintenance"].clone(),
            shown["paths"]["/a"]["get"]["x-waygate-until"].clone(),
        )
    };
    let planned = json!({
        "enabled": false, "planned": { "reason": "deploy", "start": start, "end": end },
    });
    let until = "2030-01-01T01:00:00Z";
    let of_service = json!({
        "enabled": true, "reason": "", "exempt_paths": [], "until": until, "service": "shop",
    });
    assert_eq!(shown().await, (planned.clone(), of_service, json!(until)));
    clock.set_wall(at(until));
    assert_eq!(shown().await, (planned, Value::Null, Value::Null));
    clock.set_wall(at(start));
    let running = json!({
        "enabled": true, "reason": "deploy", "exempt_paths": [], "until": end,
    });
    assert_eq!(shown().await, (running, Value::Null, json!(end)));
    clock.set_wall(at(end));
    let off = json!({ "enabled": false });
    assert_eq!(shown().await, (off, Value::Null, Value::Null));
}

#[tokio::test]
async fn planned_maintenance_is_shown_on_each_operation() {
    let engine = builder().clock(clock()).service("shop");
    let waygate = engine.build().await.unwrap();
    let all = document(&["GET /a", "GET /open", "GET /forced"]);
    let app = serve(&waygate, &all).await;
    let forced = RouteState::default().force_active(true);
    waygate
        .register("GET:/forced".parse().unwrap(), forced)
        .await
        .unwrap();
    let operator = waygate.system();
    let of_service = json!({"reason": "disks", "start": "2030-01-03T02:00:00Z"});
    operator
        .enable_service_maintenance("shop", global(of_service))
        .await
        .unwrap();
    let own = Interval::parse("2030-01-02T02:00:00Z", "2030-01-02T04:00:00Z").unwrap();
    operator.schedule("GET:/a", own, "index").await.unwrap();
    let mut set = json!({
        "reason": "deploy", "start": "2030-01-01T02:00:00Z", "end": "2030-01-01T04:00:00Z", "exempt_paths": ["/open"],
    });
    operator
        .enable_global_maintenance(global(set.clone()))
        .await
        .unwrap();
    let deploy =
        json!({"start": "2030-01-01T02:00:00Z", "end": "2030-01-01T04:00:00Z", "reason": "deploy"});
    let index =
        json!({"start": "2030-01-02T02:00:00Z", "end": "2030-01-02T04:00:00Z", "reason": "index"});
    let disks = json!({"start": "2030-01-03T02:00:00Z", "reason": "disks"});
    let shown = fetch(&app).await;
    let windows = |shown: &Value, path: &str| {
        let operation = &shown["paths"][path]["get"];
        let closes = operation["responses"]["503"].is_object();
        assert_eq!(closes, operation["x-waygate-windows"].is_array(), "{path}");
        operation["x-waygate-windows"].clone()
    };
    assert_eq!(windows(&shown, "/a"), json!([deploy, index, disks]));
    assert_eq!(windows(&shown, "/open"), json!([disks]));
    assert_eq!(windows(&shown, "/forced"), Value::Null);
    let text = shown["paths"]["/a"]["get"]["description"].as_str().unwrap();
    assert!(
        text.ends_with("**Planned maintenance** from Thu, 03 Jan 2030 02:00:00 GMT. disks"),
        "{text}"
    );

    set["include_force_active"] = json!(true);
    operator
        .enable_global_maintenance(global(set))
        .await
        .unwrap();
    assert_eq!(windows(&fetch(&app).await, "/forced"), json!([deploy]));
}

#[tokio::test]
async fn limits_describe_their_cost_and_scope() {
    let waygate = builder().service("shop").build().await.unwrap();
    let app = serve(&waygate, &document(&["GET /a"])).await;
    for (at, fields) in [
        (
            "GET:/a#default",
            json!({"limit": "10/calendar day", "key_strategy": "ip", "cost": 5, "time_zone": "Europe/Berlin"}),
        ),
        (
            "*#default",
            json!({"limit": "300/minute", "algorithm": "token_bucket", "burst": 20}),
        ),
    ] {
        crate::limits::set(&waygate, at, fields).await;
    }
    let shown = fetch(&app).await;
    let operation = &shown["paths"]["/a"]["get"];
    assert_eq!(
        operation["x-waygate-rate-limits"],
        json!([
            {
                "scope": "global", "name": "default", "limit": "300/minute", "key_strategy": "ip",
                "algorithm": "token_bucket", "burst": 20,
                "summary": "300 requests per minute with a burst of 20 by address, over all routes",
            },
            {
                "scope": "route", "name": "default", "limit": "10/calendar day", "key_strategy": "ip",
                "algorithm": "fixed_window", "cost": 5, "time_zone": "Europe/Berlin",
                "summary": "10 per calendar day (Europe/Berlin) by address, of which a request takes 5",
            },
        ])
    );
    assert_eq!(
        operation["responses"]["429"]["description"],
        "Beyond a limit: 300 requests per minute with a burst of 20 by address, over all routes; \
         10 per calendar day (Europe/Berlin) by address, of which a request takes 5."
    );
}

#[tokio::test]
async fn internal_details_can_be_omitted() {
    let engine = builder().principal::<Caller>().environment("inner-prod");
    let waygate = engine.show_access(false).build().await.unwrap();
    let app = serve(&waygate, &document(&["GET /limited", "GET /here"])).await;
    limit(&waygate, Responses::new()).await;
    let operator = waygate.system();
    operator
        .set_env_only("GET:/here", &["inner-prod"])
        .await
        .unwrap();
    let shown = fetch(&app).await;
    let operation = &shown["paths"]["/limited"]["get"];
    assert_eq!(
        operation["responses"]["403"]["description"],
        "The client's address is in none of the networks that are allowed. The caller has none of the roles that are \
         allowed."
    );
    assert!(operation["x-waygate-rate-limits"].is_array());
    let text = shown.to_string();
    for word in ["10.0.0.0", "billing:admin", "inner-prod"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
}

#[tokio::test]
async fn a_document_without_operations_is_logged() {
    let (log, _guard) = crate::log::Log::of_this_thread();
    let router = || Router::new().route("/a", get(|| async {}));
    let waygate = builder().build().await.unwrap();
    let warned = || {
        let lines = log.lines();
        let said = |line: &&String| line.contains("the live document shows no operations");
        lines.iter().filter(said).count()
    };
    let guarded = waygate.guard(router()).await.unwrap();
    let _ = guarded.into_router();
    let guarded = waygate.guard(api(&document(&["GET /a"]))).await.unwrap();
    let _ = guarded.openapi("/openapi.json").into_router();
    assert_eq!(warned(), 0);
    let guarded = waygate.guard(router()).await.unwrap();
    let _ = guarded.openapi("/openapi.json").into_router();
    assert_eq!(warned(), 1);
}

#[tokio::test]
async fn tags_disappear_with_their_last_operation() {
    let waygate = builder().build().await.unwrap();
    let mut all = document(&["GET /a", "GET /b"]);
    all["tags"] =
        json!([{"name": "secret"}, {"name": "both"}, {"name": "prose", "description": "d"}]);
    all["x-tagGroups"] = json!([
        {"name": "inner", "tags": ["secret"]},
        {"name": "outer", "tags": ["secret", "both", "prose"]},
    ]);
    all["paths"]["/a"]["get"]["tags"] = json!(["secret", "both"]);
    all["paths"]["/b"]["get"]["tags"] = json!(["both"]);
    let app = serve(&waygate, &all).await;
    let shown = fetch(&app).await;
    assert_eq!(shown["tags"], all["tags"]);
    assert_eq!(shown["x-tagGroups"], all["x-tagGroups"]);
    waygate.system().disable("GET:/a", "").await.unwrap();
    let shown = fetch(&app).await;
    assert_eq!(
        shown["tags"],
        json!([{"name": "both"}, {"name": "prose", "description": "d"}])
    );
    assert_eq!(
        shown["x-tagGroups"],
        json!([{"name": "outer", "tags": ["both", "prose"]}])
    );
}

#[tokio::test]
async fn extensions_stay_and_stamps_do_not() {
    let waygate = builder().build().await.unwrap();
    let mut all = document(&["GET /a"]);
    all["x-root"] = json!({"a": 1});
    all["info"]["x-info"] = json!([1]);
    all["paths"]["/a"]["get"]["x-ours"] = json!("kept");
    let mut stamped = all.clone();
    stamped["paths"]["/a"]["get"]["x-waygate-handler"] = json!("app::a");
    let app = serve(&waygate, &stamped).await;
    all["info"]["x-waygate-global-maintenance"] = json!({"enabled": false});
    assert_eq!(fetch(&app).await, all);
    waygate
        .system()
        .set_maintenance("GET:/a", "")
        .await
        .unwrap();
    let response = app.get("/openapi.json").await;
    assert_eq!(
        response.json::<Value>()["paths"]["/a"]["get"]["x-ours"],
        "kept"
    );
    assert!(!response.text().contains("x-waygate-handler"));
}

#[tokio::test]
async fn bypassed_gates_are_open_in_the_document() {
    let waygate = builder().bypass_lifecycle(true).build().await.unwrap();
    let mut all = document(&["GET /a", "GET /b"]);
    let app = serve(&waygate, &all).await;
    waygate.system().disable("GET:/a", "").await.unwrap();
    waygate
        .system()
        .enable_global_maintenance(GlobalMaintenance::default())
        .await
        .unwrap();
    all["info"]["x-waygate-global-maintenance"] = json!({"enabled": false});
    assert_eq!(fetch(&app).await, all);
}

#[tokio::test]
async fn a_window_is_in_the_document_exactly_while_it_lasts() {
    let clock = clock();
    let waygate = builder().clock(clock.clone()).build().await.unwrap();
    let app = serve(&waygate, &document(&["GET /a"])).await;
    let window = Interval::parse("2030-01-01T02:00:00Z", "2030-01-01T04:00:00Z").unwrap();
    waygate
        .system()
        .schedule("GET:/a", window, "upgrade")
        .await
        .unwrap();
    let status = async || fetch(&app).await["paths"]["/a"]["get"]["x-waygate-status"].clone();
    assert_eq!(status().await, Value::Null);
    // The document uses the clock and does not wait for the scheduler.
    clock.set_wall(at("2030-01-01T02:00:00Z"));
    assert_eq!(status().await, "maintenance");
    assert_eq!(
        fetch(&app).await["paths"]["/a"]["get"]["x-waygate-until"],
        "2030-01-01T04:00:00Z"
    );
    clock.set_wall(at("2030-01-01T03:59:59.999999Z"));
    assert_eq!(status().await, "maintenance");
    clock.set_wall(at("2030-01-01T04:00:00Z"));
    assert_eq!(status().await, Value::Null);
}

#[tokio::test]
async fn unchanged_documents_are_not_sent_again() {
    let (waygate, other) = (
        builder().build().await.unwrap(),
        builder().build().await.unwrap(),
    );
    let app = serve(&waygate, &document(&["GET /a", "GET /b"])).await;
    let replica = serve(&other, &document(&["GET /a", "GET /b"])).await;
    let first = app.get("/openapi.json").await;
    assert_eq!(first.header("cache-control"), Some("no-cache"));
    assert_eq!(first.header("x-content-type-options"), Some("nosniff"));
    let tag = first.header("etag").unwrap();
    assert!(
        tag.len() >= 18 && tag.starts_with('"') && tag.ends_with('"'),
        "{tag}"
    );
    other.system().disable("GET:/b", "").await.unwrap();
    other.system().enable("GET:/b", "").await.unwrap();
    assert_eq!(
        replica.get("/openapi.json").await.header("etag"),
        Some(tag),
        "all replicas agree"
    );

    let known = app.with_header("if-none-match", &format!("\"other\", W/{tag}"));
    let fresh = known.get("/openapi.json").await;
    assert_eq!((fresh.status().as_u16(), fresh.bytes().len()), (304, 0));
    assert_eq!(fresh.header("etag"), Some(tag));
    assert_eq!(fresh.header("cache-control"), Some("no-cache"));

    let head = app.request(Method::HEAD, "/openapi.json", "").await;
    assert_eq!((head.status().as_u16(), head.bytes().len()), (200, 0));
    assert_eq!(head.header("etag"), Some(tag));
    assert_eq!(
        head.header("content-length"),
        Some(&*first.bytes().len().to_string())
    );
    assert_eq!(
        known
            .request(Method::HEAD, "/openapi.json", "")
            .await
            .status(),
        304
    );

    waygate.system().disable("GET:/a", "").await.unwrap();
    let changed = known.get("/openapi.json").await;
    assert_eq!(changed.status(), 200);
    assert_ne!(changed.header("etag"), Some(tag));
    waygate.system().enable("GET:/a", "").await.unwrap();
    assert_eq!(
        known.get("/openapi.json").await.status(),
        304,
        "equal content has an equal ETag"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_snapshot_is_rendered_once_for_concurrent_requests() {
    let waygate = builder().build().await.unwrap();
    let app = serve(&waygate, &document(&["GET /a"])).await;
    for round in 0..20 {
        waygate
            .system()
            .set_maintenance("GET:/a", &round.to_string())
            .await
            .unwrap();
        let asked: Vec<_> = (0..32)
            .map(|_| {
                let app = app.clone();
                tokio::spawn(async move { app.get("/openapi.json").await })
            })
            .collect();
        let mut renderings = std::collections::HashSet::new();
        for response in asked {
            let response = response.await.unwrap();
            assert_eq!(
                response.json::<Value>()["paths"]["/a"]["get"]["x-waygate-reason"],
                round.to_string()
            );
            // Keep all renderings, so that each has an address of its own.
            renderings.insert(response.bytes().clone());
            let first = renderings.iter().next().unwrap();
            assert!(std::ptr::eq(first.as_ptr(), response.bytes().as_ptr()));
        }
    }
}

#[tokio::test]
async fn the_document_is_not_governed() {
    let waygate = builder().build().await.unwrap();
    let app = serve(&waygate, &document(&["GET /a"])).await;
    waygate
        .system()
        .enable_global_maintenance(GlobalMaintenance::default())
        .await
        .unwrap();
    assert_eq!(app.get("/a").await.status(), 503);
    assert_eq!(app.get("/nowhere").await.status(), 503);
    assert_eq!(app.get("/openapi.json").await.status(), 200);
}

#[tokio::test]
async fn attributes_are_in_the_document_from_the_start() {
    mod handlers {
        #[waygate::maintenance(reason = "docs of attributes")]
        #[utoipa::path(get, path = "/item", extensions(("x-own" = json!(true))), responses((status = OK)))]
        pub(super) async fn item() {}
    }
    use handlers::*;
    let nested = utoipa_axum::router::OpenApiRouter::new().routes(utoipa_axum::routes!(item));
    let api = utoipa_axum::router::OpenApiRouter::new().nest("/of-attributes", nested);
    let waygate = builder().build().await.unwrap();
    let guarded = waygate.guard(api).await.unwrap().openapi("/api.json");
    let app = TestApp::new(guarded.into_router());
    let shown = app.get("/api.json").await;
    assert!(!shown.text().contains("x-waygate-handler"));
    let operation = shown.json::<Value>()["paths"]["/of-attributes/item"]["get"].clone();
    assert_eq!(operation["x-waygate-reason"], "docs of attributes");
    assert_eq!(operation["x-own"], true);
}

/// The document, with added responses reduced to their description.
async fn brief(app: &TestApp) -> Value {
    let mut document = fetch(app).await;
    let schemas = document["components"]["schemas"].as_object_mut();
    let added = schemas.and_then(|schemas| {
        let problem = schemas.remove("WaygateUnavailableProblem");
        schemas.remove("WaygateUnavailable").zip(problem)
    });
    if let Some((error, problem)) = &added {
        let code = json!({"type": "string", "enum": ["MAINTENANCE_MODE"]});
        assert_eq!(error["properties"]["error"]["properties"]["code"], code);
        assert_eq!(problem["properties"]["code"], code);
    }
    let items = document["paths"].as_object_mut().unwrap();
    let operations = items.values_mut().filter_map(Value::as_object_mut);
    for operation in operations.flat_map(|item| item.values_mut()) {
        if let Some(closed) = operation["responses"].get_mut("503") {
            assert!(added.is_some());
            assert_eq!(
                closed["content"]["application/json"]["schema"]["$ref"],
                "#/components/schemas/WaygateUnavailable"
            );
            assert_eq!(
                closed["headers"]["Retry-After"]["schema"]["type"],
                "integer"
            );
            *closed = json!({"description": closed["description"]});
        }
    }
    document
}

/// Derives the expected document from the list of routes, in the simple and slow way.
fn naive(base: &Value, waygate: &Waygate, now: waygate::Timestamp) -> Value {
    let mut document = base.clone();
    let global = waygate.global_maintenance().maintenance;
    document["info"]["x-waygate-global-maintenance"] = if global.enabled {
        json!({"enabled": true, "reason": global.reason, "exempt_paths": global.exempt_paths})
    } else {
        json!({"enabled": false})
    };
    let mut hidden = false;
    for route in waygate.routes() {
        let (key, view) = (route.key, route.view);
        let verb = key.method().unwrap().as_str().to_ascii_lowercase();
        let item = document["paths"][key.path()].as_object_mut().unwrap();
        let here = view.allowed_envs.contains(waygate.environment());
        let gone = match view.status.as_str() {
            "disabled" => true,
            "env_gated" => !here,
            _ => false,
        };
        if gone && !view.force_active {
            item.remove(&verb);
            hidden = true;
            continue;
        }
        let closed = global.enabled
            && !global.exempts(key.method(), key.path())
            && (!view.force_active || global.include_force_active);
        let operation = item[&verb].as_object_mut().unwrap();
        let own = view.status.as_str() == "maintenance" && !view.force_active;
        let own = own.then(|| (view.reason.to_string(), view.until));
        let other = own.clone().filter(|(own, _)| closed && !own.is_empty());
        let reason = match closed {
            true => Some((global.reason.to_string(), None)),
            false => own,
        };
        let mut quotes = Vec::new();
        let until = reason.as_ref().and_then(|(_, until)| *until);
        if let Some((reason, until)) = reason {
            let mut text = format!("> 🔧 **In maintenance.** {reason}");
            if let Some((other, _)) = other {
                text.push_str(&format!("; {other}"));
                operation.insert("x-waygate-other-reasons".to_owned(), json!([other]));
            }
            if until.is_some() {
                text.push_str("\n>\n> Not served until Tue, 01 Jan 2030 04:00:00 GMT.");
                operation.insert("x-waygate-until".to_owned(), json!("2030-01-01T04:00:00Z"));
            }
            quotes.push(text);
            let summary = format!("🔧 {}", operation["summary"].as_str().unwrap());
            operation.insert("summary".to_owned(), json!(summary));
            operation.insert("x-waygate-status".to_owned(), json!("maintenance"));
            operation.insert("x-waygate-reason".to_owned(), json!(reason));
        }
        let planned = view.windows.iter().filter(|window| {
            let start = window.span.start;
            start > now && until.is_none_or(|until| start > until) && !view.force_active
        });
        for window in planned {
            let (start, end) = (window.span.start.to_string(), window.span.end.to_string());
            quotes.push(
                "> 🕒 **Planned maintenance** from Tue, 01 Jan 2030 02:00:00 GMT to \
                 Tue, 01 Jan 2030 04:00:00 GMT. upgrade"
                    .to_owned(),
            );
            let windows = json!([{"start": start, "end": end, "reason": "upgrade"}]);
            operation.insert("x-waygate-windows".to_owned(), windows);
        }
        if !quotes.is_empty() {
            let own = operation.get("description").and_then(Value::as_str);
            let own = own.map(|own| format!("\n\n{own}")).unwrap_or_default();
            let text = format!("{}{own}", quotes.join("\n>\n"));
            operation.insert("description".to_owned(), json!(text));
            let text = match operation.contains_key("x-waygate-status") {
                true => "Closed for maintenance.",
                false => "Closed for maintenance, while a planned one lasts.",
            };
            let responses = operation["responses"].as_object_mut().unwrap();
            responses.insert("503".to_owned(), json!({"description": text}));
        }
        if view.status.as_str() == "env_gated" && !view.force_active {
            let envs = json!(view.allowed_envs);
            operation.insert("x-waygate-environments".to_owned(), envs);
        }
        if view.force_active {
            operation.insert("x-waygate-force-active".to_owned(), json!(true));
        }
        if let Some(deprecation) = view.deprecation {
            operation.insert("deprecated".to_owned(), json!(true));
            let sunset = deprecation.sunset().unwrap().to_string();
            operation.insert("x-waygate-sunset".to_owned(), json!(sunset));
        }
    }
    let items = document["paths"].as_object_mut().unwrap();
    items.retain(|_, item| !item.as_object().unwrap().is_empty());
    if hidden {
        loop {
            let text = document.to_string();
            let schemas = document["components"]["schemas"].as_object_mut().unwrap();
            let before = schemas.len();
            schemas.retain(|name, _| text.contains(&format!("\"#/components/schemas/{name}\"")));
            if schemas.len() == before {
                break;
            }
        }
    }
    let shown = |exempt: &ExemptPath| {
        document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .any(|(path, item)| {
                let mut verbs = item.as_object().unwrap().keys();
                verbs.any(|verb| {
                    exempt.covers(
                        waygate::model::Method::from_name(&verb.to_ascii_uppercase()),
                        path,
                    )
                })
            })
    };
    let exempt: Vec<_> = global
        .exempt_paths
        .iter()
        .filter(|exempt| shown(exempt))
        .cloned()
        .collect();
    if global.enabled {
        document["info"]["x-waygate-global-maintenance"]["exempt_paths"] = json!(exempt);
    }
    document
}

/// 1,000 operations on 500 paths, with 500 schemas in chains of references.
fn large() -> Value {
    let mut document = document(&[]);
    for number in 0..500 {
        let own = format!("Schema{number}");
        let body = json!({"content": {"application/json": {"schema": {"$ref": format!("#/components/schemas/{own}")}}}});
        for (verb, description) in [("get", ""), ("post", "Writes. *All* of it.")] {
            let mut operation = json!({
                "operationId": format!("{verb}_{number}"),
                "summary": format!("Operation {number}"),
                "tags": [format!("tag{}", number % 10)],
                "parameters": [{"name": "page", "in": "query", "required": false, "schema": {"type": "integer"}}],
                "responses": {"200": {"description": "fine", "content": body["content"]}, "404": {"description": "none"}},
            });
            if !description.is_empty() {
                operation["description"] = json!(description);
                operation["requestBody"] = body.clone();
            }
            document["paths"][format!("/api/v1/resources{number}/items")][verb] = operation;
        }
        let mut properties = json!({"id": {"type": "integer"}, "name": {"type": "string"}});
        if number % 10 < 8 {
            properties["next"] =
                json!({"$ref": format!("#/components/schemas/Schema{}", number + 2)});
        }
        document["components"]["schemas"][own] =
            json!({"type": "object", "properties": properties});
    }
    document
}

#[tokio::test]
async fn a_thousand_operations_match_the_naive_rendering() {
    let clock = clock();
    let waygate = builder().clock(clock.clone()).build().await.unwrap();
    let document = large();
    let written: OpenApi = serde_json::from_value(document.clone()).unwrap();
    let base = serde_json::to_value(&written).unwrap();
    let app = serve(&waygate, &document).await;
    assert_eq!(
        brief(&app).await,
        naive(&base, &waygate, clock.now()),
        "untouched"
    );
    let window = Interval::parse("2030-01-01T02:00:00Z", "2030-01-01T04:00:00Z").unwrap();
    let sunset = Some(at("2031-01-01T00:00:00Z"));
    let keys: Vec<String> = waygate
        .routes()
        .iter()
        .map(|route| route.key.to_string())
        .collect();
    assert_eq!(keys.len(), 1_000);
    for (number, key) in keys.iter().enumerate() {
        let operator = waygate.system();
        match number % 7 {
            0 => drop(operator.disable(key, "off").await.unwrap()),
            1 => drop(operator.set_env_only(key, &["dev"]).await.unwrap()),
            2 => drop(operator.set_maintenance(key, "migration").await.unwrap()),
            3 => drop(operator.set_env_only(key, &["production"]).await.unwrap()),
            4 => drop(operator.schedule(key, window, "upgrade").await.unwrap()),
            5 => {
                let deprecation = Deprecation::new(None, sunset, None).unwrap();
                drop(operator.deprecate(key, Some(deprecation)).await.unwrap());
            }
            _ => {
                let position = Position::new(Lifecycle::Maintenance, Default::default());
                let forced = RouteState::default().force_active(true).position(position);
                waygate
                    .register(key.parse().unwrap(), forced)
                    .await
                    .unwrap();
            }
        }
    }
    let shown = brief(&app).await;
    assert_eq!(
        shown,
        naive(&base, &waygate, clock.now()),
        "before the window"
    );
    assert!(shown["paths"].as_object().unwrap().len() < 500);
    clock.set_wall(at("2030-01-01T03:00:00Z"));
    assert_eq!(
        brief(&app).await,
        naive(&base, &waygate, clock.now()),
        "in the window"
    );
    let on = json!({"reason": "move", "exempt_paths": [keys[8], "/api/v1/resources3/items"]});
    waygate
        .system()
        .enable_global_maintenance(global(on))
        .await
        .unwrap();
    assert_eq!(
        brief(&app).await,
        naive(&base, &waygate, clock.now()),
        "in global maintenance"
    );
    clock.advance(Duration::from_secs(7_200));
    let on = json!({"reason": "move", "include_force_active": true});
    waygate
        .system()
        .enable_global_maintenance(global(on))
        .await
        .unwrap();
    assert_eq!(
        brief(&app).await,
        naive(&base, &waygate, clock.now()),
        "with everything included"
    );
}

#[tokio::test]
async fn a_force_active_path_is_shown_as_served() {
    let waygate = builder().build().await.unwrap();
    let app = serve(&waygate, &document(&["GET /a"])).await;
    let forced = RouteState::default().force_active(true);
    waygate
        .register("/a".parse().unwrap(), forced)
        .await
        .unwrap();
    waygate
        .system()
        .enable_global_maintenance(GlobalMaintenance::default())
        .await
        .unwrap();
    let operation = fetch(&app).await["paths"]["/a"]["get"].clone();
    assert_eq!(app.get("/a").await.status(), 200);
    assert_eq!(operation["x-waygate-status"], Value::Null);
    assert_eq!(operation["x-waygate-force-active"], true);
}
