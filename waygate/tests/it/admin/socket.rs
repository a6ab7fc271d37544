//! The admin API over a real socket, which provides the address of the client.

use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use waygate::{Guarded, Waygate, admin::Credentials, router::MakeService};
use waygate_core::port::ManualClock;

use super::support::{NOW, app};

async fn guarded(credentials: impl Into<waygate::admin::Admin>) -> Guarded {
    let clock = ManualClock::at(NOW.parse().unwrap());
    let (_, guarded) = app(Waygate::builder(), clock).await;
    guarded.admin("/waygate", credentials)
}

async fn with_peer(service: MakeService) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}

/// Sends a request head and body, and returns the status line and the body of the response.
async fn ask(address: SocketAddr, head: &str, body: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = format!("{head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

#[tokio::test]
async fn loopback_is_trusted_if_the_server_provides_the_peer() {
    let address = with_peer(
        guarded(Credentials::none())
            .await
            .into_make_service_with_connect_info(),
    )
    .await;
    let get = format!("GET /waygate/api/routes HTTP/1.1\r\nhost: {address}");
    let (status, body) = ask(address, &get, "").await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert!(body.contains("GET:/payments"));
    for more in ["x-forwarded-for: 127.0.0.1", "origin: http://evil.example"] {
        let (status, body) = ask(address, &format!("{get}\r\n{more}"), "").await;
        assert_eq!(status, "HTTP/1.1 403 Forbidden", "{more}: {body}");
    }
    let rebound = "GET /waygate/api/routes HTTP/1.1\r\nhost: evil.example";
    let (status, _) = ask(address, rebound, "").await;
    assert_eq!(status, "HTTP/1.1 403 Forbidden");
    let absolute =
        format!("GET http://evil.example/waygate/api/routes HTTP/1.1\r\nhost: {address}");
    let (status, _) = ask(address, &absolute, "").await;
    assert_eq!(status, "HTTP/1.1 403 Forbidden");
}

#[tokio::test]
async fn without_the_peer_address_nothing_can_be_administered_without_credentials() {
    let router = guarded(Credentials::none()).await.into_router();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let get = format!("GET /waygate/api/routes HTTP/1.1\r\nhost: {address}");
    let (status, body) = ask(address, &get, "").await;
    assert_eq!(status, "HTTP/1.1 403 Forbidden");
    assert!(
        body.contains("Guarded::into_make_service_with_connect_info"),
        "{body}"
    );
}

#[tokio::test]
async fn login_and_change_work_over_a_socket() {
    let credentials = Credentials::new("admin", "secret");
    let address = with_peer(
        guarded(credentials)
            .await
            .into_make_service_with_connect_info(),
    )
    .await;
    let post = format!("POST /waygate/api/auth/login HTTP/1.1\r\nhost: {address}");
    let (status, body) = ask(
        address,
        &post,
        r#"{"username":"admin","password":"secret"}"#,
    )
    .await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    let token = body["token"].as_str().unwrap();
    let post = format!(
        "POST {} HTTP/1.1\r\nhost: {address}\r\nx-waygate-token: {token}",
        format_args!("/waygate{}", super::support::at("GET:/orders", "/disable")),
    );
    let (status, _) = ask(address, &post, r#"{"reason":"incident"}"#).await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    let (status, body) = ask(
        address,
        &format!("GET /orders HTTP/1.1\r\nhost: {address}"),
        "",
    )
    .await;
    assert_eq!(status, "HTTP/1.1 503 Service Unavailable");
    assert!(body.contains("incident"), "{body}");
}
