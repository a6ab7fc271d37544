mod place;
mod series;
mod take;

use std::fmt;

use super::BoxFuture;
use crate::limit::{Outcome, Taken, quota::Nanos};

pub use self::{
    place::{Occupancy, Place},
    series::Series,
    take::{Take, all_allowed},
};

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
///
/// # Wrappers
///
/// A wrapper must forward every method, also those with defaults: with the default of [`replicas`](Self::replicas), for
/// example, each of several processes grants the whole limit while the store is unavailable.
///
/// ```
/// use waygate_core::{
///     limit::{Outcome, Taken, quota::Nanos},
///     port::{BoxFuture, CounterError, CounterStore, LostUnits, Occupancy, Place, Take},
/// };
///
/// type Answer<'a, T> = BoxFuture<'a, Result<T, CounterError>>;
///
/// /// A store under another name in reports.
/// #[derive(Debug)]
/// struct Named<S>(S);
///
/// impl<S: CounterStore> CounterStore for Named<S> {
///     fn describe(&self) -> String {
///         "the counters of the shop".to_owned()
///     }
///
///     fn check_options(&self) -> Result<(), CounterError> {
///         self.0.check_options()
///     }
///
///     fn take<'a>(&'a self, takes: &'a [Take<'a>], now: Nanos) -> Answer<'a, Vec<Outcome>> {
///         self.0.take(takes, now)
///     }
///
///     fn adjust<'a>(&'a self, take: Take<'a>, units: i64, now: Nanos) -> Answer<'a, ()> {
///         self.0.adjust(take, units, now)
///     }
///
///     fn give_back<'a>(
///         &'a self,
///         take: Take<'a>,
///         units: u64,
///         taken: Taken,
///         now: Nanos,
///     ) -> Answer<'a, ()> {
///         self.0.give_back(take, units, taken, now)
///     }
///
///     fn reset<'a>(&'a self, take: Take<'a>, now: Nanos) -> Answer<'a, ()> {
///         self.0.reset(take, now)
///     }
///
///     fn occupy<'a>(&'a self, place: Place<'a>, now: Nanos) -> Answer<'a, Occupancy> {
///         self.0.occupy(place, now)
///     }
///
///     fn vacate<'a>(&'a self, place: Place<'a>) -> Answer<'a, ()> {
///         self.0.vacate(place)
///     }
///
///     fn health(&self) -> Result<(), CounterError> {
///         self.0.health()
///     }
///
///     fn known_refusal(&self, takes: &[Take<'_>], now: Nanos) -> Option<Vec<Outcome>> {
///         self.0.known_refusal(takes, now)
///     }
///
///     fn losses(&self) -> u64 {
///         self.0.losses()
///     }
///
///     fn check<'a>(&'a self) -> Answer<'a, ()> {
///         self.0.check()
///     }
///
///     fn restore<'a>(&'a self, lost: LostUnits<'a>, now: Nanos) -> Answer<'a, ()> {
///         self.0.restore(lost, now)
///     }
///
///     fn replicas(&self) -> u32 {
///         self.0.replicas()
///     }
/// }
/// ```
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

    /// Resets this counter only. Units that were taken before are not refunded afterwards. Ignores `take.cost`.
    ///
    /// # Errors
    /// [`CounterError`]; it is then unknown whether the call took effect.
    fn reset<'a>(&'a self, take: Take<'a>, now: Nanos) -> BoxFuture<'a, Result<(), CounterError>>;

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
///
/// ```
/// use waygate_core::{
///     limit::{Quota, Rule, quota::SECOND},
///     port::{LostUnits, Series, Take},
/// };
///
/// let rule = Rule::Quota(Quota::FixedWindow { capacity: 10, period: 60 * SECOND });
/// let series = Series::new("GET:/payments", "default", 0, 0);
/// let mut lost = LostUnits::new(Take::new(&series, b"203.0.113.7", &rule));
/// lost.used = 4;
/// assert_eq!(lost.still, 0);
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
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

impl<'a> LostUnits<'a> {
    /// Creates the loss of no units of this counter.
    pub fn new(take: Take<'a>) -> Self {
        Self {
            take,
            used: 0,
            age: 0,
            still: 0,
            left: 0,
        }
    }
}

/// A failure of a store of counters.
///
/// ```
/// use waygate_core::port::CounterError;
///
/// let error = CounterError::Unavailable("connection refused".to_owned());
/// assert!(error.to_string().ends_with("is unavailable: connection refused"));
/// ```
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
