//! Declarations of each attribute.

use axum::response::IntoResponse;
use waygate::{
    __private::Gate, Blocked, allowed_ips, allowed_roles, disabled, env_only, force_active,
    limits::Key, maintenance, response::RequestParts,
};

use crate::{declaration, declarations};

const HERE: &str = module_path!();

fn gate(name: &str) -> Gate {
    declaration(&format!("{HERE}::{name}")).gate
}

#[maintenance(
    reason = "migration",
    start = "2030-01-01T02:00:00Z",
    end = "2030-01-01T06:00:00+02:00",
    route = "GET /window"
)]
async fn window() {}

#[maintenance(route = "GET /bare")]
async fn bare() {}

#[test]
fn maintenance_with_and_without_a_window() {
    let start = 1_893_463_200;
    let (reason, window) = ("migration", Some((start, start + 2 * 3600)));
    assert_eq!(gate("window"), Gate::Maintenance { reason, window });
    assert_eq!(
        gate("bare"),
        Gate::Maintenance {
            reason: "",
            window: None
        }
    );
}

#[disabled(reason = "gone", route = "DELETE /off/{id}")]
async fn off() {}

#[env_only("dev", "staging", route = "GET /envs")]
async fn envs() {}

#[allowed_ips("10.0.0.0/8", "::1", route = "GET /ips")]
async fn ips() {}

#[allowed_roles("admin", "billing:ops", route = "GET /roles")]
async fn roles() {}

#[force_active(route = "GET /health")]
async fn health() {}

#[test]
fn lists_and_words() {
    assert_eq!(gate("off"), Gate::Disabled { reason: "gone" });
    assert_eq!(
        gate("envs"),
        Gate::EnvOnly {
            envs: &["dev", "staging"]
        }
    );
    assert_eq!(
        gate("ips"),
        Gate::AllowedIps {
            networks: &["10.0.0.0/8", "::1"]
        }
    );
    assert_eq!(
        gate("roles"),
        Gate::AllowedRoles {
            roles: &["admin", "billing:ops"]
        }
    );
    assert_eq!(gate("health"), Gate::ForceActive);
    assert_eq!(
        declaration(&format!("{HERE}::off")).routes,
        ["DELETE /off/{id}"]
    );
}

#[waygate::deprecated(
    since = "2026-01-01T00:00:00Z",
    sunset = "Sat, 01 Jan 2028 00:00:00 GMT",
    use_instead = "/v2/old",
    route = "GET /old"
)]
async fn old() {}

#[waygate::sunset(sunset = "2028-01-01T00:00:00Z", route = "GET /older")]
async fn older() {}

#[test]
fn deprecation_under_both_names() {
    let sunset = Some(1_830_297_600);
    let (since, use_instead) = (Some(1_767_225_600), Some("/v2/old"));
    assert_eq!(
        gate("old"),
        Gate::Deprecated {
            since,
            sunset,
            use_instead
        }
    );
    assert_eq!(
        gate("older"),
        Gate::Deprecated {
            since: None,
            sunset,
            use_instead: None
        }
    );
}

fn sold_out(_: &Blocked) -> &'static str {
    "sold out"
}

async fn later(blocked: &Blocked) -> impl IntoResponse + use<> {
    tokio::task::yield_now().await;
    blocked.status()
}

#[disabled(response = sold_out, route = "GET /answered/sync")]
async fn answered_by_sync() {}

#[env_only("dev", response = self::later, route = "GET /answered/async")]
async fn answered_by_async() {}

#[test]
fn responses_are_sync_or_async() {
    for name in ["answered_by_sync", "answered_by_async"] {
        let declared = declaration(&format!("{HERE}::{name}"));
        let responder = declared.response.map(|make| make());
        assert!(responder.is_some(), "{name} should carry its response");
    }
    assert!(declaration(&format!("{HERE}::off")).response.is_none());
}

#[maintenance(reason = "three of ours", route = "GET /stacked")]
#[env_only("dev")]
#[allowed_ips("10.0.0.0/8", route = "GET /stacked")]
async fn stacked() {}
const STACKED_LINE: u32 = line!() - 1;

#[test]
fn stacked_attributes_share_route_file_and_line() {
    let found = declarations(&format!("{HERE}::stacked"));
    let gates: Vec<_> = found
        .iter()
        .map(|declaration| declaration.gate.attribute())
        .collect();
    assert_eq!(gates, ["allowed_ips", "env_only", "maintenance"]);
    for declaration in found {
        assert_eq!(declaration.routes, ["GET /stacked"]);
        assert_eq!(
            (declaration.file, declaration.line),
            (file!(), STACKED_LINE)
        );
    }
}

mod same_name {
    pub(super) struct Users;
    pub(super) struct Orders;

    impl Users {
        #[waygate::disabled(route = "GET /users")]
        pub(super) async fn list() {}
    }

    impl Orders {
        #[waygate::env_only("dev", route = "GET /orders")]
        pub(super) async fn list(&self) {}
    }
}

#[tokio::test]
async fn functions_with_the_same_name_in_two_impls_differ_in_their_line() {
    let found = declarations(&format!("{HERE}::same_name::list"));
    let mut routes: Vec<_> = found.iter().map(|d| (d.line, d.routes)).collect();
    routes.sort();
    let [(first, users), (second, orders)] = routes[..] else {
        panic!("expected two declarations, found {found:?}");
    };
    assert!(first < second);
    assert_eq!((users, orders), (&["GET /users"][..], &["GET /orders"][..]));
    same_name::Users::list().await;
    same_name::Orders.list().await;
}

fn tenant(_: &RequestParts) -> Option<Key> {
    Some(Key::from(1))
}

/// `debug_handler` emits the item twice, and its body three times.
#[axum::debug_handler]
#[waygate::rate_limit("5/minute", key = tenant, route = "GET /debugged")]
#[env_only("dev", response = local)]
async fn debugged() -> &'static str {
    fn local(_: &Blocked) -> &'static str {
        "local"
    }
    #[maintenance(route = "GET /inner", response = local)]
    async fn inner() {}
    let _ = inner;
    "debugged"
}

#[test]
fn a_repeated_function_counts_once() {
    assert_eq!(declarations(&format!("{HERE}::debugged")).len(), 2);
    assert_eq!(declarations(&format!("{HERE}::inner")).len(), 1);
}

macro_rules! in_bodies {
    ($($outer:ident: $reason:literal;)*) => { $(
        fn $outer() {
            #[disabled(reason = $reason, route = "GET /in/bodies")]
            #[allowed_ips("::1")]
            async fn in_bodies() {}
            let _ = in_bodies;
        }
    )* };
}
in_bodies! { one: "one"; two: "two"; }

#[test]
fn functions_of_one_macro_invocation_differ_in_their_stamp() {
    let found = declarations(&format!("{HERE}::in_bodies"));
    let gates = found.iter().map(|found| found.gate.attribute());
    let gates: Vec<_> = gates.collect();
    assert_eq!(
        gates,
        ["allowed_ips", "disabled", "allowed_ips", "disabled"]
    );
    assert_eq!(found[0].stamp, found[1].stamp);
    assert_eq!(found[2].stamp, found[3].stamp);
    assert_ne!(found[0].stamp, found[2].stamp);
    let line = |found: &waygate::__private::Declaration| (found.file, found.line);
    assert_eq!(line(found[0]), line(found[2]));
    one();
    two();
}
