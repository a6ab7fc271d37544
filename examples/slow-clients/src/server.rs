//! Like `axum::serve`, but with bounds for slow and numerous clients.

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use axum::{Router, extract::Request, serve::Listener};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{
    net::TcpListener,
    sync::{Notify, Semaphore},
    time,
};
use tower::{Layer, Service, ServiceExt};
use tower_http::timeout::RequestBodyTimeoutLayer;
use waygate::router::MakeService;

/// The bounds.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The timeout for the head of a request, and for an idle HTTP/1.1 connection. The interval of pings to HTTP/2
    /// clients.
    pub head: Duration,
    /// The timeout for each part of a body.
    pub body: Duration,
    /// The most open connections. Others wait to be accepted.
    pub connections: usize,
    /// The time for requests in flight to finish after the server was stopped.
    pub stop: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            body: Duration::from_secs(10),
            connections: 10_000,
            stop: Duration::from_secs(30),
        }
    }
}

/// Serves an application, a guarded API or a router with layers around it, until `stop` is ready.
pub async fn serve(
    mut listener: TcpListener,
    app: impl Into<Router>,
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    let server = server(limits);
    let mut app = MakeService::new(app);
    let places = Arc::new(Semaphore::new(limits.connections));
    let open = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let next = async {
            let place = places.clone().acquire_owned().await;
            (place, Listener::accept(&mut listener).await)
        };
        let (place, (stream, peer)) = tokio::select! {
            next = next => next,
            () = &mut stop => break,
        };
        let Ok(app) = app.call(peer).await;
        let app = RequestBodyTimeoutLayer::new(limits.body).layer(app);
        let asked = Arc::new(Notify::new());
        let app = app.map_request({
            let asked = asked.clone();
            move |request: Request<Incoming>| {
                asked.notify_one();
                request
            }
        });
        let connection = server
            .serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(app))
            .into_owned();
        let connection = open.watch(connection);
        tokio::spawn(async move {
            let _place = place;
            let mut connection = pin!(connection);
            // The timeouts of hyper do not apply while it detects the version of HTTP.
            let first = time::timeout(limits.head, asked.notified());
            tokio::select! {
                _ = &mut connection => return,
                first = first => if first.is_err() { return },
            }
            let _closed = connection.await;
        });
    }
    drop(listener);
    let _in_time = time::timeout(limits.stop, open.shutdown()).await;
}

/// Configures how connections are read.
fn server(limits: Limits) -> auto::Builder<TokioExecutor> {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(64 * 1024);
    server
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(limits.head)
        .keep_alive_timeout(limits.head)
        .max_concurrent_streams(100);
    server
}
