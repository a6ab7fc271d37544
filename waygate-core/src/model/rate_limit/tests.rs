use serde_json::{Value, from_value, json, to_value};

use super::*;
use crate::{decl, grammar::Algorithm};

fn policy(value: Value) -> RateLimitPolicy {
    from_value(value).unwrap()
}

fn problem(value: Value) -> String {
    from_value::<RateLimitPolicy>(value)
        .unwrap_err()
        .to_string()
}

#[test]
fn has_the_contracts_fields_and_defaults() {
    let policy = policy(json!({"limit": "5/minute"}));
    let Value::Object(mut fields) = to_value(&policy).unwrap() else {
        panic!()
    };
    for ours in [
        "name",
        "cost",
        "enabled",
        "shadow",
        "rollout",
        "on_store_failure",
        "lease",
        "time_zone",
    ] {
        assert!(fields.remove(ours).is_some(), "{ours}");
    }
    assert_eq!(
        Value::Object(fields),
        json!({
            "limit": "5/minute", "algorithm": "fixed_window", "key_strategy": "ip",
            "on_missing_key": null, "burst": 0, "tiers": [], "tier_resolver": "plan",
            "exempt_ips": [], "exempt_roles": [],
        })
    );
}

#[test]
fn serialized_policies_are_read_back() {
    let full = policy(json!({
        "name": "per-hour", "limit": "10/s; 1000/hour", "algorithm": "token_bucket",
        "key_strategy": "user, header:X-Tenant", "on_missing_key": "block", "burst": 30, "cost": 2,
        "tiers": [{"name": "pro", "limit": "100/s"}, {"name": "enterprise", "limit": "unlimited"}],
        "tier_resolver": "plan", "exempt_ips": ["10.0.0.0/8"], "exempt_roles": ["admin"],
        "exempt_routes": ["GET:/health"], "enabled": false, "shadow": true, "rollout": 12.5,
        "on_store_failure": "closed", "lease": true, "time_zone": "Europe/Berlin",
    }));
    assert_eq!(policy(to_value(&full).unwrap()), full);
}

#[test]
fn plans_belong_to_users() {
    let tiers = json!([{"name": "free", "limit": "10/min"}]);
    let tiered = policy(json!({"limit": "1/min", "tiers": tiers}));
    assert_eq!(tiered.key.to_string(), "user");
    let by_key = policy(json!({"limit": "1/min", "tiers": tiers, "key_strategy": "api_key"}));
    assert_eq!(by_key.key.to_string(), "api_key");
}

#[test]
fn refuses_contradictions() {
    for (value, expected) in [
        (
            json!({"limit": "1001/minute", "algorithm": "moving_window"}),
            "invalid rate limit `1001/minute`: a moving window remembers every request, and takes 1000 at most; \
             use sliding_window or token_bucket",
        ),
        (
            json!({"limit": "1000/minute", "algorithm": "moving_window", "burst": 1}),
            "invalid rate limit `1000/minute`: a moving window remembers every request",
        ),
        (
            json!({"limit": "5/calendar day", "algorithm": "sliding_window"}),
            "invalid rate limit `5/calendar day`: a calendar quota is a fixed window, not a sliding_window",
        ),
        (
            json!({"limit": "0/s", "algorithm": "token_bucket"}),
            "invalid rate limit `0/s`: a token bucket that never refills",
        ),
        (
            json!({"limit": "1/s", "tiers": [{"name": "a", "limit": "1/s"}, {"name": "a", "limit": "2/s"}]}),
            "invalid tier `a`: it is given twice",
        ),
        (
            json!({"limit": "1/s", "tiers": [{"name": "a", "limit": "2/x"}]}),
            "invalid rate limit `2/x`: `x` is not a unit of time",
        ),
        (
            json!({"limit": "1/s", "rollout": 101}),
            "invalid percentage `101`",
        ),
        (
            json!({"limit": "1/s", "cost": 0}),
            "invalid value: integer `0`",
        ),
        (json!({"limit": "1/s", "extra": 0}), "unknown field `extra`"),
    ] {
        let found = problem(value);
        assert!(found.starts_with(expected), "{found}");
    }
}

