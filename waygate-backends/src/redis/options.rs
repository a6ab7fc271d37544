use std::{path::PathBuf, time::Duration};

use waygate_core::Secret;

use super::url::{InvalidRedisUrl, Target, without_access};
use crate::range::check;

/// The address of Redis, and how long to wait for it.
///
/// | URL | Target |
/// |---|---|
/// | `redis://user:password@host:6379/0` | one server; everything but the host is optional |
/// | `rediss://host` | the same over TLS |
/// | `redis+unix://user:password@/run/redis.sock?db=0` | one server, by its Unix socket; everything but the path is optional. `unix://` is the same |
/// | `redis+sentinel://host:26379,host2/service/0` | the master that the sentinels report |
/// | `redis+cluster://host:6379,host2` | a cluster, by some of its nodes |
///
/// `rediss+sentinel` and `rediss+cluster` are the same over TLS. TLS uses the crypto provider that the application has
/// installed for the process (`install_default` of a `rustls::crypto::CryptoProvider`, of ring or aws-lc-rs). With the
/// feature `tls-ring`, the first such connection installs the provider of ring if there is none. Otherwise, connections
/// fail until a provider is installed, and the log and the health endpoint report this.
///
/// Reserved characters in a password are percent-encoded: `%40`.
///
/// ```
/// # use std::time::Duration;
/// # use waygate_backends::RedisOptions;
/// let options = RedisOptions::new("redis://:hunter2@127.0.0.1:6379")?
///     .user("shop")
///     .password("hunter2".to_owned())
///     .sentinel_password("hunter2".to_owned())
///     .ca_file("/etc/ssl/redis.pem")
///     .prefix("shop")
///     .connect_timeout(Duration::from_secs(1))
///     .deadline(Duration::from_millis(20))
///     .max_in_flight(512);
/// assert!(!format!("{options:?}").contains("hunter2"));
/// # Ok::<(), waygate_backends::InvalidRedisUrl>(())
/// ```
///
/// Options that are out of range are reported as an error when an engine with this store is built.
#[derive(Debug, Clone)]
#[must_use]
pub struct RedisOptions {
    pub(super) target: Target,
    /// The URL without credentials.
    pub(super) place: String,
    pub(super) sentinel_password: Option<Secret<String>>,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) prefix: String,
    pub(super) deadline: Duration,
    pub(super) connect_timeout: Duration,
    pub(super) max_in_flight: usize,
}

impl RedisOptions {
    /// Parses a URL.
    ///
    /// # Errors
    ///
    /// Returns an [`InvalidRedisUrl`] if the URL is invalid.
    pub fn new(url: &str) -> Result<Self, InvalidRedisUrl> {
        Ok(Self {
            target: Target::parse(url)?,
            place: without_access(url),
            sentinel_password: None,
            ca_file: None,
            prefix: "waygate".to_owned(),
            deadline: Duration::from_millis(50),
            connect_timeout: Duration::from_secs(1),
            max_in_flight: 1_024,
        })
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let is_some = |time: Duration| !time.is_zero();
        let (deadline, connect) = (self.deadline, self.connect_timeout);
        let some = "more than 0, such as 50ms";
        check(
            !self.prefix.is_empty(),
            "prefix",
            &self.prefix,
            "a name, such as `waygate`",
        )?;
        check(is_some(deadline), "deadline", deadline, some)?;
        check(
            is_some(connect),
            "connect_timeout",
            connect,
            "more than 0, such as 1s",
        )?;
        let requests = self.max_in_flight;
        check(
            requests > 0,
            "max_in_flight",
            requests,
            "1 or more, such as 1024",
        )
    }

    pub(super) fn describe(&self) -> String {
        format!("Redis `{}`, prefix `{}`", self.place, self.prefix)
    }

    /// Sets the prefix of all keys, which must not be empty. Default: `waygate`. Applications that share a Redis need
    /// different prefixes.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets the maximum time that a request waits for a reply, more than 0. Default: 50 ms.
    ///
    /// A request that its caller drops sooner counts as late, too, if it has waited for 40 ms or this time: no further
    /// requests are sent to Redis until it replies to the background task.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets the maximum time that the background task (never a request) waits for a connection, more than 0. Default: 1
    /// s. Each of several sentinels or nodes has a third of it, and all together have three times as much.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets the maximum number of requests that wait for a reply, at least 1; further requests fail immediately.
    /// Default: 1024.
    pub fn max_in_flight(mut self, requests: usize) -> Self {
        self.max_in_flight = requests;
        self
    }

    /// Replaces the user of the URL.
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.target.user = Some(Secret::new(user.into()));
        self
    }

    /// Replaces the password of the URL.
    pub fn password(mut self, password: impl Into<Secret<String>>) -> Self {
        self.target.password = Some(password.into());
        self
    }

    /// Sets the password of the sentinels, which have their own.
    pub fn sentinel_password(mut self, password: impl Into<Secret<String>>) -> Self {
        self.sentinel_password = Some(password.into());
        self
    }

    /// Sets a PEM file with the trusted certificate authorities, which replace those of the operating system. The file
    /// is read on each attempt to connect.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(path.into());
        self
    }
}
