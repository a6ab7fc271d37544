//! Why one request was refused by the state of its route.

use std::net::SocketAddr;

use axum::{Router, routing::get};
use serde_json::json;
use waygate::{
    Access, DecisionCause, GlobalMaintenance, Operator, Registration, RouteGuard, Waygate,
    testing::TestApp,
};

use crate::support::{app, builder};

const ROUTE: &str = "GET:/payments";

/// What closes the route, and what is then explained of a request.
async fn close(system: &Operator, cause: DecisionCause) -> &'static str {
    let access = |ips: &[&str], roles: &[&str]| Access {
        ips: ips.iter().map(|ip| ip.parse().unwrap()).collect(),
        roles: roles.iter().map(|role| role.parse().unwrap()).collect(),
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
            "the caller has none of the roles: staff, billing:admin"
        }
        cause => {
            let config = GlobalMaintenance {
                enabled: true,
                reason: "deploy".parse().unwrap(),
                ..GlobalMaintenance::default()
            };
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

/// An application that enforces with the layer, or with the extractor.
async fn enforcing(layer: bool) -> (Waygate, TestApp) {
    let waygate = builder().service("shop").build().await.unwrap();
    let app = match layer {
        true => app(&waygate, &[ROUTE]).await,
        false => {
            let registration = Registration::new(ROUTE.parse().unwrap());
            waygate.register_all([registration]).await.unwrap();
            let router = Router::new().route("/payments", get(async |_: RouteGuard| "paid"));
            TestApp::new(router.with_state(waygate.clone()))
        }
    };
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
