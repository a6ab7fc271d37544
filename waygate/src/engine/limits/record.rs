use serde::Serialize;
use waygate_core::{
    grammar::OnMissingKey,
    model::{LimitKey, RateLimitPolicy, Revision},
    view::LimitCounts,
};

/// A rate limit policy as it is now, with what it has said since the process began.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LimitRecord {
    /// The name under which the policy is controlled.
    pub key: LimitKey,
    /// The policy.
    pub policy: RateLimitPolicy,
    /// What it does, in words.
    pub meaning: String,
    /// The commit that last set it; number 0 when only the declaration speaks.
    #[serde(skip)]
    pub revision: Revision,
    /// Whether an operator has set it.
    pub overridden: bool,
    /// Whether the code declares something else by now than when an operator set it.
    pub drifted: bool,
    /// What it has said.
    pub counts: LimitCounts,
    /// What happens to requests that have nothing to be counted by: what the policy says, or the default of its key.
    pub on_missing_key: OnMissingKey,
    /// How many requests passed uncounted for that reason since the process began.
    pub skipped: u64,
    /// How many requests carried no caller since the process began, and met the policy's own limit although it has tiers.
    /// A caller without a plan, or with one that no tier has, is not among them.
    pub without_caller: u64,
    /// Why the policy does not count as it is meant to, if that is known without a request.
    pub warning: Option<String>,
}

/// Which refusals are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HitQuery {
    /// At most this many of the newest.
    pub limit: usize,
    /// Only of routes with this path, or of this route (`METHOD:/path`).
    pub route: Option<String>,
    /// Only by policies of this name.
    pub policy: Option<String>,
    /// Only of this key, as it is shown.
    pub key: Option<String>,
    /// Only refusals (`true`), or only what policies in shadow mode would have refused.
    pub enforced: Option<bool>,
}
