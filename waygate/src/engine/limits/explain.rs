use std::{collections::VecDeque, sync::Mutex};

pub use waygate_core::view::{DecisionCause, DecisionRecord, DecisionStep, SkippedPolicy};

use super::{problem::lock, verdict::RefusalCause};

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

/// The latest decisions about requests that have an id.
#[derive(Debug, Default)]
pub(crate) struct Decisions(Mutex<VecDeque<DecisionRecord>>);

impl Decisions {
    /// How many are kept; the oldest go first.
    const MAX: usize = 4_096;

    pub(crate) fn record(&self, record: DecisionRecord) {
        let mut records = lock(&self.0);
        if records.len() >= Self::MAX {
            records.pop_back();
        }
        records.push_front(record);
    }

    /// The latest decision about the request of this id.
    pub(crate) fn find(&self, request_id: &str) -> Option<DecisionRecord> {
        let records = lock(&self.0);
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
