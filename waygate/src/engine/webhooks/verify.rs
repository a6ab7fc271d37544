use std::time::Duration;

use http::HeaderMap;
use waygate_core::{
    Timestamp,
    webhook::{self, VerifyError, WebhookSecret},
};

/// Verifies a webhook that this program receives: its signature, and that it is not older than the tolerance (the
/// standard has [five minutes](crate::webhook::TOLERANCE)).
///
/// Pass the body as received. Pass both secrets while you rotate them.
///
/// # Errors
/// [`VerifyError`] with the reason; answer 401.
///
/// ```
/// use waygate::webhook::{self, TOLERANCE, WebhookSecret};
///
/// let secret: WebhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse()?;
/// # let now = waygate::Timestamp::now().as_second();
/// # let signature = webhook::sign([&secret], "msg_1", now, b"{}");
/// let mut headers = http::HeaderMap::new();
/// headers.insert("webhook-id", "msg_1".parse()?);
/// headers.insert("webhook-timestamp", now.into());
/// headers.insert("webhook-signature", signature.parse()?);
/// webhook::verify([&secret], &headers, b"{}", TOLERANCE)?;
/// assert!(webhook::verify([&secret], &headers, b"{ }", TOLERANCE).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn verify<'a>(
    secrets: impl IntoIterator<Item = &'a WebhookSecret>,
    headers: &HeaderMap,
    body: &[u8],
    tolerance: Duration,
) -> Result<(), VerifyError> {
    // Of two headers with one name, a proxy may have checked the other.
    let header = |name: &str| {
        let mut values = headers.get_all(name).iter();
        let value = values.next().filter(|_| values.next().is_none())?;
        value.to_str().ok().map(str::to_owned)
    };
    webhook::verify(secrets, header, body, Timestamp::now(), tolerance)
}
