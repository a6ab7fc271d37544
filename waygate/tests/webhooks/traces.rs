//! The trace of a change reaches the receiver.

use waygate::{Origin, Waygate, webhook::Webhook};

use crate::{
    receiver::{Answer, OK, Receiver},
    support::{clock, hook, options, start, until},
};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

async fn engine(receiver: &Receiver, hook: Webhook) -> Waygate {
    let builder = Waygate::builder().webhook_options(options(&[receiver]));
    start(builder.clock(clock()).webhook(hook)).await
}

async fn disable(waygate: &Waygate, key: &str, parent: Option<&str>) {
    let origin = Origin::new("deploy", "sdk");
    let origin = match parent {
        Some(parent) => origin.in_trace(parent.parse().unwrap()),
        None => origin,
    };
    waygate.operator(origin).disable(key, "r").await.unwrap();
}

#[tokio::test]
async fn a_request_has_the_trace_of_the_change() {
    let receiver = Receiver::start([Answer::Is(500, "", ""), OK]).await;
    let waygate = engine(&receiver, hook("ops", &receiver)).await;
    disable(&waygate, "GET:/1", Some(PARENT)).await;
    until(async || receiver.got().len() == 1).await;
    disable(&waygate, "GET:/2", None).await;
    until(async || receiver.got().len() == 2).await;
    let got = receiver.got();
    assert_eq!(got[0].header("traceparent"), PARENT);
    assert_eq!(got[0].json()["data"]["traceparent"], PARENT);
    assert_eq!(got[1].headers.get("traceparent"), None);
}

#[tokio::test]
async fn a_header_of_the_endpoint_is_kept() {
    let own = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let receiver = Receiver::start([OK]).await;
    let hook = hook("ops", &receiver).header("Traceparent", own);
    let waygate = engine(&receiver, hook).await;
    disable(&waygate, "GET:/1", Some(PARENT)).await;
    until(async || receiver.got().len() == 1).await;
    let got = receiver.got();
    let all: Vec<_> = got[0].headers.get_all("traceparent").iter().collect();
    assert_eq!(all, [own]);
}
