//! Three replicas, each in its own process.

use std::{path::Path, process::Stdio, time::Duration};

use axum::http::{Method, StatusCode};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::{Instant, sleep},
};

use crate::{Failure, client::Client, replica::Status};

/// The number of replicas.
pub const SIZE: usize = 3;

/// The replicas, which end when this value is dropped.
#[derive(Debug)]
pub struct Fleet {
    /// The address of each replica, such as `http://127.0.0.1:3000`.
    pub addresses: Vec<String>,
    processes: Vec<Child>,
}

impl Fleet {
    /// Starts them, each as `program replica <redis_url>`, and waits until they know of each other.
    ///
    /// # Errors
    /// If one of them does not start.
    pub async fn start(program: &Path, redis_url: &str, client: &Client) -> Result<Self, Failure> {
        let mut fleet = Self {
            addresses: Vec::new(),
            processes: Vec::new(),
        };
        for _ in 0..SIZE {
            let mut process = Command::new(program)
                .args(["replica", redis_url])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .kill_on_drop(true)
                .spawn()?;
            let output = process.stdout.take().ok_or("a replica has no output")?;
            let address = BufReader::new(output).lines().next_line().await?;
            let address = address.ok_or("a replica ended immediately")?;
            fleet.addresses.push(format!("http://{address}"));
            fleet.processes.push(process);
        }
        fleet
            .until(client, "all replicas count together", |status| {
                status.shared && status.replicas as usize == SIZE
            })
            .await?;
        Ok(fleet)
    }

    /// Waits until all of them report the status `wanted`. Returns the time that took.
    ///
    /// # Errors
    /// If they do not within ten seconds, or do not respond.
    pub async fn until(
        &self,
        client: &Client,
        what: &str,
        wanted: impl Fn(&Status) -> bool,
    ) -> Result<Duration, Failure> {
        let begin = Instant::now();
        for address in &self.addresses {
            loop {
                let answer = client.ask(Method::GET, address, "/ops/status", "").await?;
                if wanted(&serde_json::from_str(&answer.body)?) {
                    break;
                }
                in_time(begin, what)?;
                sleep(Duration::from_millis(1)).await;
            }
        }
        Ok(begin.elapsed())
    }

    /// Waits until all of them answer a path with a status. Returns the time that took.
    ///
    /// # Errors
    /// If they do not within ten seconds, or do not respond.
    pub async fn until_all_answer(
        &self,
        client: &Client,
        path: &str,
        wanted: StatusCode,
    ) -> Result<Duration, Failure> {
        let begin = Instant::now();
        for address in &self.addresses {
            while client.ask(Method::GET, address, path, "").await?.status != wanted {
                in_time(begin, path)?;
                sleep(Duration::from_millis(1)).await;
            }
        }
        Ok(begin.elapsed())
    }
}

fn in_time(begin: Instant, what: &str) -> Result<(), Failure> {
    match begin.elapsed() < Duration::from_secs(10) {
        true => Ok(()),
        false => Err(format!("not within 10 s: {what}").into()),
    }
}
