use serde::Serialize;
use waygate_core::model::{Dropped, Revision, RouteKey, RouteState, RouteView};

use super::declared::Source;

/// A route at one instant, with its origin.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use waygate::{Waygate};
/// # use waygate::model::RouteState;
///
/// let waygate = Waygate::builder().build().await?;
/// # waygate.register("GET:/payments".parse()?, RouteState::default()).await?;
/// let route = waygate.route("GET:/payments")?;
/// assert_eq!(route.view.status.as_str(), "active");
/// assert!(!route.overridden);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct RouteRecord {
    /// The key of the route.
    #[serde(skip)]
    pub key: RouteKey,
    /// The route in the form of the wire contract, section 2.1.
    #[serde(flatten)]
    pub view: RouteView,
    /// The commit that last changed the route; number 0 for a declaration.
    #[serde(skip)]
    pub revision: Revision,
    /// The origin of the route; `None` for an orphan.
    #[serde(skip)]
    pub source: Option<Source>,
    /// `true` if an operator has changed the route.
    pub overridden: bool,
    /// `true` if the declaration in code has changed since an operator changed the route.
    pub drifted: bool,
    /// `true` if the route is stored but no longer in the code.
    pub orphaned: bool,
    /// The stored or declared state that the view shows.
    #[serde(skip)]
    pub state: RouteState,
    /// `true` if there are guarded routers and none of them serves the route. This is also the case for routes of
    /// another framework or a `RouteGuard`.
    #[serde(skip)]
    pub unserved: bool,
    /// The routes whose gates and limits apply here too, because a handler with attributes bound to them serves this
    /// route. Opening this route does not open those. Detected with the first request of the handler.
    #[serde(skip)]
    pub also_gated_by: Vec<RouteKey>,
    /// The flags that gate the route.
    #[cfg(feature = "flags")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flag_gates: Vec<waygate_core::view::FlagGate>,
    /// A warning if the change probably did not have the intended effect, such as a misspelled environment that closes
    /// the route. `None` if there is nothing to warn about, and for records that are only read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// The parts that a command has discarded, such as planned windows. Empty otherwise.
    #[serde(skip_serializing_if = "Dropped::is_empty")]
    pub dropped: Dropped,
}
