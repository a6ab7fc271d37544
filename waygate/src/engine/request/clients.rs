//! The trusted proxies, and one-time warnings about unknown clients.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{
        Once,
        atomic::{AtomicU32, Ordering},
    },
};

use http::HeaderMap;
use waygate_core::Printable;
use waygate_core::net::TrustedProxies;

/// How clients are identified.
#[derive(Debug)]
pub(crate) struct Clients {
    pub(crate) proxies: TrustedProxies,
    logged: Logged,
}

/// The warnings logged so far.
#[derive(Debug)]
struct Logged {
    no_peer: Once,
    #[cfg(unix)]
    untrusted_socket: Once,
    no_header: Once,
    untrusted_proxy: Once,
    /// The number of requests of private clients that were checked for forwarding headers.
    looked: AtomicU32,
}

/// The other end of a request's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Address(IpAddr),
    /// A peer of a Unix socket has no address.
    UnixSocket,
    /// The server does not know it.
    Unknown,
}

impl Clients {
    /// The client of a request, which a trusted proxy may name. `None` if the peer's address is not known.
    #[inline(always)]
    pub(crate) fn client(&self, peer: Peer, headers: &HeaderMap) -> Option<IpAddr> {
        let Peer::Address(peer) = peer else {
            return self.without_address(peer, headers);
        };
        if !self.proxies.trusts_any() {
            return Some(peer.to_canonical());
        }
        Some(self.behind_proxies(peer, headers))
    }

    /// The client behind a peer without an address: a proxy on a Unix socket may forward it.
    #[cold]
    fn without_address(&self, peer: Peer, headers: &HeaderMap) -> Option<IpAddr> {
        if peer == Peer::UnixSocket {
            if !self.proxies.trusts_unix_socket() {
                self.warn_of_socket();
                return None;
            }
            let lines = headers.get_all(self.proxies.header().name());
            let client = self.proxies.client_behind_socket(lines.iter());
            if client.is_none() {
                self.warn_of_proxy();
            }
            return client;
        }
        self.warn_of_peer();
        None
    }

    #[inline(never)]
    fn behind_proxies(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let lines = headers.get_all(self.proxies.header().name());
        let client = self.proxies.client(peer, lines.iter());
        // The proxy itself, if it forwards no client.
        if client == peer.to_canonical() && self.proxies.trusts_peer(peer) {
            self.warn_of_proxy();
        }
        client
    }

    /// Without addresses, limits by address share one counter for all clients, and allowed networks admit none.
    #[cold]
    fn warn_of_peer(&self) {
        self.logged.no_peer.call_once(|| {
            tracing::warn!(
                "no client's address is known, so limits by address share one counter for all clients: serve the \
                 application with `Guarded::into_make_service_with_connect_info()`, `MakeService::new(..)` or \
                 `into_make_service_with_connect_info::<SocketAddr>()`; an adapter calls `RequestHead::peer`"
            );
        });
    }

    #[cfg(unix)]
    #[cold]
    fn warn_of_socket(&self) {
        self.logged.untrusted_socket.call_once(|| {
            tracing::warn!(
                "client addresses are unknown behind a Unix socket, so limits by address share one counter for all \
                 clients: if a proxy is in front, call `.trusted_proxies(TrustedProxies::unix_socket())`"
            );
        });
    }

    /// A client on a private network that forwards others is probably an untrusted proxy.
    #[inline]
    pub(crate) fn look_for_proxy(&self, client: IpAddr, peer: Peer, headers: &HeaderMap) {
        match client.to_canonical() {
            IpAddr::V4(ip) if is_private(ip) => self.look_at_headers(client, peer, headers),
            IpAddr::V6(ip)
                if ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local() =>
            {
                self.look_at_headers(client, peer, headers);
            }
            _ => {}
        }
    }

    /// Checks for forwarding headers in the requests of a peer with an IPv4 address and no known proxy in front.
    #[inline]
    pub(crate) fn look_for_ipv4_proxy(&self, peer: Ipv4Addr, headers: &HeaderMap) {
        if is_private(peer) {
            let ip = IpAddr::V4(peer);
            self.look_at_headers(ip, Peer::Address(ip), headers);
        }
    }

    /// A proxy writes the header on each request, so the first requests show it.
    #[cold]
    fn look_at_headers(&self, client: IpAddr, peer: Peer, headers: &HeaderMap) {
        const ENOUGH: u32 = 1_000;
        if self.logged.looked.load(Ordering::Relaxed) >= ENOUGH {
            return;
        }
        self.logged.looked.fetch_add(1, Ordering::Relaxed);
        let (peer, is_read) = match peer {
            Peer::Address(peer) => (Some(peer), self.proxies.trusts_any()),
            Peer::UnixSocket | Peer::Unknown => (None, true),
        };
        let written: &[&str] = match is_read {
            true => &[self.proxies.header().name()],
            // No proxy is known, so it may write either of them.
            false => &["x-forwarded-for", "forwarded"],
        };
        let forwards = |name: &&&str| {
            let lines = headers.get_all(**name);
            self.proxies.client_forwards(peer, lines.iter())
        };
        let Some(header) = written.iter().find(forwards) else {
            return;
        };
        self.logged.untrusted_proxy.call_once(|| {
            tracing::warn!(
                address = %Printable(client),
                "an address on a private network forwards clients in `{}` but is not a trusted proxy, so limits by \
                 address count all clients behind it together: if it is your proxy, add its network with \
                 `.trusted_proxies(TrustedProxies::networks(..))`, or count it in `TrustedProxies::hops(..)`",
                Printable(header),
            );
        });
    }

    /// A proxy that does not set the header hides its clients.
    #[cold]
    fn warn_of_proxy(&self) {
        self.logged.no_header.call_once(|| {
            tracing::warn!(
                "a request from a trusted proxy has no address in `{}`, so its client is unknown, and limits by \
                 address count it with all others like it: configure the proxy to set this header, or select the \
                 header that it sets with `TrustedProxies::writing`",
                Printable(self.proxies.header().name()),
            );
        });
    }
}

#[inline]
fn is_private(ip: Ipv4Addr) -> bool {
    ip.is_private() || ip.is_loopback() || ip.is_link_local()
}

impl From<TrustedProxies> for Clients {
    fn from(proxies: TrustedProxies) -> Self {
        Self {
            proxies,
            logged: Logged {
                no_peer: Once::new(),
                #[cfg(unix)]
                untrusted_socket: Once::new(),
                no_header: Once::new(),
                untrusted_proxy: Once::new(),
                looked: AtomicU32::new(0),
            },
        }
    }
}
