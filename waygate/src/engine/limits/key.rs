use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
};

use hmac_sha256::Hash;
use smallvec::SmallVec;
use waygate_core::grammar::KeyPart;

/// The rate-limit key of a request: parts with their kind and length, so that different combinations never collide.
///
/// Contains secrets in clear, so it is never shown; show its [`label`](Self::label).
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct LimitedKey(SmallVec<[u8; 24]>);

/// The kind of a part, as its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Ip = b'i',
    User = b'u',
    Path = b'p',
    /// An API key, a header, or the result of a function: may be a secret.
    Secret = b's',
    /// The digest of a long secret.
    Digest = b'd',
}

/// Longer parts are replaced with their digest.
const MAX_PART: usize = 256;

impl LimitedKey {
    /// Only the client's address, which is the most common key.
    pub(crate) fn of_ip(ip: IpAddr) -> Self {
        let mut key = Self::default();
        key.push_ip(ip);
        key
    }

    /// The client's address as one word, which a hash can read right after it was written.
    #[inline(always)]
    pub(crate) fn of_ipv4(ip: Ipv4Addr) -> Self {
        const HEAD: u64 = u64::from_le_bytes([Kind::Ip as u8, 0, 4, 0, 0, 0, 0, 0]);
        let octets = u32::from_le_bytes(ip.octets());
        let word = HEAD | u64::from(octets) << 24;
        let mut buffer = [0; 24];
        buffer[..8].copy_from_slice(&word.to_le_bytes());
        Self(SmallVec::from_buf_and_len(buffer, 7))
    }

    /// Adds the client's address.
    pub(crate) fn push_ip(&mut self, ip: IpAddr) {
        match ip {
            IpAddr::V4(ip) => self.push(Kind::Ip, &ip.octets()),
            IpAddr::V6(ip) => self.push(Kind::Ip, &ip.octets()),
        }
    }

    /// Adds a part of any other kind.
    pub(crate) fn push_part(&mut self, part: &KeyPart, value: &[u8]) {
        match part {
            KeyPart::User => self.push(Kind::User, value),
            KeyPart::Path(_) => self.push(Kind::Path, value),
            KeyPart::Ip | KeyPart::Global => {}
            KeyPart::ApiKey | KeyPart::Header(_) => self.push(Kind::Secret, value),
        }
    }

    /// Adds the result of a function of the application.
    pub(crate) fn push_custom(&mut self, value: &[u8]) {
        self.push(Kind::Secret, value);
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    #[inline]
    fn push(&mut self, kind: Kind, value: &[u8]) {
        let Some(length) = u16::try_from(value.len())
            .ok()
            .filter(|length| usize::from(*length) <= MAX_PART)
        else {
            return self.push(Kind::Digest, &Hash::hash(value));
        };
        self.0.push(kind as u8);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(value);
    }

    /// The key for operators: addresses, users and path parameters in clear, everything else as the first 48 bits of
    /// its SHA-256, which are the same in every process. `*` if all requests share one counter.
    pub(crate) fn label(&self) -> String {
        let parts: Vec<String> = Parts(&self.0).map(|part| part.to_string()).collect();
        match parts.is_empty() {
            true => "*".to_owned(),
            false => parts.join(","),
        }
    }
}

impl fmt::Debug for LimitedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LimitedKey({})", self.label())
    }
}

/// Decodes the parts of a key.
struct Parts<'a>(&'a [u8]);

struct Part<'a> {
    kind: u8,
    value: &'a [u8],
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        let (&[kind, high, low], rest) = self.0.split_first_chunk::<3>()?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(Part { kind, value })
    }
}

impl fmt::Display for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ip = || {
            let v4 = <[u8; 4]>::try_from(self.value).map(IpAddr::from);
            v4.or_else(|_| <[u8; 16]>::try_from(self.value).map(IpAddr::from))
        };
        match self.kind {
            kind if kind == Kind::Ip as u8 => match ip() {
                Ok(ip) => ip.fmt(f),
                Err(_) => f.write_str("?"),
            },
            kind if kind == Kind::User as u8 || kind == Kind::Path as u8 => {
                String::from_utf8_lossy(self.value).fmt(f)
            }
            kind if kind == Kind::Digest as u8 => digest(self.value, f),
            _ => digest(&Hash::hash(self.value), f),
        }
    }
}

fn digest(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("#")?;
    bytes
        .iter()
        .take(6)
        .try_for_each(|byte| write!(f, "{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(parts: &[(&str, &str)]) -> LimitedKey {
        let mut key = LimitedKey::default();
        for (part, value) in parts {
            match *part {
                "ip" => key.push_ip(value.parse().unwrap()),
                "custom" => key.push_custom(value.as_bytes()),
                part => key.push_part(&part.parse().unwrap(), value.as_bytes()),
            }
        }
        key
    }

    #[test]
    fn secrets_are_never_shown() {
        let long = "k".repeat(10_000);
        for (part, value) in [
            ("api_key", "sk_live_123456"),
            ("header:authorization", "Bearer abc"),
            ("custom", "session-99"),
            ("api_key", &*long),
        ] {
            let key = key(&[(part, value)]);
            for shown in [key.label(), format!("{key:?}")] {
                assert!(!shown.contains(value) && shown.contains('#'), "{shown}");
            }
        }
        assert_eq!(key(&[("api_key", "abc")]).label(), "#ba7816bf8f01");
    }

    #[test]
    fn an_address_alone_is_the_same_key() {
        for ip in ["203.0.113.9", "2001:db8::"] {
            assert_eq!(LimitedKey::of_ip(ip.parse().unwrap()), key(&[("ip", ip)]));
        }
        let of_ipv4 = LimitedKey::of_ipv4(Ipv4Addr::new(203, 0, 113, 9));
        assert_eq!(of_ipv4, key(&[("ip", "203.0.113.9")]));
    }

    #[test]
    fn the_key_of_operators_is_shown() {
        assert_eq!(key(&[("ip", "203.0.113.9")]).label(), "203.0.113.9");
        assert_eq!(key(&[("ip", "2001:db8::")]).label(), "2001:db8::");
        assert_eq!(
            key(&[("user", "alice"), ("path:tenant", "acme")]).label(),
            "alice,acme"
        );
        assert_eq!(key(&[]).label(), "*");
    }

    #[test]
    fn no_two_combinations_are_the_same() {
        let (one, other) = (
            key(&[("user", "a"), ("path:t", "bc")]),
            key(&[("user", "ab"), ("path:t", "c")]),
        );
        assert_ne!(one, other);
        assert_ne!(key(&[("user", "a")]), key(&[("api_key", "a")]));
        let (long, longer) = ("k".repeat(300), "k".repeat(301));
        assert_ne!(key(&[("user", &long)]), key(&[("user", &longer)]));
        assert!(key(&[("user", &long)]).as_bytes().len() < 64);
    }
}
