//! An application that relies on the only cryptography in its graph can keep doing so: Waygate adds no second one.

use waygate::{
    Waygate,
    port::{RedisBackend, RedisOptions},
};
use waygate_faultproxy::RedisProc;

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_builder_finds_its_provider() {
    let server = RedisProc::start();
    let options = RedisOptions::new(&format!("redis://{}", server.addr())).unwrap();
    let builder = Waygate::builder().backend(RedisBackend::open(options));
    let _waygate = builder.build().await.unwrap();
    // Panics if two providers are in the graph and none is installed.
    let config = rustls::ClientConfig::builder()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    assert!(!config.crypto_provider().cipher_suites.is_empty());
}
