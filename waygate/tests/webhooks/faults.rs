//! Receivers and name servers that misbehave.

use std::time::{Duration, Instant};

use waygate::{
    Waygate,
    webhook::{AttemptOutcome, Egress, Webhook, WebhookFormat, WebhookOptions},
};

use crate::{
    receiver::{Answer, OK, Receiver},
    support::{builder, hook, options, start, toggle, until},
};

/// The first attempt at an event, with this receiver.
async fn attempt(answer: Answer) -> (Receiver, Waygate, waygate::webhook::WebhookAttempt) {
    let receiver = Receiver::start([answer]).await;
    let waygate = start(builder(&receiver)).await;
    waygate.system().disable("GET:/1", "r").await.unwrap();
    until(async || !waygate.webhook_attempts("ops").await.unwrap().is_empty()).await;
    let attempt = waygate.webhook_attempts("ops").await.unwrap().remove(0);
    (receiver, waygate, attempt)
}

#[tokio::test]
async fn failures_are_listed_with_their_cause() {
    for (answer, status, part) in [
        (Answer::Is(500, "", "broken"), Some(500), ""),
        (Answer::Is(400, "", "<html>not JSON</html>"), Some(400), ""),
        (Answer::Reset, None, "failed"),
    ] {
        let (_receiver, waygate, attempt) = attempt(answer).await;
        assert_eq!(
            (attempt.outcome, attempt.status),
            (AttemptOutcome::Failed, status)
        );
        assert!(attempt.error.unwrap_or_default().contains(part));
        until(async || waygate.webhook("ops").await.unwrap().retries == 1).await;
        assert_eq!(
            waygate.route("GET:/1").unwrap().view.status.as_str(),
            "disabled"
        );
    }
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let other = Receiver::start([OK]).await;
    let location: &'static str =
        Box::leak(format!("location: {}\r\n", other.url()).into_boxed_str());
    for status in [301, 302, 307, 308] {
        let (_receiver, _waygate, attempt) = attempt(Answer::Is(status, location, "")).await;
        assert_eq!(
            (attempt.outcome, attempt.status),
            (AttemptOutcome::Failed, Some(status))
        );
    }
    assert!(other.got().is_empty());
}

#[tokio::test]
async fn a_receiver_that_hangs_or_drips_times_out() {
    // Both wait for the same 15 seconds.
    let since = Instant::now();
    let (hang, drip) = tokio::join!(attempt(Answer::Hang), attempt(Answer::Drip));
    for (_receiver, _waygate, attempt) in [hang, drip] {
        assert_eq!(
            (attempt.outcome, attempt.status),
            (AttemptOutcome::Failed, None)
        );
        assert!(
            attempt
                .error
                .as_deref()
                .is_some_and(|error| error.contains("timed out") || error.contains("no answer")),
            "{attempt:?}"
        );
        assert!(
            (14_000.0..17_000.0).contains(&attempt.duration_ms),
            "{attempt:?}"
        );
    }
    assert!(since.elapsed() < Duration::from_secs(25));
}

#[tokio::test]
async fn of_a_gigabyte_only_the_start_is_read() {
    let (receiver, _waygate, attempt) = attempt(Answer::Gigabyte).await;
    assert_eq!(
        (attempt.outcome, attempt.status),
        (AttemptOutcome::Delivered, Some(200))
    );
    assert_eq!(attempt.answer.len(), 1024);
    assert!(attempt.answer.bytes().all(|byte| byte == b'x'));
    // The rest is buffers of the system.
    assert!(receiver.sent() < 50 << 20, "{} bytes", receiver.sent());
}

#[tokio::test]
async fn a_body_that_drips_holds_up_nothing() {
    let since = Instant::now();
    let (receiver, waygate, attempt) = attempt(Answer::DripBody).await;
    assert_eq!(
        (attempt.outcome, attempt.status),
        (AttemptOutcome::Delivered, Some(200))
    );
    assert!(!attempt.answer.is_empty() && attempt.answer.len() < 200);
    assert!(since.elapsed() < Duration::from_secs(10));
    receiver.answer([OK]);
    toggle(&waygate, 2).await;
    receiver.wait_for(3).await;
}

#[tokio::test]
async fn the_status_decides_and_not_the_page_that_slack_answers_with() {
    for (status, outcome) in [
        (200, AttemptOutcome::Delivered),
        (404, AttemptOutcome::Failed),
    ] {
        let html = "<!DOCTYPE html><html><body>channel_not_found</body></html>";
        let receiver = Receiver::start([Answer::Is(status, "", html)]).await;
        let slack = hook("ops", &receiver).format(WebhookFormat::Slack);
        let builder = Waygate::builder()
            .webhook_options(options(&[&receiver]))
            .webhook(slack);
        let waygate = start(builder).await;
        waygate.system().disable("GET:/1", "r").await.unwrap();
        until(async || !waygate.webhook_attempts("ops").await.unwrap().is_empty()).await;
        let attempt = waygate.webhook_attempts("ops").await.unwrap().remove(0);
        assert_eq!((attempt.outcome, attempt.status), (outcome, Some(status)));
        assert_eq!(attempt.answer, html);
        assert!(receiver.got()[0].json()["blocks"].is_array());
    }
}

#[tokio::test]
async fn a_name_of_a_private_address_is_not_connected_to() {
    let receiver = Receiver::start([OK]).await;
    let egress = Egress::default()
        .allow_http(true)
        .allow_ports([receiver.port]);
    let url = format!("http://localhost:{}/", receiver.port);
    let waygate = start(
        Waygate::builder()
            .webhook_options(WebhookOptions::default().egress(egress))
            .webhook(Webhook::new("ops", url)),
    )
    .await;
    toggle(&waygate, 1).await;
    until(async || !waygate.webhook_attempts("ops").await.unwrap().is_empty()).await;
    let attempt = waygate.webhook_attempts("ops").await.unwrap().remove(0);
    let error = attempt.error.unwrap();
    assert!(
        error.contains("the host is not allowed") && error.contains("loopback"),
        "{error}"
    );
    assert!(receiver.got().is_empty());
}

#[tokio::test]
async fn an_endpoint_that_another_process_allowed_is_checked_again() {
    let receiver = Receiver::start([OK]).await;
    let store = crate::support::backend();
    let lenient = start(
        Waygate::builder()
            .backend(store.clone())
            .webhook_options(options(&[&receiver])),
    )
    .await;
    lenient
        .system()
        .set_webhook(hook("ops", &receiver))
        .await
        .unwrap();
    lenient.shutdown().await;
    let strict = start(Waygate::builder().backend(store)).await;
    toggle(&strict, 1).await;
    until(async || !strict.webhook_attempts("ops").await.unwrap().is_empty()).await;
    let error = strict.webhook_attempts("ops").await.unwrap()[0]
        .error
        .clone()
        .unwrap();
    assert!(error.contains("https"), "{error}");
    assert!(receiver.got().is_empty());
}
