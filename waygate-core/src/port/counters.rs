use std::{fmt, time::Duration};

use siphasher::sip::SipHasher13;

use super::BoxFuture;
use crate::limit::{Outcome, Rule, Taken, quota::Nanos};

/// The counters of one rate of one policy: one for each key.
///
/// A change of the limit keeps the series, and with it what was consumed; a reset begins a new generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    name: Box<str>,
    seed: u64,
}

impl Series {
    /// The series of a policy's rate. `scope` is what the policy governs: a route key, a service, or everything.
    pub fn new(
        scope: impl fmt::Display,
        policy: impl fmt::Display,
        rate: usize,
        generation: u64,
    ) -> Self {
        Self::named(format!("{scope}#{policy}/{rate}@{generation}"))
    }

    /// The places of a limit of concurrency. They have no generations: a place is free when its holder is gone.
    pub fn places(scope: impl fmt::Display, policy: impl fmt::Display) -> Self {
        Self::named(format!("{scope}#{policy}/places"))
    }

    fn named(name: String) -> Self {
        // Without a random key: counters that were kept in a file are found again by it.
        let seed = SipHasher13::new().hash(name.as_bytes());
        Self {
            name: name.into(),
            seed,
        }
    }

    /// The name, which is the same in every process.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A number that stands for the name: SipHash-1-3 of it under a key of zeros, the same in every process.
    #[inline]
    pub fn seed(&self) -> u64 {
        self.seed
    }
}

/// What one request asks of one counter.
#[derive(Clone, Copy)]
pub struct Take<'a> {
    /// Whose counter.
    pub series: &'a Series,
    /// Which one of them. May be a secret: a store keeps a digest of it, at most.
    pub key: &'a [u8],
    /// What there is to take.
    pub rule: &'a Rule,
    /// How much is asked for; 0 looks without taking.
    pub cost: u64,
    /// Enforces a refusal. A policy in shadow mode only reports it.
    pub enforced: bool,
    /// Whether a process may take a block in advance and give it out by itself, at the price of an overshoot.
    pub lease: bool,
}

/// Where requests are counted.
///
/// # What taking is
///
/// 1. All takes of one call are decided against one state, in one step, and in one round trip to a remote store.
/// 2. When every *enforced* take is allowed, each take that is allowed is charged; when one is not, none is.
/// 3. The outcomes have the order of the takes, and show the state after the charge.
/// 4. Counters that say nothing any more go away by themselves.
///
/// `now` is the caller's time, in nanoseconds since the Unix epoch; a store that others share uses its own clock.
pub trait CounterStore: fmt::Debug + Send + Sync + 'static {
    /// What the store is and where, for people, as [`Backend::describe`](super::Backend::describe).
    fn describe(&self) -> String {
        super::type_name::<Self>()
    }

    /// Takes from several counters, all or nothing.
    ///
    /// # Errors
    /// [`CounterError`]; it is then not known whether something was charged.
    fn take<'a>(
        &'a self,
        takes: &'a [Take<'a>],
        now: Nanos,
    ) -> BoxFuture<'a, Result<Vec<Outcome>, CounterError>>;

    /// Gives units back that were taken just now, or (below zero) charges them after the fact; a counter never goes below
    /// nothing consumed. `take.cost` says nothing here.
    ///
    /// # Errors
    /// [`CounterError`]; it is then not known whether it was done.
    fn adjust<'a>(
        &'a self,
        take: Take<'a>,
        units: i64,
        now: Nanos,
    ) -> BoxFuture<'a, Result<(), CounterError>>;

    /// Gives units back that were taken before: to the window that they were taken from, or to none, so that nothing is
    /// given back that does not count any more. `take.cost` says nothing here. A store that does not say otherwise gives
    /// nothing back.
    ///
    /// # Errors
    /// [`CounterError`]; it is then not known whether it was done.
    fn give_back<'a>(
        &'a self,
        take: Take<'a>,
        units: u64,
        taken: Taken,
        now: Nanos,
    ) -> BoxFuture<'a, Result<(), CounterError>> {
        let _ = (take, units, taken, now);
        Box::pin(async { Ok(()) })
    }

    /// Forgets exactly this counter.
    ///
    /// # Errors
    /// [`CounterError`]; it is then not known whether it was done.
    fn forget<'a>(
        &'a self,
        series: &'a Series,
        key: &'a [u8],
    ) -> BoxFuture<'a, Result<(), CounterError>>;

    /// Takes one of `limit` places for `lifetime`, or keeps the place that `holder` has for as long again. A place
    /// whose holder does not come back in time is free: a process that dies holds nothing.
    ///
    /// # Errors
    /// [`CounterError`]; it is then not known whether there is a place.
    fn occupy<'a>(
        &'a self,
        place: Place<'a>,
        now: Nanos,
    ) -> BoxFuture<'a, Result<Occupancy, CounterError>>;

    /// Frees the place of `holder`, if it has one.
    ///
    /// # Errors
    /// [`CounterError`]; the place is free at the latest when its lifetime is over.
    fn vacate<'a>(&'a self, place: Place<'a>) -> BoxFuture<'a, Result<(), CounterError>>;

    /// Returns whether the store counts at this moment, as far as is known. One that answers some requests from memory must say
    /// so here while it is gone. Asked now and then, so that one that is back is noticed where nothing is counted.
    ///
    /// # Errors
    /// [`CounterError`], if it does not.
    fn health(&self) -> Result<(), CounterError> {
        Ok(())
    }

    /// Returns an earlier refusal of these takes that is still valid, if the store knows one without waiting. Called when
    /// [`take`](Self::take) timed out or failed, so that a failure gives no key a fresh counter.
    fn known_refusal(&self, takes: &[Take<'_>], now: Nanos) -> Option<Vec<Outcome>> {
        let _ = (takes, now);
        None
    }

    /// How often the store is known to have lost what it counted: it was emptied, or is another one. A take that finds
    /// this out fails, and takes nothing.
    fn losses(&self) -> u64 {
        0
    }

    /// Finds out whether the store has lost what it counted, which [`losses`](Self::losses) shows then. Asked where an
    /// answer shows less than was known.
    ///
    /// # Errors
    /// [`CounterError`]; it is then not known.
    fn check<'a>(&'a self) -> BoxFuture<'a, Result<(), CounterError>> {
        Box::pin(async { Ok(()) })
    }

    /// Charges again what was lost. Where several processes do, what the one that knew most knew of is charged, and once.
    /// Only a store with [`losses`](Self::losses) is asked to.
    ///
    /// # Errors
    /// [`CounterError`]; it is then not known whether it was done. It may be asked for once more.
    fn restore<'a>(
        &'a self,
        lost: LostUnits<'a>,
        now: Nanos,
    ) -> BoxFuture<'a, Result<(), CounterError>> {
        let _ = (lost, now);
        Box::pin(async { Ok(()) })
    }

    /// How many processes share the store, as far as is known; each takes its share while the store is gone.
    fn replicas(&self) -> u32 {
        1
    }
}

