//! Attacks on the login: their cost, and that no client can lock others out.
//!
//! Each test measures the whole process, so they run one after another. With `WAYGATE_TEST_FULL=1`, the memory test
//! makes 10,000 logins instead of 400, which takes some minutes.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Mutex,
};
use tower::ServiceExt;
use waygate::{Waygate, admin::Credentials, client::TrustedProxies};
use waygate_backends::MemoryBackend;
use waygate_core::port::ManualClock;

static ALONE: Mutex<()> = Mutex::const_new(());

/// Memory of one argon2 check, in KiB.
const ARGON2_KIB: usize = 19_456;

/// Resident memory of this process, in KiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.unwrap().parse().unwrap()
}

async fn app(builder: waygate::WaygateBuilder, backend: MemoryBackend) -> Router {
    let waygate = builder.backend(backend).build().await.unwrap();
    let guarded = waygate.guard(Router::new()).await.unwrap();
    let credentials = Credentials::new("admin", "secret");
    guarded.admin("/waygate", credentials).into_router()
}

fn login(peer: IpAddr, user: &str, password: &str) -> Request {
    let body = json!({ "username": user, "password": password }).to_string();
    let request = Request::post("/waygate/api/auth/login")
        .extension(ConnectInfo(SocketAddr::new(peer, 40_000)));
    request.body(Body::from(body)).unwrap()
}

