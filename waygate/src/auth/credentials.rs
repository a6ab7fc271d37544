use std::path::PathBuf;

use waygate_core::{
    Secret,
    grammar::Invalid,
    view::{Rights, Role},
};

use super::{
    account::{Account, Password, check_name},
    external::{Authenticate, External},
    password,
    user_list::{self, Listed},
};

/// The users of the admin API.
///
/// Plain passwords are hashed with argon2id when the admin API is mounted, and then dropped. Prefer a hash from the
/// environment or a file, so that no configuration contains a password:
///
/// ```
/// use waygate::admin::Credentials;
///
/// // printf %s "$password" | argon2 "$(openssl rand -hex 8)" -id -t 2 -k 65536 -p 1 -e
/// let phc = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
/// let credentials = Credentials::hashed("admin", phc)?
///     .with_hashed("alice", phc)?
///     .with("deploy", "correct horse battery staple");
/// let local = Credentials::new("admin", "correct horse battery staple");
/// # Ok::<(), waygate::admin::CredentialError>(())
/// ```
///
/// A user has the role `admin`, unless [`with_role`](Self::with_role) sets another one. Users can also be in a
/// [file](Self::with_file), which is read again when it changes, or in the [environment](Self::from_env).
///
/// Hashing and checking a password is slow by design: some ten milliseconds, but more than a second if argon2 is not
/// optimized. Optimize it in development, too:
///
/// ```toml
/// [profile.dev.package.argon2]
/// opt-level = 3
/// [profile.dev.package.blake2]
/// opt-level = 3
/// ```
#[derive(Debug, Clone)]
pub struct Credentials {
    pub(super) accounts: Vec<Account>,
    /// The file of further users, which were valid when it was first read.
    pub(super) file: Option<PathBuf>,
    /// The authentication by the application.
    pub(super) external: Option<External>,
}

/// An invalid user name or password hash.
///
/// ```
/// use waygate::admin::{CredentialError, Credentials};
///
/// let weak = Credentials::hashed("admin", "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAA");
/// assert!(matches!(weak, Err(CredentialError::Hash { .. })));
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// The user name is invalid. Valid names have 1 to 128 characters without `/`, control characters and
    /// bidirectional overrides.
    #[error(transparent)]
    User(#[from] Invalid),
    /// The password hash is not a PHC string of argon2id, or its parameters are too weak or too costly.
    #[error("the password hash of `{user}` cannot be used: {problem}")]
    Hash {
        /// The user.
        user: String,
        /// The mistake, and a valid alternative.
        problem: String,
    },
    /// A role is given to a user that does not exist.
    #[error("there is no user `{user}` to give a role to; add the user first")]
    NoUser {
        /// The user.
        user: String,
    },
    /// A list of users cannot be read, or a line of it is invalid.
    #[error("the users in {place} cannot be used: {problem}")]
    List {
        /// The file, or the variable of the environment.
        place: String,
        /// The mistake with its line, and a valid alternative.
        problem: String,
    },
}

waygate_core::debug_as_message!(CredentialError);

