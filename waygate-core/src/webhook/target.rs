//! The URLs of endpoints, and what may be reached: the guard against requests to internal services.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::ranges::special;
use crate::grammar::Invalid;

/// The URL of an endpoint, in the one form that every parser reads alike: `https://host[:port]/path[?query]`, with a
/// lower-case ASCII host, without user, password and fragment. `http://` is read, and only sent to if
/// [`Egress::allow_http`] allows it.
///
/// ```
/// use waygate_core::webhook::TargetUrl;
///
/// let url: TargetUrl = "https://hooks.example.com/waygate".parse()?;
/// assert_eq!((url.host(), url.port()), ("hooks.example.com", 443));
/// for odd in ["https://user@example.com/", "https://0x7f.1/", "https://2130706433/"] {
///     assert!(odd.parse::<TargetUrl>().is_err());
/// }
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TargetUrl {
    text: Box<str>,
    is_secure: bool,
    host: Host,
    port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Host {
    Name(Box<str>),
    Address(IpAddr, Box<str>),
}

const MAX_URL: usize = 2048;

/// The path is a secret with some receivers.
impl fmt::Debug for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TargetUrl({}/…)", self.origin())
    }
}

impl TargetUrl {
    /// The whole URL.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host, as written.
    pub fn host(&self) -> &str {
        match &self.host {
            Host::Name(name) => name,
            Host::Address(_, text) => text,
        }
    }

    /// The address, if the host is one.
    pub fn address(&self) -> Option<IpAddr> {
        match &self.host {
            Host::Name(_) => None,
            Host::Address(address, _) => Some(*address),
        }
    }

    /// The port: 443 for `https` and 80 for `http`, unless the URL has another.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns `true` for `https`.
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// The URL without its path and query, which may hold a secret, as those of Slack do.
    pub fn origin(&self) -> String {
        let end = self.text.match_indices('/').nth(2);
        self.text[..end.map_or(self.text.len(), |(at, _)| at)].to_owned()
    }
}

impl fmt::Display for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for TargetUrl {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = |problem: &str| Invalid::new("webhook URL", text, problem.to_owned());
        if text.len() > MAX_URL {
            return Err(invalid("use at most 2048 bytes"));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(invalid(
                "use visible ASCII characters; percent-encode the rest, and write the host in Punycode",
            ));
        }
        if let Some(odd) = text.chars().find(|c| r#"\"<>^`{|}"#.contains(*c)) {
            return Err(invalid(&format!(
                "`{odd}` is not allowed; percent-encode it"
            )));
        }
        let (is_secure, rest) = match text.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            _ => return Err(invalid("write `https://` first")),
        };
        if rest.contains('#') {
            return Err(invalid(
                "remove the fragment after `#`, which no server gets",
            ));
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(invalid("remove the user and the password; use a header"));
        }
        if !path.starts_with('/') {
            return Err(invalid("write a path after the host, at least `/`"));
        }
        let (host, port) = split_port(authority).map_err(invalid)?;
        Ok(Self {
            text: text.into(),
            is_secure,
            host: read_host(host).map_err(invalid)?,
            port: port.unwrap_or(if is_secure { 443 } else { 80 }),
        })
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), &'static str> {
    let host_end = match authority.strip_prefix('[') {
        Some(rest) => rest.find(']').ok_or("close the address with `]`")? + 2,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, rest) = authority.split_at(host_end);
    let Some(port) = rest.strip_prefix(':') else {
        return match rest {
            "" => Ok((host, None)),
            _ => Err("write a port after `:`"),
        };
    };
    let is_number = !port.starts_with('0') && port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse() {
        Ok(port) if is_number => Ok((host, Some(port))),
        _ => Err("write the port as a number from 1 to 65535"),
    }
}

