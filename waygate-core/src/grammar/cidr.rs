use std::net::IpAddr;

use ipnet::IpNet;

use super::Invalid;

/// Parses a network in CIDR form (RFC 4632, RFC 4291); a bare address is a network of one.
///
/// Host bits below the prefix are cleared: `10.1.2.3/8` is `10.0.0.0/8`. A network of v4-mapped IPv6 addresses
/// (RFC 4291 section 2.5.5.2) becomes an IPv4 network, as clients' addresses do.
///
/// # Errors
/// [`Invalid`] for an invalid address or prefix length.
pub fn parse_cidr(text: &str) -> Result<IpNet, Invalid> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let invalid = |problem: String| Invalid::new("CIDR", text, problem);
    let address: IpAddr = address.parse().map_err(|_| {
        invalid(format!(
            "`{address}` is not an IP address (expected such as `10.0.0.0/8` or `2001:db8::/32`)"
        ))
    })?;
    let Some(prefix) = prefix else {
        return Ok(IpNet::from(address.to_canonical()));
    };
    let max = if address.is_ipv4() { 32 } else { 128 };
    let length = prefix
        .parse::<u8>()
        .ok()
        .filter(|length| *length <= max && prefix.bytes().all(|b| b.is_ascii_digit()));
    match length.and_then(|length| IpNet::new(address, length).ok()) {
        Some(network) => Ok(canonical_network(network).trunc()),
        None => Err(invalid(format!("the prefix length must be 0 to {max}"))),
    }
}

/// Parses a network that is written in code. Refuses host bits, since either the network or the address may be meant.
///
/// ```
/// # use waygate_core::grammar::parse_network;
/// assert!(parse_network("10.0.0.0/8").is_ok());
/// let refused = parse_network("10.0.0.1/8").unwrap_err();
/// assert!(refused.to_string().ends_with("did you mean `10.0.0.0/8` or `10.0.0.1/32`?"));
/// ```
///
/// # Errors
/// As [`parse_cidr`], and for host bits.
pub fn parse_network(text: &str) -> Result<IpNet, Invalid> {
    let network = parse_cidr(text)?;
    let written = text
        .split_once('/')
        .and_then(|(address, _)| address.parse::<IpAddr>().ok());
    match written.map(|address| address.to_canonical()) {
        Some(address) if address != network.addr() => {
            let problem = format!(
                "it has bits beyond its prefix; did you mean `{network}` or `{}`?",
                IpNet::from(address)
            );
            Err(Invalid::new("CIDR", text, problem))
        }
        _ => Ok(network),
    }
}

/// The bits before the IPv4 address in a v4-mapped one.
const MAPPED_BITS: u8 = 96;

/// Converts a network to the form that addresses are compared in: v4-mapped ones to IPv4.
pub fn canonical_network(network: IpNet) -> IpNet {
    let length = network.prefix_len().checked_sub(MAPPED_BITS);
    match (network.addr().to_canonical(), length) {
        (IpAddr::V4(address), Some(length)) if matches!(network, IpNet::V6(_)) => {
            IpNet::new(address.into(), length).unwrap_or(network)
        }
        _ => network,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_bits_are_refused_in_code() {
        for text in [
            "10.0.0.0/8",
            "10.1.2.3",
            "10.1.2.3/32",
            "0.0.0.0/0",
            "2001:db8::/32",
            "::ffff:10.0.0.0/104",
        ] {
            assert_eq!(parse_network(text), parse_cidr(text));
        }
        for (text, meant) in [
            ("10.0.0.1/8", "`10.0.0.0/8` or `10.0.0.1/32`"),
            ("2001:db8::1/32", "`2001:db8::/32` or `2001:db8::1/128`"),
            ("::ffff:10.0.0.1/104", "`10.0.0.0/8` or `10.0.0.1/32`"),
        ] {
            let refused = parse_network(text).unwrap_err().to_string();
            assert!(
                refused.ends_with(&format!("did you mean {meant}?")),
                "{refused}"
            );
        }
        assert!(parse_network("10.0.0/8").is_err());
    }

    #[test]
    fn reads_networks_and_addresses() {
        for (text, network) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("10.1.2.3", "10.1.2.3/32"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("192.0.2.1/32", "192.0.2.1/32"),
            ("2001:db8::1/32", "2001:db8::/32"),
            ("::1", "::1/128"),
            ("::/0", "::/0"),
            ("::ffff:10.1.2.3/104", "10.0.0.0/8"),
            ("::ffff:10.1.2.3", "10.1.2.3/32"),
            ("::ffff:0.0.0.0/96", "0.0.0.0/0"),
            ("::ffff:0.0.0.0/95", "::fffe:0:0/95"),
        ] {
            let parsed = parse_cidr(text).unwrap();
            assert_eq!(parsed.to_string(), network, "{text}");
            assert_eq!(parse_cidr(&parsed.to_string()).unwrap(), parsed);
        }
    }

    #[test]
    fn explains_mistakes() {
        let address = |address: &str| {
            format!(
                "`{address}` is not an IP address (expected such as `10.0.0.0/8` or `2001:db8::/32`)"
            )
        };
        for (text, problem) in [
            ("", address("")),
            ("10/8", address("10")),
            ("example.com", address("example.com")),
            ("10.0.0.256/8", address("10.0.0.256")),
            ("010.0.0.1", address("010.0.0.1")),
            (" 10.0.0.0/8", address(" 10.0.0.0")),
            ("fe80::1%eth0", address("fe80::1%eth0")),
            (
                "10.0.0.0/33",
                "the prefix length must be 0 to 32".to_owned(),
            ),
            ("10.0.0.0/", "the prefix length must be 0 to 32".to_owned()),
            (
                "10.0.0.0/+8",
                "the prefix length must be 0 to 32".to_owned(),
            ),
            (
                "10.0.0.0/8/8",
                "the prefix length must be 0 to 32".to_owned(),
            ),
            (
                "10.0.0.0/255.0.0.0",
                "the prefix length must be 0 to 32".to_owned(),
            ),
            ("::/129", "the prefix length must be 0 to 128".to_owned()),
        ] {
            let error = parse_cidr(text).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("invalid CIDR `{text}`: {problem}")
            );
        }
    }
}
