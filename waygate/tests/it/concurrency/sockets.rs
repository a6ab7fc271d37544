//! Permits over real connections are released when a client disconnects.

use std::net::SocketAddr;

use http::Request;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use waygate::Waygate;

use super::{Door, guarded, in_use, set};
use crate::support::builder;

const ENDLESS: &str = "GET:/endless#default";

/// A server whose endless route serves one request at a time.
async fn served() -> (Waygate, SocketAddr) {
    let waygate = builder().build().await.unwrap();
    let router = guarded(&waygate, &Door::new()).await;
    set(&waygate, ENDLESS, json!({"limit": 1})).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (waygate, address)
}

async fn until_free(waygate: &Waygate) {
    while in_use(waygate, ENDLESS) > 0 {
        tokio::task::yield_now().await;
    }
}

/// Sends a request, and reads the status line of the response.
async fn ask(address: SocketAddr) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = b"GET /endless HTTP/1.1\r\nhost: localhost\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        line.push(stream.read_u8().await.unwrap());
    }
    (stream, String::from_utf8(line).unwrap())
}

#[tokio::test]
async fn closing_a_connection_releases_its_permit() {
    let (waygate, address) = served().await;
    for _ in 0..3 {
        let (stream, line) = ask(address).await;
        assert_eq!(line, "HTTP/1.1 200 OK\r\n");
        assert_eq!(ask(address).await.1, "HTTP/1.1 429 Too Many Requests\r\n");
        assert_eq!(in_use(&waygate, ENDLESS), 1);
        drop(stream);
        until_free(&waygate).await;
    }
}

#[tokio::test]
async fn resetting_an_http_2_stream_releases_its_permit() {
    let (waygate, address) = served().await;
    let stream = TcpStream::connect(address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let mut ask = || {
        let request = Request::get("http://localhost/endless").body(()).unwrap();
        client.send_request(request, true).unwrap()
    };
    for _ in 0..3 {
        let (answer, mut sending) = ask();
        let answer = answer.await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(ask().0.await.unwrap().status(), 429);
        assert_eq!(in_use(&waygate, ENDLESS), 1);
        sending.send_reset(h2::Reason::CANCEL);
        until_free(&waygate).await;
    }
    connection.abort();
}
