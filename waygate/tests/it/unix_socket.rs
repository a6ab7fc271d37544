//! Serving on a Unix socket, with a proxy that names the client.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use axum::{
    Router, extract::ConnectInfo, http::StatusCode, middleware::map_response, response::Response,
    routing::get,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UnixListener, UnixStream},
};
use waygate::{
    Guarded, Waygate,
    client::{ClientAddr, ForwardingHeader, TrustedProxies},
    router::MakeService,
    testing::TestApp,
};

use crate::{log::Log, support::builder};

#[waygate::allowed_ips("203.0.113.0/24", route = "GET /unix-socket/office")]
async fn office() {}

#[waygate::rate_limit("1/hour", route = "GET /unix-socket/limited")]
async fn limited() {}

async fn guarded(proxies: TrustedProxies) -> Guarded {
    let waygate = builder().trusted_proxies(proxies).build().await.unwrap();
    let client = |ClientAddr(client): ClientAddr| async move {
        client.map_or("unknown".to_owned(), |client| client.to_string())
    };
    let api = Router::new()
        .route("/unix-socket/office", get(office))
        .route("/unix-socket/limited", get(limited))
        .route("/unix-socket/client", get(client))
        .with_state::<()>(waygate.clone());
    waygate.guard(api).await.unwrap()
}

fn socket_path() -> (PathBuf, impl Drop) {
    struct Gone(PathBuf);
    impl Drop for Gone {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }
    let name = format!(
        "waygate-{}-{:x}.sock",
        std::process::id(),
        rand::random::<u64>()
    );
    let path = std::env::temp_dir().join(name);
    (path.clone(), Gone(path))
}

/// Status and body of a `GET` with one extra header line.
async fn ask(path: &Path, target: &str, header: &str) -> (StatusCode, String) {
    let mut stream = UnixStream::connect(path).await.unwrap();
    let request =
        format!("GET {target} HTTP/1.1\r\nhost: shop\r\n{header}connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap();
    (status.parse().unwrap(), body.to_owned())
}

#[tokio::test]
async fn the_client_is_named_by_the_peer() {
    let app = guarded(TrustedProxies::unix_socket()).await;
    let (path, _gone) = socket_path();
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(
        async move { axum::serve(listener, app.into_make_service_with_connect_info()).await },
    );

    let of = |client: &str| format!("x-forwarded-for: 198.51.100.1, {client}\r\n");
    let office = "/unix-socket/office";
    assert_eq!(ask(&path, office, &of("203.0.113.7")).await.0, 200);
    assert_eq!(ask(&path, office, &of("192.0.2.1")).await.0, 403);
    assert_eq!(
        ask(&path, office, "").await.0,
        403,
        "no proxy names the client"
    );

    let limited = "/unix-socket/limited";
    for (client, expected) in [
        ("203.0.113.1", 200),
        ("203.0.113.2", 200),
        ("203.0.113.1", 429),
    ] {
        assert_eq!(
            ask(&path, limited, &of(client)).await.0,
            expected,
            "{client}"
        );
    }
}

#[tokio::test]
async fn a_router_with_layers_is_served_the_same_way() {
    let proxies = TrustedProxies::unix_socket().writing(ForwardingHeader::Forwarded);
    let peer = |ConnectInfo(peer): ConnectInfo<tokio::net::unix::SocketAddr>| async move {
        peer.is_unnamed().to_string()
    };
    let same = |response: Response| async { response };
    let app = guarded(proxies).await.into_router();
    let app = app
        .route("/unix-socket/peer", get(peer))
        .layer(map_response(same));
    let (path, _gone) = socket_path();
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move { axum::serve(listener, MakeService::new(app)).await });
    let client = ask(
        &path,
        "/unix-socket/client",
        "forwarded: for=203.0.113.7\r\n",
    )
    .await;
    assert_eq!(client.1, "203.0.113.7");
    assert_eq!(ask(&path, "/unix-socket/peer", "").await.1, "true");
}

#[tokio::test]
async fn only_the_peer_of_a_unix_socket_is_trusted() {
    let forwarded = |app: TestApp| async move {
        let app = app.with_header("x-forwarded-for", "203.0.113.7");
        app.get("/unix-socket/client").await.text()
    };
    let trusting = TestApp::new(guarded(TrustedProxies::unix_socket()).await);
    assert_eq!(forwarded(trusting.from_unix_socket()).await, "203.0.113.7");
    let address = std::net::SocketAddr::from(([192, 0, 2, 1], 40_000));
    assert_eq!(forwarded(trusting.from_peer(address)).await, "192.0.2.1");
    assert_eq!(
        forwarded(trusting).await,
        "unknown",
        "the server provides no peer"
    );
    let unset = TestApp::new(guarded(TrustedProxies::none()).await);
    assert_eq!(forwarded(unset.from_unix_socket()).await, "unknown");
}

