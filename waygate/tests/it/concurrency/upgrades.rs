//! Upgraded connections hold their permits until either side ends them.

use std::{future::Future, net::SocketAddr, time::Duration};

use axum::{
    Extension, Router,
    body::Body,
    extract::{
        Request,
        ws::{WebSocket, WebSocketUpgrade},
    },
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::any,
};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite};
use waygate::{Waygate, model::RouteState};

use super::{in_use, set};
use crate::support::builder;

const WS: &str = "/ws#default";
const RAW: &str = "/raw#default";

/// Echoes messages until one asks it to stop.
async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        match message.to_text() {
            Ok("leave") => return,
            Ok("die") => panic!("a task that dies"),
            _ => {}
        }
        if socket.send(message).await.is_err() {
            return;
        }
    }
}

async fn ws(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(echo)
}

/// Reads to the end, and then answers with what it has read.
async fn raw(request: Request) -> Response {
    tokio::spawn(async move {
        let upgraded = hyper::upgrade::on(request).await.unwrap();
        let mut connection = TokioIo::new(upgraded);
        let mut read = Vec::new();
        connection.read_to_end(&mut read).await.unwrap();
        connection.write_all(&read).await.unwrap();
        connection.shutdown().await.unwrap();
    });
    switching()
}

/// Accepts the upgrade, and drops the connection.
async fn careless() -> Response {
    switching()
}

/// Refuses the upgrade, and reports the outcome.
async fn refusing(
    Extension(failures): Extension<mpsc::UnboundedSender<String>>,
    request: Request,
) -> StatusCode {
    tokio::spawn(async move {
        let error = hyper::upgrade::on(request).await.unwrap_err();
        failures.send(error.to_string()).unwrap();
    });
    StatusCode::FORBIDDEN
}

fn switching() -> Response {
    let headers = [("connection", "upgrade"), ("upgrade", "raw")];
    (StatusCode::SWITCHING_PROTOCOLS, headers, Body::empty()).into_response()
}

