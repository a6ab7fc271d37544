use std::{future::Future, time::Duration};

use waygate::{
    Waygate, WaygateBuilder,
    model::Registration,
    port::{ManualClock, MemoryBackend},
    webhook::{Egress, Webhook, WebhookOptions},
};

use crate::receiver::Receiver;

pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Lets webhooks reach these receivers only.
pub(crate) fn options(receivers: &[&Receiver]) -> WebhookOptions {
    let egress = Egress::default()
        .allow_http(true)
        .allow_networks(["127.0.0.0/8".parse().unwrap()])
        .allow_ports(receivers.iter().map(|receiver| receiver.port));
    WebhookOptions::default().egress(egress)
}

pub(crate) fn hook(name: &str, receiver: &Receiver) -> Webhook {
    Webhook::new(name, receiver.url()).secret(SECRET)
}

/// An engine that sends everything to one receiver.
pub(crate) fn builder(receiver: &Receiver) -> WaygateBuilder {
    Waygate::builder()
        .webhook_options(options(&[receiver]))
        .webhook(hook("ops", receiver))
}

pub(crate) fn clock() -> ManualClock {
    ManualClock::at("2030-01-01T00:00:00Z".parse().unwrap())
}

pub(crate) fn backend() -> MemoryBackend {
    MemoryBackend::new()
}

pub(crate) async fn start(builder: WaygateBuilder) -> Waygate {
    let waygate = builder.build().await.unwrap();
    register(&waygate).await;
    waygate
}

/// Registers `GET:/0` to `GET:/9`.
pub(crate) async fn register(waygate: &Waygate) {
    let routes = (0..10).map(|nth| Registration::new(format!("GET:/{nth}").parse().unwrap()));
    let routes: Vec<Registration> = routes.collect();
    waygate.register_all(routes).await.unwrap();
}

/// Waits for a condition.
pub(crate) async fn until<F: Future<Output = bool>>(condition: impl Fn() -> F) {
    let wait = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(60), wait).await;
    assert!(waited.is_ok(), "the condition is never met");
}

/// Closes and opens a route: two events.
pub(crate) async fn toggle(waygate: &Waygate, nth: usize) {
    let key = format!("GET:/{}", nth % 10);
    waygate.system().disable(&key, "r").await.unwrap();
    waygate.system().enable(&key, "r").await.unwrap();
}
