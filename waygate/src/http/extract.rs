use axum::{
    extract::{FromRef, FromRequestParts, MatchedPath},
    response::{IntoResponse, Response},
};
use http::request::Parts;
use waygate_core::decision::Verdict;

use super::{
    BlockReason, Blocked,
    facts::{RequestFacts, SeenBy},
    identity,
    limits::{limited, method_name, request_id},
    reply,
};
use crate::{
    Waygate,
    engine::{Counting, Inner, Limits, NoFunctions, Registered},
};

/// Enforces a route's state as an extractor, for routers that are not [guarded](crate::Waygate::guard).
///
/// Blocked requests are answered with the built-in response before the handler runs. Rate limits count, but answers that
/// pass carry no headers about them; functions that attributes name and limits of concurrency need the layer. The router's state must give a
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
        let snapshot = engine.snapshot.load();
        let matched = parts.extensions.get::<MatchedPath>();
        let slot = matched.and_then(|path| {
            identity::find(&parts.method, path.as_str(), &parts.extensions, &snapshot)
        });
        let facts = RequestFacts::of_parts(parts, engine).seen_by(SeenBy::Handler);
        let reason = match engine.decide(&snapshot, slot, &facts, &facts) {
            Verdict::Pass | Verdict::PassDeprecated => None,
            Verdict::Block(block) => Some(BlockReason::from(block)),
        };
        let limited = engine.limits_for(&snapshot, slot, &facts);
        let limited = limited.map(|limited| (limited.limits.clone(), limited.route.clone()));
        // It is not to be held while the counters are asked.
        drop(snapshot);
        let reason = match (reason, limited) {
            (None, Some((limits, route))) => count(parts, engine, &limits, &route).await,
            (reason, _) => reason,
        };
        match reason {
            None => Ok(Self(())),
            Some(reason) => Err(Refusal(Blocked::new(
                parts.clone(),
                reason,
                engine.clock.now(),
            ))),
        }
    }
}

/// Counts a request; why it is refused, if it is.
async fn count(
    parts: &Parts,
    engine: &Inner,
    limits: &Limits,
    route: &Registered,
) -> Option<BlockReason> {
    let claims = limits.claims(&RequestFacts::of_parts(parts, engine), &mut NoFunctions);
    let counting = Counting {
        engine,
        limits,
        route: &route.key,
        method: method_name(&parts.method),
        request_id: request_id(&parts.headers),
    };
    let admission = match claims {
        Ok(claims) if claims.is_empty() => return None,
        Ok(claims) => counting.anywhere(claims).await,
        Err(policy) => Err(counting.without_key(policy)),
    };
    let refusal = admission.err()?;
    let now = engine.limit_clock.now(&*engine.clock);
    let jitter = engine.limiting.jitter;
    Some(BlockReason::RateLimited(limited(&refusal, now, jitter)))
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
