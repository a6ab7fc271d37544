//! Who clients are, and what the log says once of those that are not known.

#[cfg(feature = "axum")]
use std::sync::Once;

#[cfg(feature = "axum")]
use waygate_core::Printable;
use waygate_core::net::TrustedProxies;

/// How clients are known.
#[derive(Debug)]
pub(crate) struct Clients {
    pub(crate) proxies: TrustedProxies,
    #[cfg(feature = "axum")]
    logged: Logged,
}

/// What has been logged.
#[cfg(feature = "axum")]
#[derive(Debug)]
struct Logged {
    no_peer: Once,
    #[cfg(unix)]
    untrusted_socket: Once,
    no_header: Once,
}

#[cfg(feature = "axum")]
impl Clients {
    /// Without addresses, limits by address have one counter for all clients, and networks admit none: an oversight, mostly.
    #[cold]
    pub(crate) fn warn_of_peer(&self) {
        self.logged.no_peer.call_once(|| {
            tracing::warn!(
                "no client's address is known, so limits by address count everybody together: serve the application with \
                 `Guarded::into_make_service()`, `MakeService::new(..)` or \
                 `into_make_service_with_connect_info::<SocketAddr>()`"
            );
        });
    }

    #[cfg(unix)]
    #[cold]
    pub(crate) fn warn_of_socket(&self) {
        self.logged.untrusted_socket.call_once(|| {
            tracing::warn!(
                "no client's address is known behind a Unix socket, so limits by address count everybody together: if a \
                 proxy serves the clients, say `.trusted_proxies(TrustedProxies::unix_socket())`"
            );
        });
    }

    /// A proxy that does not set the header hides its clients.
    #[cold]
    pub(crate) fn warn_of_proxy(&self) {
        self.logged.no_header.call_once(|| {
            tracing::warn!(
                "a request from a trusted proxy has no address in `{}`, so its client is not known, and limits by address \
                 count it with all others like it: let the proxy set this header, or name the one that it sets with \
                 `TrustedProxies::writing`",
                Printable(self.proxies.header().name()),
            );
        });
    }
}

impl From<TrustedProxies> for Clients {
    fn from(proxies: TrustedProxies) -> Self {
        Self {
            proxies,
            #[cfg(feature = "axum")]
            logged: Logged {
                no_peer: Once::new(),
                #[cfg(unix)]
                untrusted_socket: Once::new(),
                no_header: Once::new(),
            },
        }
    }
}
