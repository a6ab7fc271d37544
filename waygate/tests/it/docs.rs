//! The documentation page and its event stream.

use std::{
    future::Future,
    io::Read,
    net::{IpAddr, SocketAddr},
    pin::pin,
    task::Poll,
};

use axum::{
    Router,
    body::{Body, BodyDataStream},
    extract::Request,
    response::Response,
    routing::get,
};
use futures_util::StreamExt;
use http::{Method, header};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    net::{TcpListener, TcpSocket, TcpStream},
};
use tower::ServiceExt;
use utoipa::openapi::OpenApi;
use waygate::{
    Guarded, Waygate,
    client::TrustedProxies,
    model::{GlobalMaintenance, Interval, RouteState},
    testing::TestApp,
};

use crate::support::{at, builder, clock};

fn document() -> OpenApi {
    let operation = json!({"responses": {"200": {"description": "fine"}}});
    let document = json!({
        "openapi": "3.1.0",
        "info": {"title": "Shop", "version": "1.0.0"},
        "paths": {"/a": {"get": operation}, "/b": {"get": operation}},
    });
    serde_json::from_value(document).unwrap()
}

async fn guard(waygate: &Waygate) -> Guarded {
    let router = Router::new()
        .route("/a", get(|| async {}))
        .route("/b", get(|| async {}));
    waygate.guard((router, document())).await.unwrap()
}

async fn page(waygate: &Waygate) -> TestApp {
    TestApp::new(guard(waygate).await.docs("/docs").into_router())
}

const FILES: [&str; 8] = [
    "",
    "waygate.js",
    "waygate.css",
    "swagger-ui-bundle.js",
    "swagger-ui.css",
    "favicon-32x32.png",
    "oauth2-redirect.html",
    "oauth2-redirect.js",
];

#[tokio::test]
async fn every_response_has_the_security_policy() {
    let waygate = builder().build().await.unwrap();
    let app = page(&waygate).await;
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                  connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; \
                  frame-ancestors 'none'";
    let mut answers = vec![
        (307, app.get("/docs").await),
        (405, app.request(Method::POST, "/docs/", "").await),
        (200, app.request(Method::HEAD, "/docs/", "").await),
    ];
    for file in FILES {
        answers.push((200, app.get(&format!("/docs/{file}")).await));
    }
    for (status, answer) in answers {
        assert_eq!(answer.status(), status);
        assert_eq!(answer.header("content-security-policy"), Some(policy));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("same-origin"));
        assert_eq!(
            answer.header("cross-origin-resource-policy"),
            Some("same-origin")
        );
    }
    let index = app.get("/docs/").await;
    assert_eq!(
        index.header("cross-origin-opener-policy"),
        Some("same-origin-allow-popups")
    );
    let redirect = app.get("/docs/oauth2-redirect.html").await;
    assert_eq!(
        redirect.header("cross-origin-opener-policy"),
        None,
        "it needs its opener"
    );
}

#[tokio::test]
async fn the_policy_names_the_servers_of_the_document() {
    let waygate = builder().build().await.unwrap();
    let mut document = document();
    document.servers = Some(vec![utoipa::openapi::Server::new(
        "https://api.example.com/v1",
    )]);
    let guarded = waygate.guard((Router::new(), document)).await.unwrap();
    let app = TestApp::new(guarded.docs("/docs").into_router());
    let page = app.get("/docs/").await;
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.contains("; connect-src 'self' https://api.example.com; "),
        "{policy}"
    );
}

#[tokio::test]
async fn the_page_has_no_inline_and_no_external_content() {
    let waygate = builder().build().await.unwrap();
    let html = page(&waygate).await.get("/docs/").await.text();
    for tag in html.split('<').skip(1) {
        let (tag, after) = tag.split_once('>').unwrap();
        assert!(!tag.contains(" style=") && !tag.contains(" on"), "{tag}");
        if tag.starts_with("script") {
            assert!(
                tag.contains(" src=\"") && after.trim().is_empty(),
                "{tag}: {after}"
            );
        }
        assert!(!tag.starts_with("style"), "{tag}");
    }
    assert!(!html.contains("//"), "{html}");
}

