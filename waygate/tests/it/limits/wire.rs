//! Rate limits over real connections: HTTP/2, event streams, and upgraded connections.

use std::{convert::Infallible, net::SocketAddr};

use axum::{
    Router,
    body::Body,
    extract::Request,
    response::{
        Response, Sse,
        sse::{Event, KeepAlive},
    },
    routing::get,
};
use futures_util::{Stream, StreamExt, stream};
use http::HeaderMap;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::set;
use crate::support::{clock, with_all_headers};

/// A stream of one event that never ends.
async fn events() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let first = stream::iter([Ok(Event::default().data("first"))]);
    Sse::new(first.chain(stream::pending())).keep_alive(KeepAlive::default())
}

/// Echoes everything that arrives over the upgraded connection.
async fn echo(mut request: Request) -> Response {
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let connection = hyper_util::rt::TokioIo::new(upgraded.await.unwrap());
        let (mut from, mut to) = tokio::io::split(connection);
        tokio::io::copy(&mut from, &mut to).await
    });
    let switching = Response::builder().status(101);
    let switching = switching.header("connection", "upgrade");
    let switching = switching.header("upgrade", "echo");
    switching.body(Body::empty()).unwrap()
}

/// A server whose routes serve two requests a minute each; its clock stands still.
async fn served() -> SocketAddr {
    let waygate = with_all_headers().clock(clock()).build().await.unwrap();
    let router = Router::new()
        .route("/search", get(async || "found"))
        .route("/events", get(events))
        .route("/echo", get(echo));
    let router = waygate.guard(router).await.unwrap().into_router();
    for route in ["GET:/search", "GET:/events", "GET:/echo"] {
        let route: waygate::model::RouteKey = route.parse().unwrap();
        waygate
            .register(route.clone(), Default::default())
            .await
            .unwrap();
        let fields = json!({"limit": "2/minute", "key_strategy": "global"});
        set(&waygate, &format!("{route}#default"), fields).await;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

#[track_caller]
fn assert_counted(headers: &HeaderMap, remaining: u64) {
    for (name, expected) in [
        ("x-ratelimit-limit", "2".to_owned()),
        ("x-ratelimit-remaining", remaining.to_string()),
        ("x-ratelimit-reset", "1893456060".to_owned()),
        ("ratelimit", format!("\"default\";r={remaining};t=60")),
        ("ratelimit-policy", "\"default\";q=2;w=60".to_owned()),
    ] {
        let found: Vec<_> = headers.get_all(name).iter().collect();
        assert_eq!(found, [expected.as_str()], "{name}");
    }
}

#[track_caller]
fn assert_refused(headers: &HeaderMap, body: &[u8], path: &str) {
    assert_counted(headers, 0);
    assert_eq!(headers["retry-after"], "60");
    assert_eq!(headers["content-type"], "application/json");
    let body: Value = serde_json::from_slice(body).unwrap();
    assert_eq!(body["error"]["code"], "RATE_LIMIT_EXCEEDED");
    assert_eq!(body["error"]["path"], path);
}

/// Sends a request over HTTP/1.1, reads the head of the response, and returns the connection to read the rest from.
async fn ask(address: SocketAddr, path: &str, fields: &str) -> (u16, HeaderMap, TcpStream) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{fields}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let mut headers = HeaderMap::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap();
        let name: http::HeaderName = name.parse().unwrap();
        headers.append(name, value.parse().unwrap());
    }
    (status.parse().unwrap(), headers, stream)
}

/// The rest of a refusal.
async fn body(headers: &HeaderMap, stream: &mut TcpStream) -> Vec<u8> {
    let length = headers["content-length"].to_str().unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).await.unwrap();
    body
}

#[tokio::test]
async fn http_2_requests_are_counted_and_refused() {
    let address = served().await;
    let stream = TcpStream::connect(address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    // Event streams have a policy of their own, on the same connection.
    for path in ["/search", "/events"] {
        let mut ask = || {
            let request = http::Request::get(format!("http://localhost{path}"));
            let request = request.body(()).unwrap();
            client.send_request(request, true).unwrap().0
        };
        for remaining in [1, 0] {
            let answer = ask().await.unwrap();
            assert_eq!(
                (answer.status().as_u16(), answer.version()),
                (200, http::Version::HTTP_2)
            );
            assert_counted(answer.headers(), remaining);
            let part = answer.into_body().data().await.unwrap().unwrap();
            let expected: &[u8] = match path {
                "/events" => b"data: first\n\n",
                _ => b"found",
            };
            assert_eq!(&*part, expected);
        }
        let (head, mut rest) = ask().await.unwrap().into_parts();
        assert_eq!(head.status, 429);
        let mut body = Vec::new();
        while let Some(part) = rest.data().await {
            body.extend_from_slice(&part.unwrap());
        }
        assert_refused(&head.headers, &body, path);
    }
    connection.abort();
}

#[tokio::test]
async fn an_event_stream_is_counted_when_it_starts() {
    let address = served().await;
    // None of the streams ends: counting does not wait for the end of the response.
    let mut streams = Vec::new();
    for remaining in [1, 0] {
        let (status, headers, mut stream) = ask(address, "/events", "").await;
        assert_eq!(
            (status, &headers["content-type"]),
            (200, &"text/event-stream".parse().unwrap())
        );
        assert_counted(&headers, remaining);
        let mut part = Vec::new();
        while !part.ends_with(b"data: first\n\n") {
            part.push(stream.read_u8().await.unwrap());
        }
        streams.push(stream);
    }
    let (status, headers, mut stream) =
        ask(address, "/events", "accept: text/event-stream\r\n").await;
    assert_eq!(status, 429);
    assert_refused(&headers, &body(&headers, &mut stream).await, "/events");
}

#[tokio::test]
async fn an_upgrade_is_counted_and_passes() {
    let address = served().await;
    let fields = "connection: upgrade\r\nupgrade: echo\r\n";
    for remaining in [1, 0] {
        let (status, headers, mut stream) = ask(address, "/echo", fields).await;
        assert_eq!(
            (status, &headers["upgrade"]),
            (101, &"echo".parse().unwrap())
        );
        assert_counted(&headers, remaining);
        stream.write_all(b"ping").await.unwrap();
        let mut back = [0; 4];
        stream.read_exact(&mut back).await.unwrap();
        assert_eq!(&back, b"ping");
    }
    let (status, headers, mut stream) = ask(address, "/echo", fields).await;
    assert_eq!((status, headers.get("upgrade")), (429, None));
    assert_refused(&headers, &body(&headers, &mut stream).await, "/echo");
}
