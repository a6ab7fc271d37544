use std::{path::PathBuf, time::Duration};

use waygate_core::Secret;

use super::url::{InvalidRedisUrl, Target, without_access};

/// Where Redis is, and how long to wait for it.
///
/// | URL | What it names |
/// |---|---|
/// | `redis://user:password@host:6379/0` | one server; everything but the host may be left out |
/// | `rediss://host` | the same over TLS |
/// | `redis+unix://user:password@/run/redis.sock?db=0` | one server, by its Unix socket; everything but the path may be left out. `unix://` is the same |
/// | `redis+sentinel://host:26379,host2/service/0` | the master that sentinels name |
/// | `redis+cluster://host:6379,host2` | a cluster, by some of its nodes |
///
/// `rediss+sentinel` and `rediss+cluster` are those over TLS. The cryptography of TLS is the one that the application
/// has installed for the process (`install_default` of a `rustls::crypto::CryptoProvider`, of ring or aws-lc-rs). With
/// the feature `tls-ring`, that of ring is installed at the first such connection if there is none by then; without it,
/// no connection is made until there is one, and log and health say so.
///
/// Bytes of a password that mean something in a URL are
/// written `%40`.
///
/// ```
/// # use std::time::Duration;
/// # use waygate_backends::RedisOptions;
/// let options = RedisOptions::new("redis://:hunter2@127.0.0.1:6379")?
///     .prefix("shop")
///     .deadline(Duration::from_millis(20));
/// assert!(!format!("{options:?}").contains("hunter2"));
/// # Ok::<(), waygate_backends::InvalidRedisUrl>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct RedisOptions {
    pub(super) target: Target,
    /// The URL without what gives access.
    pub(super) place: String,
    pub(super) sentinel_password: Option<Secret<String>>,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) prefix: String,
    pub(super) deadline: Duration,
    pub(super) connect_timeout: Duration,
    pub(super) max_in_flight: usize,
}

impl RedisOptions {
    /// The Redis that `url` names.
    ///
    /// # Errors
    /// [`InvalidRedisUrl`].
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

    pub(super) fn describe(&self) -> String {
        format!("Redis `{}`, prefix `{}`", self.place, self.prefix)
    }

    /// What the names of all keys begin with. `waygate` unless set; applications that share a Redis need their own.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How long a request waits for an answer at most. 50 ms unless set.
    ///
    /// A caller that drops its request sooner, but after 40 ms or this time, has waited too long as well: Redis is not
    /// asked again before it answers the background task.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// How long the background task, never a request, waits for a connection. 1 s unless set. Of several sentinels or
    /// nodes, each has a third of it, and all together have three times as much.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How many requests wait for an answer at once; the next one is told at once that Redis is not available.
    /// 1024 unless set; at least 1.
    pub fn max_in_flight(mut self, requests: usize) -> Self {
        self.max_in_flight = requests.max(1);
        self
    }

    /// The user, in place of the URL's.
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.target.user = Some(Secret::new(user.into()));
        self
    }

    /// The password, in place of the URL's.
    pub fn password(mut self, password: impl Into<Secret<String>>) -> Self {
        self.target.password = Some(password.into());
        self
    }

    /// The password of the sentinels, which have one of their own.
    pub fn sentinel_password(mut self, password: impl Into<Secret<String>>) -> Self {
        self.sentinel_password = Some(password.into());
        self
    }

    /// A PEM file of the authorities that vouch for the servers, in place of those that the operating system trusts. Read
    /// at each attempt to connect, as those are.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(path.into());
        self
    }
}
