use serde::Serialize;
use waygate_core::model::{Dropped, Revision, RouteKey, RouteState, RouteView};

use super::declared::Source;

/// A route as it is at one instant, with where it comes from.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct RouteRecord {
    /// The name under which the route is controlled.
    #[serde(skip)]
    pub key: RouteKey,
    /// The route in the form of the wire contract, section 2.1.
    #[serde(flatten)]
    pub view: RouteView,
    /// The commit that last changed the route; number 0 when only the declaration speaks.
    #[serde(skip)]
    pub revision: Revision,
    /// How the engine learned of the route; `None` for an orphan.
    #[serde(skip)]
    pub source: Option<Source>,
    /// Whether an operator has changed the route.
    pub overridden: bool,
    /// Whether the code declares something else by now than when an operator changed the route.
    pub drifted: bool,
    /// Whether the route is stored, but no longer in the code.
    pub orphaned: bool,
    /// The stored or declared state that the view shows.
    #[serde(skip)]
    pub state: RouteState,
    /// Whether there are guarded routers, and none of them was found to serve the route. One that another framework or a
    /// `RouteGuard` serves is so, too.
    #[serde(skip)]
    pub unserved: bool,
    /// The routes whose gates and limits hold at this one too, since a handler whose attributes are bound to them was found
    /// to serve it: what this route says can open nothing that they close. A handler is found by its first request.
    #[serde(skip)]
    pub also_gated_by: Vec<RouteKey>,
    /// What the command that this answers has dropped, such as planned windows. Empty everywhere else.
    #[serde(skip_serializing_if = "Dropped::is_empty")]
    pub dropped: Dropped,
}