#[tokio::test]
async fn links_are_relative_to_the_page() {
    let data = async |app: Router, page: &str| {
        let html = TestApp::new(app).get(page).await.text();
        let of = |name: &str| {
            let (_, after) = html.split_once(&format!("data-{name}=\"")).unwrap();
            after.split_once('"').unwrap().0.to_owned()
        };
        (of("openapi"), of("root"))
    };
    let pair = |document: &str, root: &str| (document.to_owned(), root.to_owned());
    let waygate = builder().build().await.unwrap();
    let app = guard(&waygate).await.docs("/docs").into_router();
    assert_eq!(
        data(app.clone(), "/docs/").await,
        pair("../openapi.json", "../")
    );
    let nested = Router::new().nest("/shop/api", app);
    assert_eq!(
        data(nested.clone(), "/shop/api/docs/").await,
        pair("../openapi.json", "../")
    );
    let nested = TestApp::new(nested);
    assert_eq!(nested.get("/shop/api/openapi.json").await.status(), 200);
    assert_eq!(nested.get("/shop/api/docs/waygate.js").await.status(), 200);
    let redirect = nested.get("/shop/api/docs?x=1").await;
    assert_eq!(
        (redirect.status().as_u16(), redirect.header("location")),
        (307, Some("docs/?x=1"))
    );

    let deep = guard(&waygate)
        .await
        .docs("/internal/docs/")
        .openapi("/v1/%22spec%22&.json");
    let deep = deep.into_router();
    assert_eq!(
        data(deep.clone(), "/internal/docs/").await,
        pair("../../v1/%22spec%22&amp;.json", "../../")
    );
    assert_eq!(TestApp::new(deep).get("/openapi.json").await.status(), 404);
    let root = guard(&waygate).await.docs("/").into_router();
    assert_eq!(data(root, "/").await, pair("./openapi.json", "./"));
}

#[tokio::test]
async fn files_are_cached_and_compressed_if_accepted() {
    let waygate = builder().build().await.unwrap();
    let app = page(&waygate).await;
    for file in FILES {
        let path = format!("/docs/{file}");
        let sent = app
            .with_header("accept-encoding", "gzip, br")
            .get(&path)
            .await;
        assert!(!sent.bytes().is_empty(), "{path}");
        assert_eq!(sent.header("cache-control"), Some("no-cache"));
        let tag = sent.header("etag").unwrap();
        let again = app.with_header("if-none-match", tag).get(&path).await;
        assert_eq!(again.status(), 304, "{path}");
        assert!(again.bytes().is_empty());
    }
    let path = "/docs/swagger-ui-bundle.js";
    let packed = app.with_header("accept-encoding", "gzip").get(path).await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert_eq!(packed.header("vary"), Some("accept-encoding"));
    let mut unpacked = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(&**packed.bytes());
    decoder.read_to_end(&mut unpacked).unwrap();
    let plain = app
        .with_header("accept-encoding", "identity")
        .get(path)
        .await;
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(plain.header("vary"), Some("accept-encoding"));
    assert_eq!(*plain.bytes(), unpacked);
}

#[tokio::test]
async fn the_page_is_not_governed() {
    let waygate = builder().build().await.unwrap();
    let app = page(&waygate).await;
    let operator = waygate.system();
    operator
        .enable_global_maintenance(GlobalMaintenance::default())
        .await
        .unwrap();
    assert_eq!(app.get("/a").await.status(), 503);
    for file in FILES {
        assert_eq!(app.get(&format!("/docs/{file}")).await.status(), 200);
    }
    assert_eq!(app.get("/openapi.json").await.status(), 200);
    assert_eq!(
        app.get("/docs/unknown").await.status(),
        503,
        "the API's own fallback"
    );
    assert!(!app.get("/openapi.json").await.text().contains("/docs"));
}

/// The lines of a chunked response, without the framing.
struct Wire(Lines<BufReader<TcpStream>>);

impl Wire {
    async fn get(router: Router, path: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        Self(BufReader::new(stream).lines())
    }

    async fn line(&mut self) -> String {
        self.0.next_line().await.unwrap().unwrap()
    }

