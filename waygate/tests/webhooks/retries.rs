//! Retries over days, by a clock that the test moves.

use std::time::Duration;

use waygate::{
    Waygate,
    health::Component,
    port::ManualClock,
    webhook::{AttemptOutcome, WebhookDelivery},
};

use crate::{
    receiver::{Answer, OK, Receiver},
    support::{builder, clock, start, until},
};

const HOUR: Duration = Duration::from_secs(3600);

async fn failing(status: u16, headers: &'static str) -> (Receiver, ManualClock, Waygate) {
    let receiver = Receiver::start([Answer::Is(status, headers, "no")]).await;
    let clock = clock();
    let waygate = start(builder(&receiver).clock(clock.clone())).await;
    waygate.system().disable("GET:/1", "r").await.unwrap();
    (receiver, clock, waygate)
}

/// Waits until the failure of this attempt is recorded.
async fn recorded(waygate: &Waygate, attempts: u32) -> WebhookDelivery {
    until(async || {
        let all = waygate.webhook_deliveries("ops").await.unwrap();
        all.first().is_some_and(|known| known.attempts == attempts)
    })
    .await;
    waygate.webhook_deliveries("ops").await.unwrap().remove(0)
}

#[tokio::test]
async fn ten_attempts_follow_the_schedule_and_end_as_a_dead_letter() {
    let (receiver, clock, waygate) = failing(500, "").await;
    let planned = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
    for (nth, seconds) in planned.into_iter().enumerate() {
        let failed = recorded(&waygate, nth as u32 + 1).await;
        let pause = failed
            .next
            .unwrap()
            .duration_since(failed.failed_at)
            .as_secs_f64();
        let share = pause / f64::from(seconds);
        assert!(
            (0.49..1.51).contains(&share),
            "{pause} s instead of {seconds} s"
        );
        assert_eq!(receiver.got().len(), nth + 1);
        clock.advance(Duration::from_secs_f64(pause - 0.1));
        tokio::task::yield_now().await;
        assert_eq!(receiver.got().len(), nth + 1, "too early");
        clock.advance(Duration::from_secs_f64(0.2));
        receiver.wait_for(nth + 2).await;
    }
    let dead = recorded(&waygate, 10).await;
    assert_eq!((dead.next, dead.error.as_str()), (None, "status 500"));
    until(async || waygate.health().contains_key(&Component::Webhooks)).await;
    assert!(
        waygate.health()[&Component::Webhooks]
            .cause
            .contains("`ops` has 1 dead letters")
    );
    let ids: Vec<_> = receiver
        .got()
        .iter()
        .map(|got| got.header("webhook-id").to_owned())
        .collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "the id is stable");
    let times: Vec<_> = receiver
        .got()
        .iter()
        .map(|got| got.header("webhook-timestamp").to_owned())
        .collect();
    assert!(
        times.windows(2).all(|pair| pair[0] < pair[1]),
        "the time is that of the attempt: {times:?}"
    );
    let attempts = waygate.webhook_attempts("ops").await.unwrap();
    assert_eq!(attempts.len(), 10);
    assert_eq!(
        (
            attempts[0].attempt,
            attempts[0].status,
            attempts[0].answer.as_str()
        ),
        (10, Some(500), "no")
    );
}

#[tokio::test]
async fn a_failed_event_blocks_no_later_one_and_is_delivered_at_last() {
    let receiver = Receiver::start([Answer::Is(500, "", ""), OK]).await;
    let clock = clock();
    let waygate = start(builder(&receiver).clock(clock.clone())).await;
    for nth in [1, 2, 3] {
        waygate
            .system()
            .disable(&format!("GET:/{nth}"), "r")
            .await
            .unwrap();
    }
    receiver.wait_for(3).await;
    recorded(&waygate, 1).await;
    clock.advance(Duration::from_secs(10));
    receiver.wait_for(4).await;
    until(async || waygate.webhook_deliveries("ops").await.unwrap().is_empty()).await;
    let mut subjects = receiver.subjects();
    assert_eq!(subjects.pop().as_deref(), Some("GET:/1"));
    subjects.sort();
    assert_eq!(subjects, ["GET:/1", "GET:/2", "GET:/3"]);
}

