use waygate_core::grammar::Algorithm;

/// The settings of rate limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LimitConfig {
    pub(crate) headers: RateLimitHeaders,
    /// The maximum random extension of `Retry-After`, as a share of it.
    pub(crate) jitter: f32,
    /// The length of the prefix that IPv6 addresses of one client share.
    pub(crate) ipv6_prefix: u8,
    /// The algorithm of limits that do not specify one.
    pub(crate) algorithm: Algorithm,
    /// Keeps the counters when maintenance ends.
    pub(crate) keep_after_maintenance: bool,
}

impl Default for LimitConfig {
    fn default() -> Self {
        Self {
            headers: RateLimitHeaders::default(),
            jitter: 0.0,
            ipv6_prefix: 64,
            algorithm: Algorithm::default(),
            keep_after_maintenance: false,
        }
    }
}

/// The rate-limit headers of responses. `Retry-After` does not depend on it.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use waygate::{Waygate, limits::RateLimitHeaders};
///
/// let waygate = Waygate::builder().rate_limit_headers(RateLimitHeaders::Off).build().await?;
/// # drop(waygate);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum RateLimitHeaders {
    /// `X-RateLimit-*`, and `RateLimit` with `RateLimit-Policy`.
    Both,
    /// `X-RateLimit-Limit`, `X-RateLimit-Remaining`, `X-RateLimit-Reset`, as numbers. The default: one family is enough for
    /// a client, and each header costs every response.
    #[default]
    Legacy,
    /// `RateLimit` and `RateLimit-Policy` of draft-ietf-httpapi-ratelimit-headers.
    Standard,
    /// None.
    Off,
}
