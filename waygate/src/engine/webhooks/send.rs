//! One HTTP request to a receiver, to an address that was checked.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use waygate_core::{
    Timestamp,
    model::TraceParent,
    webhook::{
        Egress, ID_HEADER, Message, SIGNATURE_HEADER, TIMESTAMP_HEADER, Verdict, WebhookDefinition,
        retry_after, sign,
    },
};

use super::records::AttemptOutcome;

const CONNECT: Duration = Duration::from_secs(2);
/// The time of a whole attempt.
const TOTAL: Duration = Duration::from_secs(15);
/// The header of W3C Trace Context.
const TRACE_HEADER: &str = "traceparent";
/// The part of an answer that is read, and the part that is kept.
const READ: usize = 16 * 1024;
const KEPT: usize = 1024;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Resolves the host of a URL.
pub(super) type Lookup = fn(String) -> Resolved;
pub(super) type Resolved =
    std::pin::Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>>;

fn system_lookup(host: String) -> Resolved {
    Box::pin(async move {
        let found = tokio::net::lookup_host((host, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    })
}

/// The guard of connections: every address of a name is checked, and only these are connected to. A later answer of the
/// name server is not asked for.
#[derive(Debug, Clone)]
struct Guard {
    egress: Egress,
    lookup: Lookup,
    /// Connections are made by a proxy, which has its own guard.
    has_proxy: bool,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let this = self.clone();
        Box::pin(async move {
            let found = (this.lookup)(name.as_str().to_owned()).await?;
            if !this.has_proxy {
                // One inner address among public ones is not a mistake of the name server.
                let refused = found
                    .iter()
                    .find_map(|address| this.egress.check_address(*address).err());
                if let Some(problem) = refused {
                    return Err(Error::from(format!("the host is not allowed: {problem}")));
                }
            }
            let addresses = found.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

/// Sends requests to receivers.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(super) egress: Egress,
    lookup: Lookup,
    proxy: Option<String>,
    ca_file: Option<PathBuf>,
    client: OnceLock<Result<reqwest::Client, String>>,
}

/// The result of an attempt.
#[derive(Debug)]
pub(super) struct Attempted {
    pub(super) outcome: AttemptOutcome,
    pub(super) status: Option<u16>,
    /// The pause that the receiver has asked for.
    pub(super) pause: Option<Duration>,
    pub(super) duration: Duration,
    pub(super) error: Option<String>,
    pub(super) answer: String,
}

impl Attempted {
    pub(super) fn failed(error: String, since: Instant) -> Self {
        Self {
            outcome: AttemptOutcome::Failed,
            status: None,
            pause: None,
            duration: since.elapsed(),
            error: Some(error),
            answer: String::new(),
        }
    }

    /// The failure in one line.
    pub(super) fn problem(&self) -> String {
        match (&self.error, self.status) {
            (Some(error), _) => error.clone(),
            (None, Some(status)) => format!("status {status}"),
            (None, None) => "no answer".to_owned(),
        }
    }
}

impl Sender {
    pub(crate) fn new(egress: Egress, proxy: Option<String>, ca_file: Option<PathBuf>) -> Self {
        Self {
            egress,
            lookup: system_lookup,
            proxy,
            ca_file,
            client: OnceLock::new(),
        }
    }

    #[cfg(test)]
    pub(super) fn with_lookup(egress: Egress, lookup: Lookup) -> Self {
        Self {
            lookup,
            ..Self::new(egress, None, None)
        }
    }

    /// The client, or why there is none.
    pub(super) fn client(&self) -> Result<&reqwest::Client, String> {
        let client = self.client.get_or_init(|| self.build());
        client.as_ref().map_err(Clone::clone)
    }

    fn build(&self) -> Result<reqwest::Client, String> {
        let guard = Guard {
            egress: self.egress.clone(),
            lookup: self.lookup,
            has_proxy: self.proxy.is_some(),
        };
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(super::tls::config(self.ca_file.as_deref())?)
            .dns_resolver(Arc::new(guard))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(TOTAL)
            .pool_max_idle_per_host(2)
            .pool_idle_timeout(Duration::from_secs(30))
            .user_agent(concat!("Waygate/", env!("CARGO_PKG_VERSION")));
        // Not that of the environment, which would hide the address from the guard.
        let client = match &self.proxy {
            Some(url) => client.proxy(reqwest::Proxy::all(url).map_err(|error| explain(&error))?),
            None => client.no_proxy(),
        };
        client.build().map_err(|error| explain(&error))
    }

    /// Makes one attempt.
    pub(super) async fn send(
        &self,
        endpoint: &WebhookDefinition,
        id: &str,
        message: Message,
        trace: Option<TraceParent>,
        now: Timestamp,
    ) -> Attempted {
        let since = Instant::now();
        // The settings of this process may be stricter than those of the process that stored the URL.
        if let Err(problem) = endpoint.check_egress(&self.egress) {
            return Attempted::failed(problem.to_string(), since);
        }
        let client = match self.client() {
            Ok(client) => client,
            Err(problem) => return Attempted::failed(problem, since),
        };
        let timestamp = now.as_second();
        let signature = sign(endpoint.secrets_at(now), id, timestamp, &message.body);
        let mut request = client.post(endpoint.url.as_str());
        for (name, value) in endpoint.headers.expose() {
            request = request.header(name, value);
        }
        request = request
            .header("content-type", message.content_type)
            .header(ID_HEADER, id)
            .header(TIMESTAMP_HEADER, timestamp);
        // The trace of the change goes on at the receiver, unless the headers of the endpoint name another one.
        let mut own = endpoint.headers.names();
        let has_own = own.any(|name| name.eq_ignore_ascii_case(TRACE_HEADER));
        if let Some(trace) = trace.filter(|_| !has_own) {
            request = request.header(TRACE_HEADER, trace.to_string());
        }
        if !signature.is_empty() {
            request = request.header(SIGNATURE_HEADER, signature);
        }
        let attempt = async {
            let response = request
                .body(message.body)
                .send()
                .await
                .map_err(|error| explain(&error))?;
            Ok(self.read(response, since, now).await)
        };
        match tokio::time::timeout(TOTAL, attempt).await {
            Ok(Ok(attempted)) => attempted,
            Ok(Err(problem)) => Attempted::failed(problem, since),
            Err(_) => Attempted::failed(format!("no answer within {} s", TOTAL.as_secs()), since),
        }
    }

    /// The status decides. Only the start of the body is read, and it may fail.
    async fn read(
        &self,
        mut response: reqwest::Response,
        since: Instant,
        now: Timestamp,
    ) -> Attempted {
        let status = response.status().as_u16();
        let outcome = match Verdict::of(status) {
            Verdict::Delivered => AttemptOutcome::Delivered,
            Verdict::Gone => AttemptOutcome::Gone,
            Verdict::Throttled => AttemptOutcome::Throttled,
            _ => AttemptOutcome::Failed,
        };
        let header = response.headers().get("retry-after");
        let pause = header.and_then(|value| retry_after(value.to_str().ok()?, now));
        let duration = since.elapsed();
        let mut answer = Vec::new();
        let mut read = 0;
        let rest = async {
            while let Ok(Some(chunk)) = response.chunk().await {
                read += chunk.len();
                let room = KEPT - answer.len();
                answer.extend_from_slice(&chunk[..room.min(chunk.len())]);
                if read >= READ {
                    break;
                }
            }
        };
        // A slow body must not hold a place of its queue.
        let _ = tokio::time::timeout(CONNECT, rest).await;
        Attempted {
            outcome,
            status: Some(status),
            pause,
            duration,
            error: None,
            answer: String::from_utf8_lossy(&answer).into_owned(),
        }
    }
}

/// The causes of an error, without the URL, which may be a secret.
fn explain(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() {
        "timed out".to_owned()
    } else {
        "failed".to_owned()
    };
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text.chars().take(500).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };
    use waygate_core::webhook::Webhook;

    use super::*;

    /// A name server that answers the first question with an allowed address, and later ones with others.
    fn rebinding(_: String) -> Resolved {
        static QUESTIONS: AtomicUsize = AtomicUsize::new(0);
        let answer = match QUESTIONS.fetch_add(1, Ordering::SeqCst) {
            0 => vec!["127.0.0.1"],
            1 => vec!["10.0.0.1"],
            2 => vec!["127.0.0.1", "10.0.0.1"],
            _ => vec!["127.0.0.1", "::ffff:127.0.0.1"],
        };
        let answer = answer.into_iter().map(|address| address.parse().unwrap());
        let answer = answer.collect();
        Box::pin(async move { Ok(answer) })
    }

    #[tokio::test]
    async fn every_answer_of_the_name_server_is_checked() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).await.unwrap();
            let answer = b"HTTP/1.1 200 x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer).await.unwrap();
            // Later attempts must not connect.
            drop(stream);
            let more = tokio::time::timeout(Duration::from_millis(500), listener.accept()).await;
            more.is_err()
        });
        let egress = Egress::default()
            .allow_http(true)
            .allow_ports([port])
            .allow_networks(["127.0.0.0/8".parse().unwrap()]);
        let url = format!("http://rebinding.example:{port}/");
        let (_, endpoint) = Webhook::new("ops", url).check(&egress).unwrap();
        let sender = Sender::with_lookup(egress, rebinding);
        let send = async || {
            let message = Message::new("text/plain", b"x".to_vec());
            sender
                .send(&endpoint, "msg_1", message, None, Timestamp::now())
                .await
        };
        let first = send().await;
        assert_eq!(first.status, Some(200), "{first:?}");
        for range in ["private", "private", "IPv4-mapped"] {
            let refused = send().await;
            assert_eq!(refused.status, None);
            let error = refused.error.unwrap();
            assert!(
                error.contains("not allowed") && error.contains(range),
                "{error}"
            );
        }
        assert!(served.await.unwrap(), "a refused address was connected to");
    }
}
