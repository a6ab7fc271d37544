//! Explanations of requests that the state of a route refused.

use std::{borrow::Cow, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
    response::Response,
    routing::get,
};
use serde_json::json;
use waygate::{
    Operator, Principal, RouteGuard, Waygate,
    client::Roles,
    limits::DecisionCause,
    model::{Access, GlobalMaintenance, Registration},
    testing::TestApp,
};

use crate::{log::Log, support::builder};

const ROUTE: &str = "GET:/payments";

/// Closes the route, and returns the explanation to expect.
async fn close(system: &Operator, cause: DecisionCause) -> &'static str {
    let access = |ips: &[&str], roles: &[&str]| {
        Access::new(
            ips.iter().map(|ip| ip.parse().unwrap()),
            roles.iter().map(|role| role.parse().unwrap()),
        )
    };
    match cause {
        DecisionCause::Maintenance => {
            system.set_maintenance(ROUTE, "migration").await.unwrap();
            "migration"
        }
        DecisionCause::Disabled => {
            system.disable(ROUTE, "incident 7").await.unwrap();
            "incident 7"
        }
        DecisionCause::EnvGated => {
            system
                .set_env_only(ROUTE, &["dev", "staging"])
                .await
                .unwrap();
            "this environment is production, and the route is served in: dev, staging"
        }
        DecisionCause::IpNotAllowed => {
            let office = access(&["10.0.0.0/8"], &[]);
            system.set_access(ROUTE, office).await.unwrap();
            "the client's address 192.0.2.7 is in none of the allowed networks"
        }
        DecisionCause::RoleRequired => {
            let staff = access(&[], &["staff", "billing:admin"]);
            system.set_access(ROUTE, staff).await.unwrap();
            "no caller is known; the route asks for one of the roles: staff, billing:admin"
        }
        cause => {
            let mut config = GlobalMaintenance::new("deploy".parse().unwrap());
            config.enabled = true;
            match cause {
                DecisionCause::ServiceMaintenance => {
                    let shop = system.enable_service_maintenance("shop", config);
                    shop.await.unwrap();
                }
                _ => drop(system.enable_global_maintenance(config).await.unwrap()),
            }
            "deploy"
        }
    }
}

/// Reads the caller's role from a header.
async fn authenticate(mut request: Request, next: Next) -> Response {
    if let Some(role) = request.headers().get("role").cloned() {
        let roles = Roles::new([role.to_str().unwrap()]);
        request.extensions_mut().insert(roles);
    }
    next.run(request).await
}

/// An application that enforces with the layer, or with the extractor.
async fn enforcing(layer: bool) -> (Waygate, TestApp) {
    let waygate = builder().service("shop").build().await.unwrap();
    let registration = Registration::new(ROUTE.parse().unwrap());
    waygate.register_all([registration]).await.unwrap();
    let router = match layer {
        true => {
            let router = Router::new().route("/payments", get(async || "paid"));
            waygate.guard(router).await.unwrap().into_router()
        }
        false => {
            let router = Router::new().route("/payments", get(async |_: RouteGuard| "paid"));
            router.with_state(waygate.clone())
        }
    };
    let app = TestApp::new(router.layer(from_fn(authenticate)));
    (
        waygate,
        app.from_peer(SocketAddr::from(([192, 0, 2, 7], 1))),
    )
}

