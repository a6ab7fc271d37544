//! Enforcement in the layer.

use std::net::SocketAddr;

use axum::{Router, extract::Request, middleware, routing::get};
use http::Method;
use serde_json::{Value, json};
use waygate::{
    Blocked, Responses, RouteGuard, WaygateBuilder,
    client::{ClientAddr, Roles, TrustedProxies},
    model::{Access, Deprecation, GlobalMaintenance, RouteState},
    testing::{TestApp, bypass},
};

use crate::support::{app, at, builder, clock};

#[tokio::test]
async fn the_next_request_sees_a_change() {
    let waygate = builder().build().await.unwrap();
    let app = app(&waygate, &["GET:/payments", "POST:/payments"]).await;
    assert_eq!(app.get("/payments").await.text(), "/payments");

    waygate
        .system()
        .set_maintenance("GET:/payments", "DB migration")
        .await
        .unwrap();
    let blocked = app.get("/payments?page=2").await;
    assert_eq!(blocked.status(), 503);
    assert_eq!(blocked.content_type(), Some("application/json"));
    assert_eq!(blocked.header("cache-control"), Some("no-store"));
    assert_eq!(blocked.header("retry-after"), None);
    assert_eq!(
        blocked.json::<Value>(),
        json!({"error": {
            "code": "MAINTENANCE_MODE",
            "message": "This endpoint is temporarily unavailable",
            "reason": "DB migration",
            "path": "/payments",
        }})
    );
    assert_eq!(
        app.post("/payments", &()).await.status(),
        200,
        "only GET was closed"
    );

    waygate
        .system()
        .enable("GET:/payments", "done")
        .await
        .unwrap();
    assert_eq!(app.get("/payments").await.status(), 200);
}

#[tokio::test]
async fn head_follows_get() {
    let waygate = builder().build().await.unwrap();
    let app = app(&waygate, &["GET:/x"]).await;
    waygate.system().disable("GET:/x", "").await.unwrap();
    assert_eq!(app.request(Method::HEAD, "/x", "").await.status(), 503);
    assert_eq!(
        app.request(Method::DELETE, "/x", "").await.status(),
        405,
        "no route, no gate"
    );
}

#[tokio::test]
async fn environments_are_named_only_if_configured() {
    let gated = async |builder: WaygateBuilder| {
        let waygate = builder.build().await.unwrap();
        let app = app(&waygate, &["GET:/debug"]).await;
        let system = waygate.system();
        let gate = system.set_env_only("GET:/debug", &["dev", "staging"]);
        gate.await.unwrap();
        app
    };
    let (closed, open) = (
        gated(builder()).await,
        gated(builder().show_environments(true)).await,
    );
    for accept in ["application/json", "application/problem+json", "text/html"] {
        let (closed, open) = (
            closed.with_header("accept", accept).get("/debug").await,
            open.with_header("accept", accept).get("/debug").await,
        );
        assert_eq!(
            (closed.status(), open.status()),
            (403.try_into().unwrap(), 403.try_into().unwrap())
        );
        for name in ["production", "staging"] {
            assert!(!closed.text().contains(name), "{}", closed.text());
            assert_eq!(
                open.text().contains(name),
                accept != "text/html",
                "{}",
                open.text()
            );
        }
    }
}

#[tokio::test]
async fn gated_routes_name_their_environments() {
    let waygate = builder().show_environments(true).build().await.unwrap();
    let app = app(&waygate, &["GET:/debug"]).await;
    waygate
        .system()
        .set_env_only("GET:/debug", &["dev", "staging"])
        .await
        .unwrap();
    let blocked = app.get("/debug").await;
    assert_eq!(blocked.status(), 403);
    assert_eq!(
        blocked.json::<Value>(),
        json!({"error": {
            "code": "ENV_GATED",
            "message": "This endpoint is not available in the current environment",
            "current_env": "production",
            "allowed_envs": ["dev", "staging"],
            "path": "/debug",
        }})
    );
    waygate
        .system()
        .set_env_only("GET:/debug", &["production"])
        .await
        .unwrap();
    assert_eq!(app.get("/debug").await.status(), 200);
}

