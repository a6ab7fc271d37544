//! The cryptography of the process is the application's: Waygate neither adds nor chooses any.

use std::time::Duration;

use rustls::crypto::{CryptoProvider, ring};
use waygate::{
    Waygate,
    health::Component,
    port::{RedisBackend, RedisOptions},
};
use waygate_faultproxy::{RedisProc, eventually};

const PATIENCE: Duration = Duration::from_secs(20);

async fn engine(options: RedisOptions) -> Waygate {
    let builder = Waygate::builder().environment("production");
    let builder = builder.backend(RedisBackend::open(options));
    builder.build().await.unwrap()
}

fn cause(waygate: &Waygate) -> String {
    let health = waygate.health();
    let store = health.get(&Component::Store);
    store.map(|store| store.cause.clone()).unwrap_or_default()
}

/// One test, because it examines the whole process.
#[tokio::test(flavor = "multi_thread")]
async fn the_application_chooses_the_cryptography() {
    let server = RedisProc::options().tls().start();

    let plain = RedisOptions::new(&format!("redis://{}", server.addr())).unwrap();
    let plain = engine(plain).await;
    eventually(PATIENCE, "plain text needs none", || {
        cause(&plain).is_empty()
    })
    .await;

    for scheme in ["rediss", "rediss+cluster", "rediss+sentinel"] {
        let path = if scheme.ends_with("sentinel") {
            "/shop"
        } else {
            ""
        };
        let url = format!("{scheme}://{}{path}", server.tls_addr());
        let waygate = engine(RedisOptions::new(&url).unwrap()).await;
        eventually(PATIENCE, "what to do is said", || {
            let cause = cause(&waygate);
            cause.contains("install_default") && cause.contains("tls-ring")
        })
        .await;
    }
    assert!(
        CryptoProvider::get_default().is_none(),
        "nothing was installed"
    );

    let tls = RedisOptions::new(&format!("rediss://{}", server.tls_addr())).unwrap();
    let tls = engine(tls.ca_file(&server.certificate().certificate)).await;
    assert!(!cause(&tls).is_empty());
    // Applications do this at startup; with two providers in the graph, `builder()` panics without it.
    ring::default_provider()
        .install_default()
        .expect("the choice is the host's");
    eventually(PATIENCE, "a connection over TLS", || cause(&tls).is_empty()).await;
}
