//! Declarations of the repeatable attributes.

use std::future::Future;

use waygate::{
    __private::{ConcurrencyLimit, Declaration, Gate, RateLimit},
    Blocked, concurrency_limit, env_only,
    limits::Key,
    rate_limit,
    response::RequestParts,
};

use crate::{declaration, declarations};

const HERE: &str = module_path!();

fn rate(declaration: &Declaration) -> &'static RateLimit {
    match declaration.gate {
        Gate::RateLimit(declared) => declared,
        ref other => panic!("expected a rate limit, found {other:?}"),
    }
}

fn concurrency(declaration: &Declaration) -> &'static ConcurrencyLimit {
    match declaration.gate {
        Gate::ConcurrencyLimit(declared) => declared,
        ref other => panic!("expected a concurrency limit, found {other:?}"),
    }
}

fn by_tenant(request: &RequestParts) -> Option<Key> {
    Some(request.headers.get("x-tenant")?.as_bytes().into())
}

/// An async function without the keyword.
fn by_account(request: &RequestParts) -> impl Future<Output = Option<Key>> + Send + use<> {
    let key = by_tenant(request);
    async move { key }
}

fn rows(_: &RequestParts) -> u32 {
    10
}

fn busy(_: &Blocked) -> &'static str {
    "busy"
}

#[rate_limit(
    "100/minute",
    algorithm = "token_bucket",
    key = ["user", "path:tenant"],
    on_missing_key = "block",
    burst = 20,
    cost = 2,
    tiers = { free = "10/minute", "pay-as-you-go" = "unlimited" },
    tier = "contract",
    exempt_ips = ["10.0.0.0/8", "::1"],
    exempt_roles = ["admin"],
    shadow = true,
    rollout = "12.5",
    on_store_failure = "closed",
    lease = true,
    time_zone = "Europe/Berlin",
    name = "per-minute",
    response = busy,
    route = "GET /full/{tenant}"
)]
async fn full() {}

#[rate_limit("5/s", route = "GET /bare")]
async fn bare() {}

const BARE: RateLimit = RateLimit {
    name: None,
    ordinal: 0,
    limit: "5/s",
    algorithm: None,
    key: None,
    on_missing_key: None,
    burst: 0,
    cost: 0,
    tiers: &[],
    tier: None,
    exempt_ips: &[],
    exempt_roles: &[],
    shadow: false,
    rollout: None,
    on_store_failure: None,
    lease: false,
    time_zone: None,
};

#[test]
fn a_rate_limit_declares_exactly_its_arguments() {
    let declared = declaration(&format!("{HERE}::full"));
    let expected = RateLimit {
        name: Some("per-minute"),
        ordinal: 0,
        limit: "100/minute",
        algorithm: Some("token_bucket"),
        key: Some("user, path:tenant"),
        on_missing_key: Some("block"),
        burst: 20,
        cost: 2,
        tiers: &[("free", "10/minute"), ("pay-as-you-go", "unlimited")],
        tier: Some("contract"),
        exempt_ips: &["10.0.0.0/8", "::1"],
        exempt_roles: &["admin"],
        shadow: true,
        rollout: Some("12.5"),
        on_store_failure: Some("closed"),
        lease: true,
        time_zone: Some("Europe/Berlin"),
    };
    assert_eq!(*rate(declared), expected);
    assert!(declared.response.is_some());
    assert!(declared.key.is_none() && declared.cost.is_none());

    let declared = declaration(&format!("{HERE}::bare"));
    assert_eq!(*rate(declared), BARE);
    assert!(declared.response.is_none());
}

#[rate_limit("1/s", key = by_tenant, cost = rows, route = "GET /functions")]
#[rate_limit("2/s", key = by_account)]
#[concurrency_limit(3, key = self::by_account)]
async fn functions() {}

#[test]
fn keys_and_costs_can_be_functions() {
    let found = declarations(&format!("{HERE}::functions"));
    let [slots, first, second] = found[..] else {
        panic!("expected three declarations, found {found:?}");
    };
    assert_eq!(concurrency(slots).key, Some("custom"));
    let debug = |declared: &Declaration| declared.key.map(|key| format!("{:?}", key().function));
    assert_eq!(debug(slots).as_deref(), Some("KeyFunction(async fn)"));
    assert_eq!((rate(first).key, rate(first).cost), (Some("custom"), 0));
    assert_eq!(debug(first).as_deref(), Some("KeyFunction(fn)"));
    assert!(first.cost.is_some());
    assert_eq!(debug(second).as_deref(), Some("KeyFunction(async fn)"));
    assert!(second.cost.is_none());
}

#[axum::debug_handler]
#[rate_limit("3/s", route = "GET /stacked")]
#[concurrency_limit(1)]
#[rate_limit("1/s", name = "slow")]
#[env_only("dev")]
#[concurrency_limit(2, key = "user", name = "per-user", exempt_ips = ["::1"], exempt_roles = ["admin"])]
#[rate_limit("2/s")]
async fn stacked() {}

#[tokio::test]
async fn repeated_attributes_are_numbered_from_the_top() {
    let found = declarations(&format!("{HERE}::stacked"));
    let [first_slots, second_slots, env, first, second, third] = found[..] else {
        panic!("expected six declarations, found {found:?}");
    };
    assert_eq!(env.gate.attribute(), "env_only");
    let limits = [first, second, third].map(|declared| {
        let limit = rate(declared);
        (limit.ordinal, limit.limit, limit.name)
    });
    assert_eq!(
        limits,
        [(0, "3/s", None), (1, "1/s", Some("slow")), (2, "2/s", None)]
    );
    let bare = ConcurrencyLimit {
        name: None,
        ordinal: 0,
        limit: 1,
        key: None,
        exempt_ips: &[],
        exempt_roles: &[],
    };
    assert_eq!(*concurrency(first_slots), bare);
    let expected = ConcurrencyLimit {
        name: Some("per-user"),
        ordinal: 1,
        limit: 2,
        key: Some("user"),
        exempt_ips: &["::1"],
        exempt_roles: &["admin"],
    };
    assert_eq!(*concurrency(second_slots), expected);
    stacked().await;
}

macro_rules! limited {
    ($name:ident, $limit:expr, $key:path, [$($network:expr),*], $burst:expr, $tiers:tt) => {
        #[rate_limit($limit, key = $key, exempt_ips = [$($network),*], burst = $burst, tiers = $tiers, route = "GET /macro")]
        async fn $name() {}
    };
}

limited!(by_macro, "7/s", by_tenant, ["10.0.0.0/8"], 3, {
    pro = "8/s"
});

#[test]
fn attributes_can_be_generated_by_a_macro() {
    let declared = declaration(&format!("{HERE}::by_macro"));
    let expected = RateLimit {
        limit: "7/s",
        key: Some("custom"),
        exempt_ips: &["10.0.0.0/8"],
        burst: 3,
        tiers: &[("pro", "8/s")],
        ..BARE
    };
    assert_eq!(*rate(declared), expected);
    assert!(declared.key.is_some());
}
