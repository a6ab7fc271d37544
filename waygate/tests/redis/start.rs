//! Starts without the store: the service serves immediately, and applies overrides when the store is there.

use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use waygate::{health::Component, port::RedisOptions};
use waygate_faultproxy::{FaultProxy, Mode, RedisProc, free_port};

use crate::support::*;

/// Starts an engine that cannot reach its store, calls `repair`, and waits for the overrides.
async fn starts_and_recovers(name: &str, options: RedisOptions, repair: impl AsyncFnOnce()) {
    let begin = Instant::now();
    let waygate = engine(options).await;
    let built = begin.elapsed();
    let app = app(&waygate, 2).await;
    assert!(!blocked(&app, 1).await);
    let served = begin.elapsed();
    assert!(is_degraded(&waygate, Component::Store), "{name}");
    assert!(
        waygate
            .system()
            .disable("GET:/0", "no store")
            .await
            .is_err()
    );
    repair().await;
    let begin = Instant::now();
    while !blocked(&app, 1).await {
        assert!(begin.elapsed() < PATIENCE, "{name}: no word from the store");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!(
        "{name}: built after {built:?}, served after {served:?}, converged {:?} after the repair",
        begin.elapsed()
    );
    assert!(built < Duration::from_secs(1), "{name}: {built:?}");
    assert!(!is_degraded(&waygate, Component::Store), "{name}");
    block(&waygate, 0).await;
}

/// Stores an override, as another process would.
async fn with_route_one_blocked(options: RedisOptions) {
    let other = engine(options).await;
    app(&other, 2).await;
    block(&other, 1).await;
}

#[tokio::test]
async fn connection_refused() {
    let port = free_port();
    let addr = ([127, 0, 0, 1], port).into();
    let mut server = None;
    starts_and_recovers("port closed", options(addr), async || {
        server = Some(RedisProc::options().port(port).start());
        with_route_one_blocked(options(addr)).await;
    })
    .await;
}

#[tokio::test]
async fn the_socket_does_not_exist_yet() {
    let mut server = RedisProc::start();
    server.kill();
    std::fs::remove_file(server.socket()).unwrap();
    let url = format!("redis+unix://{}", server.socket().display());
    let options = || RedisOptions::new(&url).unwrap();
    starts_and_recovers("no socket", options(), async || {
        server.restart();
        with_route_one_blocked(options()).await;
    })
    .await;
}

#[tokio::test]
async fn connections_hang_or_are_silent_or_are_reset() {
    for (name, mode) in [
        ("hang", Mode::Hang),
        ("blackhole", Mode::Blackhole),
        ("reset", Mode::Reset),
    ] {
        let server = RedisProc::start();
        with_route_one_blocked(options(server.addr())).await;
        let proxy = FaultProxy::start(server.addr()).await;
        proxy.set(mode);
        starts_and_recovers(name, options(proxy.addr()), async || proxy.set(Mode::Pass)).await;
    }
}

#[tokio::test]
async fn the_password_is_wrong() {
    let mut server = RedisProc::options().password("old").start();
    let with = |password: &str| options(server.addr()).password(password.to_owned());
    with_route_one_blocked(with("old")).await;
    let wrong = with("new");
    starts_and_recovers("wrong password", wrong, async || {
        server.config_set("requirepass", "new");
    })
    .await;
}

#[tokio::test]
async fn the_server_is_not_redis() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let garbage = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let server = RedisProc::start();
    with_route_one_blocked(options(server.addr())).await;
    let proxy = FaultProxy::start(garbage).await;
    starts_and_recovers("garbage", options(proxy.addr()), async || {
        proxy.set_target(server.addr());
        proxy.reset_connections();
    })
    .await;
}

#[tokio::test]
async fn tls_connects_to_plain_text() {
    let server = RedisProc::options().tls().start();
    with_route_one_blocked(options(server.addr())).await;
    let proxy = FaultProxy::start(server.addr()).await;
    let options = RedisOptions::new(&format!("rediss://{}", proxy.addr())).unwrap();
    let options = options.ca_file(&server.certificate().certificate);
    starts_and_recovers("TLS to plain text", options, async || {
        proxy.set_target(server.tls_addr());
        proxy.reset_connections();
    })
    .await;
}
