//! The words of a rate limit policy, beside the limit itself.

use std::{fmt, num::NonZeroU32, str::FromStr};

use super::Invalid;

/// Declares an enum of words, with one spelling each.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $noun:literal, { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// Every word, in the order in which they are listed.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word, as it is written.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                let found = Self::ALL.iter().find(|word| word.as_str() == text);
                found.copied().ok_or_else(|| {
                    let words: Vec<&str> = Self::ALL.iter().map(|word| word.as_str()).collect();
                    Invalid::new($noun, text, format!("use one of {}", words.join(", ")))
                })
            }
        }
    };
}

words! {
    /// How requests are counted.
    Algorithm, "algorithm", {
        /// A window opens with a key's first request and takes so many until it ends.
        #[default]
        FixedWindow = "fixed_window",
        /// Two aligned windows, the older one weighted by how much of it still counts.
        SlidingWindow = "sliding_window",
        /// Every request of the last window by its time: exact, for limits up to 1,000.
        MovingWindow = "moving_window",
        /// A bucket that refills steadily (GCRA): an even rate with a burst.
        TokenBucket = "token_bucket",
    }
}

words! {
    /// What happens to a request that has no key, such as an anonymous one where users are counted.
    OnMissingKey, "on_missing_key", {
        /// It passes, and is not counted.
        #[default]
        Exempt = "exempt",
        /// The client's address is its key.
        FallbackIp = "fallback_ip",
        /// It is refused: 401 where the user or the API key is missing, 400 where anything else is.
        Block = "block",
        /// It is refused with 401.
        Unauthorized = "unauthorized",
        /// It is refused with 400.
        BadRequest = "bad_request",
    }
}

impl OnMissingKey {
    /// Whether requests without a key are refused.
    pub const fn refuses(self) -> bool {
        matches!(self, Self::Block | Self::Unauthorized | Self::BadRequest)
    }

    /// Whether a request without `part` is refused for want of credentials (401), and not because it is incomplete
    /// (400). Without a part, a function found no key.
    pub fn asks_for_credentials(self, part: Option<&KeyPart>) -> bool {
        match self {
            Self::Unauthorized => true,
            Self::Block => matches!(part, Some(KeyPart::User | KeyPart::ApiKey)),
            Self::BadRequest | Self::Exempt | Self::FallbackIp => false,
        }
    }
}

words! {
    /// What a limit does while the store of its counters is not there.
    OnStoreFailure, "on_store_failure", {
        /// Each process counts for itself, from what it knows to be used, and gives out its share of what is left.
        #[default]
        Local = "local",
        /// Everything passes.
        Open = "open",
        /// Everything is refused.
        Closed = "closed",
    }
}

/// What requests are told apart by, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KeyPart {
    /// The client's address; of IPv6 the /64 network.
    Ip,
    /// The application's user.
    User,
    /// The header `X-API-Key`.
    ApiKey,
    /// Nothing: all requests share one counter.
    Global,
    /// A header of this name, in lower case.
    Header(Box<str>),
    /// A path parameter of this name.
    Path(Box<str>),
}

impl FromStr for KeyPart {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = |problem: &str| Invalid::new("key", text, problem.to_owned());
        Ok(match text.split_once(':') {
            None => match text {
                "ip" => Self::Ip,
                "user" => Self::User,
                "api_key" => Self::ApiKey,
                "global" => Self::Global,
                _ => {
                    return Err(invalid(
                        "use `ip`, `user`, `api_key`, `global`, `header:X-Name` or `path:name`",
                    ));
                }
            },
            Some(("header", name)) if is_header_name(name) => {
                Self::Header(name.to_ascii_lowercase().into())
            }
            Some(("header", _)) => {
                return Err(invalid(
                    "write the header's name, such as `header:X-Tenant`",
                ));
            }
            Some(("path", name)) if is_parameter_name(name) => Self::Path(name.into()),
            Some(("path", _)) => {
                return Err(invalid(
                    "write the parameter's name, such as `path:tenant_id`",
                ));
            }
            Some(_) => {
                return Err(invalid(
                    "only `header:` and `path:` take a name, as in `header:x-tenant` or `path:id`",
                ));
            }
        })
    }
}

impl fmt::Display for KeyPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip => f.write_str("ip"),
            Self::User => f.write_str("user"),
            Self::ApiKey => f.write_str("api_key"),
            Self::Global => f.write_str("global"),
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Path(name) => write!(f, "path:{name}"),
        }
    }
}

/// RFC 9110 section 5.1: a field name is a token.
fn is_header_name(name: &str) -> bool {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !name.is_empty() && name.len() <= 128 && name.bytes().all(token)
}

fn is_parameter_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 128 && !name.contains(['{', '}', '/', ',', '*'])
}

