use std::ops::AddAssign;

use crate::flag::outcome::Reason;

/// The evaluations of a variation, by reason.
///
/// ```
/// # use std::sync::Arc;
/// # use serde_json::json;
/// # use waygate_core::flag::{CompileOptions, CompiledFlag, EvaluationContext, Flag, FlagSet, Reason, Tally};
/// # use waygate_core::port::ManualClock;
/// # let flag = Flag::parse(&json!({
/// #     "key": "search", "name": "Search", "type": "boolean",
/// #     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
/// #     "off_variation": "off", "fallthrough": "on",
/// # }))?;
/// # let clock = ManualClock::at("2030-01-01T00:00:00Z".parse().unwrap());
/// # let (flag, _) = CompiledFlag::compile(Arc::new(flag), CompileOptions::default());
/// # let tally = Tally::new(flag.variation_names().count());
/// # let mut flags = FlagSet::new();
/// # flags.insert_flag(Arc::new(flag.counted(tally.clone())));
/// flags.evaluate("search", &EvaluationContext::new("user-1"), &clock);
/// let on = tally.counts().variations[0];
/// assert_eq!((on.of(Reason::Static), on.total()), (1, 1));
/// # Ok::<(), waygate_core::flag::Problems>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReasonCounts([u64; ReasonCounts::LEN]);

impl ReasonCounts {
    /// The reasons of results. An evaluation with an error is counted apart.
    const REASONS: [Reason; 5] = [
        Reason::Static,
        Reason::Default,
        Reason::TargetingMatch,
        Reason::Split,
        Reason::Disabled,
    ];
    pub(super) const LEN: usize = Self::REASONS.len();

    pub(super) fn new(counters: &[u64]) -> Self {
        let mut counts = Self::default();
        for (count, counter) in counts.0.iter_mut().zip(counters) {
            *count = *counter;
        }
        counts
    }

    #[inline]
    pub(super) fn position(reason: Reason) -> Option<usize> {
        match reason {
            Reason::Static => Some(0),
            Reason::Default => Some(1),
            Reason::TargetingMatch => Some(2),
            Reason::Split => Some(3),
            Reason::Disabled => Some(4),
            Reason::Error => None,
        }
    }

    /// Returns the evaluations with this reason; 0 for [`Reason::Error`], since an error is no result.
    pub fn of(&self, reason: Reason) -> u64 {
        let count = Self::position(reason).and_then(|at| self.0.get(at));
        count.copied().unwrap_or_default()
    }

    /// Returns the evaluations with any reason.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Returns the evaluations with each reason, those without any too.
    pub fn iter(&self) -> impl Iterator<Item = (Reason, u64)> {
        Self::REASONS.into_iter().zip(self.0)
    }
}

impl AddAssign for ReasonCounts {
    fn add_assign(&mut self, other: Self) {
        for (sum, count) in self.0.iter_mut().zip(other.0) {
            *sum += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_but_an_error_has_a_counter() {
        for (at, reason) in ReasonCounts::REASONS.into_iter().enumerate() {
            assert_eq!(ReasonCounts::position(reason), Some(at));
        }
        assert_eq!(ReasonCounts::LEN + 1, Reason::ALL.len());
        let counts = ReasonCounts::new(&[1, 2, 3, 4, 5]);
        assert_eq!((counts.of(Reason::Split), counts.of(Reason::Error)), (4, 0));
        let mut sum = counts;
        sum += counts;
        assert_eq!((sum.of(Reason::Disabled), sum.total()), (10, 30));
    }
}
