use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// A self-signed certificate for 127.0.0.1 and localhost.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The certificate, which is its own authority, as a PEM file.
    pub certificate: PathBuf,
    /// Its private key as a PEM file.
    pub key: PathBuf,
}

impl Certificate {
    /// Creates one in `directory`.
    ///
    /// # Panics
    /// If the program `openssl` is missing or fails.
    pub fn make(directory: &Path) -> Self {
        let made = Self {
            certificate: directory.join("certificate.pem"),
            key: directory.join("key.pem"),
        };
        let output = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt"])
            .args(["ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"])
            .args(["-subj", "/CN=localhost", "-addext"])
            .arg("subjectAltName=DNS:localhost,IP:127.0.0.1")
            // Rustls does not accept an authority as a server.
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .arg("-keyout")
            .arg(&made.key)
            .arg("-out")
            .arg(&made.certificate)
            .output()
            .expect("`openssl` cannot be run; install it (apt package `openssl`)");
        let problem = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl: {problem}");
        made
    }
}
