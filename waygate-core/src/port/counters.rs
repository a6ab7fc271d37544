use std::{fmt, time::Duration};

use siphasher::sip::SipHasher13;

use super::BoxFuture;
use crate::limit::{Outcome, Rule, Taken, quota::Nanos};

/// The counters of one rate of one policy, one for each key.
///
/// A change of the limit keeps the series and its consumption; a reset starts a new generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    name: Box<str>,
    seed: u64,
}

impl Series {
    /// Creates the series of a policy's rate. `scope` is a route key, a service, or everything.
    pub fn new(
        scope: impl fmt::Display,
        policy: impl fmt::Display,
        rate: usize,
        generation: u64,
    ) -> Self {
        Self::named(format!("{scope}#{policy}/{rate}@{generation}"))
    }

    /// Creates the series of a concurrency limit. It has no generations: a place is free when its holder is gone.
    pub fn places(scope: impl fmt::Display, policy: impl fmt::Display) -> Self {
        Self::named(format!("{scope}#{policy}/places"))
    }

    fn named(name: String) -> Self {
        // Without a random key, so that counters restored from a file are found.
        let seed = SipHasher13::new().hash(name.as_bytes());
        Self {
            name: name.into(),
            seed,
        }
    }

    /// Returns the name, which is the same in every process.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns a hash of the name: SipHash-1-3 of it under a key of zeros, the same in every process.
    #[inline]
    pub fn seed(&self) -> u64 {
        self.seed
    }
}

/// A charge of one request to one counter.
#[derive(Clone, Copy)]
pub struct Take<'a> {
    /// The series of the counter.
    pub series: &'a Series,
    /// The key within the series. May be a secret: a store keeps a digest of it, at most.
    pub key: &'a [u8],
    /// The rule that limits it.
    pub rule: &'a Rule,
    /// Units to charge; 0 only reads.
    pub cost: u64,
    /// Enforces a refusal. A policy in shadow mode only reports it.
    pub enforced: bool,
    /// Lets a process lease a block in advance, which may overshoot.
    pub lease: bool,
}

