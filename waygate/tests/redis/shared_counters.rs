//! Tiers, corrections and resets of counters in Redis.

use std::{borrow::Cow, time::Duration};

use http::Request;
use serde_json::{Value, json};
use waygate::{
    Principal, Waygate,
    decision::{Decision, Pass, RequestHead},
    limits::{LimitKey, RateLimitPolicy},
    model::RouteState,
    port::RedisCounters,
};
use waygate_faultproxy::{RedisProc, eventually};

use crate::support::{PATIENCE, options};

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

async fn engine(server: &RedisProc) -> Waygate {
    let counters = RedisCounters::open(options(server.addr()).deadline(PATIENCE));
    let builder = Waygate::builder()
        .allow_unmounted("")
        .counters(counters.clone())
        .counter_deadline(PATIENCE)
        .principal::<Plan>();
    let waygate = builder.build().await.unwrap();
    eventually(PATIENCE, "a connection", || counters.health().is_ok()).await;
    waygate
}

fn key(path: &str) -> LimitKey {
    format!("GET:{path}#default").parse().unwrap()
}

async fn set(waygate: &Waygate, path: &str, fields: Value) {
    let policy: RateLimitPolicy = serde_json::from_value(fields).unwrap();
    let operator = waygate.system();
    operator.set_rate_limit(key(path), policy).await.unwrap();
}

async fn route(waygate: &Waygate, path: &str, limit: Value) {
    let route = format!("GET:{path}").parse().unwrap();
    waygate
        .register(route, RouteState::default())
        .await
        .unwrap();
    set(waygate, path, limit).await;
}

async fn admit(waygate: &Waygate, path: &str, plan: &'static str) -> Option<Pass> {
    let request = Request::get(path).extension(Plan(plan)).body(());
    let (parts, ()) = request.unwrap().into_parts();
    let head = RequestHead::new(&parts).matched(path);
    match waygate.admit(head.peer([192, 0, 2, 1].into())).await {
        Decision::Serve(pass) => Some(pass),
        Decision::Refuse(_) => None,
    }
}

async fn admitted(waygate: &Waygate, path: &str, plan: &'static str) -> Vec<Pass> {
    let mut passes = Vec::new();
    while let Some(pass) = admit(waygate, path, plan).await {
        passes.push(pass);
        assert!(passes.len() < 1_000, "no end");
    }
    passes
}

/// Longer than the error that Redis allows for the time of a charge, and than a correction takes.
async fn pause() {
    tokio::time::sleep(Duration::from_millis(300)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_of_one_tier_change_no_counter_of_another() {
    let server = RedisProc::start();
    let waygate = engine(&server).await;
    for algorithm in ALGORITHMS {
        let path = format!("/tiers/{algorithm}");
        let tiers = [json!({"name": "pro", "limit": "40/day"})];
        let limit = json!({"limit": "3/hour", "algorithm": algorithm, "key_strategy": "ip", "tiers": tiers});
        route(&waygate, &path, limit).await;
        assert_eq!(admitted(&waygate, &path, "pro").await.len(), 40, "{path}");
        assert_eq!(admitted(&waygate, &path, "free").await.len(), 3, "{path}");
        for plan in ["pro", "free", "pro"] {
            assert_eq!(admitted(&waygate, &path, plan).await.len(), 0, "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_correction_by_an_earlier_limit_opens_no_later_one() {
    let server = RedisProc::start();
    let waygate = engine(&server).await;
    for algorithm in ALGORITHMS {
        for cost in [1, 3] {
            let path = format!("/changes/{algorithm}/{cost}");
            let limit = json!({"limit": "10/minute", "algorithm": algorithm, "cost": 2});
            route(&waygate, &path, limit).await;
            let mut slow = admit(&waygate, &path, "free").await.unwrap();
            let limit = json!({"limit": "50/hour", "algorithm": algorithm});
            set(&waygate, &path, limit).await;
            admitted(&waygate, &path, "free").await;
            slow.correct(cost);
            drop(slow);
            pause().await;
            let more = admitted(&waygate, &path, "free").await.len();
            assert!(more <= 1, "{path}: {more}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_key_gets_no_refund_of_earlier_requests() {
    let server = RedisProc::start();
    let waygate = engine(&server).await;
    for algorithm in ALGORITHMS {
        let path = format!("/resets/{algorithm}");
        let limit = json!({"limit": "10/hour", "algorithm": algorithm});
        route(&waygate, &path, limit).await;
        let earlier = admitted(&waygate, &path, "free").await;
        assert_eq!(earlier.len(), 10, "{path}");
        let operator = waygate.system();
        let reset = operator.reset_rate_limit_key(key(&path), &["192.0.2.1"]);
        reset.await.unwrap();
        pause().await;
        assert_eq!(admitted(&waygate, &path, "free").await.len(), 10, "{path}");
        for mut pass in earlier {
            pass.correct(0);
        }
        pause().await;
        assert_eq!(admitted(&waygate, &path, "free").await.len(), 0, "{path}");
    }
}
