use std::fmt;

use super::CounterKey;
use crate::limit::{Outcome, Rule};

/// A charge of one request to one counter.
///
/// ```
/// use waygate_core::{
///     limit::Rule,
///     model::RateLimitPolicy,
///     port::{Charge, CounterKey},
/// };
///
/// let policy = RateLimitPolicy::new("100/minute".parse()?)?;
/// let rule = &Rule::compile(&policy, &policy.limit)[0];
/// let counter_key = CounterKey::new("GET:/payments", "default", 0, 0);
/// let charge = Charge::new(&counter_key, b"203.0.113.7", rule);
/// assert_eq!((charge.cost, charge.enforced, charge.lease), (1, true, false));
/// let shadow = charge.cost(5).enforced(false).lease(true).rule(rule);
/// assert_eq!(shadow.cost, 5);
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Charge<'a> {
    /// The counter key of the counter.
    pub counter_key: &'a CounterKey,
    /// The rate-limit key, which selects one of the counters. May be a secret: a store keeps a digest of it, at most.
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

impl<'a> Charge<'a> {
    /// Creates an enforced charge of one unit.
    #[inline]
    pub fn new(counter_key: &'a CounterKey, key: &'a [u8], rule: &'a Rule) -> Self {
        Self {
            counter_key,
            key,
            rule,
            cost: 1,
            enforced: true,
            lease: false,
        }
    }

    /// Sets the units to charge.
    #[inline]
    #[must_use]
    pub fn cost(self, cost: u64) -> Self {
        Self { cost, ..self }
    }

    /// Sets whether a refusal is enforced.
    #[inline]
    #[must_use]
    pub fn enforced(self, enforced: bool) -> Self {
        Self { enforced, ..self }
    }

    /// Sets whether a process may lease a block in advance.
    #[inline]
    #[must_use]
    pub fn lease(self, lease: bool) -> Self {
        Self { lease, ..self }
    }

    /// Sets the rule that limits the counter.
    #[inline]
    #[must_use]
    pub fn rule(self, rule: &'a Rule) -> Self {
        Self { rule, ..self }
    }
}

/// Without the key, which may be a secret.
impl fmt::Debug for Charge<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Charge")
            .field("counter_key", &self.counter_key.name())
            .field("rule", &self.rule)
            .field("cost", &self.cost)
            .field("enforced", &self.enforced)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}

/// Returns whether every enforced charge is allowed.
///
/// ```
/// use waygate_core::{
///     limit::{Outcome, Quota, Rule, quota::SECOND},
///     port::{Charge, CounterKey, all_allowed},
/// };
///
/// let rule = Rule::Quota(Quota::FixedWindow { capacity: 10, period: 60 * SECOND });
/// let counter_key = CounterKey::new("GET:/payments", "default", 0, 0);
/// let charge = Charge::new(&counter_key, b"203.0.113.7", &rule);
/// let refused = Outcome::allowed(10, 0, SECOND).refused(SECOND);
/// assert!(!all_allowed(&[charge], &[refused]));
/// assert!(all_allowed(&[charge.enforced(false)], &[refused]));
/// ```
pub fn all_allowed(charges: &[Charge<'_>], outcomes: &[Outcome]) -> bool {
    let mut pairs = charges.iter().zip(outcomes);
    pairs.all(|(charge, outcome)| outcome.allowed || !charge.enforced)
}
