use super::{Outcome, quota::Nanos};

/// When a request was counted, and what the counter said: by that its charge is found again, to be given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// When it was counted.
    pub at: Nanos,
    /// The outcome's [`reset_after`](Outcome::reset_after): of a fixed window, when that ends; of a bucket, when all is
    /// back that was taken until then.
    pub reset_after: Nanos,
}

impl Taken {
    /// What was taken at this time.
    pub fn new(at: Nanos, outcome: &Outcome) -> Self {
        let reset_after = outcome.reset_after;
        Self { at, reset_after }
    }

    /// For how much longer than `now` what the outcome said lasts.
    pub fn left(&self, now: Nanos) -> Nanos {
        self.at.saturating_add(self.reset_after).saturating_sub(now)
    }
}
