use serde::Serialize;
use waygate_core::{
    grammar::OnMissingKey,
    model::{ConcurrencyPolicy, LimitKey, Revision},
};

/// A limit of concurrency as it is now, with what it has seen in this process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ConcurrencyRecord {
    /// The name under which the policy is controlled.
    pub key: LimitKey,
    /// The policy.
    pub policy: ConcurrencyPolicy,
    /// What it does, in words.
    pub meaning: String,
    /// The commit that last set it; number 0 when only the declaration speaks.
    #[serde(skip)]
    pub revision: Revision,
    /// Whether an operator has set it.
    pub overridden: bool,
    /// Whether the code declares something else by now than when an operator set it.
    pub drifted: bool,
    /// How many requests of this process hold a place now, of all keys together.
    pub in_use: u64,
    /// How many requests were refused since the process began.
    pub refused: u64,
    /// What happens to requests that have nothing to be counted by: they pass.
    pub on_missing_key: OnMissingKey,
    /// How many such requests there were since the process began.
    pub skipped: u64,
    /// Why the limit does not count as it is meant to, if that is known without a request.
    pub warning: Option<String>,
}