/// A store of counters.
///
/// # Takes
///
/// 1. All takes of one call are decided atomically against one state, in one round trip to a remote store.
/// 2. If every *enforced* take is allowed, each allowed take is charged; otherwise none is.
/// 3. The outcomes have the order of the takes, and show the state after the charge.
/// 4. Counters expire when they no longer affect a decision.
///
/// `now` is the caller's time, in nanoseconds since the Unix epoch; a shared store uses its own clock.
pub trait CounterStore: fmt::Debug + Send + Sync + 'static {
    /// Describes the store and its location, as [`Backend::describe`](super::Backend::describe).
    fn describe(&self) -> String {
        super::type_name::<Self>()
    }

    /// Checks the options of the store, as [`Backend::check_options`](super::Backend::check_options).
    ///
    /// # Errors
    /// [`CounterError::Misconfigured`] with the option and a valid value.
    fn check_options(&self) -> Result<(), CounterError> {
        Ok(())
    }

    /// Takes from several counters, all or nothing.
    ///
    /// # Errors
    /// [`CounterError`]; it is then unknown whether units were charged.
    fn take<'a>(
        &'a self,
        takes: &'a [Take<'a>],
        now: Nanos,
    ) -> BoxFuture<'a, Result<Vec<Outcome>, CounterError>>;

    /// Refunds units that were just charged, or (below zero) charges more; a counter never falls below zero. Ignores
    /// `take.cost`.
    ///
    /// # Errors
    /// [`CounterError`]; it is then unknown whether the call took effect.
    fn adjust<'a>(
        &'a self,
        take: Take<'a>,
        units: i64,
        now: Nanos,
    ) -> BoxFuture<'a, Result<(), CounterError>>;

    /// Refunds units that were charged earlier, to the window that they were charged to; units that no longer count are not
    /// refunded. Ignores `take.cost`. Refunds nothing by default.
    ///
    /// # Errors
    /// [`CounterError`]; it is then unknown whether the call took effect.
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

    /// Removes this counter only.
    ///
    /// # Errors
    /// [`CounterError`]; it is then unknown whether the call took effect.
    fn forget<'a>(
        &'a self,
        series: &'a Series,
        key: &'a [u8],
    ) -> BoxFuture<'a, Result<(), CounterError>>;

    /// Acquires one of `limit` places for `lifetime`, or renews that of `holder`. A place that is not renewed in time
    /// expires: a process that dies holds none.
    ///
    /// # Errors
    /// [`CounterError`]; it is then unknown whether a place was acquired.
    fn occupy<'a>(
        &'a self,
        place: Place<'a>,
        now: Nanos,
    ) -> BoxFuture<'a, Result<Occupancy, CounterError>>;

    /// Releases the place of `holder`, if it has one.
    ///
    /// # Errors
    /// [`CounterError`]; the place is free at the end of its lifetime.
    fn vacate<'a>(&'a self, place: Place<'a>) -> BoxFuture<'a, Result<(), CounterError>>;

    /// Checks that the store counts, as far as is known. A store that answers some requests from memory must fail here while
    /// it is unavailable. Called periodically, so that a recovery is noticed without requests.
    ///
    /// # Errors
    /// [`CounterError`] if it does not count.
    fn health(&self) -> Result<(), CounterError> {
        Ok(())
    }

    /// Returns an earlier refusal of these takes that is still valid, if the store knows one without waiting. Called
    /// after [`take`](Self::take) timed out or failed, so that a failure gives no key a fresh counter.
    fn known_refusal(&self, takes: &[Take<'_>], now: Nanos) -> Option<Vec<Outcome>> {
        let _ = (takes, now);
        None
    }

    /// Returns how often the store is known to have lost its counters, because it was emptied or replaced. A take
    /// that detects a loss fails, and charges nothing.
    fn losses(&self) -> u64 {
        0
    }

    /// Detects a loss of counters, which [`losses`](Self::losses) then includes. Called when an outcome shows less
    /// consumption than was known.
    ///
    /// # Errors
    /// [`CounterError`] if that is unknown.
    fn check<'a>(&'a self) -> BoxFuture<'a, Result<(), CounterError>> {
        Box::pin(async { Ok(()) })
    }

    /// Charges lost units again. If several processes do, the largest known consumption is charged, once. Called only for
    /// stores with [`losses`](Self::losses).
    ///
    /// # Errors
    /// [`CounterError`]; it is then unknown whether units were charged. The call may be repeated.
    fn restore<'a>(
        &'a self,
        lost: LostUnits<'a>,
        now: Nanos,
    ) -> BoxFuture<'a, Result<(), CounterError>> {
        let _ = (lost, now);
        Box::pin(async { Ok(()) })
    }

    /// Returns how many processes share the store, as far as is known; each grants its share while the store is unavailable.
    fn replicas(&self) -> u32 {
        1
    }
}

/// Lost units of a counter, as a process remembers them.
#[derive(Debug, Clone, Copy)]
pub struct LostUnits<'a> {
    /// The counter and its rule; the cost is ignored.
    pub take: Take<'a>,
    /// Units used.
    pub used: u64,
    /// Age in nanoseconds.
    pub age: Nanos,
    /// Units that still count.
    pub still: u64,
    /// Nanoseconds for which this is valid; of a fixed window, until its end.
    pub left: Nanos,
}

/// A request for a place under a concurrency limit.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The series of the limit.
    pub series: &'a Series,
    /// The key within the series. May be a secret: a store keeps a digest of it, at most.
    pub key: &'a [u8],
    /// Identifies the request; unique.
    pub holder: u128,
    /// The number of places.
    pub limit: u32,
    /// The time until the place expires, unless it is renewed.
    pub lifetime: Duration,
}

/// Omits the key, which may be a secret.
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

/// Omits the key, which may be a secret.
impl fmt::Debug for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
            .field("series", &self.series.name())
            .field("limit", &self.limit)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

/// The outcome of a request for a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occupancy {
    /// `true` if the request has a place.
    pub allowed: bool,
    /// The number of occupied places, with this one.
    pub taken: u32,
}

/// A failure of a store of counters.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CounterError {
    /// The store cannot be reached, or does not respond in time.
    #[error("the store of the counters is unavailable: {0}")]
    Unavailable(String),
    /// The store responds, but refuses to count: out of memory, loading, a replica.
    #[error("the store of the counters does not count: {0}")]
    Refused(String),
    /// The configuration is wrong, such as the password.
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
    fn the_seed_of_a_series_is_the_same_in_every_build() {
        let series = Series::new("GET:/payments", "per client", 0, 0);
        assert_eq!(series.name(), "GET:/payments#per client/0@0");
        assert_eq!(series.seed(), 6_907_785_956_899_308_743);
    }
}
