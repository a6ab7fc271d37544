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

/// A make service that provides the peer's address of each connection, for `axum::serve` or any server that creates a
/// service per peer.
///
/// Handlers extract the address as `ConnectInfo<L::Addr>`, where `L` is the listener:
/// [`ConnectInfo<SocketAddr>`](SocketAddr) with a `TcpListener`,
/// [`ConnectInfo<tokio::net::unix::SocketAddr>`](tokio::net::unix::SocketAddr) with a `UnixListener`. Waygate
/// identifies clients with these two (see [`TrustedProxies`](crate::client::TrustedProxies)); other servers can insert
/// them into the request's extensions.
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
    /// Serves a router, with or without layers around it, or a [`Guarded`](crate::Guarded) API.
    pub fn new(app: impl Into<Router>) -> Self {
        // Creates the routes once, and not per connection as axum does.
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
