use std::{fmt, time::Duration};

use base64ct::{Base64UrlUnpadded, Encoding};
use hmac_sha256::Hash;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use waygate_core::{
    Secret, Timestamp,
    port::EntityKey,
    view::{Platform, Services, TokenScopes},
};

use super::{binding::Binding, instant, maybe_instant};
use crate::engine::{Kind, Tokens};

/// The prefix of tokens, by which scanners for leaked secrets recognize them.
const PREFIX: &str = "wg_";
const BYTES: usize = 32;

/// The kind of the entities that store tokens, under the hash of the token.
const KIND: &str = "token";

/// Generates a token: 256 random bits.
pub(crate) fn generate() -> Result<Secret<String>, getrandom::Error> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(Secret::new(format!(
        "{PREFIX}{}",
        Base64UrlUnpadded::encode_string(&bytes)
    )))
}

/// The SHA-256 of a token. The token itself is never stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TokenHash([u8; 32]);

impl TokenHash {
    pub(crate) fn of(token: &str) -> Self {
        Self(Hash::hash(token.as_bytes()))
    }

    /// The hash in the key of a stored token.
    pub(crate) fn in_key(key: &EntityKey) -> Option<Self> {
        let text = key.name_in(KIND)?;
        let mut hash = [0; 32];
        for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        // Only the canonical spelling of a hash is accepted.
        Some(Self(hash)).filter(|hash| hash.to_string() == text)
    }

    pub(crate) fn entity(self) -> EntityKey {
        Tokens::entity(&self.to_string().into())
    }

    pub(crate) fn id(self) -> TokenId {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        TokenId([a, b, c, d, e, f, g, h])
    }

    #[cfg(feature = "ofrep")]
    pub(crate) fn bytes(self) -> [u8; 32] {
        self.0
    }

    /// Compares in constant time.
    pub(crate) fn is(self, other: Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

/// The public id of a token: the first bytes of its hash, which reveal nothing about the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TokenId([u8; 8]);

#[cfg(feature = "ofrep")]
impl TokenId {
    pub(crate) fn new(id: [u8; 8]) -> Self {
        Self(id)
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// The stored record of a token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The purpose; `None` for a login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    pub(crate) username: String,
    pub(crate) platform: Platform,
    pub(crate) scopes: TokenScopes,
    /// The services that it is limited to.
    #[serde(default, skip_serializing_if = "Services::are_all")]
    pub(crate) services: Services,
    #[serde(with = "instant")]
    pub(crate) created_at: Timestamp,
    #[serde(with = "instant")]
    pub(crate) expires_at: Timestamp,
    /// `true` if the application has authenticated the user, who may be unknown here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_external: bool,
    /// The last use, to a minute. `None` if it was never used.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "maybe_instant"
    )]
    pub(crate) last_used_at: Option<Timestamp>,
    /// Ties the token to the password of its user. Set when the token is issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) binding: Option<Binding>,
}

impl Record {
    /// Returns `true` if both count towards the same limit: logins of one user, or named tokens, on one platform.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.username == other.username
            && self.platform == other.platform
            && self.name.is_some() == other.name.is_some()
    }

    /// The time from its issue until it expires.
    pub(crate) fn lifetime(&self) -> Duration {
        let lifetime = self.expires_at.duration_since(self.created_at);
        Duration::try_from(lifetime).unwrap_or_default()
    }

    /// The actor in the audit log: the user, and the name of the token unless it is a login.
    pub(crate) fn actor(&self) -> String {
        match &self.name {
            Some(name) => format!("{}/{name}", self.username),
            None => self.username.clone(),
        }
    }
}

/// A stored token.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) hash: TokenHash,
    pub(crate) record: Record,
    /// The commit that wrote it.
    pub(crate) revision: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_256_bits_and_its_hash_finds_it_again() {
        let token = generate().unwrap();
        assert_eq!(token.expose().len(), 46);
        assert!(token.expose().starts_with("wg_"));
        let hash = TokenHash::of(token.expose());
        let found = TokenHash::in_key(&hash.entity()).unwrap();
        assert!(found.is(hash));
        assert!(!found.is(TokenHash::of("wg_")));
        assert!(hash.to_string().starts_with(&hash.id().to_string()));
    }

    #[test]
    fn other_keys_are_not_tokens() {
        for key in ["token/", "token/zz", "route/GET:/a", "token", "token/é"] {
            assert!(TokenHash::in_key(&key.into()).is_none(), "{key}");
        }
        let signs = format!("token/{}", "+1".repeat(32));
        assert!(TokenHash::in_key(&signs.as_str().into()).is_none());
    }
}
