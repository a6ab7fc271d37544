//! The address of a client behind proxies.
//!
//! Any sender can set `X-Forwarded-For` and `Forwarded` (RFC 7239). Only entries of *trusted* proxies are reliable,
//! so the chain is read from the right, starting at the peer, for as long as the hops are trusted. By default, none
//! is.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

use crate::grammar::canonical_network;

/// The proxies that may name the client.
///
/// ```
/// # use waygate_core::net::TrustedProxies;
/// let proxies = TrustedProxies::networks(["10.0.0.0/8".parse()?]);
/// let client = proxies.client("10.0.0.1".parse()?, ["203.0.113.9, 10.0.0.2"]);
/// assert_eq!(client, "203.0.113.9".parse::<std::net::IpAddr>()?);
/// // What the client itself wrote to the left changes nothing.
/// let client = proxies.client("10.0.0.1".parse()?, ["1.1.1.1, 203.0.113.9, 10.0.0.2"]);
/// assert_eq!(client, "203.0.113.9".parse::<std::net::IpAddr>()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// By their number, and behind a Unix socket:
///
/// ```
/// use waygate_core::net::{ForwardingHeader, TrustedProxies};
///
/// let one = TrustedProxies::hops(1).writing(ForwardingHeader::Forwarded);
/// assert!(one.trusts_peer("10.0.0.1".parse()?));
/// let local = TrustedProxies::unix_socket();
/// let client = local.client_behind_socket(["203.0.113.9"]);
/// assert_eq!(client, Some("203.0.113.9".parse()?));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    trust: Trust,
    unix_socket: bool,
    header: ForwardingHeader,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Trust {
    #[default]
    NoProxy,
    Networks(Vec<IpNet>),
    Hops(usize),
}

/// The header in which proxies name the client.
///
/// Only the one that your proxies write is reliable: most proxies forward the other one unchanged.
///
/// ```
/// use waygate_core::net::{ForwardingHeader, TrustedProxies};
///
/// let proxies = TrustedProxies::hops(1).writing(ForwardingHeader::Forwarded);
/// assert_eq!(proxies.header().name(), "forwarded");
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForwardingHeader {
    /// `X-Forwarded-For`, which most proxies write.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl ForwardingHeader {
    /// Returns the header's name in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        }
    }
}

impl TrustedProxies {
    /// Trusts no proxy: the client is the peer.
    pub fn none() -> Self {
        Self::default()
    }

    /// Trusts proxies in these networks.
    pub fn networks(networks: impl IntoIterator<Item = IpNet>) -> Self {
        let networks = networks.into_iter().map(canonical_network);
        Self {
            trust: Trust::Networks(networks.collect()),
            ..Self::default()
        }
    }

    /// Trusts exactly this many proxies, including the peer, which may have an address or use a Unix socket. Safe
    /// only if no request can bypass them.
    pub fn hops(count: usize) -> Self {
        let trust = match count {
            0 => Trust::NoProxy,
            _ => Trust::Hops(count),
        };
        Self {
            trust,
            unix_socket: count > 0,
            ..Self::default()
        }
    }

    /// Trusts only the peer of a Unix socket, such as nginx with `proxy_pass http://unix:/run/shop/api.sock`.
    /// Every process that may connect to the socket is trusted: restrict it by permissions.
    pub fn unix_socket() -> Self {
        Self::none().and_unix_socket()
    }

    /// Trusts the peer of a Unix socket as well, as the first proxy. It may name the addresses of further proxies.
    #[must_use]
    pub fn and_unix_socket(mut self) -> Self {
        self.unix_socket = true;
        self
    }

    /// Reads this header instead of `X-Forwarded-For`.
    #[must_use]
    pub fn writing(mut self, header: ForwardingHeader) -> Self {
        self.header = header;
        self
    }

    /// Returns the header that is read.
    pub fn header(&self) -> ForwardingHeader {
        self.header
    }

    /// Returns whether forwarding headers of peers with an address are read.
    pub fn trusts_any(&self) -> bool {
        self.trust != Trust::NoProxy
    }

