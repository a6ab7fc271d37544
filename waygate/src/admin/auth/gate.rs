use std::collections::HashMap;

use waygate_core::Printable;

use super::{
    Credentials, NoCredentials, Reach,
    credentials::{Account, Password, check_name},
    password,
    phc::PasswordHash,
};

/// How somebody gets in.
#[derive(Debug)]
pub(crate) enum Gate {
    /// With a token, which a user gets for a password.
    Accounts(Accounts),
    /// Without.
    NoCredentials(Reach),
}

/// The users, with nothing but hashes of their passwords.
#[derive(Debug)]
pub(crate) struct Accounts {
    by_name: HashMap<String, PasswordHash>,
    /// The user with the hash that an unknown user's password is compared with, so that it takes as long.
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

    /// What to compare a password with, and whether a match lets anybody in.
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

impl From<Credentials> for Gate {
    fn from(credentials: Credentials) -> Self {
        let accounts = credentials.accounts.into_iter();
        let by_name: HashMap<_, _> = accounts.filter_map(usable).collect();
        if by_name.is_empty() {
            tracing::error!("there is no user who could log in to the admin interface");
        }
        by_name.values().for_each(password::prepare);
        let decoy = by_name.keys().next().cloned();
        Self::Accounts(Accounts { by_name, decoy })
    }
}

impl From<NoCredentials> for Gate {
    fn from(none: NoCredentials) -> Self {
        if none.reach == Reach::Everyone {
            tracing::warn!("the admin interface is open to everyone");
        }
        Self::NoCredentials(none.reach)
    }
}

/// An account with its password hashed; one that cannot be used is reported, and left out.
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
            tracing::error!(user = ?Printable(&account.name), problem = %Printable(problem), "this user cannot log in");
            None
        }
    }
}
