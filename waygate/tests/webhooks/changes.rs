//! Changes of webhooks while events are delivered, and webhooks of several processes with one name.

use std::time::Duration;

use waygate::{
    ChangeError, Waygate,
    audit::AuditQuery,
    health::Component,
    port::MemoryBackend,
    webhook::{Message, Replay, TOLERANCE, Webhook, WebhookError},
};

use crate::{
    receiver::{Answer, OK, Receiver},
    support::{SECRET, backend, builder, hook, options, register, start, toggle, until},
};

const LATE: Answer = Answer::Late(Duration::from_millis(300));

/// An engine whose operators have created `ops`.
async fn created(receiver: &Receiver, store: MemoryBackend) -> Waygate {
    let builder = Waygate::builder().webhook_options(options(&[receiver]));
    let waygate = start(builder.backend(store)).await;
    let ops = hook("ops", receiver);
    waygate.system().set_webhook(ops).await.unwrap();
    waygate
}

fn cause(waygate: &Waygate) -> String {
    let health = waygate.health();
    let known = health.get(&Component::Webhooks);
    known.map(|known| known.cause.clone()).unwrap_or_default()
}

#[tokio::test]
async fn a_replay_since_a_time_skips_no_event_that_waits() {
    let receiver = Receiver::start([OK]).await;
    let waygate = created(&receiver, backend()).await;
    let system = waygate.system();
    let paused = |paused| hook("ops", &receiver).paused(paused);
    system.set_webhook(paused(true)).await.unwrap();
    for nth in 0..3 {
        toggle(&waygate, nth).await;
    }
    let newest = waygate
        .audit(AuditQuery::newest(1))
        .await
        .unwrap()
        .remove(0);
    let later = "2099-01-01T00:00:00Z".parse().unwrap();
    for since in [newest.timestamp, later] {
        let replay = system.replay_webhook("ops", Replay::Since(since));
        replay.await.unwrap();
    }
    system.set_webhook(paused(false)).await.unwrap();
    receiver.wait_for(6).await;
}

#[tokio::test]
async fn a_rotation_without_overlap_ends_the_old_secret_for_events_that_wait() {
    let receiver = Receiver::start([LATE]).await;
    let waygate = created(&receiver, backend()).await;
    for nth in 0..10 {
        toggle(&waygate, nth).await;
    }
    receiver.wait_for(2).await;
    let system = waygate.system();
    let rotated = system.rotate_webhook_secret("ops", Duration::ZERO).await;
    let new = rotated.unwrap();
    // Those that were on their way.
    let before = receiver.got().len();
    receiver.answer([OK]);
    let got = receiver.wait_for(20).await;
    let old = got[before + 2..].iter().find(|got| {
        let header = |name: &str| Some(got.header(name).to_owned());
        let at = got.header("webhook-timestamp").parse().unwrap();
        let at = waygate::Timestamp::from_second(at).unwrap();
        waygate_core::webhook::verify([&new], header, &got.body, at, TOLERANCE).is_err()
    });
    assert!(old.is_none(), "{old:?}");
}

#[tokio::test]
async fn a_pause_stops_events_that_wait() {
    let receiver = Receiver::start([LATE]).await;
    let waygate = created(&receiver, backend()).await;
    for nth in 0..10 {
        toggle(&waygate, nth).await;
    }
    receiver.wait_for(2).await;
    let system = waygate.system();
    let paused = hook("ops", &receiver).paused(true);
    system.set_webhook(paused).await.unwrap();
    // The attempts on their way end, and the place is written.
    until(async || waygate.webhook_attempts("ops").await.unwrap().len() >= receiver.got().len())
        .await;
    assert!(receiver.got().len() <= 6, "{}", receiver.got().len());
    receiver.answer([OK]);
    system.set_webhook(hook("ops", &receiver)).await.unwrap();
    let all = || {
        let mut ids: Vec<String> = receiver
            .got()
            .iter()
            .map(|got| got.header("webhook-id").to_owned())
            .collect();
        ids.sort();
        ids.dedup();
        ids.len()
    };
    until(async || all() == 20).await;
}

