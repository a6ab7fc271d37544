use std::{collections::BTreeMap, time::Duration};

use waygate::{
    Waygate,
    audit::Origin,
    model::GlobalMaintenance,
    port::Backend,
    webhook::{self, Message, TOLERANCE, Webhook, WebhookFormat, WebhookSecret},
};

use crate::{
    receiver::{Answer, OK, Receiver},
    support::{SECRET, backend, builder, hook, options, start, toggle, until},
};

#[tokio::test]
async fn a_change_is_delivered_signed_and_with_its_fields() {
    let receiver = Receiver::start([OK]).await;
    let waygate = start(builder(&receiver)).await;
    let alice = waygate.operator(Origin::new("alice", "cli"));
    alice.disable("GET:/1", "incident 12").await.unwrap();
    let got = receiver.wait_for(1).await.remove(0);
    let body = got.json();
    assert_eq!(body["type"], "route.disabled");
    for (field, value) in [
        ("route", "GET:/1"),
        ("actor", "alice"),
        ("platform", "cli"),
        ("reason", "incident 12"),
    ] {
        assert_eq!(body["data"][field], value, "{field}");
    }
    let entry = waygate
        .audit(waygate::audit::AuditQuery::newest(1))
        .await
        .unwrap()
        .remove(0);
    assert_eq!(body["data"]["revision"], entry.revision);
    assert_eq!(
        got.header("webhook-id"),
        format!("msg_{}", entry.id.simple())
    );
    assert_eq!(got.header("content-type"), "application/json");
    let secret: WebhookSecret = SECRET.parse().unwrap();
    webhook::verify([&secret], &got.headers, &got.body, TOLERANCE).unwrap();
    let oracle = standardwebhooks::Webhook::new(SECRET).unwrap();
    oracle.verify(&got.body, &got.headers).unwrap();
}

#[tokio::test]
async fn events_of_one_route_come_in_order_and_at_most_two_at_a_time() {
    let receiver = Receiver::start([Answer::Late(Duration::from_millis(5))]).await;
    let waygate = start(builder(&receiver)).await;
    for nth in 0..50 {
        toggle(&waygate, nth).await;
    }
    let got = receiver.wait_for(100).await;
    let mut revisions: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for got in &got {
        let revision = got.json()["data"]["revision"].as_u64().unwrap();
        revisions.entry(got.subject()).or_default().push(revision);
    }
    assert_eq!(revisions.len(), 10);
    for (route, revisions) in revisions {
        assert_eq!(revisions.len(), 10, "{route}");
        assert!(revisions.is_sorted(), "{route}: {revisions:?}");
    }
    assert_eq!(receiver.most_running(), 2);
    until(async || waygate.webhook_counts()["ops"].delivered == 100).await;
}

#[tokio::test]
async fn a_slow_attempt_delays_no_later_event() {
    let receiver = Receiver::start([Answer::Hang, OK]).await;
    let waygate = start(builder(&receiver)).await;
    waygate.system().disable("GET:/0", "r").await.unwrap();
    receiver.wait_for(1).await;
    let since = std::time::Instant::now();
    for nth in 1..10 {
        toggle(&waygate, nth).await;
    }
    receiver.wait_for(19).await;
    assert!(
        since.elapsed() < Duration::from_secs(10),
        "{:?}",
        since.elapsed()
    );
}

#[tokio::test]
async fn a_slow_endpoint_delays_no_other() {
    let (slow, fast) = (
        Receiver::start([Answer::Hang]).await,
        Receiver::start([OK]).await,
    );
    let waygate = start(
        Waygate::builder()
            .webhook_options(options(&[&slow, &fast]))
            .webhook(hook("a-slow", &slow))
            .webhook(hook("b-fast", &fast)),
    )
    .await;
    let since = std::time::Instant::now();
    for nth in 0..20 {
        toggle(&waygate, nth).await;
    }
    fast.wait_for(40).await;
    assert!(
        since.elapsed() < Duration::from_secs(10),
        "{:?}",
        since.elapsed()
    );
    assert!((1..=2).contains(&slow.got().len()));
}