#[tokio::test]
async fn global_maintenance_closes_everything_but_exemptions() {
    let waygate = builder().build().await.unwrap();
    let force = RouteState::default().force_active(true);
    let app = app(&waygate, &["GET:/a", "GET:/b", "POST:/b", "GET:/health"]).await;
    waygate
        .register("GET:/health".parse().unwrap(), force)
        .await
        .unwrap();
    let config = |exempt: &[&str], include_force_active| {
        GlobalMaintenance::new("deploy".parse().unwrap())
            .exempt_paths(exempt.iter().map(|path| path.parse().unwrap()))
            .include_force_active(include_force_active)
    };
    let system = waygate.system();
    system
        .enable_global_maintenance(config(&["GET:/b", "/probe"], false))
        .await
        .unwrap();
    let status = async |path| app.get(path).await.status().as_u16();
    assert_eq!(status("/a").await, 503);
    assert_eq!(status("/b").await, 200, "exempt with its method");
    assert_eq!(app.post("/b", &()).await.status(), 503);
    assert_eq!(status("/health").await, 200, "force-active");
    assert_eq!(
        status("/nowhere").await,
        503,
        "unmatched URLs are closed as well"
    );
    assert_eq!(status("/probe").await, 404, "unmatched, but exempt");

    let preflight = app
        .with_header("origin", "https://example.com")
        .with_header("access-control-request-method", "GET");
    assert_eq!(
        preflight.request(Method::OPTIONS, "/a", "").await.status(),
        405,
        "not our 503"
    );

    system
        .enable_global_maintenance(config(&[], true))
        .await
        .unwrap();
    assert_eq!(status("/health").await, 503);
    system.disable_global_maintenance().await.unwrap();
    assert_eq!(status("/a").await, 200);
    assert_eq!(status("/nowhere").await, 404);
}

