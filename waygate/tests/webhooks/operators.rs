//! What operators do with webhooks.

use std::time::Duration;

use waygate::{
    ChangeError, Waygate,
    audit::AuditQuery,
    webhook::{self, Replay, TOLERANCE, Webhook, WebhookError},
};

use crate::{
    receiver::{Answer, OK, Receiver},
    support::{SECRET, backend, clock, options, register, toggle, until},
};

async fn started(receiver: &Receiver) -> Waygate {
    let waygate = Waygate::builder()
        .webhook_options(options(&[receiver]))
        .build()
        .await
        .unwrap();
    register(&waygate).await;
    waygate
}

fn hook(receiver: &Receiver) -> Webhook {
    Webhook::new("ops", receiver.url())
}

#[tokio::test]
async fn a_webhook_is_created_changed_and_deleted_while_the_service_runs() {
    let receiver = Receiver::start([OK]).await;
    let waygate = started(&receiver).await;
    toggle(&waygate, 0).await;
    let system = waygate.system();
    let secret = system.set_webhook(hook(&receiver)).await.unwrap().unwrap();
    toggle(&waygate, 1).await;
    let got = receiver.wait_for(2).await;
    assert_eq!(
        receiver.subjects(),
        ["GET:/1", "GET:/1"],
        "only what happened since"
    );
    webhook::verify([&secret], &got[0].headers, &got[0].body, TOLERANCE).unwrap();
    // The secret stays.
    assert_eq!(
        system
            .set_webhook(hook(&receiver).events(["flag.*"]))
            .await
            .unwrap(),
        None
    );
    toggle(&waygate, 2).await;
    system.set_webhook(hook(&receiver)).await.unwrap();
    toggle(&waygate, 3).await;
    let got = receiver.wait_for(4).await;
    webhook::verify([&secret], &got[3].headers, &got[3].body, TOLERANCE).unwrap();
    system.delete_webhook("ops").await.unwrap();
    toggle(&waygate, 4).await;
    let error = system.delete_webhook("ops").await.unwrap_err();
    assert!(
        matches!(error, ChangeError::Webhook(WebhookError::Unknown(_))),
        "{error}"
    );
    assert_eq!(receiver.got().len(), 4);
    // Neither the audit log nor any event shows a secret.
    let log = waygate.audit(AuditQuery::newest(100)).await.unwrap();
    let log = serde_json::to_string(&log).unwrap();
    assert!(log.contains("webhook_set") && log.contains("webhook_deleted"));
    assert!(!log.contains("whsec_") && !log.contains("/hook"), "{log}");
}

#[tokio::test]
async fn a_rotation_overlaps() {
    let receiver = Receiver::start([OK]).await;
    let clock = clock();
    let waygate = Waygate::builder()
        .clock(clock.clone())
        .webhook_options(options(&[&receiver]))
        .build()
        .await
        .unwrap();
    register(&waygate).await;
    let system = waygate.system();
    let old = system.set_webhook(hook(&receiver)).await.unwrap().unwrap();
    let new = system
        .rotate_webhook_secret("ops", Duration::from_secs(3600))
        .await
        .unwrap();
    system.disable("GET:/1", "r").await.unwrap();
    receiver.wait_for(1).await;
    clock.advance(Duration::from_secs(3601));
    system.disable("GET:/2", "r").await.unwrap();
    let got = receiver.wait_for(2).await;
    let verifies = |nth: usize, secret| {
        let got = &got[nth];
        let header = |name: &str| Some(got.header(name).to_owned());
        let at = got.header("webhook-timestamp").parse().unwrap();
        let at = waygate::Timestamp::from_second(at).unwrap();
        waygate_core::webhook::verify([secret], header, &got.body, at, TOLERANCE).is_ok()
    };
    assert_eq!([verifies(0, &old), verifies(0, &new)], [true, true]);
    assert_eq!([verifies(1, &old), verifies(1, &new)], [false, true]);
}

#[tokio::test]
async fn a_paused_webhook_gets_its_events_later() {
    let receiver = Receiver::start([OK]).await;
    let waygate = started(&receiver).await;
    let system = waygate.system();
    system
        .set_webhook(hook(&receiver).paused(true))
        .await
        .unwrap();
    toggle(&waygate, 1).await;
    system.set_webhook(hook(&receiver)).await.unwrap();
    receiver.wait_for(2).await;
    assert_eq!(receiver.subjects(), ["GET:/1", "GET:/1"]);
}

#[tokio::test]
async fn a_test_is_sent_once_and_shows_the_attempt() {
    let receiver = Receiver::start([OK, Answer::Is(500, "", "broken")]).await;
    let waygate = started(&receiver).await;
    let system = waygate.system();
    system
        .set_webhook(hook(&receiver).events(["flag.*"]))
        .await
        .unwrap();
    let sent = system.test_webhook("ops").await.unwrap().unwrap();
    assert_eq!(
        (sent.status, sent.answer.as_str(), sent.event.as_str()),
        (Some(200), "fine", "endpoint.test")
    );
    let sent = system.test_webhook("ops").await.unwrap().unwrap();
    assert_eq!((sent.status, sent.answer.as_str()), (Some(500), "broken"));
    assert!(waygate.webhook_deliveries("ops").await.unwrap().is_empty());
    assert_eq!(receiver.got().len(), 2);
    let error = system.test_webhook("oops").await.unwrap_err().to_string();
    assert_eq!(error, "there is no webhook `oops`");
}

