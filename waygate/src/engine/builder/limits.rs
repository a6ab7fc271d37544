//! The settings of limits.

use waygate_core::grammar::Algorithm;

use super::WaygateBuilder;
use crate::engine::RateLimitHeaders;

impl WaygateBuilder {
    /// Sets the rate-limit headers of responses. Default: [`RateLimitHeaders::Legacy`].
    pub fn rate_limit_headers(mut self, headers: RateLimitHeaders) -> Self {
        self.limiting.headers = headers;
        self
    }

    /// Adds random jitter to `Retry-After`, up to this share of the wait (0 to 1), so that clients that were refused
    /// together do not all retry together. Checked by `build`. Default: 0.
    pub fn retry_after_jitter(mut self, share: f32) -> Self {
        self.limiting.jitter = share;
        self
    }

    /// Sets the algorithm of limits that do not specify one, in attributes and in the admin API. Default:
    /// [`Algorithm::FixedWindow`]. A calendar quota without an algorithm remains a fixed window; `guard` fails if an
    /// attribute has another limit that the algorithm does not support.
    ///
    /// ```
    /// # use waygate::{Waygate, limits::Algorithm};
    /// let builder = Waygate::builder().default_algorithm(Algorithm::TokenBucket);
    /// ```
    pub fn default_algorithm(mut self, algorithm: Algorithm) -> Self {
        self.limiting.algorithm = algorithm;
        self
    }

    /// Sets the number of refusals by limits that this process keeps for [`Waygate::rate_limit_hits`](crate::Waygate::rate_limit_hits). Default:
    /// 10,000, the newest.
    pub fn hit_log_capacity(mut self, hits: usize) -> Self {
        self.hit_log_capacity = hits;
        self
    }

    /// Sets the number of decisions about requests with an `X-Request-Id` that this process keeps for
    /// [`Waygate::explain`](crate::Waygate::explain). Default: 4,096, the newest. With 0, the header is not read.
    pub fn decision_log_capacity(mut self, decisions: usize) -> Self {
        self.decision_log_capacity = decisions;
        self
    }

    /// Sets whether the counters of rate limits are reset when maintenance ends: those of the route, of the service, or
    /// all of them, by the same commit. Default: `true`.
    ///
    /// ```
    /// let builder = waygate::Waygate::builder().reset_limits_after_maintenance(false);
    /// # drop(builder);
    /// ```
    pub fn reset_limits_after_maintenance(mut self, reset: bool) -> Self {
        self.limiting.keep_after_maintenance = !reset;
        self
    }

    /// Sets the length of the IPv6 prefix that counts as one client, 1 to 128 bits. Checked by `build`. Default: 64,
    /// the usual network of one customer.
    pub fn ipv6_prefix(mut self, bits: u8) -> Self {
        self.limiting.ipv6_prefix = bits;
        self
    }
}
