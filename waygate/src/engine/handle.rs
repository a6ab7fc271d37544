use std::sync::Arc;

use super::Inner;

/// The engine. It holds the state of every route, applies changes, and decides about requests.
///
/// This is a handle: cloning it is cheap, and all clones share one engine. Background tasks stop when the last handle
/// and the last guarded router are dropped, or on [`shutdown`](Self::shutdown).
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use waygate::{
///     Waygate,
///     audit::{AuditQuery, Origin},
///     model::{Registration, RouteState},
/// };
///
/// let waygate = Waygate::builder().build().await?;
/// let routes = ["GET:/payments", "GET:/search"];
/// let routes: Vec<Registration> =
///     routes.iter().map(|key| Ok(Registration::new(key.parse()?))).collect::<Result<_, waygate::Invalid>>()?;
/// waygate.register_all(routes).await?;
///
/// let alice = waygate.operator(Origin::new("alice", "cli"));
/// alice.disable("GET:/payments", "incident 12").await?;
/// let log = waygate.audit(AuditQuery::newest(10)).await?;
/// assert_eq!((log[0].actor.as_str(), log[0].reason.as_str()), ("alice", "incident 12"));
///
/// let billing = waygate.service_maintenance(&"billing".parse()?).await;
/// assert!(!billing.maintenance.enabled);
/// waygate.bypass_lifecycle(true).await;
/// waygate.bypass_rate_limits(true).await;
/// assert!(waygate.unregister(&"GET:/search".parse()?).await);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Set and inspect limits:
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use waygate::{
///     Waygate,
///     limits::{ConcurrencyPolicy, HitQuery, LimitScope, RateLimitPolicy},
/// };
///
/// # let waygate = Waygate::builder().build().await?;
/// let system = waygate.system();
/// let key: waygate::LimitKey = "*#default".parse()?;
/// system.set_rate_limit(key.clone(), RateLimitPolicy::new("100/minute".parse()?)?).await?;
/// system.set_concurrency_limit(key.clone(), ConcurrencyPolicy::new(10.try_into()?)).await?;
/// assert_eq!(waygate.rate_limits_of(&LimitScope::Global).len(), 1);
/// assert_eq!(waygate.concurrency_limit(&key).map(|limit| limit.in_use), Some(0));
/// assert!(waygate.near_limit(&key, 10).is_empty(), "no client has come close to it");
/// assert!(waygate.rate_limit_hits(&HitQuery::newest(10)).is_empty());
/// assert!(waygate.explain("the X-Request-Id of a request").is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Waygate {
    pub(crate) inner: Arc<Inner>,
}