    /// Returns whether forwarding headers of the peer of a Unix socket are read.
    pub fn trusts_unix_socket(&self) -> bool {
        self.unix_socket
    }

    /// Returns whether this peer is a trusted proxy.
    pub fn trusts_peer(&self, peer: IpAddr) -> bool {
        self.trusts(peer.to_canonical(), 0)
    }

    /// Returns the client's address. `forwarded` has the lines of the [`header`](Self::header) in order, each a
    /// comma-separated list of addresses or of RFC 7239 elements.
    ///
    /// Lines are bytes, and must be complete: one that is not UTF-8 can still end with an entry of a proxy.
    ///
    /// A hop that is not an address (`unknown`, an obfuscated name, garbage) ends the chain: the last trusted hop before it
    /// is the client.
    pub fn client<'a, T, I>(&self, peer: IpAddr, forwarded: I) -> IpAddr
    where
        T: AsRef<[u8]> + ?Sized + 'a,
        I: IntoIterator<Item = &'a T>,
        I::IntoIter: DoubleEndedIterator,
    {
        self.follow(peer.to_canonical(), 0, &mut hops(forwarded)).0
    }

    /// Returns the client's address behind a Unix socket. Its peer, which has no address, is the first hop, if
    /// [trusted](Self::and_unix_socket). `None` if the last reliable hop is the peer itself.
    pub fn client_behind_socket<'a, T, I>(&self, forwarded: I) -> Option<IpAddr>
    where
        T: AsRef<[u8]> + ?Sized + 'a,
        I: IntoIterator<Item = &'a T>,
        I::IntoIter: DoubleEndedIterator,
    {
        if !self.unix_socket {
            return None;
        }
        let mut hops = hops(forwarded);
        let first = hops.next()??;
        Some(self.follow(first, 1, &mut hops).0)
    }

    /// Returns whether the client is not trusted and has entries to its left, as another proxy would have. `peer` is
    /// `None` for a Unix socket.
    ///
    /// ```
    /// use waygate_core::net::TrustedProxies;
    ///
    /// let proxies = TrustedProxies::unix_socket();
    /// assert!(!proxies.client_forwards(None, ["10.0.0.5"]));
    /// assert!(proxies.client_forwards(None, ["203.0.113.9, 10.0.0.5"]));
    /// ```
    pub fn client_forwards<'a, T, I>(&self, peer: Option<IpAddr>, forwarded: I) -> bool
    where
        T: AsRef<[u8]> + ?Sized + 'a,
        I: IntoIterator<Item = &'a T>,
        I::IntoIter: DoubleEndedIterator,
    {
        let mut hops = hops(forwarded);
        let first = match peer {
            Some(peer) => Some((peer.to_canonical(), 0)),
            None => hops.next().flatten().map(|first| (first, 1)),
        };
        first.is_some_and(|(first, passed)| {
            let (client, passed) = self.follow(first, passed, &mut hops);
            !self.trusts(client, passed) && hops.next().is_some()
        })
    }

    /// Finds the client, starting at a hop behind a number of trusted ones. Returns it with that number.
    fn follow(
        &self,
        mut client: IpAddr,
        mut passed: usize,
        hops: &mut impl Iterator<Item = Option<IpAddr>>,
    ) -> (IpAddr, usize) {
        while self.trusts(client, passed) {
            let Some(Some(next)) = hops.next() else { break };
            client = next;
            passed += 1;
        }
        (client, passed)
    }

    fn trusts(&self, hop: IpAddr, passed: usize) -> bool {
        match &self.trust {
            Trust::NoProxy => false,
            Trust::Networks(networks) => networks.iter().any(|network| network.contains(&hop)),
            Trust::Hops(count) => passed < *count,
        }
    }
}

