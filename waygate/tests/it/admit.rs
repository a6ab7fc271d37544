//! Decisions for adapters to other frameworks.

use std::num::NonZeroU32;

use http::{HeaderMap, Request, request::Parts};
use waygate::{
    Waygate,
    decision::{Decision, Pass, RequestHead},
    limits::{
        ConcurrencyLimitFunctions, ConcurrencyPolicy, Key, KeySource, RateLimitFunctions,
        RateLimitPolicy,
    },
    model::Registration,
    response::{BlockReason, RequestParts},
};

use crate::support::builder;

fn tenant(request: &RequestParts) -> Option<Key> {
    Some(request.headers.get("x-tenant")?.as_bytes().into())
}

async fn looked_up_tenant(request: &RequestParts) -> Option<Key> {
    tokio::task::yield_now().await;
    tenant(request)
}

fn units(request: &RequestParts) -> u32 {
    let units = request.headers.get("x-units");
    units.map_or(1, |units| units.to_str().unwrap().parse().unwrap())
}

fn custom(limit: &str) -> RateLimitPolicy {
    let mut policy = RateLimitPolicy::new(limit.parse().unwrap()).unwrap();
    policy.key = KeySource::Custom;
    policy
}

async fn engine(registration: Registration) -> Waygate {
    let waygate = builder().build().await.unwrap();
    waygate.register_all([registration]).await.unwrap();
    waygate
}

fn request(tenant: &str, units: &str) -> Parts {
    let request = Request::get("/items")
        .header("x-tenant", tenant)
        .header("x-units", units);
    request.body(()).unwrap().into_parts().0
}

async fn admit(waygate: &Waygate, parts: &Parts) -> Result<Pass, BlockReason> {
    match waygate
        .admit(RequestHead::new(parts).matched("/items"))
        .await
    {
        Decision::Serve(pass) => Ok(pass),
        Decision::Refuse(refusal) => Err(refusal.blocked().reason().clone()),
    }
}

fn remaining(pass: &Pass) -> String {
    let mut headers = HeaderMap::new();
    pass.write_headers(&mut headers);
    headers["x-ratelimit-remaining"]
        .to_str()
        .unwrap()
        .to_owned()
}

fn items() -> Registration {
    Registration::new("GET:/items".parse().unwrap())
}

#[tokio::test]
async fn functions_of_rate_limits_are_called() {
    let sync = RateLimitFunctions::new().key(tenant).cost(units);
    let later = RateLimitFunctions::new().key(looked_up_tenant).cost(units);
    for functions in [sync, later] {
        let waygate = engine(items().rate_limit_with(custom("5/hour"), functions)).await;
        let acme = request("acme", "3");
        assert_eq!(remaining(&admit(&waygate, &acme).await.unwrap()), "2");
        let refused = admit(&waygate, &acme).await.unwrap_err();
        assert!(
            matches!(refused, BlockReason::RateLimited(_)),
            "{refused:?}"
        );
        let other = admit(&waygate, &request("other", "1")).await.unwrap();
        assert_eq!(remaining(&other), "4");
    }
}

#[tokio::test]
async fn functions_of_concurrency_limits_are_called() {
    let mut policy = ConcurrencyPolicy::new(NonZeroU32::MIN);
    policy.key = KeySource::Custom;
    let functions = ConcurrencyLimitFunctions::new().key(tenant);
    let waygate = engine(items().concurrency_limit_with(policy, functions)).await;
    let (acme, other) = (request("acme", "1"), request("other", "1"));
    let first = admit(&waygate, &acme).await.unwrap();
    let refused = admit(&waygate, &acme).await.unwrap_err();
    assert!(
        matches!(refused, BlockReason::ConcurrencyLimited(_)),
        "{refused:?}"
    );
    let _other = admit(&waygate, &other).await.unwrap();
    drop(first);
    drop(admit(&waygate, &acme).await.unwrap());
}

#[tokio::test]
async fn a_cost_is_corrected_when_the_pass_is_dropped() {
    let policy = RateLimitPolicy::new("10/hour".parse().unwrap()).unwrap();
    let waygate = engine(items().rate_limit(policy)).await;
    let parts = request("acme", "1");
    for (cost, left) in [(4, "9"), (0, "5"), (1, "5")] {
        let mut pass = admit(&waygate, &parts).await.unwrap();
        pass.correct(7);
        pass.correct(cost);
        // The headers show the charge of the admission.
        assert_eq!(remaining(&pass), left, "{cost}");
    }
    assert_eq!(remaining(&admit(&waygate, &parts).await.unwrap()), "4");
}
