//! Tests over a socket, as clients see the service.

use std::{
    collections::HashMap,
    io::{self, Read},
    net::SocketAddr,
    sync::{Mutex, Once},
};

use flate2::read::GzDecoder;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use waygate::router::MakeService;

use super::app;

const ALICE: &str = "authorization: Bearer alice\r\n";
const ORIGIN: &str = "origin: https://shop.example\r\n";

async fn start() -> SocketAddr {
    keep_log();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = MakeService::new(app().await.unwrap());
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}

struct Answer {
    status: u16,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// Sends `target`, such as `GET /payments`, with additional header lines and a body.
async fn ask(server: SocketAddr, target: &str, lines: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(server).await.unwrap();
    let length = body.len();
    let request = format!(
        "{target} HTTP/1.1\r\nhost: api.example\r\n{lines}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let body = answer.split_off(end.unwrap() + 4);
    let head = String::from_utf8(answer).unwrap();
    let headers = head.lines().filter_map(|line| line.split_once(": "));
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        headers: headers
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect(),
        body,
    }
}

async fn get(server: SocketAddr, path: &str, lines: &str) -> Answer {
    ask(server, &format!("GET {path}"), lines, "").await
}

#[tokio::test]
async fn docs_and_admin_bypass_the_authentication() {
    let server = start().await;
    for path in ["/payments", "/invoices", "/unknown"] {
        assert_eq!(get(server, path, "").await.status, 401, "{path}");
    }
    for path in ["/docs/", "/openapi.json", "/health"] {
        let answer = get(server, path, "").await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("x-request-id"), None, "{path}");
    }
    let login = r#"{"username":"admin","password":"secret"}"#;
    let login = ask(server, "POST /waygate/api/auth/login", "", login).await;
    assert_eq!(login.status, 200);
}

#[tokio::test]
async fn refusals_have_cors_headers() {
    let server = start().await;
    let lines = format!("{ORIGIN}{ALICE}");
    let maintenance = get(server, "/payments", &lines).await;
    assert_eq!(maintenance.status, 503);
    for _ in 0..2 {
        assert_eq!(get(server, "/invoices", &lines).await.status, 200);
    }
    let limited = get(server, "/invoices", &lines).await;
    assert_eq!(limited.status, 429);
    let unknown = get(server, "/payments", ORIGIN).await;
    assert_eq!(unknown.status, 401);
    for answer in [&maintenance, &limited, &unknown] {
        assert_eq!(
            answer.header("access-control-allow-origin"),
            Some("https://shop.example")
        );
        let exposed = answer.header("access-control-expose-headers").unwrap();
        assert!(exposed.contains("retry-after"), "{exposed}");
    }
    assert!(limited.header("retry-after").is_some());
}

#[tokio::test]
async fn gates_and_limits_see_the_caller() {
    let server = start().await;
    let bob = get(server, "/invoices", "authorization: Bearer bob\r\n").await;
    assert_eq!(bob.status, 403, "not of the role `billing`");
    assert_eq!(get(server, "/invoices", ALICE).await.status, 200);
}

#[tokio::test]
async fn preflights_are_answered_before_authentication_and_engine() {
    let server = start().await;
    let lines = format!(
        "{ORIGIN}access-control-request-method: GET\r\naccess-control-request-headers: authorization\r\n"
    );
    // In maintenance, too: the browser then sends the request, and learns why it is refused.
    let preflight = ask(server, "OPTIONS /payments", &lines, "").await;
    assert_eq!(preflight.status, 200);
    let allowed = preflight.header("access-control-allow-headers").unwrap();
    assert!(allowed.contains("authorization"), "{allowed}");
    assert_eq!(
        preflight.header("access-control-allow-origin"),
        Some("https://shop.example")
    );
}

#[tokio::test]
async fn blocked_responses_are_compressed() {
    let server = start().await;
    let lines = format!("{ALICE}accept-encoding: gzip\r\n");
    let blocked = get(server, "/payments", &lines).await;
    assert_eq!(blocked.status, 503);
    assert_eq!(blocked.header("content-encoding"), Some("gzip"));
    // The body is chunked.
    let chunked = String::from_utf8_lossy(&blocked.body);
    let (length, _) = chunked.split_once("\r\n").unwrap();
    let start = length.len() + 2;
    let length = usize::from_str_radix(length, 16).unwrap();
    let mut body = String::new();
    let mut gzip = GzDecoder::new(&blocked.body[start..start + length]);
    gzip.read_to_string(&mut body).unwrap();
    assert!(body.contains("DB migration, back at 04:00 UTC"), "{body}");
}

/// The log of all tests.
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Log;

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn keep_log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let log = tracing_subscriber::fmt().with_ansi(false);
        log.with_writer(|| Log).init();
    });
}

#[tokio::test]
async fn the_request_id_is_in_the_response_and_in_the_log() {
    let server = start().await;
    let given = get(
        server,
        "/payments",
        &format!("{ALICE}x-request-id: given-1\r\n"),
    )
    .await;
    assert_eq!(given.status, 503);
    assert_eq!(given.header("x-request-id"), Some("given-1"));
    let made = get(server, "/invoices", "").await;
    assert_eq!(made.status, 401);
    let made = made.header("x-request-id").unwrap();

    let log = String::from_utf8(LOG.lock().unwrap().clone()).unwrap();
    let line = |id: &str| {
        log.lines()
            .find(|line| line.contains(id))
            .unwrap_or_default()
    };
    for (id, path, status) in [("given-1", "/payments", "503"), (made, "/invoices", "401")] {
        let line = line(id);
        assert!(line.contains(path) && line.contains(status), "{log}");
        assert!(line.contains(" INFO "), "{log}");
    }
}
