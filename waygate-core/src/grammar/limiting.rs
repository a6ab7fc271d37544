//! The fields of a rate limit policy that are words, keys and shares.

use std::{fmt, num::NonZeroU32, str::FromStr};

use super::Invalid;

/// Declares an enum of words, each with its spelling.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $noun:literal, { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// Every word, in the order of listings.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Returns the word.
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
    /// The algorithm that counts requests.
    Algorithm, "algorithm", {
        /// A window that opens with the first request of a key and admits a number of requests until it ends.
        #[default]
        FixedWindow = "fixed_window",
        /// Two aligned windows, the older one weighted by its overlap.
        SlidingWindow = "sliding_window",
        /// Every request of the last window with its time: exact, for limits up to 1,000.
        MovingWindow = "moving_window",
        /// A bucket that refills steadily (GCRA): an even rate with a burst.
        TokenBucket = "token_bucket",
    }
}

words! {
    /// The policy for requests without a key, such as anonymous ones when users are counted.
    OnMissingKey, "on_missing_key", {
        /// Passes uncounted.
        #[default]
        Exempt = "exempt",
        /// Uses the client's address as the key.
        FallbackIp = "fallback_ip",
        /// Refuses with 401 if the user or the API key is missing, otherwise with 400.
        Block = "block",
        /// Refuses with 401.
        Unauthorized = "unauthorized",
        /// Refuses with 400.
        BadRequest = "bad_request",
    }
}

impl OnMissingKey {
    /// Returns whether requests without a key are refused.
    pub const fn refuses(self) -> bool {
        matches!(self, Self::Block | Self::Unauthorized | Self::BadRequest)
    }

    /// Returns whether a request without `part` is refused with 401 for missing credentials, rather than with 400.
    /// `None` is a function that found no key.
    pub fn asks_for_credentials(self, part: Option<&KeyPart>) -> bool {
        match self {
            Self::Unauthorized => true,
            Self::Block => matches!(part, Some(KeyPart::User | KeyPart::ApiKey)),
            Self::BadRequest | Self::Exempt | Self::FallbackIp => false,
        }
    }
}

words! {
    /// The behaviour of a limit while the store of its counters is unavailable.
    OnStoreFailure, "on_store_failure", {
        /// Each process counts on its own, from the last known usage, and grants its share of the rest.
        #[default]
        Local = "local",
        /// Every request passes.
        Open = "open",
        /// Every request is refused.
        Closed = "closed",
    }
}

/// One part of a rate-limit key.
///
/// ```
/// use waygate_core::grammar::KeyPart;
///
/// assert_eq!("ip".parse::<KeyPart>()?, KeyPart::Ip);
/// assert_eq!("path:tenant".parse::<KeyPart>()?, KeyPart::Path("tenant".into()));
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KeyPart {
    /// The client's address; for IPv6, its /64 network.
    Ip,
    /// The application's user.
    User,
    /// The header `X-API-Key`.
    ApiKey,
    /// None: all requests share one counter.
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

/// The source of rate-limit keys: one part or several together, or a function in the code.
///
/// Parts are separated by commas: `user, path:tenant_id`.
///
/// ```
/// use waygate_core::grammar::{KeyPart, KeySource};
///
/// let key: KeySource = "user, path:tenant".parse()?;
/// let parts = [KeyPart::User, KeyPart::Path("tenant".into())];
/// assert_eq!(key, KeySource::Parts(parts.into()));
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KeySource {
    /// One to four parts; each combination of values has its own counter.
    Parts(Box<[KeyPart]>),
    /// The function named by the attribute.
    Custom,
}

impl KeySource {
    /// The most parts of one key.
    pub const MAX_PARTS: usize = 4;
    /// The word for [`Custom`](Self::Custom).
    pub const CUSTOM: &str = "custom";

    /// Returns the default policy for requests without such a key.
    ///
    /// Anonymous users are not counted. A client that could omit its key is counted by address.
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
                "`global` distinguishes no requests; leave it out".to_owned(),
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

/// The limit of a tier: a [`Limit`](super::Limit) or none.
///
/// ```
/// use waygate_core::grammar::TierLimit;
///
/// assert_eq!("unlimited".parse::<TierLimit>()?, TierLimit::Unlimited);
/// assert_eq!("100/minute".parse::<TierLimit>()?.to_string(), "100/minute");
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TierLimit {
    /// `unlimited`: the tier passes uncounted.
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

/// The cost of one request, at least 1.
pub type Cost = NonZeroU32;

/// A share in percent, 0 to 100 with up to two decimals.
///
/// ```
/// use waygate_core::grammar::Percentage;
///
/// assert_eq!("12.5".parse(), Percentage::from_basis_points(1_250));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Percentage(u16);

impl Percentage {
    /// 100 percent.
    pub const ALL: Self = Self(10_000);

    /// Returns the share in ten-thousandths.
    pub const fn basis_points(self) -> u16 {
        self.0
    }

    /// Creates a share of ten-thousandths.
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
