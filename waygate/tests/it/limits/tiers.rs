//! Tiers of a policy, for callers that share a key.

use std::{borrow::Cow, time::Duration};

use http::{Request, request::Parts};
use serde_json::{Value, json};
use waygate::{
    Principal, Waygate,
    decision::{Decision, RequestHead},
    testing::ManualClock,
};

use super::{key, policy, set};
use crate::support::{builder, clock};

const ALGORITHMS: [&str; 4] = [
    "fixed_window",
    "sliding_window",
    "moving_window",
    "token_bucket",
];

/// A caller, by plan. All have the same address.
#[derive(Debug, Clone, Copy)]
struct Plan(&'static str);

impl Principal for Plan {
    fn user_id(&self) -> Option<Cow<'_, str>> {
        Some("u".into())
    }

    fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        (name == "plan").then_some(self.0.into())
    }
}

struct Service {
    waygate: Waygate,
    clock: ManualClock,
}

impl Service {
    async fn new(limit: Value) -> Self {
        let clock = clock();
        let builder = builder().clock(clock.clone()).principal::<Plan>();
        let waygate = builder.build().await.unwrap();
        let route = "GET:/items".parse().unwrap();
        waygate.register(route, Default::default()).await.unwrap();
        set(&waygate, "GET:/items#default", limit).await;
        Self { waygate, clock }
    }

    async fn admits(&self, plan: &'static str) -> bool {
        let request = Request::get("/items").extension(Plan(plan)).body(());
        let (parts, ()): (Parts, ()) = request.unwrap().into_parts();
        let head = RequestHead::new(&parts)
            .matched("/items")
            .peer([192, 0, 2, 1].into());
        matches!(self.waygate.admit(head).await, Decision::Serve(_))
    }

    /// Sends requests until one is refused, and returns how many passed.
    async fn passes(&self, plan: &'static str) -> usize {
        let mut passed = 0;
        while self.admits(plan).await {
            passed += 1;
            assert!(passed < 10_000, "no end");
        }
        passed
    }

    fn advance(&self, time: Duration) {
        self.clock.advance(time);
    }
}

fn limit(own: &str, algorithm: &str, tiers: &[(&str, &str)]) -> Value {
    let tiers: Vec<Value> = tiers
        .iter()
        .map(|(name, limit)| json!({"name": name, "limit": limit}))
        .collect();
    json!({"limit": own, "algorithm": algorithm, "tiers": tiers, "key_strategy": "ip"})
}

/// However callers of several tiers mix, each tier admits what it would admit alone.
#[tokio::test]
async fn requests_of_one_tier_change_no_counter_of_another() {
    let tiers = [
        ("free", "3/10 seconds"),
        ("pro", "12/minute"),
        ("team", "4/10 seconds; 20/2 minutes"),
    ];
    for algorithm in ALGORITHMS {
        for seed in 0..12 {
            let mut random = fastrand::Rng::with_seed(seed);
            let together = Service::new(limit("3/10 seconds", algorithm, &tiers[1..])).await;
            let mut alone = Vec::new();
            for (_, own) in tiers {
                alone.push(Service::new(limit(own, algorithm, &[])).await);
            }
            for step in 0..150 {
                let gap = [0, 0, 0, 200, 1_500, 11_000][random.usize(0..6)];
                let gap = Duration::from_millis(gap);
                together.advance(gap);
                alone.iter().for_each(|alone| alone.advance(gap));
                let tier = random.usize(0..tiers.len());
                let (plan, _) = tiers[tier];
                let expected = alone[tier].admits(plan).await;
                assert_eq!(
                    together.admits(plan).await,
                    expected,
                    "{algorithm}, seed {seed}, step {step}: {plan}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_refused_request_refills_no_bucket_of_another_tier() {
    for algorithm in ALGORITHMS {
        let limit = limit("10/minute", algorithm, &[("pro", "100/minute")]);
        let service = Service::new(limit).await;
        assert_eq!(service.passes("pro").await, 100, "{algorithm}");
        assert_eq!(service.passes("free").await, 10, "{algorithm}");
        for _ in 0..5 {
            assert!(!service.admits("free").await, "{algorithm}");
            assert!(!service.admits("pro").await, "{algorithm}");
        }
    }
}

#[tokio::test]
async fn a_short_window_ends_no_longer_one() {
    let limit = limit("10/minute", "fixed_window", &[("pro", "1000/day")]);
    let service = Service::new(limit).await;
    assert_eq!(service.passes("pro").await, 1_000);
    for _ in 0..3 {
        assert_eq!(service.passes("free").await, 10);
        service.advance(Duration::from_secs(61));
        assert!(!service.admits("pro").await);
    }
}

#[tokio::test]
async fn a_reset_of_a_key_resets_every_tier() {
    let tiers = [("pro", "2/hour; 3/day"), ("max", "unlimited")];
    let service = Service::new(limit("1/hour", "fixed_window", &tiers)).await;
    for _ in 0..2 {
        assert_eq!(service.passes("free").await, 1);
        assert_eq!(service.passes("pro").await, 2);
        let operator = service.waygate.system();
        let reset = operator.reset_rate_limit_key(key("GET:/items#default"), &["192.0.2.1"]);
        reset.await.unwrap();
    }
}

/// The counters of a tier have its name, not its position.
#[tokio::test]
async fn another_order_of_the_tiers_keeps_the_counts() {
    let at = "GET:/items#default";
    let tiers = [("pro", "2/hour"), ("team", "3/hour")];
    let service = Service::new(limit("1/hour", "fixed_window", &tiers)).await;
    assert_eq!(service.passes("team").await, 3);
    let tiers = [("new", "7/hour"), ("team", "5/hour"), ("pro", "2/hour")];
    let next = limit("1/hour", "fixed_window", &tiers);
    let operator = service.waygate.system();
    operator
        .set_rate_limit(key(at), policy(next))
        .await
        .unwrap();
    assert_eq!(service.passes("team").await, 2);
    assert_eq!(service.passes("pro").await, 2);
}
