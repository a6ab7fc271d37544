use serde::Serialize;
use waygate_core::{
    Timestamp,
    grammar::OnMissingKey,
    model::{LimitKey, RateLimitPolicy, Revision, RouteKey},
    view::LimitCounts,
};

/// A rate limit policy with its current state and its decisions since the process started.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use waygate::{LimitKey, Waygate, limits::RateLimitPolicy};
///
/// let waygate = Waygate::builder().build().await?;
/// let key: LimitKey = "*#default".parse()?;
/// let policy = RateLimitPolicy::new("100/minute".parse()?)?;
/// let limit = waygate.system().set_rate_limit(key, policy).await?;
/// assert_eq!((limit.counts.allowed, limit.overridden), (0, true));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LimitRecord {
    /// The key of the policy.
    pub key: LimitKey,
    /// The policy.
    pub policy: RateLimitPolicy,
    /// A description of the policy.
    pub meaning: String,
    /// `true` if a function in the code returns the cost of each request, instead of the policy's `cost`.
    pub has_cost_function: bool,
    /// The commit that last set it; number 0 for a declaration.
    #[serde(skip)]
    pub revision: Revision,
    /// `true` if an operator has set it.
    pub overridden: bool,
    /// `true` if the declaration in code has changed since an operator set it.
    pub drifted: bool,
    /// The decisions so far.
    pub counts: LimitCounts,
    /// The handling of requests without a key: the policy's setting, or the default of its key.
    pub on_missing_key: OnMissingKey,
    /// The number of requests that passed uncounted for that reason since the process started.
    pub skipped: u64,
    /// The number of requests without a caller since the process started, which were counted by the policy's own
    /// limit although it has tiers. Callers without a plan, or with an unknown one, are not included.
    pub without_caller: u64,
    /// Why the policy does not work as configured, if that is known without a request.
    pub warning: Option<String>,
}

/// A filter for refusals.
///
/// ```
/// use waygate::limits::HitQuery;
///
/// let query = HitQuery::newest(20)
///     .route("GET:/payments")
///     .policy("default")
///     .key("203.0.113.7")
///     .enforced(true);
/// assert_eq!(query.limit, 20);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HitQuery {
    /// The maximum number, newest first.
    pub limit: usize,
    /// Only routes with this path, or this route (`METHOD:/path`).
    pub route: Option<String>,
    /// Only policies with this name.
    pub policy: Option<String>,
    /// Only this key, in its displayed form.
    pub key: Option<String>,
    /// Only refusals (`true`), or only requests that policies in shadow mode would have refused.
    pub enforced: Option<bool>,
    /// Only refusals from this time on.
    pub since: Option<Timestamp>,
    /// Only refusals before this time.
    pub until: Option<Timestamp>,
}

/// What queries need of a refusal.
#[derive(Debug, Clone, Copy)]
pub(super) struct HitFacts<'a> {
    pub(super) at: Timestamp,
    pub(super) method: &'a str,
    pub(super) route: &'a RouteKey,
    /// The name of the policy.
    pub(super) policy: &'a str,
    pub(super) enforced: bool,
}

impl HitQuery {
    /// Queries the newest `limit` refusals.
    pub fn newest(limit: usize) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    /// Selects the refusals of this path, or route (`METHOD:/path`).
    #[must_use]
    pub fn route(mut self, route: impl Into<String>) -> Self {
        self.route = Some(route.into());
        self
    }

    /// Selects the refusals of policies with this name.
    #[must_use]
    pub fn policy(mut self, policy: impl Into<String>) -> Self {
        self.policy = Some(policy.into());
        self
    }

    /// Selects the refusals of this key, in its displayed form.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Selects refusals (`true`), or requests that policies in shadow mode would have refused.
    #[must_use]
    pub fn enforced(mut self, enforced: bool) -> Self {
        self.enforced = Some(enforced);
        self
    }
}
