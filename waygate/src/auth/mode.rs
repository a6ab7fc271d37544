use std::collections::HashMap;

use waygate_core::Printable;

use super::{
    Credentials, NoCredentials,
    credentials::{Account, Password, Reach, check_name},
    password,
    phc::PasswordHash,
};

/// How clients authenticate.
#[derive(Debug)]
pub(crate) enum AuthMode {
    /// With a token that users get for their password.
    Accounts(Accounts),
    /// Without credentials.
    NoCredentials(Reach),
}

/// The users, with hashes of their passwords.
#[derive(Debug)]
pub(crate) struct Accounts {
    by_name: HashMap<String, PasswordHash>,
    /// The user with the hash that passwords of unknown users are compared with, so that their logins take equally
    /// long.
    decoy: Option<String>,
}

impl Accounts {
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    pub(super) fn get(&self, name: &str) -> Option<&PasswordHash> {
        self.by_name.get(name)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// Returns the hash to compare a password with, and whether the user exists.
    pub(crate) fn hash_for(&self, name: &str) -> (Option<&PasswordHash>, bool) {
        match self.by_name.get(name) {
            Some(hash) => (Some(hash), true),
            None => {
                let decoy = self.decoy.as_ref();
                (decoy.and_then(|decoy| self.by_name.get(decoy)), false)
            }
        }
    }
}

impl From<Credentials> for AuthMode {
    fn from(credentials: Credentials) -> Self {
        let accounts = credentials.accounts.into_iter();
        let by_name: HashMap<_, _> = accounts.filter_map(usable).collect();
        if by_name.is_empty() {
            tracing::error!("no user can log in to the admin API");
        }
        by_name.values().for_each(password::prepare);
        let decoy = by_name.keys().next().cloned();
        Self::Accounts(Accounts { by_name, decoy })
    }
}

impl From<NoCredentials> for AuthMode {
    fn from(none: NoCredentials) -> Self {
        if none.reach == Reach::Everyone {
            tracing::warn!("the admin API is open to everyone");
        }
        Self::NoCredentials(none.reach)
    }
}

/// Hashes the password of an account. Reports and omits an unusable account.
fn usable(account: Account) -> Option<(String, PasswordHash)> {
    let hash = match (check_name("user name", &account.name), account.password) {
        (Err(invalid), _) => Err(invalid.to_string()),
        (Ok(()), Password::Hashed(hash)) => Ok(*hash),
        (Ok(()), Password::Plain(plain)) if plain.expose().is_empty() => {
            Err("the password is empty".to_owned())
        }
        (Ok(()), Password::Plain(plain)) => password::hash(&account.name, plain.expose()),
    };
    match hash {
        Ok(hash) => Some((account.name, hash)),
        Err(problem) => {
            tracing::error!(user = ?Printable(&account.name), problem = %Printable(problem), "a user cannot log in");
            None
        }
    }
}