impl Credentials {
    /// One user with a plain password.
    ///
    /// An invalid name ([`CredentialError::User`]) or an empty password is reported in the log when the admin API is
    /// mounted, and cannot log in.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self::empty().with(user, password)
    }

    /// One user with a password hash: a PHC string of argon2id with at least `m=19456,t=2`, or parameters of equal
    /// cost.
    ///
    /// # Errors
    /// [`CredentialError`] if the name or the hash is invalid.
    pub fn hashed(user: impl Into<String>, phc: &str) -> Result<Self, CredentialError> {
        Self::empty().with_hashed(user, phc)
    }

    /// Adds a user with a plain password. Replaces a user of the same name.
    #[must_use]
    pub fn with(self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.set(user.into(), Password::Plain(Secret::new(password.into())))
    }

    /// Adds a user with a password hash. Use the same parameters for all hashes: otherwise the time of a login
    /// reveals whether a user exists.
    ///
    /// # Errors
    /// [`CredentialError`] if the name or the hash is invalid.
    pub fn with_hashed(self, user: impl Into<String>, phc: &str) -> Result<Self, CredentialError> {
        let user = user.into();
        check_name("user name", &user)?;
        match password::parse(phc) {
            Ok(hash) => Ok(self.set(user, Password::Hashed(Box::new(hash)))),
            Err(problem) => Err(CredentialError::Hash { user, problem }),
        }
    }

    /// Sets the role of a user that was added before, for all services or [some of them](Role::of). Without it, a user is an
    /// `admin`.
    ///
    /// ```
    /// use waygate::admin::{Credentials, Role};
    ///
    /// let credentials = Credentials::new("admin", "correct horse battery staple")
    ///     .with("alice", "another long password")
    ///     .with("bob", "a third long password")
    ///     .with_role("alice", Role::Viewer)?
    ///     .with_role("bob", Role::Operator.of(["billing"]).unwrap())?;
    /// assert!(credentials.with_role("alcie", Role::Viewer).is_err());
    /// # Ok::<(), waygate::admin::CredentialError>(())
    /// ```
    ///
    /// # Errors
    /// [`CredentialError::NoUser`] if there is no such user.
    pub fn with_role(
        mut self,
        user: &str,
        role: impl Into<Rights>,
    ) -> Result<Self, CredentialError> {
        let account = self.accounts.iter_mut().find(|it| it.name == user);
        let Some(account) = account else {
            let user = user.to_owned();
            return Err(CredentialError::NoUser { user });
        };
        account.rights = role.into();
        Ok(self)
    }

    /// The users in a file; see [`with_file`](Self::with_file).
    ///
    /// ```no_run
    /// use waygate::admin::Credentials;
    ///
    /// let credentials = Credentials::from_file("/run/secrets/waygate-users")?;
    /// # Ok::<(), waygate::admin::CredentialError>(())
    /// ```
    ///
    /// # Errors
    /// [`CredentialError::List`] if the file cannot be read, or is invalid.
    pub fn from_file(path: impl Into<PathBuf>) -> Result<Self, CredentialError> {
        Self::empty().with_file(path)
    }

    /// Adds the users in a file. Each line is `user:role:hash`: a name without a colon, `viewer`, `operator` or `admin`,
    /// followed by `@` and services if the role is limited to them, and a PHC string of argon2id. Empty lines and lines that start with `#` are skipped.
    ///
    /// ```text
    /// # name:role:hash
    /// alice:admin:$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc
    /// bob:operator@billing,orders:$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc
    /// ```
    ///
    /// A password in the place of the hash is accepted, and reported in the log. It cannot start with `$`.
    ///
    /// The file is read again every two seconds, through symbolic links, and its changes apply to the next request: a
    /// removed user loses its tokens, and a changed role limits the tokens that exist. While the file is missing or
    /// invalid, the last valid users remain, and [health](crate::Waygate::health) and the log have the reason.
    ///
    /// ```no_run
    /// use waygate::admin::Credentials;
    ///
    /// let credentials = Credentials::new("root", "correct horse battery staple")
    ///     .with_file("/run/secrets/waygate-users")?;
    /// # Ok::<(), waygate::admin::CredentialError>(())
    /// ```
    ///
    /// # Errors
    /// [`CredentialError::List`] if the file cannot be read, is invalid, or names a user that was added before.
    pub fn with_file(mut self, path: impl Into<PathBuf>) -> Result<Self, CredentialError> {
        let path = path.into();
        let users = user_list::read_file(&path).and_then(|text| user_list::parse_file(&text));
        let checked = users.and_then(|users| user_list::joined(&self.accounts, users));
        checked.map_err(|problem| CredentialError::List {
            place: format!("`{}`", path.display()),
            problem,
        })?;
        self.file = Some(path);
        Ok(self)
    }

    /// The users in the environment: in the variable `WAYGATE_ADMIN_USERS`, with lines as in [a file](Self::with_file)
    /// that are separated by line breaks or `;`, or in the file that `WAYGATE_ADMIN_USERS_FILE` names.
    ///
    /// ```no_run
    /// use waygate::admin::Credentials;
    ///
    /// let credentials = Credentials::from_env()?;
    /// # Ok::<(), waygate::admin::CredentialError>(())
    /// ```
    ///
    /// # Errors
    /// [`CredentialError::List`] if neither variable is set or both are, or their users are invalid.
    pub fn from_env() -> Result<Self, CredentialError> {
        match user_list::from_env(|name| std::env::var_os(name)) {
            Ok(Listed::File(path)) => Self::from_file(path),
            Ok(Listed::Users(accounts)) => {
                user_list::warn_of_plain(&accounts);
                Ok(Self {
                    accounts,
                    ..Self::empty()
                })
            }
            Err(problem) => Err(CredentialError::List {
                place: "the environment".to_owned(),
                problem,
            }),
        }
    }

    /// No users of Waygate: the application authenticates all clients.
    ///
    /// ```
    /// use waygate::admin::{Authenticate, Credentials};
    ///
    /// /// Knows no user.
    /// struct Nothing;
    ///
    /// impl Authenticate for Nothing {}
    ///
    /// let credentials = Credentials::authenticated_by(Nothing);
    /// ```
    pub fn authenticated_by(authenticate: impl Authenticate) -> Self {
        Self::empty().with_authenticator(authenticate)
    }

    /// Has the application authenticate clients besides these users: those without a valid token, and logins of other
    /// users. Replaces an earlier one.
    ///
    /// ```
    /// use waygate::admin::{Authenticate, Credentials};
    ///
    /// /// Knows no user.
    /// struct Nothing;
    ///
    /// impl Authenticate for Nothing {}
    ///
    /// let credentials = Credentials::new("admin", "correct horse battery staple")
    ///     .with_authenticator(Nothing);
    /// ```
    #[must_use]
    pub fn with_authenticator(mut self, authenticate: impl Authenticate) -> Self {
        self.external = Some(External::new(authenticate));
        self
    }

    /// No users: only clients on this machine may administer.
    pub fn none() -> NoCredentials {
        NoCredentials {
            reach: Reach::Loopback,
        }
    }

    pub(super) fn empty() -> Self {
        Self {
            accounts: Vec::new(),
            file: None,
            external: None,
        }
    }

    fn set(mut self, name: String, password: Password) -> Self {
        self.accounts.retain(|account| account.name != name);
        self.accounts.push(Account {
            name,
            rights: Role::Admin.into(),
            password,
        });
        self
    }
}

/// Administration without users. The audit log names the actor `anonymous`.
///
/// Only requests from a loopback address are served, and only if they are addressed to one (`Host: localhost`) and
/// have no proxy headers. Cross-site requests are refused. The server must provide the peer's address: serve the
/// application with
/// [`Guarded::into_make_service_with_connect_info`](crate::Guarded::into_make_service_with_connect_info).
///
/// ```
/// use waygate::admin::{Admin, Credentials};
///
/// let local = Admin::new(Credentials::none());
/// ```
#[derive(Debug, Clone, Copy)]
pub struct NoCredentials {
    pub(super) reach: Reach,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    Loopback,
    Everyone,
}

impl NoCredentials {
    /// Serves every client that can reach it, for networks with their own access control. Cross-site requests are
    /// still refused.
    #[must_use]
    pub fn open_to_everyone_i_accept_the_risk(self) -> Self {
        Self {
            reach: Reach::Everyone,
        }
    }
}