#[tokio::test]
async fn every_gate_is_explained() {
    for layer in [true, false] {
        for (cause, word) in [
            (DecisionCause::Maintenance, "maintenance"),
            (DecisionCause::Disabled, "disabled"),
            (DecisionCause::EnvGated, "env_gated"),
            (DecisionCause::IpNotAllowed, "ip_not_allowed"),
            (DecisionCause::RoleRequired, "role_required"),
            (DecisionCause::GlobalMaintenance, "global_maintenance"),
            (DecisionCause::ServiceMaintenance, "service_maintenance"),
        ] {
            let (waygate, app) = enforcing(layer).await;
            let open = app.with_header("x-request-id", "open");
            assert_eq!(open.get("/payments").await.status(), 200);
            assert_eq!(waygate.explain("open"), None, "no request has been made");
            let reason = close(&waygate.system(), cause).await;
            let refused = app.with_header("x-request-id", "r").get("/payments").await;
            assert!(refused.status().as_u16() >= 403);
            let explained = waygate.explain("r").expect(word);
            assert!(!explained.passed && explained.steps.is_empty());
            assert_eq!(explained.route.as_str(), ROUTE);
            assert_eq!(explained.method, "GET");
            assert_eq!((explained.cause, explained.refused_by), (Some(cause), None));
            assert_eq!(explained.reason.as_deref(), Some(reason), "{word}");
            assert_eq!(json!(cause), word);
            assert!(
                app.get("/payments").await.status().as_u16() >= 403,
                "without an id"
            );
        }
    }
}

#[tokio::test]
async fn unknown_urls_are_explained_during_global_maintenance() {
    let (waygate, app) = enforcing(true).await;
    close(&waygate.system(), DecisionCause::GlobalMaintenance).await;
    let answer = app.with_header("x-request-id", "r").get("/nowhere").await;
    assert_eq!(answer.status(), 503);
    let explained = waygate.explain("r").unwrap();
    assert_eq!(explained.route.as_str(), "/{*rest}");
    assert_eq!(explained.cause, Some(DecisionCause::GlobalMaintenance));
}

#[tokio::test]
async fn exemptions_are_explained() {
    for layer in [true, false] {
        for is_counted in [true, false] {
            let (waygate, app) = enforcing(layer).await;
            let system = waygate.system();
            if is_counted {
                let policy = serde_json::from_value(json!({ "limit": "99/hour" })).unwrap();
                let limit = format!("{ROUTE}#default").parse().unwrap();
                system.set_rate_limit(limit, policy).await.unwrap();
            }
            let config = GlobalMaintenance::default()
                .exempt_ips(vec!["192.0.2.0/24".parse().unwrap()])
                .exempt_roles(vec!["ops".parse().unwrap()]);
            system.enable_global_maintenance(config).await.unwrap();
            let stranger = app.from_peer(SocketAddr::from(([198, 51, 100, 1], 1)));
            for (app, reason) in [
                (&app, "global maintenance exempts the network 192.0.2.0/24"),
                (
                    &stranger.with_header("role", "ops"),
                    "global maintenance exempts the role ops",
                ),
            ] {
                let served = app.with_header("x-request-id", "r").get("/payments").await;
                assert_eq!(served.status(), 200);
                let explained = waygate.explain("r").unwrap();
                assert!(explained.passed);
                assert_eq!(explained.cause, Some(DecisionCause::Exempt));
                assert_eq!(explained.reason.as_deref(), Some(reason));
                assert_eq!(explained.steps.is_empty(), !is_counted);
            }
        }
    }
    assert_eq!(json!(DecisionCause::Exempt), "exempt");
}