#[tokio::test]
async fn a_receiver_that_asks_for_a_pause_gets_it() {
    for (status, header, pause) in [
        (429, "retry-after: 120\r\n", 120),
        (429, "", 30),
        (502, "", 30),
        (504, "retry-after: Tue, 01 Jan 2030 00:10:00 GMT\r\n", 600),
        (429, "retry-after: 99999999\r\n", 86_400),
    ] {
        let (receiver, clock, waygate) = failing(status, header).await;
        recorded(&waygate, 1).await;
        receiver.answer([OK]);
        // Other events wait, too.
        waygate.system().disable("GET:/2", "r").await.unwrap();
        let throttled = waygate
            .webhook("ops")
            .await
            .unwrap()
            .throttled_until
            .unwrap();
        assert_eq!(
            throttled.as_second() - 1_893_456_000,
            pause,
            "{status} {header}"
        );
        clock.advance(Duration::from_secs(pause as u64 - 1));
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert_eq!(receiver.got().len(), 1, "{status} {header}");
        clock.advance(Duration::from_secs(20));
        receiver.wait_for(3).await;
        until(async || {
            waygate
                .webhook("ops")
                .await
                .unwrap()
                .throttled_until
                .is_none()
        })
        .await;
        assert_eq!(waygate.webhook_counts()["ops"].throttled, 1);
    }
}

#[tokio::test]
async fn a_receiver_that_is_gone_disables_its_endpoint_and_others_hear_of_it() {
    let (gone, other) = (
        Receiver::start([Answer::Is(410, "", "")]).await,
        Receiver::start([OK]).await,
    );
    let waygate = start(
        Waygate::builder()
            .webhook_options(crate::support::options(&[&gone, &other]))
            .webhook(crate::support::hook("gone", &gone))
            .webhook(crate::support::hook("other", &other).events(["endpoint.*"])),
    )
    .await;
    waygate.system().disable("GET:/1", "r").await.unwrap();
    let heard = other.wait_for(1).await.remove(0).json();
    assert_eq!(heard["type"], "endpoint.disabled");
    assert_eq!(heard["data"]["subject"], "webhook:gone");
    assert_eq!(heard["data"]["reason"], "the receiver answered 410 Gone");
    until(async || waygate.health().contains_key(&Component::Webhooks)).await;
    assert!(
        waygate.health()[&Component::Webhooks]
            .cause
            .contains("`gone` is disabled")
    );
    waygate.system().disable("GET:/2", "r").await.unwrap();
    let state = waygate.webhook("gone").await.unwrap();
    assert!(state.disabled.is_some());
    assert_eq!((state.dead_letters, gone.got().len()), (1, 1));
    // An operator enables it again: it continues where it stopped.
    gone.answer([OK]);
    waygate.system().enable_webhook("gone").await.unwrap();
    gone.wait_for(2).await;
    assert_eq!(gone.subjects(), ["GET:/1", "GET:/2"]);
}

#[tokio::test]
async fn five_days_of_failures_disable_an_endpoint_and_one_success_starts_again() {
    let (receiver, clock, waygate) = failing(500, "").await;
    recorded(&waygate, 1).await;
    clock.advance(4 * 24 * HOUR);
    receiver.wait_for(2).await;
    recorded(&waygate, 2).await;
    let since = waygate.webhook("ops").await.unwrap().failing_since.unwrap();
    assert_eq!(since.as_second(), 1_893_456_000);
    // A success.
    receiver.answer([OK, Answer::Is(500, "", "")]);
    clock.advance(HOUR);
    receiver.wait_for(3).await;
    until(async || {
        waygate
            .webhook("ops")
            .await
            .unwrap()
            .failing_since
            .is_none()
    })
    .await;
    waygate.system().disable("GET:/2", "r").await.unwrap();
    recorded(&waygate, 1).await;
    clock.advance(4 * 24 * HOUR);
    recorded(&waygate, 2).await;
    assert!(waygate.webhook("ops").await.unwrap().disabled.is_none());
    clock.advance(25 * HOUR);
    until(async || waygate.webhook("ops").await.unwrap().disabled.is_some()).await;
    let (_, reason) = waygate.webhook("ops").await.unwrap().disabled.unwrap();
    assert_eq!(reason, "every attempt has failed for 5 days");
    let last = waygate.webhook_attempts("ops").await.unwrap().remove(0);
    assert_eq!(last.outcome, AttemptOutcome::Failed);
}
