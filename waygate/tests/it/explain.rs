//! Why one request was refused by the state of its route.

use std::net::SocketAddr;

use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
    response::Response,
    routing::get,
};
use serde_json::json;
use waygate::{
    Operator, RouteGuard, Waygate,
    client::Roles,
    limits::DecisionCause,
    model::{Access, GlobalMaintenance, Registration},
    testing::TestApp,
};

use crate::{log::Log, support::builder};

const ROUTE: &str = "GET:/payments";

/// What closes the route, and what is then explained of a request.
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

/// Callers name their role in a header.
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
            assert_eq!(waygate.explain("open"), None, "nothing was asked of it");
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
async fn what_no_route_has_is_explained_during_maintenance_of_everything() {
    let (waygate, app) = enforcing(true).await;
    close(&waygate.system(), DecisionCause::GlobalMaintenance).await;
    let answer = app.with_header("x-request-id", "r").get("/nowhere").await;
    assert_eq!(answer.status(), 503);
    let explained = waygate.explain("r").unwrap();
    assert_eq!(explained.route.as_str(), "/{*rest}");
    assert_eq!(explained.cause, Some(DecisionCause::GlobalMaintenance));
}

#[tokio::test]
async fn what_exempts_a_request_is_explained() {
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
async fn a_role_without_a_caller_is_logged_once_and_reported() {
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