#[tokio::test]
async fn events_are_sent_again_on_request() {
    let receiver = Receiver::start([Answer::Is(500, "", "")]).await;
    let waygate = started(&receiver).await;
    let system = waygate.system();
    system.set_webhook(hook(&receiver)).await.unwrap();
    system.disable("GET:/1", "r").await.unwrap();
    until(async || waygate.webhook("ops").await.unwrap().retries == 1).await;
    receiver.answer([OK]);
    assert_eq!(
        system.replay_webhook("ops", Replay::Failed).await.unwrap(),
        1
    );
    receiver.wait_for(2).await;
    until(async || waygate.webhook("ops").await.unwrap().retries == 0).await;
    // One that was delivered, by the id of its entry.
    let entry = waygate
        .audit(AuditQuery::newest(10).path("GET:/1"))
        .await
        .unwrap()
        .remove(0);
    system
        .replay_webhook("ops", Replay::One(entry.id))
        .await
        .unwrap();
    let got = receiver.wait_for(3).await;
    assert_eq!(got[2].header("webhook-id"), got[0].header("webhook-id"));
    let unknown = system
        .replay_webhook("ops", Replay::One(waygate::audit::Uuid::new_v4()))
        .await
        .unwrap_err();
    assert!(
        unknown.to_string().contains("there is no event"),
        "{unknown}"
    );
    // Everything since a time.
    until(async || waygate.webhook("ops").await.unwrap().retries == 0).await;
    system.disable("GET:/2", "r").await.unwrap();
    receiver.wait_for(4).await;
    let since = entry.timestamp;
    until(async || waygate.webhook_counts()["ops"].delivered == 3).await;
    system
        .replay_webhook("ops", Replay::Since(since))
        .await
        .unwrap();
    receiver.wait_for(6).await;
    assert_eq!(receiver.subjects()[4..], ["GET:/1", "GET:/2"]);
}

#[tokio::test]
async fn a_declared_webhook_cannot_be_changed_by_operators() {
    let receiver = Receiver::start([OK]).await;
    let builder = Waygate::builder()
        .webhook_options(options(&[&receiver]))
        .webhook(hook(&receiver).secret(SECRET));
    let waygate = builder.backend(backend()).build().await.unwrap();
    let system = waygate.system();
    for error in [
        system.set_webhook(hook(&receiver)).await.unwrap_err(),
        system.delete_webhook("ops").await.unwrap_err(),
        system
            .rotate_webhook_secret("ops", Duration::ZERO)
            .await
            .unwrap_err(),
    ] {
        assert!(
            matches!(error, ChangeError::Webhook(WebhookError::Declared(_))),
            "{error}"
        );
    }
    assert!(system.test_webhook("ops").await.unwrap().is_some());
}

#[tokio::test]
async fn the_log_keeps_what_a_paused_webhook_needs_and_reports_what_it_has_dropped() {
    use waygate::{health::Component, port::MemoryBackend};

    let receiver = Receiver::start([OK]).await;
    let store = MemoryBackend::new().with_audit_capacity(20);
    let builder = Waygate::builder()
        .webhook_options(options(&[&receiver]))
        .backend(store);
    let waygate = builder.build().await.unwrap();
    register(&waygate).await;
    let system = waygate.system();
    system.set_webhook(hook(&receiver)).await.unwrap();
    toggle(&waygate, 0).await;
    receiver.wait_for(2).await;
    until(async || waygate.webhook_counts()["ops"].outbox_oldest.is_none()).await;
    system
        .set_webhook(hook(&receiver).paused(true))
        .await
        .unwrap();
    for nth in 0..30 {
        toggle(&waygate, nth).await;
    }
    let kept = waygate.audit(AuditQuery::newest(100)).await.unwrap().len();
    assert!(kept > 60, "{kept}");
    system.set_webhook(hook(&receiver)).await.unwrap();
    receiver.wait_for(62).await;
    assert!(!waygate.health().contains_key(&Component::Webhooks));
    // Beyond the bound.
    system
        .set_webhook(hook(&receiver).paused(true))
        .await
        .unwrap();
    for nth in 0..60 {
        toggle(&waygate, nth).await;
    }
    system.set_webhook(hook(&receiver)).await.unwrap();
    until(async || {
        let health = waygate.health();
        let cause = health
            .get(&Component::Webhooks)
            .map(|known| known.cause.clone());
        cause.is_some_and(|cause| cause.contains("has dropped events"))
    })
    .await;
}
