//! Who the client is, when proxies stand in between.
//!
//! `X-Forwarded-For` and `Forwarded` (RFC 7239) are written by whoever sends the request. Only what a
//! *trusted* proxy has added can be believed, so the chain is read from the right, beginning at the
//! peer, for as long as the hops are trusted. By default no proxy is.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

/// Which proxies may say on whose behalf they speak.
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Trust);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Trust {
    #[default]
    Nobody,
    Networks(Vec<IpNet>),
    Hops(usize),
}

impl TrustedProxies {
    /// No proxy is trusted: the client is the peer.
    pub fn none() -> Self {
        Self(Trust::Nobody)
    }

    /// Proxies in these networks are trusted.
    pub fn networks(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self(Trust::Networks(networks.into_iter().collect()))
    }

    /// Exactly this many proxies stand in front, the peer included. Only safe when there is no way around them.
    pub fn hops(count: usize) -> Self {
        Self(if count == 0 {
            Trust::Nobody
        } else {
            Trust::Hops(count)
        })
    }

    /// Whether forwarding headers are looked at, at all.
    pub fn trusts_any(&self) -> bool {
        self.0 != Trust::Nobody
    }

    /// The client's address. `forwarded` holds the values of the forwarding header lines in order, each a
    /// comma-separated list of addresses or of RFC 7239 elements.
    ///
    /// A hop that is no address ends the chain: the last trusted hop before it is the client.
    pub fn client<'a, I>(&self, peer: IpAddr, forwarded: I) -> IpAddr
    where
        I: IntoIterator<Item = &'a str>,
        I::IntoIter: DoubleEndedIterator,
    {
        let mut client = peer.to_canonical();
        let mut hops = forwarded
            .into_iter()
            .rev()
            .flat_map(|line| line.rsplit(','))
            .map(hop);
        let mut passed = 0;
        while self.trusts(client, passed) {
            let Some(Some(next)) = hops.next() else { break };
            client = next;
            passed += 1;
        }
        client
    }

    fn trusts(&self, hop: IpAddr, passed: usize) -> bool {
        match &self.0 {
            Trust::Nobody => false,
            Trust::Networks(networks) => networks.iter().any(|network| network.contains(&hop)),
            Trust::Hops(count) => passed < *count,
        }
    }
}

/// One hop: an address with or without port, or the `for=` of an RFC 7239 element.
fn hop(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let node = if text.contains('=') {
        text.split(';').find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            name.trim()
                .eq_ignore_ascii_case("for")
                .then(|| value.trim().trim_matches('"'))
        })?
    } else {
        text
    };
    let bracketed = node.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let address = match bracketed {
        Some((address, _port)) => address.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => node
            .parse()
            .ok()
            .or_else(|| node.parse().ok().map(|a: SocketAddr| a.ip())),
    };
    address.map(|address| address.to_canonical())
}

/// The address under which a client is counted: IPv4 as it is, IPv6 cut to its /64, which is what one
/// customer has.
pub fn client_network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}
