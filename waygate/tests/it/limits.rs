//! Rate limits: enforcement, and changes by operators.

mod answers;
mod callers;
mod changes;
mod default_algorithm;
mod in_process;
mod methods;
mod missing_keys;
mod refunds;
#[cfg(feature = "file")]
mod shared_hits;
mod skipped;
mod tiers;
mod waits;
mod wire;

use axum::{body::Body, extract::Request};
use serde_json::Value;
use waygate::{
    Waygate,
    limits::{LimitKey, RateLimitPolicy},
    testing::{ManualClock, TestApp},
};

use crate::support::{app, clock, with_all_headers};

fn policy(fields: Value) -> RateLimitPolicy {
    serde_json::from_value(fields).unwrap()
}

fn key(text: &str) -> LimitKey {
    text.parse().unwrap()
}

pub(crate) async fn set(waygate: &Waygate, at: &str, fields: Value) {
    let operator = waygate.system();
    let set = operator.set_rate_limit(key(at), policy(fields));
    set.await.unwrap();
}

/// An engine with one limited route, `GET:/search`.
async fn limited(fields: Value) -> (Waygate, TestApp, ManualClock) {
    let clock = clock();
    let waygate = with_all_headers()
        .clock(clock.clone())
        .build()
        .await
        .unwrap();
    let app = app(&waygate, &["GET:/search", "GET:/free"]).await;
    set(&waygate, "GET:/search#default", fields).await;
    (waygate, app, clock)
}

async fn status(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> u16 {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    app.send(request.body(Body::empty()).unwrap())
        .await
        .status()
        .as_u16()
}
