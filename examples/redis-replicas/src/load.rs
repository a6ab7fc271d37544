//! An open-loop load: requests do not wait for each other, like those of many users.

use std::{
    fmt,
    time::{Duration, Instant},
};

use axum::http::Method;
use tokio::{task::JoinSet, time::sleep_until};

use crate::{Failure, client::Client};

/// Requests per second.
pub const RATE: u32 = 500;

/// The responses to one load.
#[derive(Debug, Default)]
pub struct Answers {
    /// The number of responses.
    pub count: usize,
    /// The number of responses with a 5xx status.
    pub server_errors: usize,
    /// The latency of the slowest response, from when its request was due.
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

/// Sends requests to the addresses in turn for this time. Each is sent when it is due, whether or not the others have
/// finished, and has its own tenant, so that each must be counted.
///
/// # Errors
/// If a request has no response.
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
