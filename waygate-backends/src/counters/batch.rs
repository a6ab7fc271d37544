use parking_lot::MutexGuard;
use smallvec::SmallVec;
use waygate_core::{
    limit::Outcome,
    port::{Take, all_allowed},
};

use super::{
    outcomes::{Outcomes, Repr},
    shard::{Ask, Shard},
    shards::Shards,
    table::Moment,
};

/// Several takes, and the locks on all they need.
pub(super) struct Batch<'a> {
    asks: SmallVec<[(usize, Ask<'a>); 4]>,
    /// In the order of the shards, which is the same for everybody: nobody waits for one another.
    shards: SmallVec<[MutexGuard<'a, Shard>; 4]>,
}

impl<'a> Batch<'a> {
    pub(super) fn lock(store: &'a Shards, takes: &'a [Take<'a>]) -> Self {
        let mut asks: SmallVec<[_; 4]> = takes.iter().map(|take| store.ask(take)).collect();
        let mut needed: SmallVec<[usize; 4]> = asks.iter().map(|(shard, _)| *shard).collect();
        needed.sort_unstable();
        needed.dedup();
        for (shard, _) in &mut asks {
            *shard = needed.partition_point(|other| other < shard);
        }
        let shards = needed.iter().map(|shard| store.lock(*shard)).collect();
        Self { asks, shards }
    }

    pub(super) fn take(mut self, takes: &[Take<'_>], now: Moment) -> Outcomes {
        let (asks, shards) = (&self.asks, &mut self.shards);
        let weighed = asks.iter();
        let weighed = weighed.map(|(shard, ask)| shards[*shard].weigh(*ask, now));
        let mut outcomes: SmallVec<[Outcome; 4]> = weighed.collect();
        if !all_allowed(takes, &outcomes) || !self.charge(takes, &mut outcomes, now) {
            self.refuse(&mut outcomes, now);
        }
        Outcomes(Repr::Many(outcomes))
    }

    pub(super) fn note_call(&mut self) -> bool {
        self.shards
            .first_mut()
            .is_some_and(|shard| shard.note_call())
    }

    /// Charges what was allowed. That can still fail, when a call names a counter twice or a newcomer takes over what
    /// another one consumed; nothing is charged then.
    fn charge(&mut self, takes: &[Take<'_>], outcomes: &mut [Outcome], now: Moment) -> bool {
        for index in 0..outcomes.len() {
            if !outcomes[index].allowed {
                continue;
            }
            let (shard, ask) = self.asks[index];
            outcomes[index] = self.shards[shard].take(ask, now);
            if outcomes[index].allowed || !takes[index].enforced {
                continue;
            }
            for (outcome, (shard, ask)) in outcomes[..index].iter().zip(&self.asks) {
                if outcome.allowed {
                    let units = i64::try_from(ask.cost).unwrap_or(i64::MAX);
                    self.shards[*shard].adjust(*ask, units, now);
                }
            }
            return false;
        }
        true
    }

    /// Tells how things stand without a charge.
    fn refuse(&mut self, outcomes: &mut [Outcome], now: Moment) {
        for (outcome, (shard, ask)) in outcomes.iter_mut().zip(&self.asks) {
            let shard = &mut self.shards[*shard];
            if !outcome.allowed {
                // A counter that is named twice may have been given back what made it refuse.
                if !shard.weigh(*ask, now).allowed {
                    shard.note_refusal(*ask, now);
                }
                continue;
            }
            let look = shard.weigh(Ask { cost: 0, ..*ask }, now);
            *outcome = Outcome {
                allowed: true,
                retry_after: 0,
                ..look
            };
        }
    }
}
