//! Webhooks over TLS use the cryptography of the application, and trust its authority.

use std::{path::Path, sync::Arc, time::Duration};

use rustls::{
    CipherSuite, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};
use tokio_rustls::TlsAcceptor;
use waygate::{
    Waygate, WaygateBuilder,
    model::Registration,
    webhook::{AttemptOutcome, Egress, Webhook, WebhookAttempt, WebhookOptions},
};
use waygate_faultproxy::RedisProc;

/// A receiver with this certificate. Reports the cipher of each request.
async fn receiver(certificate: &Path, key: &Path) -> (u16, mpsc::UnboundedReceiver<CipherSuite>) {
    let chain = CertificateDer::pem_file_iter(certificate).unwrap();
    let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(key).unwrap())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, ciphers) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Clients that do not trust the certificate close the connection.
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let _ = stream.read(&mut [0; 4_096]).await.unwrap();
            let cipher = stream.get_ref().1.negotiated_cipher_suite().unwrap();
            sender.send(cipher.suite()).unwrap();
            let answer = b"HTTP/1.1 200 x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer).await.unwrap();
            let _ = stream.shutdown().await;
        }
    });
    (port, ciphers)
}

fn builder(port: u16, ca_file: Option<&Path>) -> WaygateBuilder {
    let egress = Egress::default()
        .allow_networks(["127.0.0.0/8".parse().unwrap()])
        .allow_ports([port]);
    let options = WebhookOptions::default().egress(egress);
    let options = match ca_file {
        Some(path) => options.ca_file(path),
        None => options,
    };
    let hook = Webhook::new("ops", format!("https://localhost:{port}/"));
    Waygate::builder().webhook_options(options).webhook(hook)
}

/// The first attempt to send an event.
async fn attempt(builder: WaygateBuilder) -> WebhookAttempt {
    let waygate = builder.build().await.unwrap();
    let route = Registration::new("GET:/a".parse().unwrap());
    waygate.register_all([route]).await.unwrap();
    waygate.system().disable("GET:/a", "r").await.unwrap();
    let first = async {
        loop {
            if let Some(first) = waygate.webhook_attempts("ops").await.unwrap().pop() {
                return first;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let patience = Duration::from_secs(30);
    tokio::time::timeout(patience, first).await.unwrap()
}

/// One test, because it examines the whole process.
#[tokio::test(flavor = "multi_thread")]
async fn webhooks_use_the_cryptography_of_the_application() {
    let server = RedisProc::options().tls().start();
    let authority = server.certificate();
    let (port, mut ciphers) = receiver(&authority.certificate, &authority.key).await;

    let error = builder(port, None).build().await.unwrap_err().to_string();
    assert!(
        error.contains("webhooks-ring") && error.contains("install a provider"),
        "{error}"
    );
    assert!(CryptoProvider::get_default().is_none());

    // Not what any other provider would choose first.
    let chosen = ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256;
    let provider = CryptoProvider {
        cipher_suites: vec![chosen],
        ..ring::default_provider()
    };
    provider.install_default().unwrap();

    let delivered = attempt(builder(port, Some(&authority.certificate))).await;
    assert_eq!(
        delivered.outcome,
        AttemptOutcome::Delivered,
        "{delivered:?}"
    );
    assert_eq!(ciphers.recv().await, Some(chosen.suite()));

    let stranger = attempt(builder(port, None)).await;
    assert_eq!(stranger.outcome, AttemptOutcome::Failed);
    let error = stranger.error.unwrap();
    assert!(error.contains("certificate"), "{error}");

    let missing = builder(port, Some(Path::new("/nowhere/ca.pem")));
    let error = missing.build().await.unwrap_err().to_string();
    assert!(error.contains("/nowhere/ca.pem"), "{error}");
}