    /// Returns the id and data of the next event.
    async fn event(&mut self) -> (u64, Value) {
        let mut id = None;
        loop {
            let line = self.line().await;
            if let Some(number) = line.strip_prefix("id: ") {
                id = Some(number.parse().unwrap());
            } else if let Some(data) = line.strip_prefix("data: ") {
                return (id.unwrap(), serde_json::from_str(data).unwrap());
            }
        }
    }
}

#[tokio::test]
async fn each_snapshot_is_an_event_over_a_socket() {
    let clock = clock();
    let waygate = builder().clock(clock.clone()).build().await.unwrap();
    let router = guard(&waygate).await.docs("/docs").into_router();
    let mut wire = Wire::get(router, "/docs/events").await;
    assert_eq!(wire.line().await, "HTTP/1.1 200 OK");
    let mut head = Vec::new();
    loop {
        let line = wire.line().await;
        if line.is_empty() {
            break;
        }
        head.push(line);
    }
    for expected in [
        "content-type: text/event-stream",
        "cache-control: no-cache",
        "x-accel-buffering: no",
        "x-content-type-options: nosniff",
    ] {
        assert!(
            head.iter().any(|line| line == expected),
            "{expected} in {head:?}"
        );
    }

    let (first, now) = wire.event().await;
    assert_eq!(
        now,
        json!({"version": first, "global": {"enabled": false}, "maintenance": 0})
    );

    let operator = waygate.system();
    operator
        .set_maintenance("GET:/a", "DB migration")
        .await
        .unwrap();
    let (second, now) = wire.event().await;
    assert!(second > first);
    assert_eq!(
        now,
        json!({"version": second, "global": {"enabled": false}, "maintenance": 1})
    );

    let on = json!({"reason": "move", "exempt_paths": ["/b"]});
    let on: GlobalMaintenance = serde_json::from_value(on).unwrap();
    operator.enable_global_maintenance(on).await.unwrap();
    let (_, now) = wire.event().await;
    assert_eq!(
        now["global"],
        json!({"enabled": true, "reason": "move", "exempt_paths": ["/b"]})
    );
    operator.disable_global_maintenance().await.unwrap();
    assert_eq!(wire.event().await.1["global"], json!({"enabled": false}));

    // Only time passes.
    let window = Interval::parse("2030-01-01T02:00:00Z", "2030-01-01T04:00:00Z").unwrap();
    operator
        .schedule("GET:/b", window, "upgrade")
        .await
        .unwrap();
    assert_eq!(wire.event().await.1["maintenance"], 1);
    clock.set_wall(at("2030-01-01T02:00:00Z"));
    while wire.event().await.1["maintenance"] != 2 {}
    clock.set_wall(at("2030-01-01T04:00:00Z"));
    while wire.event().await.1["maintenance"] != 1 {}
}

async fn open(router: &Router) -> Response {
    let request = Request::get("/docs/events").body(Body::empty()).unwrap();
    router.clone().oneshot(request).await.unwrap()
}

/// The data that the stream has ready.
async fn pending(stream: &mut BodyDataStream) -> Option<String> {
    let mut next = pin!(stream.next());
    let polled = std::future::poll_fn(|context| Poll::Ready(next.as_mut().poll(context)));
    match polled.await {
        Poll::Ready(chunk) => Some(String::from_utf8(chunk?.unwrap().to_vec()).unwrap()),
        Poll::Pending => None,
    }
}

#[tokio::test]
async fn slow_readers_get_only_the_newest_snapshot() {
    let waygate = builder().build().await.unwrap();
    let router = guard(&waygate).await.docs("/docs").into_router();
    let mut stream = open(&router).await.into_body().into_data_stream();
    for reason in ["one", "two", "three"] {
        waygate
            .system()
            .set_maintenance("GET:/a", reason)
            .await
            .unwrap();
    }
    let event = pending(&mut stream).await.unwrap();
    assert!(event.contains("\"maintenance\":1"), "{event}");
    assert_eq!(
        pending(&mut stream).await,
        None,
        "older snapshots are skipped"
    );
}

