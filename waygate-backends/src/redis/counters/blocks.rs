use std::{
    hash::{Hash, Hasher},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use siphasher::sip128::{Hasher128, SipHasher13};
use waygate_core::{
    limit::{Outcome, quota::Nanos},
    port::{Series, Take},
};

use super::plan::Plan;
use crate::random;

/// How many keys are remembered at most; one pushes out another that falls on the same place.
const PLACES: usize = 8_192;

/// After so much time Redis is asked again, since another process may have forgotten the counter, or given units back.
const LONGEST: Duration = Duration::from_secs(1);

/// Stands for a counter, or for all that one call asks, within this process.
pub(super) type Print = u128;

/// The requests that are known to be refused for some time, so that Redis need not be asked.
pub(super) struct Blocks {
    /// With a random key: clients cannot aim at one another's place.
    hasher: SipHasher13,
    places: Box<[Mutex<Option<Block>>]>,
}

struct Block {
    counter: Print,
    /// What was asked, with its rules and costs; anything else is asked anew.
    asked: Print,
    /// When that was, at the latest.
    since: Instant,
    /// From then on Redis is asked, if it answers.
    ask_again_at: Instant,
    /// When a request may pass, if nobody gives units back.
    until: Instant,
    outcomes: Vec<Outcome>,
}

impl Blocks {
    pub(super) fn new() -> Self {
        Self {
            hasher: SipHasher13::new_with_keys(random::number(), random::number()),
            places: (0..PLACES).map(|_| Mutex::default()).collect(),
        }
    }

    pub(super) fn counter(&self, series: &Series, key: &[u8]) -> Print {
        let mut hasher = self.hasher;
        hasher.write_u64(series.seed());
        hasher.write(key);
        hasher.finish128().as_u128()
    }

    pub(super) fn counters(&self, takes: &[Take<'_>]) -> Vec<Print> {
        let counters = takes.iter();
        counters
            .map(|take| self.counter(take.series, take.key))
            .collect()
    }

    pub(super) fn asked(&self, takes: &[Take<'_>], plans: &[Plan], counters: &[Print]) -> Print {
        let mut hasher = self.hasher;
        for ((take, plan), counter) in takes.iter().zip(plans).zip(counters) {
            (counter, plan, take.cost, take.enforced).hash(&mut hasher);
        }
        hasher.finish128().as_u128()
    }

    /// The refusal, if that is what Redis would say.
    pub(super) fn refusal(
        &self,
        takes: &[Take<'_>],
        counters: &[Print],
        asked: Print,
    ) -> Option<Vec<Outcome>> {
        self.find(takes, counters, asked, |block| block.ask_again_at)
    }

    /// The refusal that is not over yet, for when Redis cannot be asked whether it still holds.
    pub(super) fn last_refusal(
        &self,
        takes: &[Take<'_>],
        counters: &[Print],
        asked: Print,
    ) -> Option<Vec<Outcome>> {
        self.find(takes, counters, asked, |block| block.until)
    }

    fn find(
        &self,
        takes: &[Take<'_>],
        counters: &[Print],
        asked: Print,
        end: impl Fn(&Block) -> Instant,
    ) -> Option<Vec<Outcome>> {
        let enforced = takes.iter().zip(counters).filter(|(take, _)| take.enforced);
        for (_, counter) in enforced {
            let place = self.place(*counter);
            let Some(block) = &*place else { continue };
            if block.counter == *counter && block.asked == asked {
                let now = Instant::now();
                if now < end(block) {
                    let elapsed = nanos(now.saturating_duration_since(block.since));
                    return Some(
                        block
                            .outcomes
                            .iter()
                            .map(|outcome| later(outcome, elapsed))
                            .collect(),
                    );
                }
            }
        }
        None
    }

    /// Remembers that Redis refused what was asked at `since` or later.
    pub(super) fn remember(
        &self,
        takes: &[Take<'_>],
        counters: &[Print],
        asked: Print,
        outcomes: &[Outcome],
        since: Instant,
    ) {
        let refused = takes.iter().zip(counters).zip(outcomes);
        let refused = refused.filter(|((take, _), outcome)| take.enforced && !outcome.allowed);
        // Until the last of them is over.
        let Some(((_, counter), outcome)) = refused.max_by_key(|(_, outcome)| outcome.retry_after)
        else {
            return;
        };
        let wait = Duration::from_nanos(outcome.retry_after);
        // Further away than a clock tells is no time to rely on.
        let until = since.checked_add(wait).unwrap_or(since + LONGEST);
        *self.place(*counter) = Some(Block {
            counter: *counter,
            asked,
            since,
            ask_again_at: until.min(since + LONGEST),
            until,
            outcomes: outcomes.to_vec(),
        });
    }

    /// Forgets the refusal of what Redis has allowed.
    pub(super) fn lift(&self, counters: &[Print], asked: Print) {
        for counter in counters {
            let mut place = self.place(*counter);
            if place.as_ref().is_some_and(|block| block.asked == asked) {
                *place = None;
            }
        }
    }

    /// Forgets what is known of a counter.
    pub(super) fn forget(&self, counter: Print) {
        let mut place = self.place(counter);
        if place.as_ref().is_some_and(|block| block.counter == counter) {
            *place = None;
        }
    }

    fn place(&self, counter: Print) -> MutexGuard<'_, Option<Block>> {
        let place = counter as usize % self.places.len();
        // Nothing under the lock can panic half-way.
        self.places[place]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same outcome, told `elapsed` later.
pub(super) fn later(outcome: &Outcome, elapsed: Nanos) -> Outcome {
    let left = |wait: Nanos| match wait {
        0 => 0,
        wait => wait.saturating_sub(elapsed).max(1),
    };
    Outcome {
        reset_after: left(outcome.reset_after),
        retry_after: left(outcome.retry_after),
        ..*outcome
    }
}

pub(super) fn nanos(duration: Duration) -> Nanos {
    Nanos::try_from(duration.as_nanos()).unwrap_or(Nanos::MAX)
}
