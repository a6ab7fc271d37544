use serde_json::Value;

use crate::engine::Notice;

/// The parts of `info` that concern more than one route.
#[derive(Debug)]
pub(super) struct Notices {
    /// Global maintenance (wire contract, section 16), with its end or its plan.
    pub(super) global: Value,
    /// The maintenance of this process's service, with its name, if it is active or planned.
    pub(super) service: Option<Value>,
    /// The texts by operators for readers.
    pub(super) texts: Vec<Notice>,
}
