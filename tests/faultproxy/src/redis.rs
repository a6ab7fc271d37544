use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{Certificate, Monitor, RedisOptions, Reply, free_port, resp::Connection};

const PATIENCE: Duration = Duration::from_secs(20);

/// A `redis-server` in a temporary directory, which is killed when dropped.
///
/// The methods block for a short time; they are for tests.
#[derive(Debug)]
pub struct RedisProc {
    options: RedisOptions,
    port: u16,
    tls_port: Option<u16>,
    cluster_port: Option<u16>,
    certificate: Option<Certificate>,
    directory: TempDir,
    child: Option<Child>,
}

impl RedisProc {
    /// Starts a server without persistence.
    ///
    /// # Panics
    /// If `redis-server` is missing, or does not start.
    pub fn start() -> Self {
        Self::options().start()
    }

    /// Returns options for other servers.
    pub fn options() -> RedisOptions {
        RedisOptions::default()
    }

    pub(crate) fn spawn(options: RedisOptions) -> Self {
        // Another process may take a port between its choice and its use.
        for _ in 0..5 {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let certificate = options.tls.then(|| Certificate::make(directory.path()));
            let mut server = Self {
                port: options.port.unwrap_or_else(free_port),
                tls_port: options.tls.then(free_port),
                cluster_port: options.cluster.then(free_port),
                options: options.clone(),
                certificate,
                directory,
                child: None,
            };
            if server.up() {
                server.own_all_slots();
                return server;
            }
            eprintln!("redis-server came not up:\n{}", server.log());
        }
        panic!("redis-server does not start; its log is above");
    }

    /// Returns its address.
    pub fn addr(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Returns its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns its address for TLS.
    ///
    /// # Panics
    /// If it was started without TLS.
    pub fn tls_addr(&self) -> SocketAddr {
        let port = self.tls_port.expect("started with `.tls()`");
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    /// Returns its certificate for TLS.
    ///
    /// # Panics
    /// If it was started without TLS.
    pub fn certificate(&self) -> &Certificate {
        self.certificate.as_ref().expect("started with `.tls()`")
    }

    /// Returns its URL, without a password.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// Returns the path of its Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("redis.sock")
    }

    /// Returns its log.
    pub fn log(&self) -> String {
        let log = std::fs::read(self.directory.path().join("redis.log"));
        String::from_utf8_lossy(&log.unwrap_or_default()).into_owned()
    }

    /// Kills it immediately (`SIGKILL`), without a chance to save anything.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it again on the same port, with the same options, after killing it if it still runs.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart(&mut self) {
        self.kill();
        assert!(
            self.up(),
            "redis-server does not come back:\n{}",
            self.log()
        );
    }

    /// Freezes it (`SIGSTOP`): connections stay open, but nothing is answered.
    pub fn stop(&self) {
        self.signal(Signal::STOP);
    }

    /// Resumes a frozen server (`SIGCONT`).
    pub fn cont(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("the server runs");
        kill_process(Pid::from_child(child), signal).expect("a signal to our own child");
    }

    /// Runs a command and returns the response as text.
    ///
    /// # Panics
    /// If the server is unreachable, or refuses.
    pub fn command(&self, words: &[&str]) -> String {
        match self.query(words) {
            Ok(Reply::Error(error)) => panic!("{words:?}: {error}"),
            Ok(reply) => reply.to_string(),
            Err(error) => panic!("{words:?}: {error}"),
        }
    }

    /// Runs a command over its own connection.
    ///
    /// # Errors
    /// If the server is unreachable or does not respond within 20 seconds. A refusal is a [`Reply::Error`].
    pub fn query(&self, words: &[&str]) -> io::Result<Reply> {
        self.connect(PATIENCE)?.ask(words)
    }

    fn connect(&self, timeout: Duration) -> io::Result<Connection> {
        let mut connection = Connection::open(self.addr(), timeout)?;
        if let Some(password) = &self.options.password {
            // After `config_set("requirepass", "")` there is no password to send.
            connection.ask(&["AUTH", password])?;
        }
        Ok(connection)
    }

    /// Deletes everything.
    pub fn flushall(&self) {
        self.command(&["FLUSHALL"]);
    }

    /// Changes a setting of the running server. This value uses a new password from then on.
    pub fn config_set(&mut self, name: &str, value: &str) {
        self.command(&["CONFIG", "SET", name, value]);
        if name == "requirepass" {
            self.options.password = Some(value.to_owned());
        }
    }

