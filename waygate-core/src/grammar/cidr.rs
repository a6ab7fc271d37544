use std::net::IpAddr;

use ipnet::IpNet;

use super::Invalid;

/// Parses a network in CIDR form (RFC 4632, RFC 4291); a bare address is a network of one.
///
/// Host bits below the prefix are cleared: `10.1.2.3/8` is `10.0.0.0/8`.
///
/// # Errors
/// [`Invalid`] when the address or the prefix length is not one.
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
        return Ok(IpNet::from(address));
    };
    let max = if address.is_ipv4() { 32 } else { 128 };
    let length = prefix
        .parse::<u8>()
        .ok()
        .filter(|length| *length <= max && prefix.bytes().all(|b| b.is_ascii_digit()));
    match length.and_then(|length| IpNet::new(address, length).ok()) {
        Some(network) => Ok(network.trunc()),
        None => Err(invalid(format!("the prefix length must be 0 to {max}"))),
    }
}
