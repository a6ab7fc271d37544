use std::fmt;

use siphasher::sip::SipHasher13;

/// The counters of one rate of one policy, one for each key.
///
/// A change of the limit keeps the series and its consumption; a reset starts a new generation.
///
/// ```
/// use waygate_core::port::Series;
///
/// let series = Series::new("GET:/payments", "default", 0, 3);
/// assert_eq!(series.name(), "GET:/payments#default/0@3");
/// let places = Series::places("GET:/reports", "default");
/// assert_ne!(series.seed(), places.seed());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    name: Box<str>,
    seed: u64,
}

impl Series {
    /// Creates the series of a policy's rate. `scope` is a route key, a service, or everything.
    pub fn new(
        scope: impl fmt::Display,
        policy: impl fmt::Display,
        rate: usize,
        generation: u64,
    ) -> Self {
        Self::named(format!("{scope}#{policy}/{rate}@{generation}"))
    }

    /// Creates the series of a concurrency limit. It has no generations: a place is free when its holder is gone.
    pub fn places(scope: impl fmt::Display, policy: impl fmt::Display) -> Self {
        Self::named(format!("{scope}#{policy}/places"))
    }

    fn named(name: String) -> Self {
        // Without a random key, so that counters restored from a file are found.
        let seed = SipHasher13::new().hash(name.as_bytes());
        Self {
            name: name.into(),
            seed,
        }
    }

    /// Returns the name, which is the same in every process.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns a hash of the name: SipHash-1-3 of it under a key of zeros, the same in every process.
    #[inline]
    pub fn seed(&self) -> u64 {
        self.seed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_series_is_the_same_in_every_build() {
        let series = Series::new("GET:/payments", "per client", 0, 0);
        assert_eq!(series.name(), "GET:/payments#per client/0@0");
        assert_eq!(series.seed(), 6_907_785_956_899_308_743);
    }
}
