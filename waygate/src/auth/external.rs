//! Authentication by the application, or by a proxy in front of it.

use std::{fmt, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use http::request::Parts;
use tokio::{sync::Semaphore, time::timeout};
use waygate_core::{Printable, Secret, port::BoxFuture, view::Rights};

use super::account::check_name;

/// The longest time to identify the author of a request, and to check a password.
const IDENTIFY: Duration = Duration::from_secs(5);
const LOG_IN: Duration = Duration::from_secs(10);
/// The most passwords that are checked at the same time.
const LOGINS: usize = 32;

/// The error of an [`Authenticate`]. Clients see only that there was one; the log has its message.
///
/// ```
/// use waygate::admin::AuthenticateError;
///
/// let error: AuthenticateError = "the directory does not respond".into();
/// assert_eq!(error.to_string(), "the directory does not respond");
/// ```
pub type AuthenticateError = Box<dyn std::error::Error + Send + Sync>;

/// Authenticates the clients of the admin API: by a session of the application, by a header of a proxy, or by a
/// directory such as LDAP. [`Credentials::with_authenticator`](super::Credentials::with_authenticator) adds one.
///
/// Both methods are optional. A method that panics, fails or takes too long refuses the request with 503, and the log has
/// the reason. Run blocking work with `tokio::task::spawn_blocking`.
///
/// ```
/// use waygate::{
///     admin::{Authenticate, AuthenticateError, Credentials, Identity, Rights, Role},
///     port::BoxFuture,
///     response::RequestParts,
/// };
///
/// /// A proxy removes this header from requests, and sets it for users that it has authenticated.
/// struct Proxy;
///
/// impl Authenticate for Proxy {
///     fn identify<'a>(
///         &'a self,
///         head: &'a RequestParts,
///     ) -> BoxFuture<'a, Result<Option<Identity>, AuthenticateError>> {
///         Box::pin(async move {
///             let user = head.headers.get("x-forwarded-user");
///             let user = user.map(|user| user.to_str()).transpose()?;
///             Ok(user.map(|user| Identity::new(user, Role::Operator)))
///         })
///     }
///
///     fn log_in<'a>(
///         &'a self,
///         username: &'a str,
///         password: &'a str,
///     ) -> BoxFuture<'a, Result<Option<Rights>, AuthenticateError>> {
///         // Asks a directory.
///         let is_known = username == "lena" && password == "correct horse battery staple";
///         Box::pin(async move { Ok(is_known.then(|| Role::Viewer.into())) })
///     }
/// }
///
/// let credentials = Credentials::authenticated_by(Proxy);
/// ```
pub trait Authenticate: Send + Sync + 'static {
    /// Returns the author of a request without a valid token of Waygate. `None` if it has none.
    ///
    /// Has no effect but to read the request: browsers attach cookies to requests of other sites, and such requests are
    /// refused only once they have an author. They have an `Origin` or `Sec-Fetch-Site` of another site, or are changes
    /// that a form could send. An author with the name of one of Waygate's own users is refused with 403.
    ///
    /// # Errors
    /// Any error, if it cannot be determined. The request is refused with 503.
    fn identify<'a>(
        &'a self,
        head: &'a Parts,
    ) -> BoxFuture<'a, Result<Option<Identity>, AuthenticateError>> {
        let _ = head;
        Box::pin(async { Ok(None) })
    }

    /// Checks the password of a login (`POST /api/auth/login`) of a user that Waygate does not know, and returns the
    /// role: `Role::Viewer.into()`, or for some services `Role::Viewer.of(["billing"])?`. `None` if the user or the password is wrong. Attempts are throttled like those of Waygate's own users.
    ///
    /// # Errors
    /// Any error, if it cannot be checked. The login is refused with 503, and does not count as an attempt.
    fn log_in<'a>(
        &'a self,
        username: &'a str,
        password: &'a str,
    ) -> BoxFuture<'a, Result<Option<Rights>, AuthenticateError>> {
        let _ = (username, password);
        Box::pin(async { Ok(None) })
    }
}

/// The author of a request.
///
/// ```
/// use waygate::admin::{Identity, Role};
///
/// let alice = Identity::new("alice", Role::Viewer);
/// assert_eq!(alice.rights, Role::Viewer.into());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// The user, as the audit log names it: 1 to 128 characters without `/` and control characters.
    pub username: String,
    /// The role, and its services, which limit what the request may do.
    pub rights: Rights,
}