#[tokio::test]
async fn roles_without_a_caller_are_logged_once_and_reported() {
    let text = "carries neither `Roles` nor a caller";
    for layer in [true, false] {
        for (cause, by) in [
            (DecisionCause::RoleRequired, ROUTE),
            (DecisionCause::GlobalMaintenance, "global maintenance"),
            (
                DecisionCause::ServiceMaintenance,
                "maintenance of the service",
            ),
        ] {
            let (log, _guard) = Log::of_this_thread();
            let logged = || {
                let lines = log.lines().into_iter();
                lines
                    .filter(|line| line.contains(text) && line.contains(by))
                    .count()
            };
            let (waygate, app) = enforcing(layer).await;
            let system = waygate.system();
            let report = || waygate.report().to_string();
            assert!(!report().contains("roles are asked for"));
            let config = GlobalMaintenance::default().exempt_roles(vec!["staff".parse().unwrap()]);
            match cause {
                DecisionCause::GlobalMaintenance => {
                    drop(system.enable_global_maintenance(config).await.unwrap());
                }
                DecisionCause::ServiceMaintenance => {
                    drop(
                        system
                            .enable_service_maintenance("shop", config)
                            .await
                            .unwrap(),
                    );
                }
                cause => drop(close(&system, cause).await),
            }
            let report = report();
            assert!(report.contains("note: roles are required by "), "{report}");
            let known = app
                .with_header("role", "sales")
                .with_header("x-request-id", "r");
            assert!(known.get("/payments").await.status().as_u16() >= 403);
            assert_eq!(logged(), 0, "the caller is known");
            if cause == DecisionCause::RoleRequired {
                assert_eq!(
                    waygate.explain("r").unwrap().reason.as_deref(),
                    Some("the caller has none of the roles: staff, billing:admin")
                );
            }
            for _ in 0..3 {
                assert!(app.get("/payments").await.status().as_u16() >= 403);
            }
            assert_eq!(logged(), 1, "{by}");
        }
    }
}

/// A caller of a type that the builder does not name, such as an `Arc`, is none: the log and the explanation name the
/// expected type.
#[tokio::test]
async fn a_caller_of_another_type_is_explained() {
    #[derive(Debug, Clone)]
    struct Account;
    impl Principal for Account {
        fn user_id(&self) -> Option<Cow<'_, str>> {
            Some("7".into())
        }
    }
    let expected = std::any::type_name::<Account>();
    let (log, _guard) = Log::of_this_thread();
    let waygate = waygate::Waygate::builder().principal::<Account>();
    let waygate = waygate.allow_unmounted("").build().await.unwrap();
    let payments = get(|| async { "paid" });
    let routes = ["/payments", "/users", "/tiers", "/places", "/ours"];
    let api = routes
        .into_iter()
        .fold(Router::new(), |api, path| api.route(path, payments.clone()));
    let guarded = waygate.guard(api).await.unwrap();
    let insert = |mut request: Request, next: Next| {
        request.extensions_mut().insert(Arc::new(Account));
        next.run(request)
    };
    let app = TestApp::new(guarded.layer(from_fn(insert))).with_header("x-request-id", "r");
    let system = waygate.system();
    close(&system, DecisionCause::RoleRequired).await;
    for (path, policy) in [
        (
            "/users",
            json!({ "limit": "9/hour", "key_strategy": "user" }),
        ),
        (
            "/tiers",
            json!({
                "limit": "9/hour", "key_strategy": "ip", "tiers": [{ "name": "pro", "limit": "99/hour" }],
            }),
        ),
    ] {
        let key = format!("GET:{path}#default").parse().unwrap();
        let policy = serde_json::from_value(policy).unwrap();
        system.set_rate_limit(key, policy).await.unwrap();
    }
    let key = "GET:/places#default".parse().unwrap();
    let policy = json!({ "limit": 9, "key_strategy": "user" });
    let policy = serde_json::from_value(policy).unwrap();
    system.set_concurrency_limit(key, policy).await.unwrap();

    assert_eq!(app.get("/payments").await.status(), 403);
    assert_eq!(
        waygate.explain("r").unwrap().reason.unwrap(),
        format!(
            "no caller is known (no extension of the type `{expected}`); the route asks for one of the roles: staff, \
             billing:admin"
        )
    );
    for path in &routes[1..] {
        app.get(path).await;
    }
    let lines = log.lines();
    for of in [
        ROUTE,
        "GET:/users#default",
        "GET:/tiers#default",
        "GET:/places#default",
    ] {
        let named = |line: &&String| line.contains(of) && line.contains(&format!("`{expected}`"));
        assert_eq!(lines.iter().filter(named).count(), 1, "{of}: {lines:#?}");
    }
}