#[tokio::test]
async fn a_shutdown_records_what_was_delivered() {
    let receiver = Receiver::start([Answer::Hang, OK]).await;
    let store = backend();
    let waygate = start(builder(&receiver).backend(store.clone())).await;
    for nth in 0..5 {
        toggle(&waygate, nth).await;
    }
    // One hangs, with the second event of its route behind it.
    receiver.wait_for(9).await;
    waygate.shutdown().await;
    receiver.answer([OK]);
    let again = start(builder(&receiver).backend(store)).await;
    until(async || {
        let ops = again.webhook_counts()["ops"].clone();
        ops.delivered > 0 && ops.outbox_oldest.is_none()
    })
    .await;
    let mut subjects = receiver.subjects();
    subjects.drain(..9);
    assert!(subjects.len() <= 10, "{subjects:?}");
    assert!(subjects.contains(&"GET:/0".to_owned()));
}

#[tokio::test]
async fn services_with_webhooks_of_one_name_are_kept_apart() {
    let (shop, billing) = (Receiver::start([OK]).await, Receiver::start([OK]).await);
    let store = backend();
    let of = |receiver: &Receiver, service: &str| {
        let builder = builder(receiver).service(service);
        start(builder.backend(store.clone()))
    };
    let first = of(&shop, "shop").await;
    let second = of(&billing, "billing").await;
    until(async || cause(&second).contains("the service `shop`")).await;
    assert_eq!(cause(&first), "");
    toggle(&second, 1).await;
    shop.wait_for(2).await;
    assert_eq!(billing.got().len(), 0);

    // The code of `shop` no longer declares it.
    first.shutdown().await;
    let receiver = &Receiver::start([OK]).await;
    let builder = Waygate::builder().webhook_options(options(&[receiver]));
    let third = start(builder.backend(store.clone())).await;
    let refused = third.system().set_webhook(hook("ops", receiver)).await;
    let error = refused.unwrap_err();
    assert!(
        matches!(&error, ChangeError::Webhook(WebhookError::DeclaredElsewhere { name, .. }) if name == "ops"),
        "{error}"
    );
    third.system().delete_webhook("ops").await.unwrap();
    until(async || cause(&second).is_empty()).await;
    toggle(&third, 1).await;
    billing.wait_for(2).await;
}

#[tokio::test]
async fn a_deployment_that_gets_a_service_keeps_its_webhooks() {
    let (receiver, store) = (Receiver::start([OK]).await, backend());
    let first = start(builder(&receiver).backend(store.clone())).await;
    toggle(&first, 1).await;
    receiver.wait_for(2).await;
    first.shutdown().await;
    let named = |service: &str| start(builder(&receiver).service(service).backend(store.clone()));
    let shop = named("shop").await;
    toggle(&shop, 2).await;
    receiver.wait_for(4).await;
    assert_eq!(cause(&shop), "");
    shop.shutdown().await;

    // Another name may be that of another service.
    let store_front = named("store").await;
    until(async || cause(&store_front).contains("take over `ops`")).await;
    let known = store_front.webhook("ops").await.unwrap();
    assert!(known.conflict.unwrap().contains("the service `shop`"));
    let system = store_front.system();
    let refused = system.enable_webhook("ops").await.unwrap_err();
    assert!(
        matches!(&refused, ChangeError::Webhook(WebhookError::Conflict(_))),
        "{refused}"
    );
    system.take_over_webhook("ops").await.unwrap();
    let line = &store_front.audit(AuditQuery::newest(1)).await.unwrap()[0];
    let declared = (line.previous.as_ref(), line.new.as_ref());
    let declared = [declared.0, declared.1].map(|it| it.unwrap()["declared"]["service"].clone());
    assert_eq!(declared, ["shop", "store"]);
    until(async || cause(&store_front).is_empty()).await;
    assert_eq!(store_front.webhook("ops").await.unwrap().conflict, None);
    toggle(&store_front, 3).await;
    receiver.wait_for(6).await;
    store_front.shutdown().await;
    let nameless = start(builder(&receiver).backend(store)).await;
    until(async || cause(&nameless).contains("take over `ops`")).await;
    let refused = nameless.system().take_over_webhook("ops").await;
    assert!(refused.unwrap_err().to_string().contains("has no service"));
}

