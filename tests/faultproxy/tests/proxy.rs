//! Tests of the modes of the proxy.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use waygate_faultproxy::{Direction, FaultProxy, Mode, eventually, free_port};

const PATIENCE: Duration = Duration::from_secs(5);

/// Echoes what it receives, and ends with its client.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    addr
}

async fn proxied() -> (FaultProxy, TcpStream) {
    let proxy = FaultProxy::start(echo().await).await;
    let client = TcpStream::connect(proxy.addr()).await.unwrap();
    (proxy, client)
}

async fn asked(client: &mut TcpStream, words: &[u8]) -> io::Result<Vec<u8>> {
    client.write_all(words).await?;
    let mut answer = vec![0; words.len()];
    let read = client.read_exact(&mut answer);
    timeout(PATIENCE, read).await.expect("an answer in time")?;
    Ok(answer)
}

async fn silent(client: &mut TcpStream, words: &[u8]) -> bool {
    client.write_all(words).await.unwrap();
    let mut byte = [0];
    let read = client.read(&mut byte);
    timeout(Duration::from_millis(100), read).await.is_err()
}

#[tokio::test]
async fn bytes_pass_and_are_counted() {
    let (proxy, mut client) = proxied().await;
    assert_eq!(asked(&mut client, b"hello").await.unwrap(), b"hello");
    let counts = proxy.counts();
    assert_eq!(
        (counts.accepted, counts.open, counts.unreachable),
        (1, 1, 0)
    );
    assert_eq!((counts.to_server, counts.to_client), (5, 5));
    drop(client);
    eventually(PATIENCE, "the connection is closed", || {
        proxy.counts().open == 0
    })
    .await;
}

#[tokio::test]
async fn a_delay_can_be_ended() {
    let (proxy, mut client) = proxied().await;
    proxy.set(Mode::Delay {
        delay: Duration::from_millis(40),
        jitter: Duration::from_millis(10),
    });
    let start = Instant::now();
    asked(&mut client, b"hello").await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(80));
    proxy.set(Mode::Delay {
        delay: Duration::from_secs(3600),
        jitter: Duration::ZERO,
    });
    client.write_all(b"late").await.unwrap();
    tokio::task::yield_now().await;
    proxy.set(Mode::Pass);
    let mut answer = [0; 4];
    let read = client.read_exact(&mut answer);
    timeout(PATIENCE, read).await.unwrap().unwrap();
    assert_eq!(&answer, b"late");
}

#[tokio::test]
async fn a_throttle_keeps_to_its_speed() {
    let (proxy, mut client) = proxied().await;
    proxy.set(Mode::Throttle {
        bytes_per_second: 10_000,
    });
    let start = Instant::now();
    asked(&mut client, &[7; 2_000]).await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(180));
}

#[tokio::test]
async fn a_black_hole_is_silent_and_resets_connections_that_lost_bytes() {
    let (proxy, mut client) = proxied().await;
    proxy.set(Mode::Blackhole);
    assert!(silent(&mut client, b"hello").await);
    let mut other = TcpStream::connect(proxy.addr()).await.unwrap();
    assert!(silent(&mut other, b"hello").await);
    proxy.set(Mode::Pass);
    assert!(asked(&mut client, b"hello").await.is_err());
    let mut fresh = TcpStream::connect(proxy.addr()).await.unwrap();
    assert_eq!(asked(&mut fresh, b"hello").await.unwrap(), b"hello");
}

#[tokio::test]
async fn a_hanging_proxy_loses_nothing() {
    let (proxy, mut client) = proxied().await;
    asked(&mut client, b"hello").await.unwrap();
    proxy.set(Mode::Hang);
    assert!(silent(&mut client, b"wait").await);
    let mut waiting = TcpStream::connect(proxy.addr()).await.unwrap();
    assert!(silent(&mut waiting, b"wait").await);
    assert_eq!(proxy.counts().accepted, 1);
    proxy.set(Mode::Pass);
    for client in [&mut client, &mut waiting] {
        let mut answer = [0; 4];
        let read = client.read_exact(&mut answer);
        timeout(PATIENCE, read).await.unwrap().unwrap();
        assert_eq!(&answer, b"wait");
    }
}

#[tokio::test]
async fn a_reset_reaches_both_ends() {
    let (proxy, mut client) = proxied().await;
    asked(&mut client, b"hello").await.unwrap();
    proxy.set(Mode::Reset);
    let mut byte = [0];
    let error = timeout(PATIENCE, client.read(&mut byte)).await.unwrap();
    assert_eq!(error.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    let mut fresh = TcpStream::connect(proxy.addr()).await.unwrap();
    assert!(asked(&mut fresh, b"hello").await.is_err());
    proxy.set(Mode::Pass);
    let mut fresh = TcpStream::connect(proxy.addr()).await.unwrap();
    asked(&mut fresh, b"hello").await.unwrap();
    proxy.reset_connections();
    let error = timeout(PATIENCE, fresh.read(&mut byte)).await.unwrap();
    assert_eq!(error.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_cut_forwards_exactly_so_many_bytes() {
    let (proxy, mut client) = proxied().await;
    asked(&mut client, b"hello").await.unwrap();
    proxy.set(Mode::Cut {
        direction: Direction::ToClient,
        after: 3,
    });
    client.write_all(b"hello").await.unwrap();
    let mut answer = Vec::new();
    let read = client.read_to_end(&mut answer);
    let _ = timeout(PATIENCE, read).await.unwrap();
    assert_eq!(answer, b"hel");
}

#[tokio::test]
async fn a_half_closed_connection_still_carries_requests() {
    let (proxy, mut client) = proxied().await;
    asked(&mut client, b"hello").await.unwrap();
    proxy.set(Mode::HalfClose);
    let mut answer = Vec::new();
    let read = client.read_to_end(&mut answer);
    timeout(PATIENCE, read).await.unwrap().unwrap();
    assert!(answer.is_empty());
    client.write_all(b"more").await.unwrap();
    eventually(PATIENCE, "the request is forwarded", || {
        proxy.counts().to_server == 9
    })
    .await;
}

#[tokio::test]
async fn exactly_one_byte_is_corrupted() {
    let (proxy, mut client) = proxied().await;
    asked(&mut client, b"hello").await.unwrap();
    proxy.set(Mode::Corrupt {
        direction: Direction::ToServer,
        nth: 4,
    });
    assert_eq!(asked(&mut client, b"aaa").await.unwrap(), b"aaa");
    assert_eq!(asked(&mut client, b"aaa").await.unwrap(), b"a\x9ea");
    assert_eq!(asked(&mut client, b"aaa").await.unwrap(), b"aaa");
}

#[tokio::test]
async fn new_connections_use_another_target() {
    let proxy = FaultProxy::start(([127, 0, 0, 1], free_port()).into()).await;
    let mut client = TcpStream::connect(proxy.addr()).await.unwrap();
    assert!(asked(&mut client, b"hello").await.is_err());
    assert_eq!(proxy.counts().unreachable, 1);
    proxy.set_target(echo().await);
    let mut client = TcpStream::connect(proxy.addr()).await.unwrap();
    assert_eq!(asked(&mut client, b"hello").await.unwrap(), b"hello");
}