#[test]
fn describes_each_algorithm() {
    for (limit, algorithm, burst, words) in [
        (
            "1/hour",
            "fixed_window",
            0,
            "at most 1 in an hour from the first on",
        ),
        (
            "10/2 hours",
            "fixed_window",
            0,
            "at most 10 in 2 hours from the first on",
        ),
        (
            "10/s",
            "fixed_window",
            5,
            "at most 15 in a second from the first on",
        ),
        (
            "10/s burst 3",
            "fixed_window",
            5,
            "at most 13 in a second from the first on",
        ),
        (
            "9/calendar day",
            "fixed_window",
            1,
            "at most 10 per calendar day (UTC)",
        ),
        (
            "10/5 minutes",
            "sliding_window",
            0,
            "at most about 10 in any 5 minutes",
        ),
        (
            "10/week",
            "sliding_window",
            2,
            "at most about 12 in any week",
        ),
        ("10/min", "moving_window", 0, "at most 10 in any minute"),
        (
            "10/min burst 2",
            "moving_window",
            0,
            "at most 12 in any minute",
        ),
        (
            "10/s",
            "token_bucket",
            0,
            "a burst of 10, and 10 per second in the long run",
        ),
        (
            "10/s",
            "token_bucket",
            4,
            "a burst of 4, and 10 per second in the long run",
        ),
        (
            "4000/s burst 8000",
            "token_bucket",
            4,
            "a burst of 8000, and 4000 per second in the long run",
        ),
        (
            "10/s; 100/month",
            "moving_window",
            0,
            "at most 10 in any second; at most 100 in any month",
        ),
    ] {
        let value = json!({"limit": limit, "algorithm": algorithm, "burst": burst});
        assert_eq!(
            policy(value).meaning(),
            format!("{words}, for each client address"),
            "{limit} {algorithm} {burst}"
        );
    }
}

#[test]
fn describes_each_key() {
    for (key, words) in [
        ("ip", "for each client address"),
        ("user", "for each user"),
        ("api_key", "for each API key"),
        ("global", "for all callers together"),
        ("header:X-Tenant", "for each value of the header x-tenant"),
        ("path:tenant", "for each {tenant}"),
        (
            "user, header:X-Tenant, path:id",
            "for each user and value of the header x-tenant and {id}",
        ),
        ("custom", "for each key that a function in the code returns"),
    ] {
        let value = json!({"limit": "1/s", "key_strategy": key});
        assert_eq!(
            policy(value).meaning(),
            format!("at most 1 in a second from the first on, {words}")
        );
    }
}

#[test]
fn describes_each_tier() {
    let tiered = policy(json!({
        "limit": "1000/calendar month", "time_zone": "Asia/Tokyo",
        "tiers": [
            {"name": "free", "limit": "10/day; 1/s"},
            {"name": "pro", "limit": "100/calendar month"},
            {"name": "enterprise", "limit": "unlimited"},
        ],
    }));
    assert_eq!(
        tiered.meaning(),
        "at most 1000 per calendar month (Asia/Tokyo), for each user; \
         free: at most 10 in a day from the first on; at most 1 in a second from the first on; \
         pro: at most 100 per calendar month (Asia/Tokyo); enterprise: no limit"
    );
}

#[test]
fn a_declaration_equals_the_same_policy() {
    let bare = decl::RateLimit {
        name: None,
        ordinal: 0,
        limit: "5/minute",
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
    let declared = |declared| RateLimitPolicy::declared(&declared, Algorithm::default());
    assert_eq!(
        declared(bare).unwrap(),
        policy(json!({"limit": "5/minute"}))
    );
    let full = decl::RateLimit {
        name: Some("per-hour"),
        ordinal: 3,
        limit: "10/s; 1000/hour",
        algorithm: Some("token_bucket"),
        key: Some("user, header:X-Tenant"),
        on_missing_key: Some("block"),
        burst: 30,
        cost: 2,
        tiers: &[("pro", "100/s"), ("enterprise", "unlimited")],
        tier: Some("contract"),
        exempt_ips: &["10.0.0.0/8"],
        exempt_roles: &["admin"],
        shadow: true,
        rollout: Some("12.5"),
        on_store_failure: Some("closed"),
        lease: true,
        time_zone: Some("Europe/Berlin"),
    };
    let same = json!({
        "name": "per-hour", "limit": "10/s; 1000/hour", "algorithm": "token_bucket",
        "key_strategy": "user, header:X-Tenant", "on_missing_key": "block", "burst": 30, "cost": 2,
        "tiers": [{"name": "pro", "limit": "100/s"}, {"name": "enterprise", "limit": "unlimited"}],
        "tier_resolver": "contract", "exempt_ips": ["10.0.0.0/8"], "exempt_roles": ["admin"],
        "shadow": true, "rollout": 12.5, "on_store_failure": "closed", "lease": true,
        "time_zone": "Europe/Berlin",
    });
    assert_eq!(declared(full).unwrap(), policy(same));
    let by_default = |declared| RateLimitPolicy::declared(declared, Algorithm::MovingWindow);
    assert_eq!(
        by_default(&bare).unwrap(),
        policy(json!({"limit": "5/minute", "algorithm": "moving_window"}))
    );
    assert_eq!(by_default(&full).unwrap().algorithm, Algorithm::TokenBucket);
    let third = decl::RateLimit { ordinal: 2, ..bare };
    assert_eq!(declared(third).unwrap().name.as_str(), "default-3");
    let tiered = decl::RateLimit {
        tiers: &[("pro", "1/s")],
        ..bare
    };
    assert_eq!(declared(tiered).unwrap().key.to_string(), "user");
    let wrong = decl::RateLimit {
        algorithm: Some("moving_window"),
        burst: 1_000,
        ..bare
    };
    assert!(declared(wrong).is_err());
}
