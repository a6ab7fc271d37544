use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use super::{reason_counts::ReasonCounts, shard};
use crate::flag::outcome::Reason;

/// Counts the evaluations of a flag by variation and reason. A clone shares its counters.
///
/// The counters are split over threads, each part in cache lines of its own, so that threads that evaluate the same flag
/// do not wait for each other. A count takes no lock and no allocation.
///
/// ```
/// # use std::sync::Arc;
/// # use serde_json::json;
/// # use waygate_core::flag::{CompileOptions, CompiledFlag, EvaluationContext, Flag, FlagSet, Tally};
/// # use waygate_core::port::ManualClock;
/// # let flag = Flag::parse(&json!({
/// #     "key": "search", "name": "Search", "type": "boolean",
/// #     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
/// #     "off_variation": "off", "fallthrough": "on",
/// # }))?;
/// # let clock = ManualClock::at("2030-01-01T00:00:00Z".parse().unwrap());
/// let (flag, _) = CompiledFlag::compile(Arc::new(flag), CompileOptions::default());
/// let tally = Tally::new(flag.variation_names().count());
/// let mut flags = FlagSet::new();
/// flags.insert_flag(Arc::new(flag.counted(tally.clone())));
/// flags.evaluate("search", &EvaluationContext::new("user-1"), &clock);
/// assert_eq!(tally.counts().variations[0].total(), 1);
/// # Ok::<(), waygate_core::flag::Problems>(())
/// ```
#[derive(Debug, Clone)]
pub struct Tally {
    lines: Arc<[Line]>,
    per_shard: usize,
    variations: usize,
}

/// The counters of a cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Line([AtomicU64; PER_LINE]);

const PER_LINE: usize = 8;

/// The positions of the counters of errors and defaults, before those of the variations.
const ERRORS: usize = 0;
const DEFAULTS: usize = 1;
const VARIATIONS: usize = 2;

/// The counts of a flag.
///
/// ```
/// use waygate_core::flag::TallyCounts;
///
/// fn evaluations(counts: &TallyCounts) -> u64 {
///     counts.variations.iter().map(|reasons| reasons.total()).sum::<u64>() + counts.errors
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct TallyCounts {
    /// The evaluations without an error, by the position of their variation.
    pub variations: Vec<ReasonCounts>,
    /// The evaluations with an error.
    pub errors: u64,
    /// The results that were replaced by the caller's default, since they were of another type.
    pub defaults: u64,
}

fn counters(variations: usize) -> usize {
    VARIATIONS + variations * ReasonCounts::LEN
}

impl Tally {
    /// Creates counters for this many variations.
    pub fn new(variations: usize) -> Self {
        let per_shard = counters(variations).div_ceil(PER_LINE);
        let lines = std::iter::repeat_with(Line::default);
        Self {
            lines: lines.take(per_shard * shard::count()).collect(),
            per_shard,
            variations,
        }
    }

    /// Counts an evaluation.
    #[inline]
    pub(crate) fn count(&self, variation: Option<u16>, reason: Reason) {
        self.add(match (variation, ReasonCounts::position(reason)) {
            (Some(variation), Some(reason)) => {
                VARIATIONS + usize::from(variation) * ReasonCounts::LEN + reason
            }
            _ => ERRORS,
        });
    }

    /// Counts a result that was replaced by the caller's default.
    pub fn count_default(&self) {
        self.add(DEFAULTS);
    }

    #[inline]
    fn add(&self, position: usize) {
        let line = shard::mine() * self.per_shard + position / PER_LINE;
        if let Some(line) = self.lines.get(line) {
            line.0[position % PER_LINE].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns the counts since the tally was created.
    pub fn counts(&self) -> TallyCounts {
        let mut sums = vec![0_u64; counters(self.variations)];
        for shard in self.lines.chunks(self.per_shard.max(1)) {
            let counters = shard.iter().flat_map(|line| &line.0);
            for (sum, counter) in sums.iter_mut().zip(counters) {
                *sum = sum.wrapping_add(counter.load(Ordering::Relaxed));
            }
        }
        TallyCounts {
            errors: sums[ERRORS],
            defaults: sums[DEFAULTS],
            variations: sums[VARIATIONS..]
                .chunks(ReasonCounts::LEN)
                .map(ReasonCounts::new)
                .collect(),
        }
    }

    /// Returns whether another value shares the counters, so that they may still grow.
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.lines) > 1
    }
}
