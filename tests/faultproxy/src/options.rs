use std::net::SocketAddr;

use crate::RedisProc;

/// Options of a `redis-server`. By default it has no persistence.
#[derive(Debug, Clone, Default)]
#[must_use = "options do nothing until `start`"]
pub struct RedisOptions {
    pub(crate) arguments: Vec<String>,
    pub(crate) append_only: bool,
    pub(crate) password: Option<String>,
    pub(crate) cluster: bool,
    pub(crate) tls: bool,
    pub(crate) port: Option<u16>,
}

impl RedisOptions {
    /// Stores acknowledged writes on disk, so that [`RedisProc::restart`] recovers them.
    pub fn append_only(mut self) -> Self {
        self.append_only = true;
        self
    }

    /// Refuses writes above this much memory, such as `2mb`.
    pub fn max_memory(self, limit: &str) -> Self {
        self.argument("maxmemory", [limit])
            .argument("maxmemory-policy", ["noeviction"])
    }

    /// Requires this password.
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self
    }

    /// Adds a user to the access control list, such as `("ada", "on >secret ~* &* +@all")`.
    pub fn user(self, name: &str, rules: &str) -> Self {
        let words = std::iter::once(name).chain(rules.split_whitespace());
        self.argument("user", words)
    }

    /// Replicates another server.
    pub fn replica_of(self, master: SocketAddr) -> Self {
        let (host, port) = (master.ip().to_string(), master.port().to_string());
        self.argument("replicaof", [host.as_str(), port.as_str()])
    }

    /// Starts a cluster of this one node, which owns all slots.
    pub fn cluster(mut self) -> Self {
        self.cluster = true;
        self
    }

    /// Listens for TLS as well, at [`RedisProc::tls_addr`], with its own [certificate](RedisProc::certificate). Needs
    /// the program `openssl`.
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Listens on this port, instead of any free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Adds any other setting of `redis.conf`.
    pub fn argument<'a>(mut self, name: &str, values: impl IntoIterator<Item = &'a str>) -> Self {
        self.arguments.push(format!("--{name}"));
        self.arguments.extend(values.into_iter().map(str::to_owned));
        self
    }

    /// Starts the server and waits until it responds.
    ///
    /// # Panics
    /// If `redis-server` is missing, or does not start.
    pub fn start(self) -> RedisProc {
        RedisProc::spawn(self)
    }
}