/// Iterates over the hops from the right; `None` is not an address.
fn hops<'a, T, I>(forwarded: I) -> impl Iterator<Item = Option<IpAddr>>
where
    T: AsRef<[u8]> + ?Sized + 'a,
    I: IntoIterator<Item = &'a T>,
    I::IntoIter: DoubleEndedIterator,
{
    let lines = forwarded.into_iter().rev();
    lines
        .flat_map(|line| pieces_from_right(line.as_ref(), b','))
        .map(|hop| std::str::from_utf8(hop).ok().and_then(address))
}

/// Splits at separators outside quoted strings (RFC 9110 section 5.6.4), from the right.
///
/// Quotes are paired from the right. From the left, a client could open one that swallows the additions of proxies;
/// from the right, each proxy's quotes pair with its own. An unmatched quote makes one piece of everything to its
/// left.
fn pieces_from_right(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut left = Some(text);
    std::iter::from_fn(move || {
        let text = left?;
        let mut in_quotes = false;
        for at in (0..text.len()).rev() {
            let escapes = text[..at].iter().rev().take_while(|byte| **byte == b'\\');
            match text[at] {
                b'"' if !in_quotes || escapes.count() % 2 == 0 => in_quotes = !in_quotes,
                byte if byte == separator && !in_quotes => {
                    left = Some(&text[..at]);
                    return Some(&text[at + 1..]);
                }
                _ => {}
            }
        }
        left = None;
        Some(text)
    })
}

/// Parses the address of one hop: with or without port, or the `for=` of an RFC 7239 element.
fn address(hop: &str) -> Option<IpAddr> {
    let hop = trim(hop);
    let node = if hop.contains('=') {
        let pairs = pieces_from_right(hop.as_bytes(), b';');
        let pairs = pairs.filter_map(|pair| std::str::from_utf8(pair).ok()?.split_once('='));
        let mut nodes = pairs.filter(|(name, _)| trim(name).eq_ignore_ascii_case("for"));
        // At most once (RFC 7239 section 4).
        match (nodes.next(), nodes.next()) {
            (Some((_, node)), None) => trim(node),
            _ => return None,
        }
    } else {
        hop
    };
    let node = match node.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None => node,
    };
    let (address, port) = match node.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            (IpAddr::V6(address.parse().ok()?), port)
        }
        None => match node.parse() {
            Ok(address) => (address, ""),
            Err(_) => {
                let (address, _) = node.split_once(':')?;
                (IpAddr::V4(address.parse().ok()?), &node[address.len()..])
            }
        },
    };
    is_port(port).then(|| address.to_canonical())
}

/// Returns whether `text` is empty or `:` and a port, which may be an obfuscated one (RFC 7239 section 6.2).
fn is_port(text: &str) -> bool {
    match text.strip_prefix(':') {
        Some(port) => match port.strip_prefix('_') {
            Some(name) => {
                let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
                !name.is_empty() && name.bytes().all(fine)
            }
            None => port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok(),
        },
        None => text.is_empty(),
    }
}

/// Trims the whitespace that HTTP allows around list members (RFC 9110 section 5.6.3).
fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Returns the address that a client is counted by: IPv4 unchanged (also if v4-mapped), IPv6 truncated to
/// `ipv6_prefix` bits. One customer has a prefix of 64 bits ([`IPV6_CUSTOMER`]).
#[inline]
pub fn client_network(address: IpAddr, ipv6_prefix: u8) -> IpAddr {
    match address.to_canonical() {
        // IPv4 clients behind a translator (RFC 6052 section 2.1), each of which is counted separately.
        IpAddr::V6(v6) if v6.segments()[..6] == NAT64 => IpAddr::V6(v6),
        IpAddr::V6(v6) => {
            let kept = u32::from(ipv6_prefix.min(128));
            let mask = u128::MAX.checked_shl(128 - kept).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
        v4 => v4,
    }
}

/// The prefix `64:ff9b::/96`.
const NAT64: [u16; 6] = [0x64, 0xff9b, 0, 0, 0, 0];

/// The prefix length of the IPv6 network of one customer (RFC 6177).
pub const IPV6_CUSTOMER: u8 = 64;

#[cfg(test)]
mod tests;