#[tokio::test]
async fn exemptions_can_be_for_one_method() {
    let waygate = builder().build().await.unwrap();
    let all = "/all".parse().unwrap();
    waygate.register(all, RouteState::default()).await.unwrap();
    let handler = || async { "in" };
    let router = Router::new()
        .route("/all", axum::routing::any(handler))
        .route("/free", get(handler).post(handler));
    let app = TestApp::new(waygate.guard(router).await.unwrap().into_router());
    let config = GlobalMaintenance::default().exempt_paths(vec![
        "GET:/all".parse().unwrap(),
        "GET:/free".parse().unwrap(),
    ]);
    let system = waygate.system();
    system.enable_global_maintenance(config).await.unwrap();
    for path in ["/all", "/free"] {
        for (method, status) in [
            (Method::GET, 200),
            (Method::HEAD, 200),
            (Method::POST, 503),
            (Method::OPTIONS, 503),
        ] {
            let answer = app.request(method.clone(), path, "").await;
            assert_eq!(answer.status(), status, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn deprecated_routes_are_announced() {
    let waygate = builder().build().await.unwrap();
    let app = app(&waygate, &["GET:/v1/users"]).await;
    let deprecation = Deprecation::new(
        Some(at("2025-01-01T00:00:00Z")),
        Some(at("2028-01-01T00:00:00Z")),
        Some("/v2/users".parse().unwrap()),
    );
    let system = waygate.system();
    system
        .deprecate("GET:/v1/users", Some(deprecation.unwrap()))
        .await
        .unwrap();
    let response = app.get("/v1/users").await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.header("deprecation"), Some("@1735689600"));
    assert_eq!(
        response.header("sunset"),
        Some("Sat, 01 Jan 2028 00:00:00 GMT")
    );
    assert_eq!(
        response.header("link"),
        Some("</v2/users>; rel=\"successor-version\"")
    );

    system
        .deprecate("GET:/v1/users", Some(Deprecation::default()))
        .await
        .unwrap();
    let response = app.get("/v1/users").await;
    assert_eq!(response.status(), 200);
    for header in ["deprecation", "sunset", "link"] {
        assert_eq!(
            response.header(header),
            None,
            "the deprecation has no details"
        );
    }
    let sunset = Deprecation::new(None, Some(at("2028-01-01T00:00:00Z")), None);
    system
        .deprecate("GET:/v1/users", Some(sunset.unwrap()))
        .await
        .unwrap();
    let response = app.get("/v1/users").await;
    assert_eq!(
        response.header("deprecation"),
        None,
        "RFC 9745 has no word for unknown"
    );
    assert!(response.header("sunset").is_some());
}

#[tokio::test]
async fn clients_negotiate_the_content_type() {
    let clock = clock();
    let waygate = builder().clock(clock.clone()).build().await.unwrap();
    let app = app(&waygate, &["GET:/x"]).await;
    let until = at("2030-01-01T00:10:00.5Z");
    waygate
        .system()
        .disable_until("GET:/x", until, "<script>1 & 2")
        .await
        .unwrap();

    let problem = app
        .with_header("accept", "application/problem+json")
        .get("/x")
        .await;
    assert_eq!(problem.status(), 503);
    assert_eq!(problem.content_type(), Some("application/problem+json"));
    assert_eq!(problem.header("retry-after"), Some("601"), "rounded up");
    assert_eq!(
        problem.json::<Value>(),
        json!({
            "type": "urn:waygate:problem:route-disabled",
            "title": "This endpoint has been disabled",
            "status": 503,
            "detail": "<script>1 & 2",
            "instance": "/x",
            "code": "ROUTE_DISABLED",
            "reason": "<script>1 & 2",
            "retry_after": "2030-01-01T00:10:00.500000+00:00",
        })
    );
    let page = app
        .with_header("accept", "text/html,*/*;q=0.8")
        .get("/x")
        .await;
    assert_eq!(page.content_type(), Some("text/html; charset=utf-8"));
    assert!(
        page.text().contains("&lt;script&gt;1 &amp; 2"),
        "{}",
        page.text()
    );
    assert_eq!(page.header("vary"), Some("accept"));
}

fn sync_answer(blocked: &Blocked) -> String {
    format!("sync {}", blocked.request().uri.path())
}

async fn async_answer(blocked: &Blocked) -> String {
    tokio::task::yield_now().await;
    format!("async {}", blocked.reason().code())
}

fn panicking(_: &Blocked) -> String {
    panic!("a bug in a custom response")
}

#[tokio::test]
async fn custom_responses_replace_the_built_in_ones() {
    let waygate = builder().build().await.unwrap();
    waygate
        .register("GET:/x".parse().unwrap(), RouteState::default())
        .await
        .unwrap();
    let router = Router::new().route("/x", get(|| async { "" }));
    let responses = Responses::new()
        .maintenance(sync_answer)
        .disabled(async_answer)
        .env_gated(panicking);
    let guarded = waygate.guard(router).await.unwrap().responses(responses);
    let app = TestApp::new(guarded.into_router());
    let system = waygate.system();
    system.set_maintenance("/x", "").await.unwrap();
    let answer = app.get("/x").await;
    assert_eq!(
        (answer.status().as_u16(), answer.text()),
        (503, "sync /x".to_owned())
    );
    system.disable("/x", "").await.unwrap();
    assert_eq!(app.get("/x").await.text(), "async ROUTE_DISABLED");
    system.set_env_only("/x", &["dev"]).await.unwrap();
    assert_eq!(
        app.get("/x").await.status(),
        403,
        "the built-in response replaces a panic"
    );
}

#[tokio::test]
async fn access_lists_refuse_other_networks_and_roles() {
    let proxies = TrustedProxies::networks(["10.0.0.0/8".parse().unwrap()]);
    let waygate = builder().trusted_proxies(proxies).build().await.unwrap();
    waygate
        .register("GET:/x".parse().unwrap(), RouteState::default())
        .await
        .unwrap();
    let router = Router::new().route("/x", get(|| async { "in" }));
    let authenticate = async |mut request: Request, next: middleware::Next| {
        if let Some(role) = request.headers().get("role") {
            let roles = Roles::new([role.to_str().unwrap()]);
            request.extensions_mut().insert(roles);
        }
        next.run(request).await
    };
    let guarded = waygate.guard(router).await.unwrap().into_router();
    let app = TestApp::new(guarded.layer(middleware::from_fn(authenticate)));
    let access = Access::new(
        vec!["203.0.113.0/24".parse().unwrap()],
        vec!["ops".parse().unwrap()],
    );
    waygate.system().set_access("/x", access).await.unwrap();
    let from = |peer: &str| app.from_peer(peer.parse::<SocketAddr>().unwrap());
    let code = |response: waygate::testing::TestResponse| {
        response.json::<Value>()["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(
        code(app.get("/x").await),
        "IP_NOT_ALLOWED",
        "an unknown peer is in no list"
    );
    assert_eq!(
        code(from("198.51.100.1:1").get("/x").await),
        "IP_NOT_ALLOWED"
    );
    let forged = from("198.51.100.1:1").with_header("x-forwarded-for", "203.0.113.9");
    assert_eq!(
        code(forged.get("/x").await),
        "IP_NOT_ALLOWED",
        "headers of untrusted peers are ignored"
    );
    let friend = from("203.0.113.9:1");
    assert_eq!(code(friend.get("/x").await), "ROLE_REQUIRED");
    assert_eq!(
        friend.with_header("role", "ops").get("/x").await.text(),
        "in"
    );
    let proxied = from("10.0.0.1:1").with_header("x-forwarded-for", "1.1.1.1, 203.0.113.9");
    assert_eq!(
        proxied.with_header("role", "ops").get("/x").await.text(),
        "in"
    );
    let other_header = from("10.0.0.1:1")
        .with_header("x-forwarded-for", "198.51.100.1")
        .with_header("forwarded", "for=203.0.113.9");
    assert_eq!(
        code(other_header.get("/x").await),
        "IP_NOT_ALLOWED",
        "the proxies do not write this header, so the client did"
    );
}

#[tokio::test]
async fn the_extractor_guards_routes_without_the_layer() {
    async fn handler(_: RouteGuard, address: ClientAddr) -> String {
        format!("{:?}", *address)
    }
    let waygate = builder().build().await.unwrap();
    waygate
        .register("GET:/items/{id}".parse().unwrap(), RouteState::default())
        .await
        .unwrap();
    let router = Router::new()
        .route("/items/{id}", get(handler))
        .with_state(waygate.clone());
    let app = TestApp::new(router).from_peer("[::ffff:192.0.2.1]:9".parse::<SocketAddr>().unwrap());
    assert_eq!(app.get("/items/1").await.text(), "Some(192.0.2.1)");
    waygate
        .system()
        .disable("/items/{id}", "off")
        .await
        .unwrap();
    assert_eq!(app.get("/items/1").await.status(), 503);
}

#[tokio::test]
async fn bypass_opens_routes_for_one_task_only() {
    let waygate = builder().build().await.unwrap();
    let app = app(&waygate, &["GET:/x"]).await;
    waygate.system().disable("/x", "").await.unwrap();
    let open = bypass(async {
        let elsewhere = app.clone();
        let beside = tokio::spawn(async move { elsewhere.get("/x").await.status() });
        (app.get("/x").await.status(), beside.await.unwrap())
    });
    assert_eq!(
        open.await,
        (http::StatusCode::OK, http::StatusCode::SERVICE_UNAVAILABLE)
    );
    assert_eq!(app.get("/x").await.status(), 503);

    let always = builder().bypass_lifecycle(true).build().await.unwrap();
    let app = crate::support::app(&always, &["GET:/x"]).await;
    always.system().disable("/x", "").await.unwrap();
    assert_eq!(app.get("/x").await.status(), 200);
}

#[tokio::test]
async fn a_service_shared_by_two_paths_is_gated_at_both() {
    let waygate = builder().build().await.unwrap();
    for key in ["GET:/a/item", "GET:/b/item"] {
        waygate
            .register(key.parse().unwrap(), RouteState::default())
            .await
            .unwrap();
    }
    let inner = Router::new().route("/item", get(|| async { "item" }));
    let guarded = waygate.guard(inner).await.unwrap().into_router();
    let app = TestApp::new(
        Router::new()
            .nest("/a", guarded.clone())
            .nest("/b", guarded),
    );
    waygate.system().disable("GET:/b/item", "").await.unwrap();
    for _ in 0..3 {
        assert_eq!(app.get("/a/item").await.status(), 200);
        assert_eq!(app.get("/b/item").await.status(), 503);
    }
}

#[tokio::test]
async fn routes_registered_later_are_enforced_on_cached_endpoints() {
    let waygate = builder().build().await.unwrap();
    let router = Router::new().route("/late", get(|| async { "" }));
    let app = TestApp::new(waygate.guard(router).await.unwrap().into_router());
    assert_eq!(app.get("/late").await.status(), 200);
    let mut closed = RouteState::default();
    closed.position.lifecycle = waygate::model::Lifecycle::Maintenance;
    waygate
        .register("GET:/late".parse().unwrap(), closed)
        .await
        .unwrap();
    assert_eq!(app.get("/late").await.status(), 503);
}

#[tokio::test]
async fn a_guarded_router_may_be_nested() {
    let waygate = builder().build().await.unwrap();
    let open = RouteState::default;
    waygate
        .register("GET:/items/{id}".parse().unwrap(), open())
        .await
        .unwrap();
    waygate
        .register("GET:/".parse().unwrap(), open())
        .await
        .unwrap();
    let answer = || async { "" };
    let router = Router::new()
        .route("/items/{id}", get(answer))
        .route("/", get(answer));
    let guarded = waygate.guard(router).await.unwrap().into_router();
    let app = TestApp::new(Router::new().nest("/shop/api", guarded));
    assert_eq!(app.get("/shop/api/items/1").await.status(), 200);
    waygate
        .system()
        .disable("GET:/items/{id}", "")
        .await
        .unwrap();
    waygate.system().disable("GET:/", "").await.unwrap();
    let closed = app.get("/shop/api/items/1").await;
    assert_eq!(closed.status(), 503);
    assert_eq!(closed.json::<Value>()["error"]["path"], "/shop/api/items/1");
    assert_eq!(app.get("/shop/api").await.status(), 503);
}

#[tokio::test]
async fn a_more_specific_route_registered_later_takes_over() {
    let waygate = builder().build().await.unwrap();
    waygate
        .register("/x".parse().unwrap(), RouteState::default())
        .await
        .unwrap();
    let router = Router::new().route("/x", get(|| async { "" }));
    let app = TestApp::new(waygate.guard(router).await.unwrap().into_router());
    assert_eq!(app.get("/x").await.status(), 200);
    let mut closed = RouteState::default();
    closed.position.lifecycle = waygate::model::Lifecycle::Maintenance;
    waygate
        .register("GET:/x".parse().unwrap(), closed)
        .await
        .unwrap();
    for _ in 0..2 {
        assert_eq!(app.get("/x").await.status(), 503);
    }
}

#[tokio::test]
async fn unregistered_templates_can_be_exempt() {
    let waygate = builder().build().await.unwrap();
    let router = Router::new().route("/users/{id}", get(|| async { "" }));
    let app = TestApp::new(waygate.guard(router).await.unwrap().into_router());
    let config = GlobalMaintenance::default().exempt_paths(vec!["/users/{id}".parse().unwrap()]);
    waygate
        .system()
        .enable_global_maintenance(config)
        .await
        .unwrap();
    assert_eq!(app.get("/users/7").await.status(), 200);
    assert_eq!(app.get("/elsewhere").await.status(), 503);
}

#[tokio::test]
async fn a_custom_response_never_turns_a_refusal_into_a_success() {
    fn sorry(_: &Blocked) -> &'static str {
        "sorry"
    }
    async fn sorry_later(_: &Blocked) -> String {
        "sorry".to_owned()
    }
    let responses = || {
        let responses = Responses::new().maintenance(sorry).disabled(sorry_later);
        responses
            .rate_limited(|_: &Blocked| http::StatusCode::NO_CONTENT)
            .env_gated(|_: &Blocked| axum::response::Redirect::temporary("/elsewhere"))
    };
    let keys = ["GET:/a", "GET:/b", "GET:/c", "GET:/d"];
    let behind_layer = builder().build().await.unwrap();
    let routes = ["/a", "/b", "/c", "/d"];
    let router = routes.iter().fold(Router::new(), |router, path| {
        router.route(path, get(|| async { "served" }))
    });
    let guarded = behind_layer.guard(router).await.unwrap();
    let guarded = guarded.responses(responses()).into_router();
    let with_guard = builder().build().await.unwrap();
    let router = routes.iter().fold(Router::new(), |router, path| {
        router.route(path, get(|_: waygate::RouteGuard| async { "served" }))
    });
    let of_route = keys.map(|key| {
        let registration = waygate::model::Registration::new(key.parse().unwrap());
        registration.responses(responses())
    });
    with_guard.register_all(of_route).await.unwrap();
    let router = router.with_state(with_guard.clone());
    for (waygate, router) in [(behind_layer, guarded), (with_guard, router)] {
        let system = waygate.system();
        system.set_maintenance("GET:/a", "").await.unwrap();
        system.disable("GET:/b", "").await.unwrap();
        let limit = serde_json::json!({"limit": "1/hour", "key_strategy": "global"});
        let limit = serde_json::from_value(limit).unwrap();
        let key = "GET:/c#default".parse().unwrap();
        system.set_rate_limit(key, limit).await.unwrap();
        system.set_env_only("GET:/d", &["dev"]).await.unwrap();
        let app = TestApp::new(router);
        assert_eq!(app.get("/a").await.status(), 503);
        assert_eq!(app.get("/a").await.text(), "sorry");
        assert_eq!(app.get("/b").await.status(), 503);
        assert_eq!(app.get("/c").await.status(), 200);
        assert_eq!(app.get("/c").await.status(), 429);
        assert_eq!(
            app.get("/d").await.status(),
            307,
            "other statuses are unchanged"
        );
    }
}
