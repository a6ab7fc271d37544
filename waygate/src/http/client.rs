use std::{
    net::{IpAddr, SocketAddr},
    ops::Deref,
};

use axum::extract::{ConnectInfo, FromRef, FromRequestParts};
use http::{Extensions, request::Parts};

use crate::{Waygate, engine::Peer};

/// Extractor for the client's address, resolved through the engine's trusted proxies.
///
/// This requires the peer's address, which axum provides if the application is served with
/// [`Guarded::into_make_service`](crate::Guarded::into_make_service_with_connect_info),
/// [`MakeService`](crate::router::MakeService) or `into_make_service_with_connect_info::<SocketAddr>()`. Otherwise, the
/// address is `None`. The peer of a Unix socket has no address either, unless it is a [trusted
/// proxy](crate::client::TrustedProxies::unix_socket) that forwards the client's address.
///
/// ```
/// use axum::{Router, routing::get};
/// use waygate::{Waygate, client::ClientAddr};
///
/// async fn whoami(ClientAddr(address): ClientAddr) -> String {
///     address.map_or("unknown".to_owned(), |address| address.to_string())
/// }
///
/// fn router(waygate: Waygate) -> Router {
///     Router::new().route("/whoami", get(whoami)).with_state(waygate)
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddr(pub Option<IpAddr>);

impl Deref for ClientAddr {
    type Target = Option<IpAddr>;

    fn deref(&self) -> &Option<IpAddr> {
        &self.0
    }
}

impl<S> FromRequestParts<S> for ClientAddr
where
    Waygate: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let waygate = Waygate::from_ref(state);
        let peer = peer(&parts.extensions);
        Ok(Self(waygate.inner.clients.client(peer, &parts.headers)))
    }
}

/// The peer, as recorded by `axum::serve`.
#[inline(always)]
pub(crate) fn peer(extensions: &Extensions) -> Peer {
    match extensions.get::<ConnectInfo<SocketAddr>>() {
        Some(ConnectInfo(peer)) => Peer::Address(peer.ip()),
        None => peer_without_address(extensions),
    }
}

#[cold]
fn peer_without_address(extensions: &Extensions) -> Peer {
    #[cfg(unix)]
    if extensions
        .get::<ConnectInfo<tokio::net::unix::SocketAddr>>()
        .is_some()
    {
        return Peer::UnixSocket;
    }
    #[cfg(not(unix))]
    let _ = extensions;
    Peer::Unknown
}
