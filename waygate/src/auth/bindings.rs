//! Derives and checks the bindings of tokens.
//!
//! A binding is a random salt and a key derived from it and the account's password ([`password::derive`]). The token
//! is valid if the configured password derives the same key, so changing a password invalidates its tokens. Bindings
//! are never rewritten: during a rolling update, replicas with the old and the new password accept their own tokens
//! and keep the others.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use subtle::ConstantTimeEq;

use super::{
    accounts::Accounts,
    binding::{Binding, Key, Salt},
    password::{self, SALT},
    phc::PasswordHash,
    table::Tokens,
    token::Record,
};

/// The most derived keys in the cache. Most users have one, and one more after each change of a password.
const REMEMBERED: usize = 1_024;
/// The number of existing bindings, newest first, that a login tries before it creates one. Each takes a derivation.
const TRIED: usize = 4;

const NO_USER: &str = "there is no such user";

/// Checks bindings, and caches derived keys: a derivation takes as long as a login.
#[derive(Debug, Default)]
pub(crate) struct Bindings {
    /// With the hash that a key was derived from, since a user may change.
    derived: Mutex<HashMap<(String, Salt), (PasswordHash, Key)>>,
    /// The binding of the next token of a user, for this hash.
    own: Mutex<HashMap<String, (PasswordHash, Binding)>>,
    /// Held during a derivation, so that nothing is derived twice.
    deriving: tokio::sync::Mutex<()>,
}

impl Bindings {
    /// Returns `true` if a token was issued for the current password of its user. A token without a binding was issued by
    /// an earlier version, and its password is unknown.
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

    /// Returns the binding for a new token of a user. Tokens of one password share it if possible.
    pub(crate) async fn of(
        &self,
        accounts: &Accounts,
        user: &str,
        tokens: &Tokens,
    ) -> Result<Binding, String> {
        let hash = accounts.get(user).ok_or(NO_USER)?;
        if let Some((of, own)) = lock(&self.own).get(user)
            && of == hash
        {
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
        let mut own = lock(&self.own);
        let kept = own.get(user).filter(|(of, _)| of == hash);
        let binding = kept.map_or(binding, |(_, kept)| *kept);
        own.insert(user.to_owned(), (hash.clone(), binding));
        Ok(binding)
    }

    async fn derive(&self, accounts: &Accounts, user: &str, salt: Salt) -> Result<Key, String> {
        let hash = accounts.get(user).ok_or(NO_USER)?;
        let name = (user.to_owned(), salt);
        let known = || {
            let derived = lock(&self.derived);
            let found = derived.get(&name).filter(|(of, _)| of == hash);
            found.map(|(_, key)| *key)
        };
        if let Some(key) = known() {
            return Ok(key);
        }
        let _deriving = self.deriving.lock().await;
        if let Some(key) = known() {
            return Ok(key);
        }
        let of = hash.clone();
        let derive = tokio::task::spawn_blocking(move || password::derive(&of, salt));
        let key = derive.await.map_err(|error| error.to_string())??;
        let mut derived = lock(&self.derived);
        if derived.len() >= REMEMBERED {
            derived.clear();
        }
        derived.insert(name, (hash.clone(), key));
        Ok(key)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
