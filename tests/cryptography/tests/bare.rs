//! A host that relies on the only cryptography in its graph can go on to: Waygate adds no second one.

use waygate::{
    Waygate,
    port::{RedisBackend, RedisOptions},
};
use waygate_faultproxy::RedisProc;

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_builder_still_knows_what_to_take() {
    let server = RedisProc::start();
    let options = RedisOptions::new(&format!("redis://{}", server.addr())).unwrap();
    let builder = Waygate::builder().backend(RedisBackend::open(options));
    let _waygate = builder.build().await.unwrap();
    // Panics where two providers are in the graph and none is installed.
    let config = rustls::ClientConfig::builder()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    assert!(!config.crypto_provider().cipher_suites.is_empty());
}
