//! Signatures after Standard Webhooks 1.0.0.

use std::time::Duration;

use base64ct::{Base64, Encoding};
use jiff::Timestamp;

use super::secret::{Key, WebhookSecret};

/// The header with the id, the same over all attempts.
pub const ID_HEADER: &str = "webhook-id";
/// The header with the time of the attempt, in seconds since the Unix epoch.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// The header with the signatures, separated by spaces.
pub const SIGNATURE_HEADER: &str = "webhook-signature";

/// The tolerance of the specification.
///
/// ```
/// assert_eq!(waygate_core::webhook::TOLERANCE.as_secs(), 300);
/// ```
pub const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// The most signatures of a request that are compared.
const MAX_SIGNATURES: usize = 16;

/// Signs a body: the value of the header `webhook-signature`. Each secret that can sign adds a signature, so that a
/// receiver may have the old or the new one.
///
/// ```
/// use waygate_core::webhook::{WebhookSecret, sign};
///
/// let secret: WebhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse()?;
/// let body = br#"{"test": 2432232314}"#;
/// assert_eq!(
///     sign([&secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body),
///     "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
/// );
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
pub fn sign<'a>(
    secrets: impl IntoIterator<Item = &'a WebhookSecret>,
    id: &str,
    timestamp: i64,
    body: &[u8],
) -> String {
    let signed = signed(id, &timestamp.to_string(), body);
    let mut signatures = Vec::new();
    for secret in secrets {
        match secret.key() {
            Key::Shared(key) => {
                let mac = hmac_sha256::HMAC::mac(&signed, key);
                signatures.push(format!("v1,{}", Base64::encode_string(&mac)));
            }
            #[cfg(feature = "webhooks-ed25519")]
            Key::Private(key) => {
                let signature = ed25519_dalek::Signer::sign(&**key, &signed).to_bytes();
                signatures.push(format!("v1a,{}", Base64::encode_string(&signature)));
            }
            #[cfg(feature = "webhooks-ed25519")]
            Key::Public(_) => {}
        }
    }
    signatures.join(" ")
}

fn signed(id: &str, timestamp: &str, body: &[u8]) -> Vec<u8> {
    let mut signed = format!("{id}.{timestamp}.").into_bytes();
    signed.extend_from_slice(body);
    signed
}

/// The reason to refuse a request.
///
/// ```
/// use waygate_core::webhook::VerifyError;
///
/// let error = VerifyError::Missing("webhook-id");
/// assert_eq!(error.to_string(), "the header `webhook-id` is missing");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// A header is missing, or is not readable.
    #[error("the header `{0}` is missing")]
    Missing(&'static str),
    /// A header has the wrong form.
    #[error("the header `{0}` is malformed")]
    Malformed(&'static str),
    /// The request is older than the tolerance: an attacker may have recorded it.
    #[error("the request is {0} s old, which is more than the tolerance")]
    TooOld(u64),
    /// The request is from the future: the clocks differ.
    #[error(
        "the request is {0} s in the future, which is more than the tolerance; check the clocks"
    )]
    TooNew(u64),
    /// No signature is of one of the secrets.
    #[error("no signature matches")]
    WrongSignature,
    /// No secret was given.
    #[error("there is no secret to verify with")]
    NoSecret,
}

/// Verifies a request against all active secrets. `header` returns the value of a header by its lower-case name. The
/// body is the bytes as received: JSON that was parsed and written again has other bytes.
///
/// A receiver should also remember the id for as long as the tolerance, and ignore a request that it has processed.
///
/// # Errors
/// [`VerifyError`] with the reason; refuse the request with 400 or 401.
///
/// ```
/// use waygate_core::{Timestamp, webhook::{TOLERANCE, VerifyError, WebhookSecret, sign, verify}};
///
/// let secret: WebhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse()?;
/// let now: Timestamp = "2030-01-01T00:00:00Z".parse()?;
/// let seconds = now.as_second();
/// let signature = sign([&secret], "msg_1", seconds, b"{}");
/// let header = |name: &str| match name {
///     "webhook-id" => Some("msg_1".to_owned()),
///     "webhook-timestamp" => Some(seconds.to_string()),
///     _ => Some(signature.clone()),
/// };
/// verify([&secret], header, b"{}", now, TOLERANCE)?;
/// let changed = verify([&secret], header, b"{ }", now, TOLERANCE);
/// assert_eq!(changed, Err(VerifyError::WrongSignature));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn verify<'a>(
    secrets: impl IntoIterator<Item = &'a WebhookSecret>,
    header: impl Fn(&'static str) -> Option<String>,
    body: &[u8],
    now: Timestamp,
    tolerance: Duration,
) -> Result<(), VerifyError> {
    let header = |name| header(name).ok_or(VerifyError::Missing(name));
    let (id, timestamp) = (header(ID_HEADER)?, header(TIMESTAMP_HEADER)?);
    let signatures = header(SIGNATURE_HEADER)?;
    if id.is_empty() || id.contains('.') {
        return Err(VerifyError::Malformed(ID_HEADER));
    }
    check_time(&timestamp, now, tolerance)?;
    let signed = signed(&id, &timestamp, body);
    let mut secrets = secrets.into_iter().peekable();
    if secrets.peek().is_none() {
        return Err(VerifyError::NoSecret);
    }
    // Every pair is compared, so that the time does not depend on which one matches.
    let is_right = secrets.fold(false, |right, secret| {
        let signatures = signatures.split(' ').take(MAX_SIGNATURES);
        signatures.fold(right, |right, signature| {
            right | matches(secret, signature, &signed)
        })
    });
    is_right.then_some(()).ok_or(VerifyError::WrongSignature)
}

fn check_time(timestamp: &str, now: Timestamp, tolerance: Duration) -> Result<(), VerifyError> {
    let malformed = || VerifyError::Malformed(TIMESTAMP_HEADER);
    if !timestamp.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(malformed());
    }
    let seconds: i64 = timestamp.parse().map_err(|_| malformed())?;
    let age = now.as_second().saturating_sub(seconds);
    match age.unsigned_abs() {
        far if far <= tolerance.as_secs() => Ok(()),
        far if age > 0 => Err(VerifyError::TooOld(far)),
        far => Err(VerifyError::TooNew(far)),
    }
}

fn matches(secret: &WebhookSecret, signature: &str, signed: &[u8]) -> bool {
    let Some((version, encoded)) = signature.split_once(',') else {
        return false;
    };
    let Ok(given) = Base64::decode_vec(encoded) else {
        return false;
    };
    match (secret.key(), version) {
        (Key::Shared(key), "v1") => given
            .as_slice()
            .try_into()
            .is_ok_and(|given: &[u8; 32]| hmac_sha256::HMAC::verify(signed, key, given)),
        #[cfg(feature = "webhooks-ed25519")]
        (Key::Public(key), "v1a") => ed25519_dalek::Signature::from_slice(&given)
            .is_ok_and(|given| key.verify_strict(signed, &given).is_ok()),
        #[cfg(feature = "webhooks-ed25519")]
        (Key::Private(key), "v1a") => ed25519_dalek::Signature::from_slice(&given)
            .is_ok_and(|given| key.verifying_key().verify_strict(signed, &given).is_ok()),
        _ => false,
    }
}