/// A server, and the outcomes that its refusing handler reports.
async fn served() -> (Waygate, SocketAddr, mpsc::UnboundedReceiver<String>) {
    let waygate = builder().build().await.unwrap();
    let (failures, seen) = mpsc::unbounded_channel();
    let routes = Router::new()
        .route("/ws", any(ws))
        .route("/raw", any(raw))
        .route("/careless", any(careless))
        .route("/refusing", any(refusing))
        .layer(Extension(failures));
    for route in ["/ws", "/raw", "/careless", "/refusing"] {
        let key = route.parse().unwrap();
        waygate.register(key, RouteState::default()).await.unwrap();
    }
    let router = waygate.guard(routes).await.unwrap().into_router();
    set(&waygate, WS, json!({"limit": 2})).await;
    for limit in [RAW, "/careless#default", "/refusing#default"] {
        set(&waygate, limit, json!({"limit": 1})).await;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (waygate, address, seen)
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    let patience = Duration::from_secs(30);
    tokio::time::timeout(patience, what).await.expect("soon")
}

async fn until_held(waygate: &Waygate, at: &str, places: u64) {
    soon(async {
        while in_use(waygate, at) != places {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

type Client = WebSocketStream<TcpStream>;

/// Connects a client; returns the status if it is refused.
async fn join(address: SocketAddr) -> Result<Client, StatusCode> {
    let stream = TcpStream::connect(address).await.unwrap();
    match soon(client_async("ws://localhost/ws", stream)).await {
        Ok((client, _)) => Ok(client),
        Err(tungstenite::Error::Http(response)) => Err(response.status()),
        Err(error) => panic!("{error}"),
    }
}

async fn say(client: &mut Client, text: &str) {
    client.send(tungstenite::Message::text(text)).await.unwrap();
}

async fn assert_echo(client: &mut Client, text: &str) {
    say(client, text).await;
    let echo = soon(client.next()).await.unwrap().unwrap();
    assert_eq!(echo.into_text().unwrap(), text);
}

/// Asserts that the server ended the connection, with or without a close frame.
async fn assert_ended(client: &mut Client) {
    let rest = soon(client.next()).await;
    assert!(!matches!(rest, Some(Ok(_))), "{rest:?}");
}

#[tokio::test]
async fn a_limit_admits_as_many_web_sockets_as_it_says() {
    let (waygate, address, _) = served().await;
    let mut first = join(address).await.unwrap();
    let mut second = join(address).await.unwrap();
    for _ in 0..20 {
        assert_eq!(
            join(address).await.err(),
            Some(StatusCode::TOO_MANY_REQUESTS)
        );
    }
    assert_echo(&mut first, "first").await;
    assert_echo(&mut second, &"large ".repeat(500_000)).await;
    assert_eq!(in_use(&waygate, WS), 2);
}

#[tokio::test]
async fn a_closed_web_socket_releases_its_permit() {
    let (waygate, address, _) = served().await;
    let mut stays = join(address).await.unwrap();
    for end in ["close", "vanish", "leave", "die"] {
        let mut client = join(address).await.expect(end);
        assert_echo(&mut client, "here").await;
        assert_eq!(
            join(address).await.err(),
            Some(StatusCode::TOO_MANY_REQUESTS)
        );
        match end {
            "close" => {
                soon(client.close(None)).await.unwrap();
                while let Some(Ok(_)) = soon(client.next()).await {}
            }
            "vanish" => drop(client),
            _ => {
                say(&mut client, end).await;
                assert_ended(&mut client).await;
            }
        }
        until_held(&waygate, WS, 1).await;
    }
    assert_echo(&mut stays, "still here").await;
}

/// Requests an upgrade, sending `along` with the request, and reads the head of the response.
async fn upgrade(address: SocketAddr, path: &str, along: &[u8]) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: raw\r\n\r\n"
    );
    let request = [head.as_bytes(), along].concat();
    stream.write_all(&request).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(soon(stream.read_u8()).await.unwrap());
    }
    (stream, String::from_utf8(answer).unwrap())
}

#[tokio::test]
async fn each_half_of_a_connection_is_closed_separately() {
    let (waygate, address, _) = served().await;
    let (stream, answer) = upgrade(address, "/raw", b"sent along, ").await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert!(answer.contains("upgrade: raw\r\n"), "{answer}");
    let (mut reading, mut writing) = stream.into_split();
    let large: Vec<u8> = (0..8_000_000u32).map(|byte| byte as u8).collect();
    writing.write_all(&large).await.unwrap();
    assert_eq!(in_use(&waygate, RAW), 1);
    assert!(upgrade(address, "/raw", b"").await.1.contains(" 429 "));
    drop(writing);
    let mut read = Vec::new();
    soon(reading.read_to_end(&mut read)).await.unwrap();
    assert!(read == [b"sent along, ", &*large].concat());
    until_held(&waygate, RAW, 0).await;
}

#[tokio::test]
async fn an_unused_upgrade_ends_immediately() {
    let (waygate, address, _) = served().await;
    for _ in 0..3 {
        let (mut stream, answer) = upgrade(address, "/careless", b"").await;
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        assert_eq!(soon(stream.read(&mut [0])).await.unwrap(), 0);
        until_held(&waygate, "/careless#default", 0).await;
    }
}

#[tokio::test]
async fn upgrades_fail_if_the_handler_refuses_them() {
    let (waygate, address, mut seen) = served().await;
    for _ in 0..3 {
        let (stream, answer) = upgrade(address, "/refusing", b"").await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
        soon(seen.recv()).await.unwrap();
        until_held(&waygate, "/refusing#default", 0).await;
        drop(stream);
    }
}

/// An HTTP/2 stream that requests extended `CONNECT` (RFC 8441).
struct Tunnel {
    status: StatusCode,
    sending: h2::SendStream<Bytes>,
    receiving: h2::RecvStream,
}

async fn tunnel(client: &mut h2::client::SendRequest<Bytes>) -> Tunnel {
    let mut request = Request::builder()
        .method("CONNECT")
        .uri("http://localhost/ws")
        .header("sec-websocket-version", "13")
        .body(())
        .unwrap();
    let protocol = h2::ext::Protocol::from_static("websocket");
    request.extensions_mut().insert(protocol);
    let (answer, sending) = client.send_request(request, false).unwrap();
    let answer = soon(answer).await.unwrap();
    Tunnel {
        status: answer.status(),
        sending,
        receiving: answer.into_body(),
    }
}

impl Tunnel {
    /// Sends a short text, masked with zeros (RFC 6455, section 5).
    fn say(&mut self, text: &str) {
        let head = [0x81, 0x80 | text.len() as u8, 0, 0, 0, 0];
        let frame = [&head, text.as_bytes()].concat();
        self.sending.send_data(frame.into(), false).unwrap();
    }

    /// The next data; `None` at the end.
    async fn hear(&mut self) -> Option<Bytes> {
        loop {
            // A frame that ends the stream can be empty.
            let data = soon(self.receiving.data()).await?.ok()?;
            if !data.is_empty() {
                return Some(data);
            }
        }
    }

    async fn assert_echo(&mut self) {
        self.say("here");
        let mut heard = Vec::new();
        while heard.len() < 6 {
            heard.extend(self.hear().await.unwrap());
        }
        assert_eq!(heard, b"\x81\x04here");
    }
}

#[tokio::test]
async fn web_sockets_over_http_2_hold_permits() {
    let (waygate, address, _) = served().await;
    let stream = TcpStream::connect(address).await.unwrap();
    let (client, mut connection) = h2::client::handshake(stream).await.unwrap();
    // Wait for the settings with which the server enables extended `CONNECT`.
    let ready = std::future::poll_fn(|cx| {
        let _ = Future::poll(std::pin::Pin::new(&mut connection), cx);
        match client.is_extended_connect_protocol_enabled() {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    });
    soon(ready).await;
    let connection = tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let mut stays = tunnel(&mut client).await;
    assert_eq!(stays.status, StatusCode::OK);
    for end in ["reset", "end", "leave", "die"] {
        let mut other = tunnel(&mut client).await;
        assert_eq!(other.status, StatusCode::OK, "{end}");
        other.assert_echo().await;
        let third = tunnel(&mut client).await;
        assert_eq!(third.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(in_use(&waygate, WS), 2);
        match end {
            "reset" => other.sending.send_reset(h2::Reason::CANCEL),
            "end" => other.sending.send_data(Bytes::new(), true).unwrap(),
            _ => {
                other.say(end);
                assert_eq!(other.hear().await, None);
            }
        }
        until_held(&waygate, WS, 1).await;
    }
    stays.assert_echo().await;
    connection.abort();
    let _ = connection.await;
    until_held(&waygate, WS, 0).await;
}

/// The permit does not depend on what the server does with the response.
#[tokio::test]
async fn an_upgrade_that_the_server_cannot_do_holds_no_permit() {
    let waygate = builder().build().await.unwrap();
    let key = "/careless".parse().unwrap();
    waygate.register(key, RouteState::default()).await.unwrap();
    let routes = Router::new().route("/careless", any(careless));
    let router = waygate.guard(routes).await.unwrap().into_router();
    set(&waygate, "/careless#default", json!({"limit": 1})).await;
    let (client, server) = tokio::io::duplex(4096);
    let service = hyper_util::service::TowerToHyperService::new(router);
    let serving =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(server), service);
    let (_, answered) = tokio::join!(serving, async {
        let mut client = client;
        let head =
            b"GET /careless HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: raw\r\n\r\n";
        client.write_all(head).await?;
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    });
    assert!(answered.unwrap().starts_with(b"HTTP/1.1 101 "));
    until_held(&waygate, "/careless#default", 0).await;
}