#[tokio::test]
async fn an_endpoint_gets_only_its_events() {
    let receiver = Receiver::start([OK]).await;
    let ops = hook("ops", &receiver)
        .events(["route.disabled", "global.*"])
        .routes(["GET:/1", "__global__"]);
    let waygate = start(
        Waygate::builder()
            .webhook_options(options(&[&receiver]))
            .webhook(ops),
    )
    .await;
    toggle(&waygate, 0).await;
    toggle(&waygate, 1).await;
    waygate
        .system()
        .enable_global_maintenance(GlobalMaintenance::default())
        .await
        .unwrap();
    let got = receiver.wait_for(2).await;
    let types: Vec<_> = got
        .iter()
        .map(|got| got.json()["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(types, ["route.disabled", "global.maintenance_started"]);
}

#[tokio::test]
async fn many_events_that_an_endpoint_does_not_get_move_its_place() {
    let receiver = Receiver::start([OK]).await;
    let (ops, store) = (hook("ops", &receiver).events(["global.*"]), backend());
    let builder = Waygate::builder()
        .webhook_options(options(&[&receiver]))
        .webhook(ops);
    let waygate = start(builder.backend(store.clone())).await;
    for nth in 0..80 {
        toggle(&waygate, nth).await;
    }
    waygate
        .system()
        .enable_global_maintenance(GlobalMaintenance::default())
        .await
        .unwrap();
    let got = receiver.wait_for(1).await;
    assert_eq!(got[0].json()["type"], "global.maintenance_started");
    // 160 entries, of which the log need not keep those before the last hundred.
    let image = store.load().await.unwrap();
    let place = &image
        .entities
        .iter()
        .find(|(key, _)| key.as_str() == "webhook_cursor/ops")
        .unwrap()
        .1
        .value;
    assert!(
        place["position"]["revision"].as_u64().unwrap() > 100,
        "{place}"
    );
}

#[tokio::test]
async fn a_restart_continues_where_it_stopped() {
    let receiver = Receiver::start([OK]).await;
    let store = backend();
    let waygate = start(builder(&receiver).backend(store.clone())).await;
    toggle(&waygate, 0).await;
    receiver.wait_for(2).await;
    waygate.shutdown().await;
    // Another process, without webhooks of its own.
    let other = start(Waygate::builder().backend(store.clone())).await;
    toggle(&other, 1).await;
    let again = start(builder(&receiver).backend(store)).await;
    toggle(&again, 2).await;
    receiver.wait_for(6).await;
    let mut subjects = receiver.subjects();
    // Routes are independent of each other.
    subjects[2..].sort();
    assert_eq!(
        subjects,
        ["GET:/0", "GET:/0", "GET:/1", "GET:/1", "GET:/2", "GET:/2"]
    );
}

#[tokio::test]
async fn a_shutdown_delivers_what_is_left() {
    let receiver = Receiver::start([Answer::Late(Duration::from_millis(50))]).await;
    let waygate = start(builder(&receiver)).await;
    for nth in 0..10 {
        toggle(&waygate, nth).await;
    }
    waygate.shutdown().await;
    assert_eq!(receiver.got().len(), 20);
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_a_receiver_that_hangs() {
    let receiver = Receiver::start([Answer::Hang]).await;
    let waygate = start(builder(&receiver)).await;
    toggle(&waygate, 0).await;
    receiver.wait_for(1).await;
    let since = std::time::Instant::now();
    waygate.shutdown().await;
    assert!(
        since.elapsed() < Duration::from_secs(6),
        "{:?}",
        since.elapsed()
    );
}

#[tokio::test]
async fn formats_and_headers_are_those_of_the_endpoint() {
    let receiver = Receiver::start([OK]).await;
    let formats = [
        ("python", WebhookFormat::Python),
        ("slack", WebhookFormat::Slack),
        ("cloudevents", WebhookFormat::CloudEvents),
        (
            "template",
            WebhookFormat::Template {
                source: "{{ type }}".to_owned(),
                content_type: "text/plain".to_owned(),
            },
        ),
    ];
    let mut builder = Waygate::builder().webhook_options(options(&[&receiver]));
    for (name, format) in formats {
        builder = builder.webhook(hook(name, &receiver).format(format).header("x-name", name));
    }
    let waygate = start(builder).await;
    waygate.system().disable("GET:/1", "why").await.unwrap();
    let got = receiver.wait_for(4).await;
    let of = |name: &str| got.iter().find(|got| got.header("x-name") == name).unwrap();
    assert_eq!(of("python").json()["event"], "disable");
    assert_eq!(of("python").json()["state"]["status"], "disabled");
    assert!(of("slack").json()["blocks"].is_array());
    assert_eq!(of("cloudevents").json()["specversion"], "1.0");
    assert_eq!(
        of("cloudevents").header("content-type"),
        "application/cloudevents+json"
    );
    assert_eq!(of("template").body, b"route.disabled");
}

#[tokio::test]
async fn a_formatter_that_panics_or_fails_makes_a_dead_letter_and_nothing_else() {
    let receiver = Receiver::start([OK]).await;
    let waygate =
        start(
            builder(&receiver).webhook_formatter("ops", |entry| match entry.path.as_str() {
                "GET:/1" => panic!("no such case"),
                "GET:/2" => Err("not now".to_owned()),
                "GET:/3" => Ok(None),
                path => Ok(Some(Message::new("text/plain", path.as_bytes().to_vec()))),
            }),
        )
        .await;
    for nth in [1, 2, 3, 4] {
        waygate
            .system()
            .disable(&format!("GET:/{nth}"), "r")
            .await
            .unwrap();
    }
    assert_eq!(receiver.wait_for(1).await[0].body, b"GET:/4");
    until(async || waygate.webhook("ops").await.unwrap().dead_letters == 2).await;
    let dead = waygate.webhook_deliveries("ops").await.unwrap();
    let errors: Vec<_> = dead
        .iter()
        .map(|dead| (dead.subject.as_str(), dead.error.as_str()))
        .collect();
    assert_eq!(
        errors,
        [
            ("GET:/1", "the formatter panicked: no such case"),
            ("GET:/2", "not now")
        ]
    );
    assert!(
        waygate
            .webhook("ops")
            .await
            .unwrap()
            .failing_since
            .is_none()
    );
}

#[tokio::test]
async fn mistakes_in_the_declaration_stop_the_start() {
    for (webhook, part) in [
        (Webhook::new("ops", "http://example.com/"), "https"),
        (Webhook::new("ops", "https://10.0.0.1/"), "private"),
        (
            Webhook::new("ops", "https://example.com/").events(["nothing.*"]),
            "nothing",
        ),
        (
            Webhook::new("ops", "https://example.com/").secret("x"),
            "whsec_",
        ),
    ] {
        let error = Waygate::builder()
            .webhook(webhook)
            .build()
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(part), "{error}");
    }
    let twice = Waygate::builder()
        .webhook(Webhook::new("ops", "https://example.com/"))
        .webhook(Webhook::new("ops", "https://example.com/"));
    assert!(
        twice
            .build()
            .await
            .unwrap_err()
            .to_string()
            .contains("two webhooks")
    );
}
