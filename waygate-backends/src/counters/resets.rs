use std::collections::HashMap;

use waygate_core::limit::{Charged, quota::Nanos};

use super::cell::Digest;

/// Counters that were reset: earlier charges are not refunded to the next counter of the key.
#[derive(Debug, Default)]
pub(super) struct Resets(HashMap<Digest, Reset>);

#[derive(Debug)]
struct Reset {
    at: Nanos,
    /// The time from which no earlier charge counts.
    until: Nanos,
}

/// The number of resets worth a sweep.
const FEW: usize = 64;

impl Resets {
    /// Records a reset. Charges of this counter count for `lasting` at most.
    pub(super) fn add(&mut self, digest: Digest, now: Nanos, lasting: Nanos) {
        if self.0.len() >= FEW && self.0.len() == self.0.capacity() {
            self.0.retain(|_, reset| now < reset.until);
        }
        let until = now.saturating_add(lasting);
        self.0.insert(digest, Reset { at: now, until });
    }

    /// Returns `true` if the counter was reset since this charge.
    #[inline]
    pub(super) fn is_since(&self, digest: Digest, charged: Charged) -> bool {
        let reset = self.0.get(&digest);
        reset.is_some_and(|reset| charged.at <= reset.at)
    }
}

#[cfg(test)]
mod tests {
    use waygate_core::limit::Outcome;

    use super::*;

    #[test]
    fn resets_that_no_longer_matter_take_no_memory() {
        let charged = |at| Charged::new(at, &Outcome::allowed(1, 0, 5));
        let mut resets = Resets::default();
        for now in 0..100_000 {
            resets.add(now, now, 5);
            assert!(resets.is_since(now, charged(now)));
            assert!(!resets.is_since(now, charged(now + 1)));
            assert!(!resets.is_since(now + 1, charged(now)));
        }
        assert!(resets.0.capacity() < 10 * FEW, "{}", resets.0.capacity());
    }
}
