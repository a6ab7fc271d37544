use serde_json::Value;

use crate::engine::Notice;

/// The parts of `info` that concern more than one route.
#[derive(Debug)]
pub(super) struct Notices {
    /// Of everything (wire contract, section 16), and when it ends or is planned.
    pub(super) global: Value,
    /// The same of the service that this process is part of, with its name, unless there is nothing to say.
    pub(super) service: Option<Value>,
    /// The texts of operators for the readers.
    pub(super) texts: Vec<Notice>,
}
