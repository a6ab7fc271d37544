//! What ties a token to the password that it was given out for.
//!
//! A token carries a random salt, and what is derived from it and the account's password ([`password::derive`]). It is
//! valid where the configured password leads to the same: a changed password ends the tokens of the old one. Nothing of it
//! is ever written again, so replicas with the old password and with the new one, as during a rolling update, each know
//! their own tokens and leave the others alone.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::{
    gate::Accounts,
    password::{self, KEY, SALT},
    table::Tokens,
    token::Record,
};

/// How many derived keys are remembered. There is mostly one for each user, and one more after each change of a password.
const REMEMBERED: usize = 1_024;
/// How many bindings of other tokens a login tries, newest first, before it makes one of its own: each takes a derivation.
const TRIED: usize = 4;

type Salt = [u8; SALT];
type Key = [u8; KEY];

/// The proof that a token carries: the base64url of a salt and of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Binding {
    salt: Salt,
    key: Key,
}

impl From<Binding> for String {
    fn from(binding: Binding) -> Self {
        let (salt, key) = (binding.salt, binding.key);
        Base64UrlUnpadded::encode_string(&[&salt[..], &key[..]].concat())
    }
}

impl TryFrom<String> for Binding {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bytes = Base64UrlUnpadded::decode_vec(&text).unwrap_or_default();
        let parts = bytes.split_at_checked(SALT);
        let parts = parts.and_then(|(salt, key)| {
            let (salt, key) = (salt.try_into().ok()?, key.try_into().ok()?);
            Some(Self { salt, key })
        });
        parts.ok_or_else(|| format!("expected the base64url of {} bytes", SALT + KEY))
    }
}

/// Checks bindings, and remembers what it has derived: deriving takes as long as a login.
#[derive(Debug, Default)]
pub(crate) struct Bindings {
    derived: Mutex<HashMap<(String, Salt), Key>>,
    /// What the next token of a user is bound with.
    own: Mutex<HashMap<String, Binding>>,
    /// Held while something is derived, so that nothing is derived twice.
    deriving: tokio::sync::Mutex<()>,
}

impl Bindings {
    /// Whether a token was given out for the password that its user has. One without a binding was given out by an
    /// earlier version, for who knows which password.
    pub(crate) async fn hold(&self, accounts: &Accounts, record: &Record) -> bool {
        let Some(binding) = record.binding else {
            return false;
        };
        self.opens(accounts, &record.username, binding).await
    }

    async fn opens(&self, accounts: &Accounts, user: &str, binding: Binding) -> bool {
        let key = self.derive(accounts, user, binding.salt).await;
        key.is_ok_and(|key| key.ct_eq(&binding.key).into())
    }

    /// The binding for a new token of a user. All tokens for one password share it where they can.
    pub(crate) async fn of(
        &self,
        accounts: &Accounts,
        user: &str,
        tokens: &Tokens,
    ) -> Result<Binding, String> {
        if let Some(own) = lock(&self.own).get(user) {
            return Ok(*own);
        }
        let mut like: Vec<_> = tokens
            .iter()
            .filter(|token| token.record.username == user)
            .filter_map(|token| Some((token.record.created_at, token.record.binding?)))
            .collect();
        like.sort_by_key(|(created_at, _)| std::cmp::Reverse(*created_at));
        let mut tried = Vec::new();
        let mut found = None;
        for (_, binding) in like {
            if tried.len() < TRIED && !tried.contains(&binding) {
                tried.push(binding);
                if self.opens(accounts, user, binding).await {
                    found = Some(binding);
                    break;
                }
            }
        }
        let binding = match found {
            Some(binding) => binding,
            None => {
                let mut salt = [0; SALT];
                getrandom::fill(&mut salt).map_err(|error| error.to_string())?;
                let key = self.derive(accounts, user, salt).await?;
                Binding { salt, key }
            }
        };
        Ok(*lock(&self.own).entry(user.to_owned()).or_insert(binding))
    }

    async fn derive(&self, accounts: &Accounts, user: &str, salt: Salt) -> Result<Key, String> {
        let name = (user.to_owned(), salt);
        let known = || lock(&self.derived).get(&name).copied();
        if let Some(key) = known() {
            return Ok(key);
        }
        let _deriving = self.deriving.lock().await;
        if let Some(key) = known() {
            return Ok(key);
        }
        let hash = accounts.get(user).ok_or("there is no such user")?.clone();
        let derive = tokio::task::spawn_blocking(move || password::derive(&hash, salt));
        let key = derive.await.map_err(|error| error.to_string())??;
        let mut derived = lock(&self.derived);
        if derived.len() >= REMEMBERED {
            derived.clear();
        }
        derived.insert(name, key);
        Ok(key)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binding_is_one_text_and_nothing_else_is_one() {
        let (salt, key) = ([1; SALT], [2; KEY]);
        let binding = Binding { salt, key };
        let text = String::from(binding);
        assert_eq!(text.len(), 64);
        assert_eq!(Binding::try_from(text.clone()), Ok(binding));
        for wrong in ["", "AAAA", "!", &text[1..], &format!("{text}AAAA")] {
            assert!(Binding::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