#[tokio::test]
async fn streams_end_with_the_engine_and_do_not_keep_it_alive() {
    let waygate = builder().build().await.unwrap();
    let router = guard(&waygate).await.docs("/docs").into_router();
    let mut stream = open(&router).await.into_body().into_data_stream();
    assert!(stream.next().await.is_some());
    drop((router, waygate));
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn the_number_of_streams_is_bounded() {
    let waygate = builder().build().await.unwrap();
    let router = guard(&waygate).await.docs("/docs").into_router();
    let mut streams = Vec::new();
    for _ in 0..1_000 {
        let response = open(&router).await;
        assert_eq!(response.status(), 200);
        streams.push(response);
    }
    let refused = open(&router).await;
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()[header::RETRY_AFTER], "30");
    streams.pop();
    assert_eq!(open(&router).await.status(), 200);
}

/// An event stream of a client with its own address, over a socket.
struct Watching(Lines<BufReader<TcpStream>>);

impl Watching {
    async fn from(client: &str, server: SocketAddr, headers: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        let client: IpAddr = client.parse().unwrap();
        socket.bind(SocketAddr::new(client, 0)).unwrap();
        let mut stream = socket.connect(server).await.unwrap();
        let request = format!("GET /docs/events HTTP/1.1\r\nhost: {server}\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut lines = BufReader::new(stream).lines();
        let status = lines.next_line().await.unwrap().unwrap();
        assert_eq!(status, "HTTP/1.1 200 OK");
        Self(lines)
    }

    /// Waits for a line that contains `part`; returns `false` if the stream ends first.
    async fn reads(&mut self, part: &str) -> bool {
        loop {
            match self.0.next_line().await.unwrap() {
                // The last chunk.
                Some(line) if line == "0" => return false,
                Some(line) if line.contains(part) => return true,
                Some(_) => {}
                None => return false,
            }
        }
    }
}

#[tokio::test]
async fn a_client_cannot_use_up_the_streams_of_others() {
    let proxies = TrustedProxies::networks(["127.0.0.9/32".parse().unwrap()]);
    let waygate = builder().trusted_proxies(proxies).build().await.unwrap();
    let service = guard(&waygate)
        .await
        .docs("/docs")
        .into_make_service_with_connect_info();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, service).await });
    let mut other = Watching::from("127.0.0.2", server, "").await;
    let mut oldest = Watching::from("127.0.0.1", server, "").await;
    let mut second = Watching::from("127.0.0.1", server, "").await;
    for stream in [&mut other, &mut oldest, &mut second] {
        assert!(stream.reads("\"maintenance\":0").await);
    }
    let mut streams = Vec::new();
    for _ in 0..62 {
        streams.push(Watching::from("127.0.0.1", server, "").await);
    }
    // Forwarded addresses are trusted only from a proxy.
    let forged = "x-forwarded-for: 192.0.2.1\r\n";
    streams.push(Watching::from("127.0.0.1", server, forged).await);
    assert!(!oldest.reads("never").await, "the oldest one ends");
    waygate
        .system()
        .set_maintenance("GET:/a", "x")
        .await
        .unwrap();
    let newest = streams.last_mut().unwrap();
    for stream in [&mut other, &mut second, newest] {
        assert!(stream.reads("\"maintenance\":1").await);
    }

    // Behind a proxy, each client has its own quota; an IPv6 network counts as one client.
    let mut first = Watching::from("127.0.0.9", server, "x-forwarded-for: 2001:db8::1\r\n").await;
    let mut neighbour =
        Watching::from("127.0.0.9", server, "x-forwarded-for: 2001:db8:0:1::1\r\n").await;
    for n in 0..64 {
        let forwarded = format!("x-forwarded-for: 2001:db8::{:x}:1\r\n", n + 1);
        streams.push(Watching::from("127.0.0.9", server, &forwarded).await);
    }
    assert!(!first.reads("never").await);
    waygate.system().enable("GET:/a", "").await.unwrap();
    for stream in [&mut other, &mut second, &mut neighbour] {
        assert!(stream.reads("\"maintenance\":0").await);
    }
}

#[tokio::test]
async fn routes_of_one_path_conflict_as_in_axum() {
    let waygate = builder().build().await.unwrap();
    waygate
        .register("GET:/a".parse().unwrap(), RouteState::default())
        .await
        .unwrap();
    let guarded = guard(&waygate).await.openapi("/a");
    let merged = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| guarded.into_router()));
    assert!(merged.is_err());
}
