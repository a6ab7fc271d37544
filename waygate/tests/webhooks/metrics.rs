//! Metrics of webhooks in a scrape.

use std::time::Duration;

use waygate::{Waygate, port::Backend, webhook::Webhook};

use crate::{
    receiver::{Answer, OK, Receiver},
    support::{backend, builder, clock, hook, options, start, until},
};

/// The value of a series, as it is written.
fn value(waygate: &Waygate, series: &str) -> Option<f64> {
    let mut text = String::new();
    waygate.metrics_collector().encode(&mut text).unwrap();
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map(|value| value.parse().unwrap())
}

const EVENTS: &str = r#"waygate_outbox_events{endpoint="ops"}"#;
const AGE: &str = r#"waygate_outbox_oldest_age_seconds{endpoint="ops"}"#;
const DEAD: &str = r#"waygate_webhook_dead_letters{endpoint="ops"}"#;
const TIMES: &str = r#"waygate_webhook_attempt_duration_seconds_count{endpoint="ops"}"#;

fn attempts(outcome: &str) -> String {
    format!(r#"waygate_webhook_attempts_total{{endpoint="ops",outcome="{outcome}"}}"#)
}

#[tokio::test]
async fn an_event_is_in_the_metrics_from_the_change_to_its_end() {
    let receiver = Receiver::start([Answer::Is(500, "", ""), OK]).await;
    let clock = clock();
    let waygate = start(builder(&receiver).clock(clock.clone())).await;
    let none = [EVENTS, AGE, DEAD, TIMES].map(|series| value(&waygate, series));
    assert_eq!(
        none,
        [Some(0.0); 4],
        "a series exists before the first event"
    );

    waygate.system().disable("GET:/1", "r").await.unwrap();
    until(async || waygate.webhook("ops").await.unwrap().retries == 1).await;
    assert_eq!(value(&waygate, &attempts("failed")), Some(1.0));
    assert_eq!(value(&waygate, EVENTS), Some(1.0), "it is sent again");
    clock.advance(Duration::from_millis(2_250));
    assert_eq!(value(&waygate, AGE), Some(2.25));

    clock.advance(Duration::from_secs(10));
    until(async || value(&waygate, EVENTS) == Some(0.0)).await;
    assert_eq!(value(&waygate, AGE), Some(0.0));
    assert_eq!(value(&waygate, &attempts("delivered")), Some(1.0));
    assert_eq!(value(&waygate, TIMES), Some(2.0));
}

#[tokio::test]
async fn a_dead_letter_is_no_waiting_event() {
    let receiver = Receiver::start([OK]).await;
    let builder = builder(&receiver).webhook_formatter("ops", |_| Err("no body".to_owned()));
    let waygate = start(builder).await;
    waygate.system().disable("GET:/1", "r").await.unwrap();
    until(async || value(&waygate, DEAD) == Some(1.0)).await;
    assert_eq!(value(&waygate, EVENTS), Some(0.0));
    assert_eq!(value(&waygate, &attempts("unformatted")), Some(1.0));
    let degraded = r#"waygate_degraded{component="webhooks",reason="fault"}"#;
    until(async || value(&waygate, degraded) == Some(1.0)).await;
}

/// An endpoint that gets nothing, with two events, and one that it does not want.
async fn holding(hook: Webhook, receiver: &Receiver, held: impl AsyncFn(&Waygate)) {
    let clock = clock();
    let builder = Waygate::builder()
        .webhook_options(options(&[receiver]))
        .webhook(hook.events(["route.disabled"]));
    let waygate = start(builder.clock(clock.clone())).await;
    held(&waygate).await;
    let before = value(&waygate, EVENTS).unwrap();
    let system = waygate.system();
    system.enable("GET:/2", "r").await.unwrap();
    clock.advance(Duration::from_secs(1));
    system.disable("GET:/2", "r").await.unwrap();
    system.disable("GET:/3", "r").await.unwrap();
    until(async || value(&waygate, EVENTS) == Some(before + 2.0)).await;
    // The event before them is older by a second.
    assert_eq!(value(&waygate, AGE), Some(before));
}

#[tokio::test]
async fn events_wait_for_an_endpoint_that_is_paused_or_throttled() {
    let receiver = Receiver::start([Answer::Is(429, "retry-after: 600\r\n", "")]).await;
    let paused = hook("ops", &receiver).paused(true);
    holding(paused, &receiver, async |_| ()).await;
    holding(hook("ops", &receiver), &receiver, async |waygate| {
        waygate.system().disable("GET:/1", "r").await.unwrap();
        until(async || waygate.webhook("ops").await.unwrap().retries == 1).await;
    })
    .await;
}

#[tokio::test]
async fn a_replica_that_does_not_deliver_forgets_what_the_other_has_delivered() {
    let receiver = Receiver::start([Answer::Late(Duration::from_millis(200)), OK]).await;
    let store = backend();
    let one = start(builder(&receiver).backend(store.clone())).await;
    let other = start(builder(&receiver).backend(store.clone())).await;
    let revision = store.load().await.unwrap().revision;
    one.system().disable("GET:/1", "r").await.unwrap();
    // Both have read the event.
    let waits = async |waygate: &Waygate| value(waygate, EVENTS) == Some(1.0);
    until(async || waits(&one).await && waits(&other).await).await;
    for waygate in [&one, &other] {
        until(async || value(waygate, EVENTS) == Some(0.0)).await;
        assert_eq!(value(waygate, AGE), Some(0.0));
    }
    assert_eq!(receiver.got().len(), 1);
    assert!(store.load().await.unwrap().revision.number > revision.number);
}
