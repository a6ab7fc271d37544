use parking_lot::MutexGuard;
use smallvec::SmallVec;
use waygate_core::{
    limit::{Outcome, quota::Nanos},
    port::{Charge, all_allowed},
};

use super::{
    outcomes::{Outcomes, Repr},
    shard::{Ask, Shard},
    shards::Shards,
};

/// Decides several charges together, all or nothing. Returns the outcomes, and whether a shard is due for a sweep.
pub(super) fn charge(store: &Shards, charges: &[Charge<'_>], now: Nanos) -> (Outcomes, bool) {
    let mut asks: SmallVec<[(usize, Ask<'_>); 4]> = SmallVec::new();
    let mut needed: SmallVec<[usize; 4]> = SmallVec::new();
    for charge in charges {
        let (shard, ask) = store.ask(charge);
        asks.push((shard, ask));
        if let Err(at) = needed.binary_search(&shard) {
            needed.insert(at, shard);
        }
    }
    for (shard, _) in &mut asks {
        *shard = needed.partition_point(|other| other < shard);
    }
    // In ascending order, so that no two batches deadlock.
    let mut shards: SmallVec<[MutexGuard<'_, Shard>; 4]> = SmallVec::new();
    for shard in &needed {
        shards.push(store.lock(*shard));
    }
    let is_visit_due = shards.first_mut().is_some_and(|shard| shard.note_call());
    let mut batch = Batch {
        charges,
        asks: &asks,
        shards: &mut shards,
    };
    let mut outcomes: SmallVec<[Outcome; 4]> = SmallVec::new();
    for (shard, ask) in batch.asks {
        outcomes.push(batch.shards[*shard].weigh(*ask, now));
    }
    if !all_allowed(charges, &outcomes) || !batch.charge(&mut outcomes, now) {
        batch.refuse(&mut outcomes, now);
    }
    (Outcomes(Repr::Many(outcomes)), is_visit_due)
}

/// The charges of one call, and the shards they need.
struct Batch<'a, 'b> {
    charges: &'b [Charge<'a>],
    /// The request of each charge, with the position of its shard in `shards`.
    asks: &'b [(usize, Ask<'a>)],
    shards: &'b mut [MutexGuard<'a, Shard>],
}

impl Batch<'_, '_> {
    /// Makes every allowed charge. Fails, and charges nothing, if a call names a counter twice or a new counter inherits
    /// too much.
    fn charge(&mut self, outcomes: &mut [Outcome], now: Nanos) -> bool {
        for (index, (shard, ask)) in self.asks.iter().enumerate() {
            if !outcomes[index].allowed {
                continue;
            }
            outcomes[index] = self.shards[*shard].charge(*ask, now);
            if outcomes[index].allowed || !self.charges[index].enforced {
                continue;
            }
            for (outcome, (shard, ask)) in outcomes[..index].iter().zip(self.asks) {
                if outcome.allowed {
                    let units = i64::try_from(ask.cost).unwrap_or(i64::MAX);
                    self.shards[*shard].adjust(*ask, units, now);
                }
            }
            return false;
        }
        true
    }

    /// Replaces the outcomes by the state without a charge.
    fn refuse(&mut self, outcomes: &mut [Outcome], now: Nanos) {
        for (outcome, (shard, ask)) in outcomes.iter_mut().zip(self.asks) {
            let shard = &mut self.shards[*shard];
            if !outcome.allowed {
                // A counter that is named twice may have been refunded in the meantime.
                if !shard.weigh(*ask, now).allowed {
                    shard.note_refusal(*ask, now);
                }
                continue;
            }
            let look = shard.weigh(Ask { cost: 0, ..*ask }, now);
            *outcome = Outcome::allowed(look.limit, look.remaining, look.reset_after);
        }
    }
}
