use std::{
    net::{IpAddr, SocketAddr},
    ops::Deref,
};

use axum::extract::{ConnectInfo, FromRef, FromRequestParts};
use http::{Extensions, HeaderMap, request::Parts};
use waygate_core::grammar::RoleName;

use crate::{Waygate, engine::Clients};

/// The roles of the caller, for `#[allowed_roles]`. Insert them into the request's extensions where you authenticate,
/// in a layer *around* the guarded router, such as one added with [`Guarded::layer`](crate::Guarded::layer).
///
/// ```
/// use axum::{extract::Request, middleware::Next, response::Response};
/// use waygate::client::Roles;
///
/// async fn authenticate(mut request: Request, next: Next) -> Response {
///     request.extensions_mut().insert(Roles::new(["billing:admin"]));
///     next.run(request).await
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles(Vec<String>);

impl Roles {
    /// Creates the set of these roles.
    pub fn new(roles: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(roles.into_iter().map(Into::into).collect())
    }

    pub(crate) fn has(&self, role: &RoleName) -> bool {
        self.0.iter().any(|own| own == role.as_str())
    }
}

/// Extractor for the client's address, resolved through the trusted proxies of the engine.
///
/// Needs the peer's address, which axum provides if the application is served with
/// [`Guarded::into_make_service`](crate::Guarded::into_make_service_with_connect_info), [`MakeService`](crate::router::MakeService) or
/// `into_make_service_with_connect_info::<SocketAddr>()`. Otherwise it is `None`. The peer of a Unix socket has no
/// address either, unless it is a [trusted proxy](crate::client::TrustedProxies::unix_socket) that forwards the client's
/// address.
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
        Ok(Self(client_ip(
            &parts.extensions,
            &parts.headers,
            &waygate.inner.clients,
        )))
    }
}

/// The client of a request. `None` if the server does not know the peer's address.
#[inline(always)]
pub(crate) fn client_ip(
    extensions: &Extensions,
    headers: &HeaderMap,
    clients: &Clients,
) -> Option<IpAddr> {
    let Some(ConnectInfo(peer)) = extensions.get::<ConnectInfo<SocketAddr>>() else {
        return without_address(extensions, headers, clients);
    };
    if !clients.proxies.trusts_any() {
        return Some(peer.ip().to_canonical());
    }
    Some(behind_proxies(peer.ip(), headers, clients))
}

/// The client behind a peer without an address: a proxy on a Unix socket may forward it.
#[cold]
fn without_address(
    extensions: &Extensions,
    headers: &HeaderMap,
    clients: &Clients,
) -> Option<IpAddr> {
    #[cfg(unix)]
    if extensions
        .get::<ConnectInfo<tokio::net::unix::SocketAddr>>()
        .is_some()
    {
        let proxies = &clients.proxies;
        if !proxies.trusts_unix_socket() {
            clients.warn_of_socket();
            return None;
        }
        let lines = headers.get_all(proxies.header().name());
        let client = proxies.client_behind_socket(lines.iter());
        if client.is_none() {
            clients.warn_of_proxy();
        }
        return client;
    }
    clients.warn_of_peer();
    None
}

#[inline(never)]
fn behind_proxies(peer: IpAddr, headers: &HeaderMap, clients: &Clients) -> IpAddr {
    let proxies = &clients.proxies;
    let lines = headers.get_all(proxies.header().name());
    let client = proxies.client(peer, lines.iter());
    // The proxy itself, if it forwards no client.
    if client == peer.to_canonical() && proxies.trusts_peer(peer) {
        clients.warn_of_proxy();
    }
    client
}
