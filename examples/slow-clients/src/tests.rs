//! Tests over sockets, with timeouts of 200 ms.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

use super::{
    app,
    server::{Limits, serve},
};

const SHORT: Duration = Duration::from_millis(200);
/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

async fn start(limits: Limits) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (app, (stop, stopped)) = (app().await.unwrap(), oneshot::channel());
    let running = tokio::spawn(serve(listener, app, limits, async {
        let _stop = stopped.await;
    }));
    Server {
        address,
        stop,
        running,
    }
}

fn post(path: &str, length: usize, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

async fn send(server: &Server, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// Reads until the server closes the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _reset = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// Reads until the text.
async fn until(stream: &mut TcpStream, text: &str) -> String {
    let mut answer = String::new();
    while !answer.contains(text) {
        answer.push(stream.read_u8().await.unwrap().into());
    }
    answer
}

#[tokio::test]
async fn complete_requests_are_served_with_the_client_address() {
    let server = start(Limits::default()).await;
    let order = post("/orders", 2, "{}");
    let answer = until(&mut send(&server, &order).await, "\r\n\r\n{}").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let login = r#"{"username":"admin","password":"secret"}"#;
    let login = post("/waygate/api/auth/login", login.len(), login);
    let answer = until(&mut send(&server, &login).await, "\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn unfinished_heads_are_closed() {
    let head = SHORT;
    let server = start(Limits {
        head,
        body: LONG,
        ..Limits::default()
    })
    .await;
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    for begun in ["", "P", "GET / HTTP/1.1\r\nhost: a\r\n", preface] {
        let at = Instant::now();
        let mut stream = send(&server, begun).await;
        let answer = tokio::time::timeout(LONG / 2, rest(&mut stream)).await;
        assert!(answer.is_ok(), "{begun:?} is waited for");
        assert!(at.elapsed() >= head, "{begun:?} after {:?}", at.elapsed());
    }
    // A connection that has served a request is closed, too.
    let mut stream = send(&server, &post("/orders", 2, "{}")).await;
    until(&mut stream, "\r\n\r\n{}").await;
    let idle = tokio::time::timeout(LONG / 2, rest(&mut stream)).await;
    assert!(idle.is_ok(), "an idle connection stays");
}

#[tokio::test]
async fn unfinished_bodies_are_answered() {
    let server = start(Limits {
        head: LONG,
        body: SHORT,
        ..Limits::default()
    })
    .await;
    let mut stream = send(&server, &post("/orders", 100, "{")).await;
    let answer = tokio::time::timeout(LONG / 2, rest(&mut stream)).await;
    let answer = answer.expect("the body is waited for");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test]
async fn connections_beyond_the_bound_wait() {
    let server = start(Limits {
        connections: 1,
        ..Limits::default()
    })
    .await;
    let order = post("/orders", 2, "{}");
    let mut first = send(&server, &order).await;
    until(&mut first, "\r\n\r\n{}").await;
    let mut second = send(&server, &order).await;
    let early = tokio::time::timeout(SHORT, second.readable()).await;
    assert!(early.is_err(), "a second connection is served");
    drop(first);
    until(&mut second, "\r\n\r\n{}").await;
}

#[tokio::test]
async fn requests_in_flight_finish_when_the_server_stops() {
    let server = start(Limits::default()).await;
    let mut stream = send(&server, &post("/orders", 2, "{")).await;
    // Another answered request shows that this one was read.
    until(
        &mut send(&server, &post("/orders", 2, "{}")).await,
        "\r\n\r\n{}",
    )
    .await;
    let address = server.address;
    server.stop.send(()).unwrap();
    while TcpStream::connect(address).await.is_ok() {}
    stream.write_all(b"}").await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    server.running.await.unwrap();
}