impl Identity {
    /// A user with a role, for all services or [some of them](waygate_core::view::Role::of).
    ///
    /// ```
    /// use waygate::admin::{Identity, Role};
    ///
    /// let alice = Identity::new("alice", Role::Operator.of(["billing"])?);
    /// assert!(!alice.rights.services.are_all());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(username: impl Into<String>, role: impl Into<Rights>) -> Self {
        Self {
            username: username.into(),
            rights: role.into(),
        }
    }
}

/// The authentication could not be decided. The log has the reason.
#[derive(Debug)]
pub(crate) struct Undecided;

/// An [`Authenticate`], with bounds.
#[derive(Clone)]
pub(crate) struct External {
    authenticate: Arc<dyn Authenticate>,
    logins: Arc<Semaphore>,
}

impl fmt::Debug for External {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("External").finish_non_exhaustive()
    }
}

impl External {
    pub(super) fn new(authenticate: impl Authenticate) -> Self {
        Self {
            authenticate: Arc::new(authenticate),
            logins: Arc::new(Semaphore::new(LOGINS)),
        }
    }

    pub(super) async fn identify(&self, head: &Parts) -> Result<Option<Identity>, Undecided> {
        let identify = async { self.authenticate.identify(head).await };
        let found = bounded("identify", IDENTIFY, identify).await?;
        if let Some(identity) = &found
            && let Err(invalid) = check_name("user name", &identity.username)
        {
            tracing::warn!(problem = %Printable(invalid), "the application has named an invalid user");
            return Err(Undecided);
        }
        Ok(found)
    }

    pub(super) async fn log_in(
        &self,
        username: &str,
        password: &Secret<String>,
    ) -> Result<Option<Rights>, Undecided> {
        let Ok(_turn) = self.logins.try_acquire() else {
            tracing::warn!("too many passwords are checked by the application");
            return Err(Undecided);
        };
        let log_in = async { self.authenticate.log_in(username, password.expose()).await };
        bounded("log_in", LOG_IN, log_in).await
    }
}

/// Runs code of the application: for a bounded time, and without its panics.
async fn bounded<T>(
    method: &'static str,
    longest: Duration,
    work: impl Future<Output = Result<T, AuthenticateError>>,
) -> Result<T, Undecided> {
    let problem = match timeout(longest, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(Ok(found))) => return Ok(found),
        Ok(Ok(Err(error))) => error.to_string(),
        Ok(Err(_)) => "it panicked".to_owned(),
        Err(_) => format!("it took longer than {} s", longest.as_secs()),
    };
    tracing::error!(method, problem = %Printable(problem), "the authentication by the application failed");
    Err(Undecided)
}

#[cfg(test)]
mod tests {
    use waygate_core::view::Role;

    use super::*;

    /// Behaves as the user name says.
    struct Fickle;

    impl Authenticate for Fickle {
        fn log_in<'a>(
            &'a self,
            username: &'a str,
            _: &'a str,
        ) -> BoxFuture<'a, Result<Option<Rights>, AuthenticateError>> {
            assert_ne!(username, "panics early");
            Box::pin(async move {
                match username {
                    "fails" => Err("no connection".into()),
                    "panics" => panic!("a mistake"),
                    "hangs" => std::future::pending().await,
                    "alice" => Ok(Some(Role::Viewer.into())),
                    _ => Ok(None),
                }
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn errors_panics_and_delays_refuse() {
        let external = External::new(Fickle);
        let password = Secret::new(String::new());
        let rights = external.log_in("alice", &password).await.unwrap();
        assert_eq!(rights, Some(Role::Viewer.into()));
        assert_eq!(external.log_in("bob", &password).await.unwrap(), None);
        for user in ["fails", "panics", "panics early", "hangs"] {
            assert!(external.log_in(user, &password).await.is_err(), "{user}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn logins_at_the_same_time_are_bounded() {
        let external = External::new(Fickle);
        let password = Secret::new(String::new());
        let mut hanging: Vec<_> = (0..LOGINS)
            .map(|_| Box::pin(external.log_in("hangs", &password)))
            .collect();
        for login in &mut hanging {
            assert!(login.now_or_never().is_none());
        }
        assert!(external.log_in("alice", &password).await.is_err());
        drop(hanging);
        assert!(external.log_in("alice", &password).await.is_ok());
    }
}
