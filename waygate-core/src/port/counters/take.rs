use std::fmt;

use super::Series;
use crate::limit::{Outcome, Rule};

/// A charge of one request to one counter.
///
/// ```
/// use waygate_core::{
///     limit::Rule,
///     model::RateLimitPolicy,
///     port::{Series, Take},
/// };
///
/// let policy = RateLimitPolicy::new("100/minute".parse()?)?;
/// let rule = &Rule::compile(&policy, &policy.limit)[0];
/// let series = Series::new("GET:/payments", "default", 0, 0);
/// let take = Take::new(&series, b"203.0.113.7", rule);
/// assert_eq!((take.cost, take.enforced, take.lease), (1, true, false));
/// let shadow = take.cost(5).enforced(false).lease(true).rule(rule);
/// assert_eq!(shadow.cost, 5);
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Clone, Copy)]
#[non_exhaustive]
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

impl<'a> Take<'a> {
    /// Creates an enforced charge of one unit.
    #[inline]
    pub fn new(series: &'a Series, key: &'a [u8], rule: &'a Rule) -> Self {
        Self {
            series,
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

/// Returns whether every enforced take is allowed.
///
/// ```
/// use waygate_core::{
///     limit::{Outcome, Quota, Rule, quota::SECOND},
///     port::{Series, Take, all_allowed},
/// };
///
/// let rule = Rule::Quota(Quota::FixedWindow { capacity: 10, period: 60 * SECOND });
/// let series = Series::new("GET:/payments", "default", 0, 0);
/// let take = Take::new(&series, b"203.0.113.7", &rule);
/// let refused = Outcome::allowed(10, 0, SECOND).refused(SECOND);
/// assert!(!all_allowed(&[take], &[refused]));
/// assert!(all_allowed(&[take.enforced(false)], &[refused]));
/// ```
pub fn all_allowed(takes: &[Take<'_>], outcomes: &[Outcome]) -> bool {
    let mut pairs = takes.iter().zip(outcomes);
    pairs.all(|(take, outcome)| outcome.allowed || !take.enforced)
}