#[tokio::test]
async fn the_peer_is_an_address_over_tcp() {
    use axum::serve::ListenerExt;

    let waygate = Waygate::builder()
        .allow_unmounted("")
        .build()
        .await
        .unwrap();
    let peer =
        |ConnectInfo(peer): ConnectInfo<std::net::SocketAddr>| async move { peer.ip().to_string() };
    let guard = || async {
        let api = Router::new().route("/unix-socket/tcp", get(peer));
        waygate
            .guard(api)
            .await
            .unwrap()
            .into_make_service_with_connect_info()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plain = listener.local_addr().unwrap();
    let app = guard().await;
    tokio::spawn(async move { axum::serve(listener, app).await });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tapped = listener.local_addr().unwrap();
    let app = guard().await;
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    tokio::spawn(async move { axum::serve(listener, app).await });
    for address in [plain, tapped] {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = "GET /unix-socket/tcp HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("\r\n\r\n127.0.0.1"), "{answer}");
    }
}

#[tokio::test]
async fn a_proxy_without_a_client_address_is_logged_once() {
    let (log, _guard) = Log::of_this_thread();
    let warnings = || {
        let lines = log.lines();
        let of_proxy = |line: &&String| line.contains("`x-forwarded-for`");
        lines.iter().filter(of_proxy).count()
    };
    let app = guarded(TrustedProxies::unix_socket()).await;
    let (path, _gone) = socket_path();
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(
        async move { axum::serve(listener, app.into_make_service_with_connect_info()).await },
    );
    let known = "x-forwarded-for: 203.0.113.7\r\n";
    assert_eq!(
        ask(&path, "/unix-socket/client", known).await.1,
        "203.0.113.7"
    );
    assert_eq!(warnings(), 0);
    for header in [
        "",
        "x-forwarded-for: unknown\r\n",
        "forwarded: for=203.0.113.7\r\n",
    ] {
        assert_eq!(ask(&path, "/unix-socket/client", header).await.1, "unknown");
    }
    assert_eq!(warnings(), 1);
}

/// A private address that a trusted proxy names is a client, unless it forwards others itself.
#[tokio::test]
async fn a_second_proxy_is_logged_and_a_private_client_is_not() {
    let one = || TrustedProxies::networks(["10.0.0.1/32".parse().unwrap()]);
    let (socket, tcp) = (None, Some([10, 0, 0, 1]));
    for (proxies, peer, forwarded, is_logged) in [
        (TrustedProxies::unix_socket(), socket, "10.0.0.5", false),
        (TrustedProxies::unix_socket(), socket, "127.0.0.1", false),
        (TrustedProxies::unix_socket(), socket, "203.0.113.9", false),
        (
            TrustedProxies::unix_socket(),
            socket,
            "203.0.113.9, 10.0.0.5",
            true,
        ),
        (
            one().and_unix_socket(),
            socket,
            "203.0.113.9, 10.0.0.1",
            false,
        ),
        (one(), tcp, "192.168.1.7", false),
        (one(), tcp, "203.0.113.9", false),
        (one(), tcp, "1.1.1.1, 203.0.113.9", false),
        (one(), tcp, "203.0.113.9, 192.168.1.7", true),
        // The peer itself is the second proxy.
        (one(), Some([10, 0, 0, 2]), "203.0.113.9", true),
        (TrustedProxies::hops(1), tcp, "192.168.1.7", false),
        (
            TrustedProxies::hops(1),
            tcp,
            "203.0.113.9, 192.168.1.7",
            true,
        ),
        (
            TrustedProxies::hops(2),
            tcp,
            "203.0.113.9, 192.168.1.7",
            false,
        ),
    ] {
        let (log, _guard) = Log::of_this_thread();
        let name = format!("{proxies:?} {peer:?} {forwarded}");
        let app = TestApp::new(guarded(proxies).await);
        let app = match peer {
            None => app.from_unix_socket(),
            Some(peer) => app.from_peer(SocketAddr::from((peer, 1))),
        };
        let app = app.with_header("x-forwarded-for", forwarded);
        for _ in 0..2 {
            app.get("/unix-socket/limited").await;
        }
        let lines = log.lines();
        let is_of_proxy = |line: &&String| line.contains("private network");
        let logged = lines.iter().filter(is_of_proxy).count();
        assert_eq!(logged, usize::from(is_logged), "{name}: {lines:#?}");
    }
}

#[tokio::test]
async fn a_trusted_tcp_proxy_without_a_client_address_is_logged_once() {
    let (log, _guard) = Log::of_this_thread();
    let proxies = TrustedProxies::networks(["10.0.0.0/8".parse().unwrap()]);
    let app = TestApp::new(guarded(proxies).await);
    let ask = async |peer: [u8; 4], header: &str| {
        let app = app.from_peer(SocketAddr::from((peer, 1)));
        let app = app.with_header("x-forwarded-for", header);
        app.get("/unix-socket/client").await.text()
    };
    let warnings = || {
        log.lines()
            .iter()
            .filter(|line| line.contains("`x-forwarded-for`"))
            .count()
    };
    assert_eq!(ask([10, 0, 0, 1], "203.0.113.7").await, "203.0.113.7");
    assert_eq!(ask([192, 0, 2, 1], "").await, "192.0.2.1", "no proxy");
    assert_eq!(warnings(), 0);
    assert_eq!(ask([10, 0, 0, 1], "").await, "10.0.0.1");
    assert_eq!(ask([10, 0, 0, 1], "unknown").await, "10.0.0.1");
    assert_eq!(warnings(), 1);
}
