use std::{fmt, str::FromStr};

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use crate::grammar::Invalid;

/// The secret of one endpoint: it signs what is sent there, and its receiver verifies with it.
///
/// `whsec_` and the base64 of 24 to 64 bytes. With the feature `webhooks-ed25519` also `whsk_` with the 32 or 64 bytes
/// of a private Ed25519 key, and `whpk_` with those of a public one, which only verifies. The bytes are erased when
/// the secret is dropped, and [`Debug`](fmt::Debug) does not show them.
///
/// ```
/// use waygate_core::webhook::WebhookSecret;
///
/// let secret: WebhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse()?;
/// assert_eq!(format!("{secret:?}"), "WebhookSecret(…)");
/// assert_eq!(*secret.expose(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
/// assert!("whsec_c2hvcnQ=".parse::<WebhookSecret>().is_err());
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Clone)]
pub struct WebhookSecret(Key);

#[derive(Clone)]
pub(super) enum Key {
    Shared(Zeroizing<Vec<u8>>),
    #[cfg(feature = "webhooks-ed25519")]
    Private(Box<ed25519_dalek::SigningKey>),
    #[cfg(feature = "webhooks-ed25519")]
    Public(Box<ed25519_dalek::VerifyingKey>),
}

const SHARED: &str = "whsec_";
#[cfg(feature = "webhooks-ed25519")]
const PRIVATE: &str = "whsk_";
#[cfg(feature = "webhooks-ed25519")]
const PUBLIC: &str = "whpk_";

impl WebhookSecret {
    /// Creates a random secret of 32 bytes.
    ///
    /// # Errors
    /// The operating system has no random numbers.
    pub fn generate() -> Result<Self, Invalid> {
        let mut bytes = Zeroizing::new(vec![0; 32]);
        let none = |error| invalid(format!("there are no random numbers: {error}"));
        getrandom::fill(&mut bytes).map_err(none)?;
        Ok(Self(Key::Shared(bytes)))
    }

    /// Returns the text form, erased when it is dropped. Review every call.
    pub fn expose(&self) -> Zeroizing<String> {
        let (prefix, bytes) = match &self.0 {
            Key::Shared(bytes) => (SHARED, bytes.clone()),
            #[cfg(feature = "webhooks-ed25519")]
            Key::Private(key) => (PRIVATE, Zeroizing::new(key.to_bytes().to_vec())),
            #[cfg(feature = "webhooks-ed25519")]
            Key::Public(key) => (PUBLIC, Zeroizing::new(key.to_bytes().to_vec())),
        };
        Zeroizing::new(format!("{prefix}{}", Base64::encode_string(&bytes)))
    }

    /// The public key of a private one, for its receiver.
    #[cfg(feature = "webhooks-ed25519")]
    pub fn public(&self) -> Option<Self> {
        match &self.0 {
            Key::Private(key) => Some(Self(Key::Public(Box::new(key.verifying_key())))),
            _ => None,
        }
    }

    /// Returns `false` for a public key, which cannot sign.
    pub fn can_sign(&self) -> bool {
        match &self.0 {
            Key::Shared(_) => true,
            #[cfg(feature = "webhooks-ed25519")]
            Key::Private(_) => true,
            #[cfg(feature = "webhooks-ed25519")]
            Key::Public(_) => false,
        }
    }

    pub(super) fn key(&self) -> &Key {
        &self.0
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

impl PartialEq for WebhookSecret {
    fn eq(&self, other: &Self) -> bool {
        *self.expose() == *other.expose()
    }
}

impl Eq for WebhookSecret {}

/// An error without the text, which may be most of a secret.
fn invalid(problem: impl Into<String>) -> Invalid {
    Invalid::new("webhook secret", "…", problem.into())
}

impl FromStr for WebhookSecret {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let decode = |text: &str| {
            let bytes = Base64::decode_vec(text).map(Zeroizing::new);
            bytes.map_err(|_| invalid("write base64 with padding after the prefix"))
        };
        if let Some(text) = text.strip_prefix(SHARED) {
            let bytes = decode(text)?;
            return match bytes.len() {
                24..=64 => Ok(Self(Key::Shared(bytes))),
                len => Err(invalid(format!("it has {len} bytes; use 24 to 64"))),
            };
        }
        #[cfg(feature = "webhooks-ed25519")]
        if let Some(text) = text.strip_prefix(PRIVATE) {
            return private(&decode(text)?);
        }
        #[cfg(feature = "webhooks-ed25519")]
        if let Some(text) = text.strip_prefix(PUBLIC) {
            let wrong = || invalid("a public key is a point of Ed25519 in 32 bytes");
            let bytes = decode(text)?.as_slice().try_into().map_err(|_| wrong())?;
            let key = ed25519_dalek::VerifyingKey::from_bytes(&bytes).map_err(|_| wrong())?;
            return Ok(Self(Key::Public(Box::new(key))));
        }
        Err(invalid("write `whsec_` and the base64 of 24 to 64 bytes"))
    }
}

#[cfg(feature = "webhooks-ed25519")]
fn private(bytes: &[u8]) -> Result<WebhookSecret, Invalid> {
    let wrong = || invalid("a private key has 32 bytes, or 64 with its public key");
    let key = match bytes.len() {
        32 => ed25519_dalek::SigningKey::from_bytes(bytes.try_into().map_err(|_| wrong())?),
        64 => {
            let pair = bytes.try_into().map_err(|_| wrong())?;
            ed25519_dalek::SigningKey::from_keypair_bytes(pair).map_err(|_| wrong())?
        }
        _ => return Err(wrong()),
    };
    Ok(WebhookSecret(Key::Private(Box::new(key))))
}

impl serde::Serialize for WebhookSecret {
    /// The text form: only a store gets it.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.expose())
    }
}

impl<'de> serde::Deserialize<'de> for WebhookSecret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        text.parse().map_err(serde::de::Error::custom)
    }
}
