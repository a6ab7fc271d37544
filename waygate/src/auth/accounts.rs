use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use hmac_sha256::Hash;
use waygate_core::{Printable, view::Rights};

use super::{
    Credentials,
    account::{Account, Password, check_name},
    external::External,
    password,
    phc::PasswordHash,
    user_list,
};

/// The users, with hashes of their passwords.
#[derive(Debug, Clone, Default)]
pub(crate) struct Accounts {
    by_name: HashMap<String, User>,
    /// The user with the hash that passwords of unknown users are compared with, so that their logins take equally
    /// long.
    decoy: Option<String>,
}

#[derive(Debug, Clone)]
struct User {
    hash: PasswordHash,
    rights: Rights,
}

impl Accounts {
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    pub(super) fn get(&self, name: &str) -> Option<&PasswordHash> {
        self.by_name.get(name).map(|user| &user.hash)
    }

    pub(super) fn rights(&self, name: &str) -> Option<&Rights> {
        self.by_name.get(name).map(|user| &user.rights)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// Returns the hash to compare a password with, and whether the user exists.
    pub(crate) fn hash_for(&self, name: &str) -> (Option<&PasswordHash>, bool) {
        match self.get(name) {
            Some(hash) => (Some(hash), true),
            None => {
                let decoy = self.decoy.as_ref();
                (decoy.and_then(|decoy| self.get(decoy)), false)
            }
        }
    }

    /// Adds users. Hashes plain passwords.
    fn with(mut self, accounts: Vec<Account>) -> Self {
        self.by_name.extend(accounts.into_iter().filter_map(usable));
        let users = self.by_name.values();
        users.for_each(|user| password::prepare(&user.hash));
        self.decoy = self.by_name.keys().min().cloned();
        self
    }
}

/// The current users: those of the code, and those of a file.
#[derive(Debug)]
pub(crate) struct Directory {
    current: ArcSwap<Accounts>,
    /// The users of the code.
    fixed: Accounts,
    /// Their names, which no user of the file may have.
    reserved: Vec<Account>,
    pub(super) file: Option<PathBuf>,
    pub(super) external: Option<External>,
    /// The SHA-256 of the file that was read last, which may have passwords.
    last: Mutex<Option<[u8; 32]>>,
}

impl Directory {
    pub(crate) fn current(&self) -> Arc<Accounts> {
        self.current.load_full()
    }

    /// Reads the file of users, and replaces those of the last one. Keeps them if it is invalid. Returns `true` if it has
    /// changed.
    pub(super) fn read(&self, path: &Path) -> Result<bool, String> {
        let text = user_list::read_file(path)?;
        let digest = Hash::hash(text.as_bytes());
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if *last == Some(digest) {
            return Ok(false);
        }
        let users = user_list::parse_file(&text)?;
        let users = user_list::joined(&self.reserved, users)?;
        user_list::warn_of_plain(&users);
        self.current.store(Arc::new(self.fixed.clone().with(users)));
        *last = Some(digest);
        Ok(true)
    }
}

impl From<Credentials> for Directory {
    fn from(credentials: Credentials) -> Self {
        let reserved = credentials.accounts.clone();
        let fixed = Accounts::default().with(credentials.accounts);
        let directory = Self {
            current: ArcSwap::from_pointee(fixed.clone()),
            fixed,
            reserved,
            file: credentials.file,
            external: credentials.external,
            last: Mutex::default(),
        };
        if let Some(path) = &directory.file
            && let Err(problem) = directory.read(path)
        {
            tracing::error!(problem = %Printable(problem), "the file of users cannot be used");
        }
        if directory.current().by_name.is_empty() && directory.external.is_none() {
            tracing::error!("no user can log in to the admin API");
        }
        directory
    }
}

/// Hashes the password of an account. Reports and omits an unusable account.
fn usable(account: Account) -> Option<(String, User)> {
    let hash = match (check_name("user name", &account.name), account.password) {
        (Err(invalid), _) => Err(invalid.to_string()),
        (Ok(()), Password::Hashed(hash)) => Ok(*hash),
        (Ok(()), Password::Plain(plain)) if plain.expose().is_empty() => {
            Err("the password is empty".to_owned())
        }
        (Ok(()), Password::Plain(plain)) => password::hash(&account.name, plain.expose()),
    };
    let rights = account.rights;
    match hash {
        Ok(hash) => Some((account.name, User { hash, rights })),
        Err(problem) => {
            tracing::error!(user = ?Printable(&account.name), problem = %Printable(problem), "a user cannot log in");
            None
        }
    }
}