#[tokio::test]
async fn events_that_the_log_has_dropped_before_the_first_delivery_are_reported() {
    let receiver = Receiver::start([OK]).await;
    let store = MemoryBackend::new().with_audit_capacity(20);
    let builder = Waygate::builder().webhook_options(options(&[&receiver]));
    let waygate = builder.backend(store).build().await.unwrap();
    register(&waygate).await;
    toggle(&waygate, 0).await;
    let system = waygate.system();
    let paused = hook("ops", &receiver).paused(true);
    system.set_webhook(paused).await.unwrap();
    for nth in 0..60 {
        toggle(&waygate, nth).await;
    }
    system.set_webhook(hook("ops", &receiver)).await.unwrap();
    until(async || cause(&waygate).contains("has dropped events")).await;
}

#[tokio::test]
async fn a_message_that_cannot_be_sent_is_a_dead_letter() {
    let receiver = Receiver::start([OK]).await;
    let builder = builder(&receiver).webhook_formatter("ops", |entry| {
        Ok(Some(match entry.path.as_str() {
            "GET:/1" => Message::new("text/plain\r\nx: y", b"x".to_vec()),
            _ => Message::new("text/plain", vec![b'x'; 1024 * 1024 + 1]),
        }))
    });
    let waygate = start(builder).await;
    for nth in [1, 2] {
        let key = format!("GET:/{nth}");
        waygate.system().disable(&key, "r").await.unwrap();
    }
    until(async || waygate.webhook("ops").await.unwrap().dead_letters == 2).await;
    let dead = waygate.webhook_deliveries("ops").await.unwrap();
    assert!(
        dead[0].error.contains("no header value"),
        "{}",
        dead[0].error
    );
    assert!(
        dead[1].error.contains("more than 1048576"),
        "{}",
        dead[1].error
    );
    assert_eq!(receiver.got().len(), 0);
}

#[tokio::test]
async fn what_would_be_without_effect_or_without_bound_is_refused() {
    let builder = Waygate::builder().webhook_formatter("ops", |_| Ok(None));
    let error = builder.build().await.unwrap_err().to_string();
    assert!(error.contains("declare one of this name"), "{error}");

    let receiver = Receiver::start([OK]).await;
    let waygate = created(&receiver, backend()).await;
    let system = waygate.system();
    let routes = (0..101).map(|nth| format!("GET:/{nth}"));
    let long = system
        .set_webhook(hook("ops", &receiver).routes(routes))
        .await;
    let error = long.unwrap_err().to_string();
    assert!(error.contains("101 entries"), "{error}");

    for nth in 1..100 {
        let webhook = hook(&format!("ops-{nth}"), &receiver).paused(true);
        system.set_webhook(webhook).await.unwrap();
    }
    let error = system
        .set_webhook(hook("more", &receiver))
        .await
        .unwrap_err();
    assert!(
        matches!(error, ChangeError::Webhook(WebhookError::TooMany(100))),
        "{error}"
    );
    system.set_webhook(hook("ops-1", &receiver)).await.unwrap();
}

#[test]
fn debug_output_shows_no_secret() {
    let template = waygate::webhook::WebhookFormat::Template {
        source: "{\"routing_key\": \"R0hidden\"}".to_owned(),
        content_type: "application/json".to_owned(),
    };
    let webhook = Webhook::new("ops", "https://hooks.example.com/T0/hidden-path")
        .secret(SECRET)
        .header("authorization", "Bearer hidden")
        .format(template);
    let options = waygate::webhook::WebhookOptions::default().proxy("http://me:hidden@proxy:1");
    let shown = format!("{webhook:?} {options:?}");
    let (_, definition) = webhook.check(&waygate::webhook::Egress::default()).unwrap();
    let shown = format!("{shown} {definition:?}");
    for secret in ["hidden", "MfKQ9r8"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("hooks.example.com"), "{shown}");
}
