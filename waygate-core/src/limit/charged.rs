use super::{Outcome, nanos::Nanos};

/// The time and outcome of a charge, which identify it for a refund.
///
/// ```
/// use waygate_core::limit::{Charged, Outcome, quota::SECOND};
///
/// let charged = Charged::new(0, &Outcome::allowed(10, 9, 60 * SECOND));
/// assert_eq!(charged.left(20 * SECOND), 40 * SECOND);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charged {
    /// The time of the charge.
    pub at: Nanos,
    /// The outcome's [`reset_after`](Outcome::reset_after): the end of a fixed window, or the time at which a bucket
    /// has refilled what was taken until then.
    pub reset_after: Nanos,
}

impl Charged {
    /// Describes a charge at a time.
    pub fn new(at: Nanos, outcome: &Outcome) -> Self {
        let reset_after = outcome.reset_after;
        Self { at, reset_after }
    }

    /// Returns how long after `now` the outcome remains valid.
    pub fn left(&self, now: Nanos) -> Nanos {
        self.at.saturating_add(self.reset_after).saturating_sub(now)
    }
}
