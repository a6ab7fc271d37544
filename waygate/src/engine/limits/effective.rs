use std::sync::Arc;

use super::Policy;
use crate::engine::concurrency::Concurrency;

/// The policies that apply to one route, in the order of the checks: global, service, its own.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) policies: Box<[Arc<Policy>]>,
    pub(crate) concurrency: Box<[Arc<Concurrency>]>,
    is_single: bool,
}

impl Limits {
    pub(crate) fn new(policies: Box<[Arc<Policy>]>, concurrency: Box<[Arc<Concurrency>]>) -> Self {
        let is_single = match &*policies {
            [policy] => concurrency.is_empty() && policy.is_enforced() && policy.has_one_rate(),
            _ => false,
        };
        Self {
            policies,
            concurrency,
            is_single,
        }
    }

    /// The only policy, if it is enforced, has one rate in each tier, and no concurrency limit applies.
    #[inline]
    pub(super) fn single(&self) -> Option<&Arc<Policy>> {
        self.policies.first().filter(|_| self.is_single)
    }
}