/// By what requests are told apart: one part or several together, or a function in the code.
///
/// Parts are separated by commas: `user, path:tenant_id`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KeySource {
    /// Each combination of these has a counter of its own. One at least, four at most.
    Parts(Box<[KeyPart]>),
    /// A function that the attribute names.
    Custom,
}

impl KeySource {
    /// How many parts one key may have.
    pub const MAX_PARTS: usize = 4;
    /// The word for [`Custom`](Self::Custom).
    pub const CUSTOM: &str = "custom";

    /// What happens to a request without such a key where the policy does not say.
    ///
    /// Anonymous users are not counted; where a client could leave out what it is counted by, its address is.
    pub fn when_missing(&self) -> OnMissingKey {
        match self {
            Self::Custom => OnMissingKey::Exempt,
            Self::Parts(parts) if parts.iter().all(|part| *part == KeyPart::User) => {
                OnMissingKey::Exempt
            }
            Self::Parts(_) => OnMissingKey::FallbackIp,
        }
    }
}

impl Default for KeySource {
    fn default() -> Self {
        Self::Parts([KeyPart::Ip].into())
    }
}

impl FromStr for KeySource {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text == Self::CUSTOM {
            return Ok(Self::Custom);
        }
        let invalid = |problem: String| Invalid::new("key", text, problem);
        let parts = text.split(',').map(|part| part.trim().parse());
        let parts = parts.collect::<Result<Vec<KeyPart>, Invalid>>()?;
        for (at, part) in parts.iter().enumerate() {
            if parts[..at].contains(part) {
                return Err(invalid(format!("`{part}` is given twice")));
            }
        }
        if parts.len() > 1 && parts.contains(&KeyPart::Global) {
            return Err(invalid(
                "`global` tells nothing apart; leave it out".to_owned(),
            ));
        }
        if parts.len() > Self::MAX_PARTS {
            return Err(invalid(format!(
                "a key has at most {} parts",
                Self::MAX_PARTS
            )));
        }
        Ok(Self::Parts(parts.into()))
    }
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Parts(parts) = self else {
            return f.write_str(Self::CUSTOM);
        };
        for (at, part) in parts.iter().enumerate() {
            let comma = if at > 0 { ", " } else { "" };
            write!(f, "{comma}{part}")?;
        }
        Ok(())
    }
}

/// The limit of a tier: a [`Limit`](super::Limit), or none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TierLimit {
    /// `unlimited`: the tier passes and is not counted.
    Unlimited,
    /// Any other limit.
    Limited(super::Limit),
}

impl FromStr for TierLimit {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.trim().eq_ignore_ascii_case("unlimited") {
            return Ok(Self::Unlimited);
        }
        text.parse().map(Self::Limited)
    }
}

impl fmt::Display for TierLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlimited => f.write_str("unlimited"),
            Self::Limited(limit) => limit.fmt(f),
        }
    }
}

/// What one request costs, at least 1.
pub type Cost = NonZeroU32;

/// A share in percent, 0 to 100 with up to two decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Percentage(u16);

impl Percentage {
    /// All of it.
    pub const ALL: Self = Self(10_000);

    /// Of ten thousand.
    pub const fn basis_points(self) -> u16 {
        self.0
    }

    /// The share of so many of ten thousand.
    ///
    /// # Errors
    /// [`Invalid`] over 10,000.
    pub fn from_basis_points(points: u16) -> Result<Self, Invalid> {
        let fits = (points <= Self::ALL.0).then_some(Self(points));
        let text = || format!("{}", f64::from(points) / 100.0);
        fits.ok_or_else(|| Invalid::new("percentage", &text(), Self::PROBLEM))
    }

    const PROBLEM: &str = "use 0 to 100 with two decimals at most";
}

impl Default for Percentage {
    fn default() -> Self {
        Self::ALL
    }
}

impl FromStr for Percentage {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = || Invalid::new("percentage", text, Self::PROBLEM);
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty()
            || whole.len() > 3
            || decimals.len() > 2
            || !digits(whole)
            || !digits(decimals)
        {
            return Err(invalid());
        }
        let points: u16 = format!("{whole}{decimals:0<2}")
            .parse()
            .map_err(|_| invalid())?;
        Self::from_basis_points(points).map_err(|_| invalid())
    }
}

impl fmt::Display for Percentage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, decimals) = (self.0 / 100, self.0 % 100);
        match (decimals, decimals % 10) {
            (0, _) => write!(f, "{whole}"),
            (_, 0) => write!(f, "{whole}.{}", decimals / 10),
            _ => write!(f, "{whole}.{decimals:02}"),
        }
    }
}

#[cfg(test)]
mod tests;
