mod charge;
mod counter_key;
mod permit;

use std::fmt;

use super::BoxFuture;
use crate::limit::{Charged, Outcome, quota::Nanos};

pub use self::{
    charge::{Charge, all_allowed},
    counter_key::CounterKey,
    permit::{Permit, PermitOutcome},
};

/// A store of counters.
///
/// # Charges
///
/// 1. All charges of one call are decided atomically against one state, in one round trip to a remote store.
/// 2. If every *enforced* charge is allowed, each allowed charge is made; otherwise none is.
/// 3. The outcomes have the order of the charges, and show the state after the charge.
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
///     limit::{Charged, Outcome, quota::Nanos},
///     port::{BoxFuture, Charge, CounterError, CounterStore, LostUnits, Permit, PermitOutcome},
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
///     fn charge<'a>(&'a self, charges: &'a [Charge<'a>], now: Nanos) -> Answer<'a, Vec<Outcome>> {
///         self.0.charge(charges, now)
///     }
///
///     fn adjust<'a>(&'a self, charge: Charge<'a>, units: i64, now: Nanos) -> Answer<'a, ()> {
///         self.0.adjust(charge, units, now)
///     }
///
///     fn refund<'a>(
///         &'a self,
///         charge: Charge<'a>,
///         units: u64,
///         charged: Charged,
///         now: Nanos,
///     ) -> Answer<'a, ()> {
///         self.0.refund(charge, units, charged, now)
///     }
///
///     fn reset<'a>(&'a self, charge: Charge<'a>, now: Nanos) -> Answer<'a, ()> {
///         self.0.reset(charge, now)
///     }
///
///     fn acquire<'a>(&'a self, permit: Permit<'a>, now: Nanos) -> Answer<'a, PermitOutcome> {
///         self.0.acquire(permit, now)
///     }
///
///     fn release<'a>(&'a self, permit: Permit<'a>) -> Answer<'a, ()> {
///         self.0.release(permit)
///     }
///
///     fn health(&self) -> Result<(), CounterError> {
///         self.0.health()
///     }
///
///     fn known_refusal(&self, charges: &[Charge<'_>], now: Nanos) -> Option<Vec<Outcome>> {
///         self.0.known_refusal(charges, now)
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

    /// Charges several counters, all or nothing.
    ///
    /// # Errors
    /// [`CounterError`]; it is then unknown whether units were charged.
    fn charge<'a>(
        &'a self,
        charges: &'a [Charge<'a>],
        now: Nanos,
    ) -> BoxFuture<'a, Result<Vec<Outcome>, CounterError>>;

    /// Refunds units that were just charged, or (below zero) charges more; a counter never falls below zero. Ignores
    /// `charge.cost`.
    ///
    /// # Errors
    /// [`CounterError`]; it is then unknown whether the call took effect.
    fn adjust<'a>(
        &'a self,
        charge: Charge<'a>,
        units: i64,
        now: Nanos,
    ) -> BoxFuture<'a, Result<(), CounterError>>;

    /// Refunds units that were charged earlier, to the window that they were charged to; units that no longer count are not
    /// refunded. Ignores `charge.cost`. Refunds nothing by default.
    ///
    /// # Errors
    /// [`CounterError`]; it is then unknown whether the call took effect.
    fn refund<'a>(
        &'a self,
        charge: Charge<'a>,
        units: u64,
        charged: Charged,
        now: Nanos,
    ) -> BoxFuture<'a, Result<(), CounterError>> {
        let _ = (charge, units, charged, now);
        Box::pin(async { Ok(()) })
    }

    /// Resets this counter only. Units that were taken before are not refunded afterwards. Ignores `charge.cost`.
    ///
    /// # Errors
    /// [`CounterError`]; it is then unknown whether the call took effect.
    fn reset<'a>(
        &'a self,
        charge: Charge<'a>,
        now: Nanos,
    ) -> BoxFuture<'a, Result<(), CounterError>>;

    /// Acquires one of `limit` permits for `lifetime`, or renews that of `holder`. A permit that is not renewed in time
    /// expires: a process that dies holds none.
    ///
    /// # Errors
    /// [`CounterError`]; it is then unknown whether a permit was acquired.
    fn acquire<'a>(
        &'a self,
        permit: Permit<'a>,
        now: Nanos,
    ) -> BoxFuture<'a, Result<PermitOutcome, CounterError>>;

    /// Releases the place of `holder`, if it has one.
    ///
    /// # Errors
    /// [`CounterError`]; the permit is free at the end of its lifetime.
    fn release<'a>(&'a self, permit: Permit<'a>) -> BoxFuture<'a, Result<(), CounterError>>;

    /// Checks that the store counts, as far as is known. A store that answers some requests from memory must fail here while
    /// it is unavailable. Called periodically, so that a recovery is noticed without requests.
    ///
    /// # Errors
    /// [`CounterError`] if it does not count.
    fn health(&self) -> Result<(), CounterError> {
        Ok(())
    }

    /// Returns an earlier refusal of these charges that is still valid, if the store knows one without waiting. Called
    /// after [`charge`](Self::charge) timed out or failed, so that a failure gives no key a fresh counter.
    fn known_refusal(&self, charges: &[Charge<'_>], now: Nanos) -> Option<Vec<Outcome>> {
        let _ = (charges, now);
        None
    }

    /// Returns how often the store is known to have lost its counters, because it was emptied or replaced. A charge
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
///     port::{Charge, CounterKey, LostUnits},
/// };
///
/// let rule = Rule::Quota(Quota::FixedWindow { capacity: 10, period: 60 * SECOND });
/// let counter_key = CounterKey::new("GET:/payments", "default", 0, 0);
/// let mut lost = LostUnits::new(Charge::new(&counter_key, b"203.0.113.7", &rule));
/// lost.used = 4;
/// assert_eq!(lost.still, 0);
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct LostUnits<'a> {
    /// The counter and its rule; the cost is ignored.
    pub charge: Charge<'a>,
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
    pub fn new(charge: Charge<'a>) -> Self {
        Self {
            charge,
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
