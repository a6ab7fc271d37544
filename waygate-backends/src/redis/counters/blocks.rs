use std::{
    hash::{Hash, Hasher},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use siphasher::sip128::{Hasher128, SipHasher13};
use waygate_core::{
    limit::{Outcome, quota::Nanos},
    port::{Charge, CounterKey},
};

use super::plan::Plan;
use crate::random;

/// The number of slots for remembered keys; a key replaces another one in the same slot.
const PLACES: usize = 8_192;

/// After this time, requests are sent to Redis again: another process may have reset or refunded the counter.
const LONGEST: Duration = Duration::from_secs(1);

/// Identifies a counter, or all charges of one call, within this process.
pub(super) type Print = u128;

/// Requests that are known to be refused for some time, so that no call to Redis is needed.
pub(super) struct Blocks {
    /// With a random key, so that clients cannot target the slots of others.
    hasher: SipHasher13,
    places: Box<[Mutex<Option<Block>>]>,
}

struct Block {
    counter: Print,
    /// The request with its rules and costs; any other request is sent to Redis.
    asked: Print,
    /// The earliest time of the request to Redis.
    since: Instant,
    /// The time from which requests are sent to Redis again, if it responds.
    ask_again_at: Instant,
    /// The time at which a request may pass, if no units are refunded.
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

    pub(super) fn counter(&self, counter_key: &CounterKey, key: &[u8]) -> Print {
        let mut hasher = self.hasher;
        hasher.write_u64(counter_key.seed());
        hasher.write(key);
        hasher.finish128().as_u128()
    }

    pub(super) fn counters(&self, charges: &[Charge<'_>]) -> Vec<Print> {
        let counters = charges.iter();
        counters
            .map(|charge| self.counter(charge.counter_key, charge.key))
            .collect()
    }

    pub(super) fn asked(
        &self,
        charges: &[Charge<'_>],
        plans: &[Plan],
        counters: &[Print],
    ) -> Print {
        let mut hasher = self.hasher;
        for ((charge, plan), counter) in charges.iter().zip(plans).zip(counters) {
            (counter, plan, charge.cost, charge.enforced).hash(&mut hasher);
        }
        hasher.finish128().as_u128()
    }

    /// Returns the refusal, if Redis would still reply with it.
    pub(super) fn refusal(
        &self,
        charges: &[Charge<'_>],
        counters: &[Print],
        asked: Print,
    ) -> Option<Vec<Outcome>> {
        self.find(charges, counters, asked, |block| block.ask_again_at)
    }

    /// Returns the refusal if it has not expired, for use while Redis is unavailable.
    pub(super) fn last_refusal(
        &self,
        charges: &[Charge<'_>],
        counters: &[Print],
        asked: Print,
    ) -> Option<Vec<Outcome>> {
        self.find(charges, counters, asked, |block| block.until)
    }

    fn find(
        &self,
        charges: &[Charge<'_>],
        counters: &[Print],
        asked: Print,
        end: impl Fn(&Block) -> Instant,
    ) -> Option<Vec<Outcome>> {
        let enforced = charges
            .iter()
            .zip(counters)
            .filter(|(charge, _)| charge.enforced);
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

    /// Remembers that Redis refused a request that was sent at `since` or later.
    pub(super) fn remember(
        &self,
        charges: &[Charge<'_>],
        counters: &[Print],
        asked: Print,
        outcomes: &[Outcome],
        since: Instant,
    ) {
        let refused = charges.iter().zip(counters).zip(outcomes);
        let refused = refused.filter(|((charge, _), outcome)| charge.enforced && !outcome.allowed);
        // The longest one.
        let Some(((_, counter), outcome)) = refused.max_by_key(|(_, outcome)| outcome.retry_after)
        else {
            return;
        };
        let wait = Duration::from_nanos(outcome.retry_after);
        // Beyond the range of the clock.
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

    /// Forgets the refusal of a request that Redis has allowed.
    pub(super) fn lift(&self, counters: &[Print], asked: Print) {
        for counter in counters {
            let mut place = self.place(*counter);
            if place.as_ref().is_some_and(|block| block.asked == asked) {
                *place = None;
            }
        }
    }

    /// Forgets the refusals of a counter.
    pub(super) fn forget(&self, counter: Print) {
        let mut place = self.place(counter);
        if place.as_ref().is_some_and(|block| block.counter == counter) {
            *place = None;
        }
    }

    fn place(&self, counter: Print) -> MutexGuard<'_, Option<Block>> {
        let place = counter as usize % self.places.len();
        // A panic under the lock cannot leave the value half changed.
        self.places[place]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the outcome as of `elapsed` later.
pub(super) fn later(outcome: &Outcome, elapsed: Nanos) -> Outcome {
    let left = |wait: Nanos| match wait {
        0 => 0,
        wait => wait.saturating_sub(elapsed).max(1),
    };
    let mut later = *outcome;
    later.reset_after = left(outcome.reset_after);
    later.retry_after = left(outcome.retry_after);
    later
}

pub(super) fn nanos(duration: Duration) -> Nanos {
    Nanos::try_from(duration.as_nanos()).unwrap_or(Nanos::MAX)
}
