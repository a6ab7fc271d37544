use std::{collections::VecDeque, sync::Mutex};

use http::HeaderMap;
use waygate_core::view::{DecisionCause, DecisionRecord};

use super::{problem::lock, refusal::RefusalCause, request::id_of};

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

/// The latest decisions about requests with an id.
#[derive(Debug)]
pub(crate) struct Decisions {
    records: Mutex<VecDeque<DecisionRecord>>,
    capacity: usize,
}

impl Decisions {
    /// The default number of decisions to keep.
    pub(crate) const MAX: usize = 4_096;

    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            records: Mutex::default(),
            capacity,
        }
    }

    /// Returns `true` if decisions about a request with these headers are kept.
    #[inline]
    pub(super) fn keep(&self, headers: &HeaderMap) -> bool {
        self.capacity > 0 && id_of(headers).is_some()
    }

    /// Records a decision; drops the oldest one if the log is full.
    pub(crate) fn record(&self, record: DecisionRecord) {
        if self.capacity == 0 {
            return;
        }
        let mut records = lock(&self.records);
        if records.len() >= self.capacity {
            records.pop_back();
        }
        records.push_front(record);
    }

    /// The latest decision about the request with this id.
    pub(crate) fn find(&self, request_id: &str) -> Option<DecisionRecord> {
        let records = lock(&self.records);
        let mut of_request = records
            .iter()
            .filter(|record| record.request_id == request_id);
        let mut found = of_request.next()?.clone();
        if found.passed && found.cause.is_none() {
            // The request was exempt from maintenance, and then counted.
            let same = of_request.find(|record| record.route == found.route);
            let exempt = same.filter(|record| record.cause == Some(DecisionCause::Exempt));
            if let Some(exempt) = exempt {
                (found.cause, found.reason) = (exempt.cause, exempt.reason.clone());
            }
        }
        Some(found)
    }
}
