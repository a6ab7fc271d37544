//! What asks the replicas.

use std::time::Duration;

use axum::{
    body::{Body, to_bytes},
    http::{Method, Request, StatusCode},
};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{task::JoinSet, time::Instant};

use crate::Failure;

/// An HTTP client with a pool of connections.
#[derive(Debug, Clone)]
pub struct Client(legacy::Client<HttpConnector, Body>);

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its body.
    pub body: String,
}

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

impl Client {
    /// A client without connections.
    pub fn new() -> Self {
        Self(legacy::Client::builder(TokioExecutor::new()).build_http())
    }

    /// Sends a request of a tenant, who may be nobody.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn ask(
        &self,
        method: Method,
        address: &str,
        path: &str,
        tenant: &str,
    ) -> Result<Answer, Failure> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{address}{path}"))
            .header("X-Tenant", tenant)
            .body(Body::empty())?;
        let response = self.0.request(request).await?;
        let status = response.status();
        let body = to_bytes(Body::new(response.into_body()), 65_536).await?;
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok(Answer { status, body })
    }

    /// Has each address asked in turn, one request after the other; how many of each passed.
    ///
    /// # Errors
    /// When a request has no answer.
    pub async fn passed(
        &self,
        addresses: &[String],
        requests: usize,
        tenant: &str,
    ) -> Result<Vec<usize>, Failure> {
        let mut passed = vec![0; addresses.len()];
        for nth in 0..requests {
            let replica = nth % addresses.len();
            let answer = self.ask(Method::GET, &addresses[replica], "/search", tenant);
            passed[replica] += usize::from(answer.await?.status == StatusCode::OK);
        }
        Ok(passed)
    }

    /// Asks the addresses in turn for so long, at moments that do not depend on the answers, each time as another
    /// tenant.
    ///
    /// # Errors
    /// When a request has no answer.
    pub async fn load(
        self,
        addresses: Vec<String>,
        every: Duration,
        requests: u32,
    ) -> Result<Answers, Failure> {
        let begin = Instant::now();
        let mut running = JoinSet::new();
        for nth in 0..requests {
            let due = begin + every * nth;
            tokio::time::sleep_until(due).await;
            let (client, address) = (
                self.clone(),
                addresses[nth as usize % addresses.len()].clone(),
            );
            running.spawn(async move {
                let tenant = format!("load-{nth}");
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
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}
