use axum::{
    extract::{FromRef, FromRequestParts, MatchedPath},
    response::{IntoResponse, Response},
};
use http::request::Parts;
use waygate_core::decision::Verdict;

use super::{BlockReason, Blocked, bypassed, facts::RequestFacts, identity, reply};
use crate::{Waygate, engine::Asked};

/// Enforces a route's state as an extractor, for routers that are not [guarded](crate::Waygate::guard).
///
/// Blocked requests are answered with the built-in response before the handler runs. The router's state must give a
/// [`Waygate`] (`FromRef`), and the route must be [registered](crate::Waygate::register).
///
/// ```
/// use axum::{Router, routing::get};
/// use waygate::{RouteGuard, Waygate};
///
/// async fn payments(_: RouteGuard) -> &'static str {
///     "paid"
/// }
///
/// fn app(waygate: Waygate) -> Router {
///     Router::new().route("/payments", get(payments)).with_state(waygate)
/// }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct RouteGuard(());

impl<S> FromRequestParts<S> for RouteGuard
where
    Waygate: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let waygate = Waygate::from_ref(state);
        let engine = &*waygate.inner;
        if bypassed(engine) {
            return Ok(Self(()));
        }
        let snapshot = engine.snapshot.load();
        let matched = parts.extensions.get::<MatchedPath>();
        let slot = matched.and_then(|path| {
            identity::find(&parts.method, path.as_str(), &parts.extensions, &snapshot)
        });
        let facts = RequestFacts::of_parts(parts, engine);
        let asked = Asked {
            method: &parts.method,
            path: parts.uri.path(),
        };
        match snapshot.decide(slot, asked, &facts, || engine.clock.now()) {
            Verdict::Pass | Verdict::PassDeprecated => Ok(Self(())),
            Verdict::Block(block) => {
                let reason = BlockReason::from(block);
                Err(Refusal(Blocked::new(
                    parts.clone(),
                    reason,
                    engine.clock.now(),
                )))
            }
        }
    }
}

/// A request that [`RouteGuard`] has refused.
#[derive(Debug)]
pub struct Refusal(Blocked);

impl Refusal {
    /// The request and the reason.
    pub fn blocked(&self) -> &Blocked {
        &self.0
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        reply::builtin(&self.0)
    }
}
