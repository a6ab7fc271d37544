use serde::Serialize;
use waygate_core::{
    grammar::OnMissingKey,
    model::{ConcurrencyPolicy, LimitKey, Revision},
};

/// A concurrency limit with its current state in this process.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use waygate::{LimitKey, Waygate, limits::ConcurrencyPolicy};
///
/// let waygate = Waygate::builder().build().await?;
/// let key: LimitKey = "*#default".parse()?;
/// let policy = ConcurrencyPolicy::new(10.try_into()?);
/// let limit = waygate.system().set_concurrency_limit(key, policy).await?;
/// assert_eq!((limit.in_use, limit.refused), (0, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ConcurrencyRecord {
    /// The key of the limit.
    pub key: LimitKey,
    /// The policy.
    pub policy: ConcurrencyPolicy,
    /// A description of the policy.
    pub meaning: String,
    /// The commit that last set it; number 0 for a declaration.
    #[serde(skip)]
    pub revision: Revision,
    /// `true` if an operator has set it.
    pub overridden: bool,
    /// `true` if the declaration in code has changed since an operator set it.
    pub drifted: bool,
    /// The number of permits that this process holds, over all keys.
    pub in_use: u64,
    /// The number of requests refused since the process started.
    pub refused: u64,
    /// The handling of requests without a key: they pass.
    pub on_missing_key: OnMissingKey,
    /// The number of requests without a key since the process started.
    pub skipped: u64,
    /// Why the limit does not work as configured, if that is known without a request.
    pub warning: Option<String>,
}
