//! The work of the server for evaluations by the OpenFeature Remote Evaluation Protocol, through the router: token,
//! body, context, evaluation, entity tag and response, without a socket. Compared with the targets, in absolute time.
#![allow(missing_docs, clippy::unwrap_used)]

use std::time::Duration;

use axum::{Router, body::Body};
use cpu_time::ThreadTime;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tower::util::ServiceExt;
use waygate::{
    Waygate,
    flags::Flag,
    ofrep::{Ofrep, Token},
};
use waygate_bench::{Report, Row};

const TOKEN: &str = "srv_5a2f0f9e7c6d4b1a";
const FLAGS: usize = 1_000;
const ROUNDS: usize = 50;
const BULK: &str = "/ofrep/v1/evaluate/flags";

/// Five rules of two clauses, of which the second never matches; then 20/80.
fn flag(at: usize) -> Flag {
    let rule = |plan: usize| {
        json!({
            "clauses": [
                {"attribute": "country", "operator": "in", "values": ["DE", "AT", "CH"]},
                {"attribute": "plan", "operator": "in", "values": [format!("plan-{plan}"), "none"]},
            ],
            "variation": "on",
        })
    };
    let definition = json!({
        "key": format!("flag-{at}"), "name": "Flag", "type": "boolean",
        "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
        "off_variation": "off",
        "rules": (0..5).map(rule).collect::<Vec<_>>(),
        "fallthrough": [{"variation": "on", "weight": 20_000}, {"variation": "off", "weight": 80_000}],
    });
    Flag::parse(&definition).unwrap()
}

fn body() -> Value {
    json!({
        "context": {
            "targetingKey": "user-12345", "country": "DE", "plan": "pro", "age": 33, "beta": false,
            "email": "user@shop.example",
        },
    })
}

async fn call(app: &Router, path: &str, tag: Option<&str>, body: &str) -> StatusCode {
    let mut request = Request::post(path)
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {TOKEN}"));
    if let Some(tag) = tag {
        request = request.header("if-none-match", tag);
    }
    let request = request.body(Body::from(body.to_owned())).unwrap();
    app.clone().oneshot(request).await.unwrap().status()
}

/// The thread's time for one call in the fastest round, in nanoseconds.
async fn cost(app: &Router, path: &str, tag: Option<&str>, calls: u32) -> f64 {
    let body = body().to_string();
    let mut fastest = Duration::MAX;
    for _ in 0..ROUNDS {
        let start = ThreadTime::now();
        for _ in 0..calls {
            let status = call(app, path, tag, &body).await;
            let expected = if tag.is_some() { 304 } else { 200 };
            assert_eq!(status, expected);
        }
        fastest = fastest.min(start.elapsed() / calls);
    }
    fastest.as_nanos() as f64
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let waygate = Waygate::builder().build().await.unwrap();
    for at in 0..FLAGS {
        waygate.system().create_flag(flag(at)).await.unwrap();
    }
    let app = waygate.ofrep(Ofrep::new().token(Token::server(TOKEN).unwrap()));
    let request = Request::post(BULK).header("x-api-key", TOKEN);
    let request = request.body(Body::from(body().to_string())).unwrap();
    let all = app.clone().oneshot(request).await.unwrap();
    let tag = all.headers()["etag"].to_str().unwrap().to_owned();
    let single = "/ofrep/v1/evaluate/flags/flag-7";
    let one = cost(&app, single, None, 2_000).await;
    let again = cost(&app, single, None, 2_000).await;
    let bulk = cost(&app, BULK, None, 20).await;
    let known = cost(&app, BULK, Some(&tag), 20).await;
    let rows = vec![
        Row::new("OFREP single", one, "20 us", 20_000.0, Some(1.0)),
        Row::new(
            "OFREP bulk of 1,000 flags",
            bulk,
            "1 ms",
            1_000_000.0,
            Some(1.0),
        ),
        Row::new(
            "the same with a known ETag",
            known,
            "1 ms",
            1_000_000.0,
            Some(1.0),
        ),
    ];
    Report::new("ofrep", one / again, rows).publish().unwrap();
}