    /// Replicates another server from now on.
    pub fn replicate(&self, master: SocketAddr) {
        self.command(&[
            "REPLICAOF",
            &master.ip().to_string(),
            &master.port().to_string(),
        ]);
    }

    /// Promotes it to a master.
    pub fn promote(&self) {
        self.command(&["REPLICAOF", "NO", "ONE"]);
    }

    /// Waits until this replica has all writes of its master.
    ///
    /// # Panics
    /// If the link is not up within 20 seconds.
    pub fn wait_synced(&self) {
        self.wait("the replica is in sync", || {
            let info = self.command(&["INFO", "replication"]);
            info.contains("master_link_status:up")
        });
    }

    /// Writes, and waits until this many replicas have acknowledged it: a replica in sync receives the master's
    /// writes only from its first acknowledgement on, which comes once a second.
    ///
    /// # Panics
    /// If they do not within 20 seconds.
    pub fn wait_replicas(&self, count: u32) {
        let mut connection = self.connect(PATIENCE).expect("a connection");
        let key = "waygate-faultproxy:wait";
        for command in [&["SET", key, ""], &["DEL", key][..]] {
            connection.ask(command).expect("an answer");
        }
        let found = connection.ask(&["WAIT", &count.to_string(), "19000"]);
        match found {
            Ok(Reply::Number(found)) if found >= i64::from(count) => {}
            found => panic!("{count} replicas were to acknowledge: {found:?}"),
        }
    }

    /// Collects the commands that it executes.
    ///
    /// # Panics
    /// If the server is unreachable.
    pub fn monitor(&self) -> Monitor {
        Monitor::start(self.connect(PATIENCE).expect("a connection"))
    }

    /// Returns one field of `INFO`, such as `connected_clients`.
    pub fn info(&self, field: &str) -> Option<String> {
        let info = self.command(&["INFO", "everything"]);
        let value = info
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        value.map(|value| value.trim().to_owned())
    }

    fn up(&mut self) -> bool {
        self.child = Some(self.launch());
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            let exited = self.child.as_mut().map(Child::try_wait);
            if !matches!(exited, Some(Ok(None))) {
                return false;
            }
            let answer = self
                .connect(Duration::from_secs(1))
                .and_then(|mut connection| connection.ask(&["PING"]));
            // A server that loads its data does not count as ready, but one without its master does.
            if let Ok(Reply::Text(_)) = answer {
                return true;
            }
            if matches!(&answer, Ok(Reply::Error(error)) if error.starts_with("MASTERDOWN")) {
                return true;
            }
            thread::sleep(Duration::from_millis(5));
        }
        false
    }

    fn launch(&self) -> Child {
        let directory = self.directory.path();
        let mut command = Command::new("redis-server");
        command
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string()])
            .arg("--dir")
            .arg(directory)
            .arg("--unixsocket")
            .arg(self.socket())
            .arg("--logfile")
            .arg(directory.join("redis.log"))
            .args(["--save", "", "--enable-debug-command", "yes"])
            .args(["--repl-diskless-sync-delay", "0"]);
        if self.options.append_only {
            command.args(["--appendonly", "yes", "--appendfsync", "always"]);
        }
        if let Some(password) = &self.options.password {
            command.args(["--requirepass", password, "--masterauth", password]);
        }
        if let Some(port) = self.cluster_port {
            command.args(["--cluster-enabled", "yes", "--cluster-port"]);
            command.arg(port.to_string());
        }
        if let (Some(port), Some(tls)) = (self.tls_port, &self.certificate) {
            command
                .args(["--tls-port", &port.to_string(), "--tls-auth-clients", "no"])
                .arg("--tls-cert-file")
                .arg(&tls.certificate)
                .arg("--tls-key-file")
                .arg(&tls.key)
                .arg("--tls-ca-cert-file")
                .arg(&tls.certificate);
        }
        command
            .args(&self.options.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().unwrap_or_else(|error| {
            panic!(
                "`redis-server` cannot be run ({error}); install it (apt package `redis-server`)"
            )
        })
    }

    fn own_all_slots(&self) {
        if self.cluster_port.is_none() {
            return;
        }
        self.command(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
        self.wait("the cluster is up", || {
            self.command(&["CLUSTER", "INFO"])
                .contains("cluster_state:ok")
        });
    }

    fn wait(&self, what: &str, holds: impl Fn() -> bool) {
        let start = Instant::now();
        while !holds() {
            assert!(
                start.elapsed() < PATIENCE,
                "not within {PATIENCE:?}: {what}"
            );
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for RedisProc {
    fn drop(&mut self) {
        self.kill();
    }
}