fn read_host(host: &str) -> Result<Host, &'static str> {
    if let Some(text) = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        let address: Ipv6Addr = text
            .parse()
            .map_err(|_| "write an IPv6 address between `[` and `]`")?;
        return Ok(Host::Address(address.into(), host.into()));
    }
    // Others read `0x7f.1`, `127.1`, `017700000001` and `2130706433` as addresses.
    let last = host
        .strip_suffix('.')
        .unwrap_or(host)
        .rsplit('.')
        .next()
        .unwrap_or_default();
    let is_number = last.starts_with(|c: char| c.is_ascii_digit());
    if is_number {
        let address: Ipv4Addr = host
            .parse()
            .map_err(|_| "write an IPv4 address as four decimal numbers")?;
        return Ok(Host::Address(address.into(), host.into()));
    }
    let is_label = |label: &str| {
        let inner = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
        };
        (1..=63).contains(&label.len())
            && label.bytes().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    match host.len() <= 253 && host.split('.').all(is_label) {
        true => Ok(Host::Name(host.into())),
        false => Err("write the host in lower case, as letters, digits and hyphens between dots"),
    }
}

impl TryFrom<String> for TargetUrl {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<TargetUrl> for String {
    fn from(url: TargetUrl) -> Self {
        url.text.into()
    }
}

/// The receivers that webhooks of a process may reach. By default, `https` on the ports 443 and 8443 of addresses of the public
/// internet.
///
/// ```
/// use waygate_core::webhook::Egress;
///
/// let egress = Egress::default();
/// assert!(egress.check_url(&"https://example.com/hook".parse()?).is_ok());
/// let metadata = egress.check_url(&"https://169.254.169.254/latest".parse()?);
/// assert!(metadata.unwrap_err().contains("metadata"));
/// assert!(egress.check_address("10.0.0.7".parse()?).is_err());
///
/// let inner = Egress::default().allow_networks(["10.0.0.0/8".parse()?]).allow_ports([9000]);
/// assert!(inner.check_address("10.0.0.7".parse()?).is_ok());
/// assert!(inner.check_url(&"https://hooks.internal:9000/".parse()?).is_ok());
/// assert!(inner.check_url(&"http://hooks.internal:9000/".parse()?).is_err());
/// assert!(inner.allow_http(true).check_url(&"http://hooks.internal:9000/".parse()?).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Egress {
    http: bool,
    ports: Vec<u16>,
    networks: Vec<IpNet>,
}

impl Default for Egress {
    fn default() -> Self {
        Self {
            http: false,
            ports: vec![443, 8443],
            networks: Vec::new(),
        }
    }
}

impl Egress {
    /// Allows `http`, and the ports 80 and 8080. Bodies and headers are then readable on the way.
    #[must_use]
    pub fn allow_http(mut self, allow: bool) -> Self {
        self.http = allow;
        self
    }

    /// Allows these ports as well.
    #[must_use]
    pub fn allow_ports(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.ports.extend(ports);
        self
    }

    /// Allows these networks, whatever they are: receivers in your own network, and tests.
    #[must_use]
    pub fn allow_networks(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        self.networks.extend(networks);
        self
    }

    /// Checks a URL, without resolving its host.
    ///
    /// # Errors
    /// The reason why it must not be reached.
    pub fn check_url(&self, url: &TargetUrl) -> Result<(), String> {
        if !url.is_secure() && !self.http {
            return Err("webhooks are sent over `https`; the application allows `http` with `Egress::allow_http`".to_owned());
        }
        let port = url.port();
        let is_allowed = self.ports.contains(&port) || self.http && [80, 8080].contains(&port);
        if !is_allowed {
            return Err(format!(
                "port {port} is not allowed; the application allows ports with `Egress::allow_ports`"
            ));
        }
        match url.address() {
            Some(address) => self.check_address(address),
            None => Ok(()),
        }
    }

    /// Checks an address before a connection to it.
    ///
    /// # Errors
    /// The reason why it must not be reached.
    pub fn check_address(&self, address: IpAddr) -> Result<(), String> {
        if self
            .networks
            .iter()
            .any(|network| network.contains(&address))
        {
            return Ok(());
        }
        match special(address) {
            Some(range) => Err(format!(
                "the address {address} is {range}; the application allows networks with `Egress::allow_networks`"
            )),
            None => Ok(()),
        }
    }
}
