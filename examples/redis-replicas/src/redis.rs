//! A `redis-server` that can be killed.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::Stdio,
    time::Duration,
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::{Child, Command},
    time::{sleep, timeout},
};

use crate::Failure;

const INSTALL: &str = "install it (Debian and Ubuntu: `apt install redis-server`, macOS: `brew install redis`), or \
                       name a running one with REDIS_URL=redis://127.0.0.1:6379";

/// A server with its data in a temporary directory, which ends when this value is dropped.
#[derive(Debug)]
pub struct Redis {
    address: SocketAddr,
    directory: TempDir,
    process: Option<Child>,
}

impl Redis {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// If `redis-server` is missing or does not respond.
    pub async fn start() -> Result<Self, Failure> {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let mut redis = Self {
            address: free.local_addr()?,
            directory: tempfile::tempdir()?,
            process: None,
        };
        drop(free);
        redis.run().await?;
        Ok(redis)
    }

    /// Returns its URL.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Starts it; after a [`kill`](Self::kill), on the same port and with its data.
    ///
    /// # Errors
    /// If `redis-server` is missing or does not respond.
    pub async fn run(&mut self) -> Result<(), Failure> {
        let server = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"])
            .args(["--port", &self.address.port().to_string()])
            .arg("--dir")
            .arg(self.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let server =
            server.map_err(|error| format!("cannot run redis-server ({error}): {INSTALL}"))?;
        self.process = Some(server);
        let up = async {
            while !self.answers().await {
                sleep(Duration::from_millis(1)).await;
            }
        };
        let in_time = timeout(Duration::from_secs(10), up).await;
        in_time.map_err(|_| "redis-server does not answer within 10 s")?;
        Ok(())
    }

    /// Kills it immediately (`SIGKILL`), like a crash.
    ///
    /// # Errors
    /// If there is no process to kill.
    pub async fn kill(&mut self) -> Result<(), Failure> {
        let mut process = self.process.take().ok_or("redis-server does not run")?;
        Ok(process.kill().await?)
    }

    async fn answers(&self) -> bool {
        let ask = async {
            let mut stream = TcpStream::connect(self.address).await?;
            stream.write_all(b"PING\r\n").await?;
            let mut answer = [0; 7];
            stream.read_exact(&mut answer).await?;
            std::io::Result::Ok(&answer == b"+PONG\r\n")
        };
        ask.await.unwrap_or(false)
    }
}
