//! TLS with the certificates of the system, and the cryptography that the process has chosen.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, pem::PemObject},
};
use rustls_platform_verifier::Verifier;

pub(super) fn config(ca_file: Option<&Path>) -> Result<ClientConfig, String> {
    #[cfg(any(feature = "webhooks-ring", feature = "tls-ring"))]
    let fallback = || Some(Arc::new(rustls::crypto::ring::default_provider()));
    #[cfg(not(any(feature = "webhooks-ring", feature = "tls-ring")))]
    let fallback = || None;
    let provider = CryptoProvider::get_default().cloned().or_else(fallback);
    let provider = provider.ok_or("webhooks need cryptography, also for plain http: enable the feature `webhooks-ring`, or install a provider of rustls before the engine is built")?;
    let verifier = verifier(ca_file, provider.clone())?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let config = config
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn verifier(ca_file: Option<&Path>, provider: Arc<CryptoProvider>) -> Result<Verifier, String> {
    let unreadable = |error| format!("the certificates of the system cannot be read: {error}");
    let Some(path) = ca_file else {
        return Verifier::new(provider).map_err(unreadable);
    };
    // Android trusts only what its settings say.
    #[cfg(target_os = "android")]
    return Err(format!(
        "{}: Android has no certificates of a program",
        path.display()
    ));
    #[cfg(not(target_os = "android"))]
    Verifier::new_with_extra_roots(read(path)?, provider).map_err(unreadable)
}

#[cfg(not(target_os = "android"))]
fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let wrong = |problem: String| format!("the certificates in `{}`: {problem}", path.display());
    let certificates =
        CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
    let certificates: Vec<_> = certificates
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(error.to_string()))?;
    match certificates.is_empty() {
        true => Err(wrong("there is none; expected PEM".to_owned())),
        false => Ok(certificates),
    }
}
