use std::fmt;

use siphasher::sip::SipHasher13;

/// The address of the counters of one rate of one policy: one for each rate-limit key.
///
/// A change of the limit keeps the counter key and its consumption; a reset starts a new epoch.
///
/// ```
/// use waygate_core::port::CounterKey;
///
/// let counter_key = CounterKey::new("GET:/payments", "default", 0, 3);
/// assert_eq!(counter_key.name(), "GET:/payments#default/0@3");
/// let permits = CounterKey::permits("GET:/reports", "default");
/// assert_ne!(counter_key.seed(), permits.seed());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CounterKey {
    name: Box<str>,
    seed: u64,
}

impl CounterKey {
    /// Creates the counter key of a policy's rate. `scope` is a route key, a service, or everything.
    pub fn new(
        scope: impl fmt::Display,
        policy: impl fmt::Display,
        rate: usize,
        epoch: u64,
    ) -> Self {
        Self::named(format!("{scope}#{policy}/{rate}@{epoch}"))
    }

    /// Creates the counter key of a concurrency limit. It has no epochs: a permit is free when its holder is gone.
    pub fn permits(scope: impl fmt::Display, policy: impl fmt::Display) -> Self {
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
    fn the_number_of_a_counter_key_is_the_same_in_every_build() {
        let counter_key = CounterKey::new("GET:/payments", "per client", 0, 0);
        assert_eq!(counter_key.name(), "GET:/payments#per client/0@0");
        assert_eq!(counter_key.seed(), 6_907_785_956_899_308_743);
    }
}