/// What a store has counted and lost, as a process remembers it.
#[derive(Debug, Clone, Copy)]
pub struct LostUnits<'a> {
    /// The counter and its rule; the cost says nothing here.
    pub take: Take<'a>,
    /// How much was used.
    pub used: u64,
    /// How long ago that was, in nanoseconds.
    pub age: Nanos,
    /// How much of it still counts.
    pub still: u64,
    /// For how many nanoseconds that says something; of a fixed window, until it ends.
    pub left: Nanos,
}

/// What one request asks of a limit of concurrency.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// Whose places.
    pub series: &'a Series,
    /// Which of them. May be a secret: a store keeps a digest of it, at most.
    pub key: &'a [u8],
    /// Who asks: unique to one request.
    pub holder: u128,
    /// How many places there are.
    pub limit: u32,
    /// For how long the place is held, unless it is asked for again.
    pub lifetime: Duration,
}

/// Without the key, which may be a secret.
impl fmt::Debug for Take<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Take")
            .field("series", &self.series.name())
            .field("rule", &self.rule)
            .field("cost", &self.cost)
            .field("enforced", &self.enforced)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}

/// Without the key, which may be a secret.
impl fmt::Debug for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
            .field("series", &self.series.name())
            .field("limit", &self.limit)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

/// What a limit of concurrency says to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occupancy {
    /// Whether the request has a place.
    pub allowed: bool,
    /// How many places are taken, this one included.
    pub taken: u32,
}

/// A store of counters that could not do what it was asked.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CounterError {
    /// It cannot be reached, or does not answer in time.
    #[error("the store of the counters is unavailable: {0}")]
    Unavailable(String),
    /// It answers, but refuses to count: out of memory, loading, a replica.
    #[error("the store of the counters does not count: {0}")]
    Refused(String),
    /// It was set up wrongly, such as with a wrong password.
    #[error("the store of the counters is not configured correctly: {0}")]
    Misconfigured(String),
}

crate::debug_as_message!(CounterError);

/// Returns whether every enforced take is allowed.
pub fn all_allowed(takes: &[Take<'_>], outcomes: &[Outcome]) -> bool {
    let mut pairs = takes.iter().zip(outcomes);
    pairs.all(|(take, outcome)| outcome.allowed || !take.enforced)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_series_is_the_same_in_every_build() {
        let series = Series::new("GET:/payments", "per client", 0, 0);
        assert_eq!(series.name(), "GET:/payments#per client/0@0");
        assert_eq!(series.seed(), 6_907_785_956_899_308_743);
    }
}
