use std::{collections::VecDeque, sync::Mutex};

use serde::Serialize;
use waygate_core::{
    Timestamp,
    grammar::OnMissingKey,
    model::{LimitKey, RouteKey},
};

use super::{refusal::RefusalCause, stats::lock, store::CountingMode};

/// How one request was decided about: by the state of its route, or by its limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DecisionRecord {
    /// What the client, or whoever stands before the application, calls the request (`X-Request-Id`).
    pub request_id: String,
    /// When, in UTC.
    pub at: Timestamp,
    /// The route; `/{*rest}` where everything is in maintenance and no controlled route has the URL.
    pub route: RouteKey,
    /// The method it was asked with.
    pub method: String,
    /// Whether the request passed.
    pub passed: bool,
    /// The limit that refused it; `None` where the route's state did.
    pub refused_by: Option<LimitKey>,
    /// Why it was refused, or [`Exempt`](DecisionCause::Exempt). `None` of other requests that passed.
    pub cause: Option<DecisionCause>,
    /// More about a refusal by the route's state: what the operator has said (may be empty), the environments, the client's
    /// address, or the roles; and about an exemption: the network or role. `None` for limits.
    pub reason: Option<String>,
    /// What counted it.
    pub mode: CountingMode,
    /// What each rate of each policy said, in the order of the checks; empty when the request was not counted.
    pub steps: Vec<DecisionStep>,
    /// The policies that found nothing to count the request by and let it pass uncounted.
    pub skipped: Vec<SkippedPolicy>,
}

/// A policy that did not count a request, since the request has nothing that it counts by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SkippedPolicy {
    /// The policy.
    pub policy: LimitKey,
    /// What it does with such requests: its own `on_missing_key`, or the default of its key. One that would `block` only
    /// reports, in shadow mode.
    pub on_missing_key: OnMissingKey,
}

/// Why a request was refused: the gate, or what a limit found. Or why it passed although others did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DecisionCause {
    /// There were too many.
    Exceeded,
    /// It costs more than the limit takes at once, so that it never passes.
    TooCostly,
    /// It had nothing to be counted by.
    NoKey,
    /// The store of the counters was gone, and the policy is closed without it.
    StoreGone,
    /// Too many were served at the same time.
    Concurrency,
    /// Everything was in maintenance.
    GlobalMaintenance,
    /// Every route of the service was in maintenance.
    ServiceMaintenance,
    /// The route was in maintenance.
    Maintenance,
    /// The route was disabled.
    Disabled,
    /// The route is not served in this environment.
    EnvGated,
    /// The client's address is in none of the allowed networks.
    IpNotAllowed,
    /// The caller has none of the allowed roles.
    RoleRequired,
    /// It passed, since the maintenance that is on exempts the client's network or a role of the caller.
    Exempt,
}

impl From<RefusalCause> for DecisionCause {
    fn from(cause: RefusalCause) -> Self {
        match cause {
            RefusalCause::Exceeded => Self::Exceeded,
            RefusalCause::TooCostly => Self::TooCostly,
            RefusalCause::NoKey => Self::NoKey,
            RefusalCause::StoreGone => Self::StoreGone,
        }
    }
}

/// What one rate of one policy said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DecisionStep {
    /// The policy.
    pub policy: LimitKey,
    /// The caller's tier, if the policy has one for it.
    pub tier: Option<String>,
    /// Whether the policy has tiers and the request carried no caller, so that it met the policy's own limit.
    pub without_caller: bool,
    /// What the request was counted by, with secrets as digests.
    pub key: String,
    /// The counter's series.
    pub counter: String,
    /// What the request costs.
    pub cost: u32,
    /// The most that can be taken at once.
    pub limit: u64,
    /// What was left afterwards.
    pub remaining: u64,
    /// When more is there again, in UTC.
    pub reset_at: Timestamp,
    /// Whether the rate let the request pass.
    pub allowed: bool,
    /// Whether a refusal counts: not in shadow mode.
    pub enforced: bool,
}

/// The latest decisions about requests that have an id.
#[derive(Debug)]
pub(crate) struct Decisions {
    records: Mutex<VecDeque<DecisionRecord>>,
    capacity: usize,
}

impl Decisions {
    /// How many are kept by default.
    pub(crate) const MAX: usize = 4_096;

    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            records: Mutex::default(),
            capacity,
        }
    }

    /// Returns `true` if any are kept.
    #[inline]
    pub(crate) fn are_kept(&self) -> bool {
        self.capacity > 0
    }

    /// Keeps a decision; the oldest one goes.
    pub(crate) fn record(&self, record: DecisionRecord) {
        if !self.are_kept() {
            return;
        }
        let mut records = lock(&self.records);
        if records.len() >= self.capacity {
            records.pop_back();
        }
        records.push_front(record);
    }

    /// The latest decision about the request of this id.
    pub(crate) fn find(&self, request_id: &str) -> Option<DecisionRecord> {
        let records = lock(&self.records);
        let mut of_request = records
            .iter()
            .filter(|record| record.request_id == request_id);
        let mut found = of_request.next()?.clone();
        if found.passed && found.cause.is_none() {
            // It was counted after it had passed a maintenance.
            let same = of_request.find(|record| record.route == found.route);
            let exempt = same.filter(|record| record.cause == Some(DecisionCause::Exempt));
            if let Some(exempt) = exempt {
                (found.cause, found.reason) = (exempt.cause, exempt.reason.clone());
            }
        }
        Some(found)
    }
}
