//! A client for the replicas.

use crate::Failure;
use axum::{
    body::{Body, to_bytes},
    http::{Method, Request, StatusCode},
};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};

/// An HTTP client with a pool of connections.
#[derive(Debug, Clone)]
pub struct Client(legacy::Client<HttpConnector, Body>);

/// A response.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its body.
    pub body: String,
}

impl Client {
    /// A client without connections.
    pub fn new() -> Self {
        Self(legacy::Client::builder(TokioExecutor::new()).build_http())
    }

    /// Sends a request of a tenant, which can be empty.
    ///
    /// # Errors
    /// If there is no response.
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

    /// Sends requests to each address in turn, one after another. Returns how many passed at each.
    ///
    /// # Errors
    /// If a request has no response.
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
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}