fn network(number: usize) -> IpAddr {
    let [.., a, b, c] = u32::try_from(number).unwrap().to_be_bytes();
    Ipv4Addr::new(10, a, b, c).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_leave_no_memory_behind() {
    let _alone = ALONE.lock().await;
    let full = std::env::var_os("WAYGATE_TEST_FULL").is_some_and(|value| value == "1");
    let count = if full { 10_000 } else { 400 };
    let clock = ManualClock::at("2030-01-01T00:00:00Z".parse().unwrap());
    let builder = Waygate::builder().clock(clock.clone());
    let app = app(builder, MemoryBackend::new()).await;
    let (before, done, checked) = (resident(), Arc::default(), Arc::default());
    let workers: Vec<_> = (0..8)
        .map(|_| {
            let (app, clock) = (app.clone(), clock.clone());
            let (done, checked): (Arc<AtomicUsize>, Arc<AtomicUsize>) =
                (Arc::clone(&done), Arc::clone(&checked));
            tokio::spawn(async move {
                loop {
                    let number = done.fetch_add(1, SeqCst);
                    if number >= count {
                        break;
                    }
                    // Skip the hourly quota: only the cost of a check is measured.
                    clock.advance(Duration::from_secs(3_600));
                    let (user, password, expected) = match number % 4 {
                        0 => ("admin", "secret", 200),
                        1 | 2 => ("admin", "wrong", 401),
                        _ => ("unknown", "wrong", 401),
                    };
                    let request = login(network(number * 256), user, password);
                    let answer = app.clone().oneshot(request).await.unwrap();
                    let status = answer.status().as_u16();
                    assert!([expected, 503].contains(&status), "{user}: {status}");
                    checked.fetch_add(usize::from(status == expected), SeqCst);
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    let grown = resident().saturating_sub(before);
    println!("{count} logins: {before} KiB, and {grown} KiB more");
    let checked = checked.load(SeqCst);
    assert!(
        checked > count * 9 / 10,
        "{checked} of {count} were checked"
    );
    assert!(grown <= 2 * ARGON2_KIB, "{grown} KiB were left behind");
}

/// A server with timeouts, like `examples/slow-clients`.
async fn serve(app: Router) -> (SocketAddr, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let mut server = auto::Builder::new(TokioExecutor::new());
        let timer = TokioTimer::new();
        let seconds = Duration::from_secs(10);
        server
            .http1()
            .timer(timer.clone())
            .header_read_timeout(seconds);
        server.http2().timer(timer).max_concurrent_streams(100);
        loop {
            let (stream, peer) = listener.accept().await.unwrap();
            let app = app
                .clone()
                .map_request(move |mut request: hyper::Request<_>| {
                    request.extensions_mut().insert(ConnectInfo(peer));
                    request
                });
            let connection = server
                .serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(app))
                .into_owned();
            tokio::spawn(async move { connection.await.is_ok() });
        }
    });
    (address, server)
}

/// Sends a login, with this machine as the proxy. A body shorter than `declared` does not end.
async fn send(server: SocketAddr, client: IpAddr, body: &str, declared: usize) -> TcpStream {
    let mut stream = TcpStream::connect(server).await.unwrap();
    let request = format!(
        "POST /waygate/api/auth/login HTTP/1.1\r\nhost: {server}\r\nx-forwarded-for: {client}\r\n\
         connection: close\r\ncontent-length: {declared}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn status(server: SocketAddr, client: IpAddr, user: &str, password: &str) -> u16 {
    let body = json!({ "username": user, "password": password }).to_string();
    let mut stream = send(server, client, &body, body.len()).await;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap_or_default();
    status.parse().unwrap_or_else(|_| panic!("{answer}"))
}

const ATTEMPTS: usize = 10_000;
const AT_A_TIME: usize = 80;

#[tokio::test(flavor = "multi_thread")]
async fn login_attacks_are_cheap_and_do_not_lock_out_known_admins() {
    let _alone = ALONE.lock().await;
    let backend = MemoryBackend::new();
    let start = async || {
        let proxies = TrustedProxies::networks(["127.0.0.0/8".parse().unwrap()]);
        let builder = Waygate::builder().trusted_proxies(proxies);
        serve(app(builder, backend.clone()).await).await
    };
    let home = "198.51.100.7".parse().unwrap();
    let (address, before) = start().await;
    assert_eq!(status(address, home, "admin", "secret").await, 200);
    before.abort();
    let (address, _server) = start().await;
    let (quiet, next, over) = (
        resident(),
        Arc::<AtomicUsize>::default(),
        Arc::<AtomicBool>::default(),
    );
    let attackers: Vec<_> = (0..AT_A_TIME)
        .map(|_| {
            let next = next.clone();
            tokio::spawn(async move {
                let mut unfinished = None;
                loop {
                    let number = next.fetch_add(1, SeqCst);
                    if number >= ATTEMPTS {
                        break;
                    }
                    // 2,500 addresses in 100 networks of one provider.
                    let client = network(number % 2_500 / 25 * 256 + number % 25);
                    if number.is_multiple_of(2) {
                        unfinished = Some(send(address, client, "{\"username\":", 250).await);
                        continue;
                    }
                    let made_up = format!("user{number}");
                    let user = if number % 32 == 1 { &made_up } else { "admin" };
                    let status = status(address, client, user, "guess").await;
                    assert!([401, 429, 503].contains(&status), "{status}");
                }
                drop(unfinished);
            })
        })
        .collect();
    let admin = {
        let over = over.clone();
        tokio::spawn(async move {
            let (mut logins, mut most) = (0, 0);
            while !over.load(SeqCst) {
                let begun = Instant::now();
                assert_eq!(status(address, home, "admin", "secret").await, 200);
                let took = begun.elapsed();
                assert!(took < Duration::from_secs(1), "a login took {took:?}");
                logins += 1;
                most = most.max(resident());
            }
            (logins, most)
        })
    };
    let begun = Instant::now();
    for attacker in attackers {
        attacker.await.unwrap();
    }
    over.store(true, SeqCst);
    let (logins, most) = admin.await.unwrap();
    let grown = most.saturating_sub(quiet);
    println!(
        "{ATTEMPTS} attempts in {:?}: {logins} logins, {quiet} KiB, and {grown} KiB more",
        begun.elapsed()
    );
    assert!(logins >= 10, "only {logins} logins");
    assert!(grown <= 2 * ARGON2_KIB, "{grown} KiB more");
}

#[tokio::test(flavor = "multi_thread")]
async fn unfinished_bodies_hold_little_memory_and_no_slot() {
    let _alone = ALONE.lock().await;
    let (address, _server) = serve(app(Waygate::builder(), MemoryBackend::new()).await).await;
    let before = resident();
    let unfinished = async || {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let (kib, count) = ("x".repeat(1_024), 250);
        let head = "POST /waygate/api/auth/login HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        for _ in 0..count {
            let chunk = format!("400\r\n{kib}\r\n");
            if stream.write_all(chunk.as_bytes()).await.is_err() {
                break;
            }
        }
        stream
    };
    let mut streams = Vec::new();
    for _ in 0..300 {
        streams.push(unfinished().await);
    }
    let grown = resident().saturating_sub(before);
    println!("{grown} KiB");
    // A reset discards the response while the client is still sending.
    let refused = async {
        for mut stream in streams {
            let mut answer = Vec::new();
            let _reset = stream.read_to_end(&mut answer).await.is_err();
            let text = String::from_utf8_lossy(&answer);
            assert!(text.is_empty() || text.contains(" 413 "), "{text}");
        }
    };
    let refused = tokio::time::timeout(Duration::from_secs(5), refused).await;
    assert!(refused.is_ok(), "the refusal waits for unfinished bodies");
    assert!(grown <= 2 * ARGON2_KIB, "{grown} KiB");
}
