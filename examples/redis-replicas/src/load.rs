//! Requests that do not wait for one another, as those of many users do not.

use std::{
    fmt,
    time::{Duration, Instant},
};

use axum::http::Method;
use tokio::{task::JoinSet, time::sleep_until};

use crate::{Failure, client::Client};

/// Requests a second.
pub const RATE: u32 = 500;

/// The answers to one load.
#[derive(Debug, Default)]
pub struct Answers {
    /// How many there were.
    pub count: usize,
    /// How many of them had a 5xx status.
    pub server_errors: usize,
    /// How long the slowest took, from when its request was due.
    pub slowest: Duration,
}

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} answers, {} with 5xx, the slowest after {:.1?}",
            self.count, self.server_errors, self.slowest
        )
    }
}

/// Asks the addresses in turn for so long. Each request goes out when it is due, whatever has become of the others, and
/// is of a tenant of its own: so each of them has to be counted.
///
/// # Errors
/// When a request has no answer.
pub async fn run(
    client: &Client,
    addresses: &[String],
    length: Duration,
    tenants: &str,
) -> Result<Answers, Failure> {
    let begin = Instant::now();
    let mut running = JoinSet::new();
    for nth in 0..length.as_secs() as u32 * RATE {
        let due = begin + Duration::from_secs(1) * nth / RATE;
        sleep_until(due.into()).await;
        let address = addresses[nth as usize % addresses.len()].clone();
        let (client, tenant) = (client.clone(), format!("{tenants}-{nth}"));
        running.spawn(async move {
            let answer = client
                .ask(Method::GET, &address, "/search", &tenant)
                .await?;
            Ok::<_, Failure>((answer.status, due.elapsed()))
        });
    }
    let mut answers = Answers::default();
    while let Some(asked) = running.join_next().await {
        let (status, took) = asked??;
        answers.count += 1;
        answers.server_errors += usize::from(status.is_server_error());
        answers.slowest = answers.slowest.max(took);
    }
    Ok(answers)
}
