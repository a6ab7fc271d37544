use waygate_core::decl::ConcurrencyLimit;

use super::*;
use crate::{
    __private::{Named, cost_function, key_function, responder},
    http::{KeyFunction, Responder},
    limits::Key,
    response::RequestParts,
};

const WINDOW: Algorithm = Algorithm::FixedWindow;

const RATE: RateLimit = RateLimit {
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
static FIRST: RateLimit = RateLimit {
    key: Some("custom"),
    ..RATE
};
static SECOND: RateLimit = RateLimit { ordinal: 1, ..RATE };
static WRONG: RateLimit = RateLimit {
    limit: "5/fortnight",
    ..RATE
};
static SLOTS: ConcurrencyLimit = ConcurrencyLimit {
    name: Some("slots"),
    ordinal: 0,
    limit: 3,
    key: Some("custom"),
    exempt_ips: &[],
    exempt_roles: &[],
};

fn key() -> Named<KeyFunction> {
    key_function(|_: &RequestParts| Some(Key::from(1)))
}

fn other_key() -> Named<KeyFunction> {
    key_function(|_: &RequestParts| Some(Key::from(2)))
}

fn response() -> Named<Responder> {
    responder(|_: &crate::Blocked| "busy")
}

const fn declared(gate: Gate, stamp: Stamp) -> Declaration {
    Declaration::new("app::handler", stamp, gate, &["GET /a"], "app.rs", 1)
}

#[test]
fn attributes_of_one_function_are_repeated_with_its_functions() {
    let one = declared(Gate::RateLimit(&FIRST), &"a").with_key(key);
    assert!(one.repeats(&one));
    let others = [
        declared(Gate::RateLimit(&FIRST), &"b").with_key(key),
        declared(Gate::RateLimit(&FIRST), &"a").with_key(other_key),
        declared(Gate::RateLimit(&FIRST), &"a"),
        declared(Gate::RateLimit(&WRONG), &"a").with_key(key),
    ];
    for other in &others {
        assert!(!one.repeats(other), "{other:?}");
    }
}

#[test]
fn two_indistinguishable_functions_that_differ_are_refused() {
    let one = declared(Gate::RateLimit(&FIRST), &"a").with_key(key);
    let other = declared(Gate::RateLimit(&FIRST), &"a").with_key(other_key);
    let refused = refusals(&[one, other], WINDOW).concat();
    assert_eq!(
        refused,
        "invalid handler `app::handler`: two functions of this name cannot be distinguished, and the \
         `#[rate_limit]` at app.rs:1 of each differs: rename one of them"
    );
}

#[test]
fn a_path_holds_whole_segments() {
    let list = Declaration::new("app::v1::list", &"a", Gate::ForceActive, &[], "app.rs", 1);
    let handlers = by_handler(&[list], WINDOW).unwrap();
    for above in ["", "app", "app::", "app::v1", "app::v1::", "app::v1::list"] {
        assert!(handlers[0].is_under(above), "{above}");
    }
    for other in [
        "ap",
        "app::v",
        "app::v1::li",
        "app::v1::list::x",
        "app::v10",
        "v1",
        ":",
        "::",
    ] {
        assert!(!handlers[0].is_under(other), "{other}");
    }
}

#[test]
fn limits_come_with_their_functions_in_their_order() {
    let all = [
        declared(Gate::ConcurrencyLimit(&SLOTS), &"a")
            .with_key(key)
            .with_response(response),
        declared(Gate::RateLimit(&FIRST), &"a")
            .with_key(key)
            .with_cost(|| cost_function(|_: &RequestParts| 7))
            .with_response(response),
        declared(Gate::RateLimit(&SECOND), &"a"),
        declared(Gate::ForceActive, &"b"),
    ];
    let handlers = by_handler(&all, WINDOW).unwrap();
    let [limited, other] = &handlers[..] else {
        panic!("expected two handlers, found {handlers:?}");
    };
    assert!(other.limits.rates.is_empty() && other.limits.concurrency.is_empty());
    assert!(other.state.force_active);
    assert_eq!(limited.state, RouteState::default());

    let [first, second] = &limited.limits.rates[..] else {
        panic!("expected two rates, found {limited:?}");
    };
    assert_eq!(first.policy.name.as_str(), "default");
    assert_eq!(second.policy.name.as_str(), "default-2");
    let (request, ()) = http::Request::new(()).into_parts();
    let key = first
        .functions
        .key
        .as_ref()
        .and_then(|key| key.sync(&request));
    assert_eq!(key, Some(Some(Key::from(1))));
    let cost = first
        .functions
        .cost
        .as_ref()
        .map(|cost| cost.cost(&request));
    assert_eq!(cost, Some(7));
    assert!(first.functions.response.is_some());
    assert_eq!(
        limited
            .limits
            .functions()
            .rate_named(&second.policy.name)
            .map(|_| ()),
        None
    );

    let [slots] = &limited.limits.concurrency[..] else {
        panic!("expected one limit, found {limited:?}");
    };
    assert_eq!(
        slots.policy.meaning(),
        "at most 3 requests at a time, for each key that a function in the code returns"
    );
    assert!(slots.functions.key.is_some() && slots.functions.response.is_some());
}

#[test]
fn a_declaration_by_hand_is_checked() {
    let invalid = refusal(declared(Gate::RateLimit(&WRONG), &"a"), WINDOW);
    assert!(
        invalid.starts_with(
            "invalid handler `app::handler`: `#[rate_limit]` at app.rs:1: invalid rate limit `5/fortnight`"
        ),
        "{invalid}"
    );
}

#[test]
fn a_limit_that_does_not_go_with_the_default_algorithm_is_refused() {
    static LARGE: RateLimit = RateLimit {
        limit: "5000/minute",
        ..RATE
    };
    let large = || declared(Gate::RateLimit(&LARGE), &"a");
    assert!(by_handler(&[large()], WINDOW).is_ok());
    assert_eq!(
        refusal(large(), Algorithm::MovingWindow),
        "invalid handler `app::handler`: `#[rate_limit]` at app.rs:1: invalid rate limit `5000/minute`: a moving window \
         remembers every request, and takes 1000 at most; use sliding_window or token_bucket; moving_window comes from \
         `.default_algorithm(..)`: name another one there, or set `algorithm = \"fixed_window\"` in the attribute"
    );
    // What no default makes right is not blamed on it.
    let wrong = declared(Gate::RateLimit(&WRONG), &"a");
    let refused = refusal(wrong, Algorithm::MovingWindow);
    assert!(!refused.contains("default_algorithm"), "{refused}");
}

#[test]
fn a_calendar_quota_is_a_fixed_window_by_every_default() {
    static DAILY: RateLimit = RateLimit {
        limit: "100/calendar day",
        ..RATE
    };
    static TIERED: RateLimit = RateLimit {
        ordinal: 1,
        tiers: &[("pro", "100/calendar month")],
        ..RATE
    };
    let daily = declared(Gate::RateLimit(&DAILY), &"a");
    let tiered = declared(Gate::RateLimit(&TIERED), &"a");
    for default in Algorithm::ALL {
        let handlers = by_handler([&daily, &tiered], *default).unwrap();
        let rates = &handlers[0].limits.rates;
        let algorithms: Vec<_> = rates.iter().map(|limit| limit.policy.algorithm).collect();
        assert_eq!(algorithms, [WINDOW; 2], "{default}");
    }
}

#[test]
fn every_declaration_that_is_wrong_is_named() {
    let wrong = [
        declared(Gate::RateLimit(&WRONG), &"a"),
        declared(Gate::ForceActive, &"b"),
        declared(Gate::Disabled { reason: "\0" }, &"c"),
    ];
    let refused = refusals(&wrong, WINDOW);
    let [rate, reason] = &refused[..] else {
        panic!("{refused:#?}");
    };
    assert!(rate.contains("`#[rate_limit]` at "), "{rate}");
    assert!(reason.contains("`#[disabled]` at "), "{reason}");
}

fn refusals(declarations: &[Declaration], algorithm: Algorithm) -> Vec<String> {
    let refused = by_handler(declarations, algorithm).unwrap_err();
    refused.iter().map(Invalid::to_string).collect()
}

fn refusal(declaration: Declaration, algorithm: Algorithm) -> String {
    refusals(&[declaration], algorithm).concat()
}
