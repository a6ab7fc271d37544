use std::{
    convert::Infallible,
    future::{Ready, ready},
    net::SocketAddr,
    task::{Context, Poll},
};

use axum::{
    Extension, Router,
    extract::ConnectInfo,
    middleware::AddExtension,
    serve::{IncomingStream, Listener},
};
use tower::{Layer, Service};

/// Serves an application so that the peer of each connection is known, by `axum::serve` or a server that makes a service
/// for the address of a peer.
///
/// Handlers extract the address as `ConnectInfo<L::Addr>`, `L` being the listener: [`ConnectInfo<SocketAddr>`](SocketAddr)
/// with a `TcpListener`, [`ConnectInfo<tokio::net::unix::SocketAddr>`](tokio::net::unix::SocketAddr) with a `UnixListener`.
/// By these two, Waygate knows who the client is (see [`TrustedProxies`](crate::client::TrustedProxies)); another server can put
/// them into the extensions of requests itself.
///
/// ```no_run
/// use axum::Extension;
/// use waygate::{Guarded, router::MakeService};
///
/// # #[cfg(unix)]
/// async fn serve(guarded: Guarded) -> std::io::Result<()> {
///     let app = guarded.into_router().layer(Extension("for every handler"));
///     let listener = tokio::net::UnixListener::bind("/run/shop/api.sock")?;
///     axum::serve(listener, MakeService::new(app)).await
/// }
/// ```
#[derive(Debug, Clone)]
pub struct MakeService {
    router: Router,
}

impl MakeService {
    /// Serves this application: a router that may have layers around it, or a [`Guarded`](crate::Guarded) API.
    pub fn new(app: impl Into<Router>) -> Self {
        // As axum does: the routes are made once, and not for each connection.
        let router = app.into().with_state(());
        Self { router }
    }

    fn with<A>(&self, peer: A) -> Ready<Result<AddExtension<Router, ConnectInfo<A>>, Infallible>>
    where
        A: Clone + Send + Sync + 'static,
    {
        ready(Ok(Extension(ConnectInfo(peer)).layer(self.router.clone())))
    }
}

impl<L> Service<IncomingStream<'_, L>> for MakeService
where
    L: Listener,
    L::Addr: Clone + Send + Sync + 'static,
{
    type Response = AddExtension<Router, ConnectInfo<L::Addr>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, stream: IncomingStream<'_, L>) -> Self::Future {
        self.with(stream.remote_addr().clone())
    }
}

impl Service<SocketAddr> for MakeService {
    type Response = AddExtension<Router, ConnectInfo<SocketAddr>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, peer: SocketAddr) -> Self::Future {
        self.with(peer)
    }
}
