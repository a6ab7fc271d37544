use std::convert::Infallible;

use axum::{
    extract::{FromRef, FromRequestParts, MatchedPath},
    response::{IntoResponse, IntoResponseParts, Response, ResponseParts},
};
use http::{HeaderMap, request::Parts};
use waygate_core::{Printable, decision::Verdict};

use super::{
    BlockReason, Blocked,
    admitted::{Asking, Uncounted},
    explain,
    facts::{RequestFacts, SeenBy},
    future::{announce, set},
    identity,
    limits::{
        Told, ask, method_name, of_passed, of_refused, reason, request_id, responder, wait_of,
    },
    reply,
};
use crate::{
    Waygate,
    engine::{Counting, Inner, Limits, Registered, uncached},
};

/// Enforces a route's state as an extractor, for routers that are not [guarded](crate::Waygate::guard).
///
/// Refused requests are answered before the handler runs, with what is [registered](crate::Registration::responses) of the
/// route, or the built-in response. Rate limits count, with the functions that are registered with them. Costs that answers
/// correct ([`Cost`](crate::Cost)) and limits of concurrency need the layer; the latter count such requests as `skipped`, and
/// log the first. The router's state must give a [`Waygate`] (`FromRef`), and the route must be
/// [registered](crate::Waygate::register). A path without a registered route is named in the log, once. Where another route
/// calls the router (`any(|request| router.oneshot(request))`), axum appends the path to the one of that route: of the
/// registered routes that the whole path ends with, the strictest holds.
///
/// An extractor cannot add headers to the response. Return the guard with it, and it adds `Deprecation`, `Sunset`, `Link`
/// and the rate limit headers, as the layer does, and keeps answers out of caches that only callers get whom maintenance
/// exempts. Headers of your own come before it, since later parts of a response
/// replace earlier ones:
///
/// ```
/// use axum::{Router, response::IntoResponse, routing::get};
/// use waygate::{RouteGuard, Waygate};
///
/// async fn payments(guard: RouteGuard) -> impl IntoResponse {
///     (guard, "paid")
/// }
///
/// fn app(waygate: Waygate) -> Router {
///     Router::new().route("/payments", get(payments)).with_state(waygate)
/// }
/// ```
///
/// Inside a guarded router of the same engine the layer has decided already: the guard counts nothing a second time, and
/// has no headers to add. That holds while the layer's future is polled; a handler that runs in a task of its own is
/// counted twice.
#[derive(Debug, Clone)]
pub struct RouteGuard {
    headers: HeaderMap,
}

impl RouteGuard {
    /// What the response should carry about the route's deprecation, about caching and about its rate limits. Empty where the layer adds
    /// it.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }
}

impl IntoResponseParts for RouteGuard {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        let Self { headers } = self;
        for (name, value) in &headers {
            set(parts.headers_mut(), name, value.clone());
        }
        Ok(parts)
    }
}

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
        let of_path = |path: &str| {
            snapshot
                .table
                .governing_handled(parts.method.as_str(), path)
        };
        let slots = matched
            .map(|path| identity::governing_below(path.as_str(), &parts.extensions, of_path))
            .unwrap_or_default();
        if let Some(path) = matched.filter(|_| slots.is_empty()) {
            warn_of_unregistered(engine, path.as_str());
        }
        let facts = RequestFacts::of_parts(parts, engine).seen_by(SeenBy::Handler);
        let mut headers = HeaderMap::new();
        let (slot, verdict) = engine.decide_among(&snapshot, &slots, &facts, &facts);
        if let Verdict::Block(block) = verdict {
            let reason = BlockReason::from(block);
            let route = slot.and_then(|slot| snapshot.table.route(slot));
            let of_route = route.and_then(|route| route.attached.responses.of(&reason));
            let responder = of_route.cloned();
            drop(snapshot);
            explain::note(engine, slot, parts, &reason);
            let blocked = Blocked::new(parts.clone(), reason, engine);
            let answer = match responder {
                Some(responder) => Some(reply::custom(responder, blocked.clone()).await),
                None => None,
            };
            return Err(Refusal {
                blocked,
                answer,
                headers,
            });
        }
        engine.note_stacked();
        let uncounted = Uncounted::of(engine, &slots, Asking::Handler(&parts.extensions));
        if uncounted.slots.is_empty() && !slots.is_empty() {
            return Ok(Self { headers });
        }
        let known = slot.and_then(|slot| snapshot.slot(slot));
        let of_route = known.and_then(|known| known.announcement.as_ref());
        let announcement = match verdict {
            Verdict::PassDeprecated => of_route.cloned(),
            Verdict::PassExempt { deprecated } => {
                explain::note_exempt(&snapshot, slot, &facts);
                Some(uncached(of_route.filter(|_| deprecated)))
            }
            _ => None,
        };
        announce(&mut headers, announcement);
        let Uncounted { slots, shared } = uncounted;
        let limited = engine.limits_among(&snapshot, &slots, shared, &facts);
        // It is not to be held while the counters are asked.
        drop(snapshot);
        if let Some((_, route, limits)) = limited {
            count(parts, engine, &limits, &route, &mut headers).await?;
        }
        Ok(Self { headers })
    }
}

/// Without a route, there is nothing but global maintenance to enforce.
#[cold]
fn warn_of_unregistered(engine: &Inner, path: &str) {
    if engine.unregistered.note(path) {
        tracing::warn!(
            path = ?Printable(path),
            "a `RouteGuard` stands before a path for which no route is registered: nothing but global maintenance holds \
             there; register the route with `Waygate::register`"
        );
    }
}

/// Counts a request; `Err` when it is refused.
async fn count(
    parts: &Parts,
    engine: &Inner,
    limits: &Limits,
    route: &Registered,
    headers: &mut HeaderMap,
) -> Result<(), Refusal> {
    for limit in &limits.concurrency {
        limit.unheld();
    }
    let functions = &route.attached.limits;
    let facts = || RequestFacts::of_parts(parts, engine);
    let claims = match Told::at_once(functions, parts) {
        Some(mut told) => limits.claims(&facts(), &mut told),
        None => {
            let (_, asked) = ask(functions.rate_keys(), parts.clone()).await;
            limits.claims(&facts(), &mut Told::after(functions, parts, asked))
        }
    };
    let counting = Counting {
        engine,
        limits,
        route: &route.key,
        method: method_name(&parts.method),
        request_id: request_id(&parts.headers),
    };
    let admission = match claims {
        Ok(claims) if claims.is_empty() => {
            counting.uncounted(&claims);
            return Ok(());
        }
        Ok(claims) => counting.anywhere(claims).await,
        Err(policy) => Err(counting.without_key(policy)),
    };
    match admission {
        Ok(passed) => {
            of_passed(headers, engine, limits, &passed);
            Ok(())
        }
        Err(refusal) => {
            let wait = wait_of(&refusal, engine.limiting.jitter);
            let reason = reason(&refusal, engine, &facts(), wait);
            let responder = responder(route, &refusal, &reason).cloned();
            let blocked = Blocked::new(parts.clone(), reason, engine);
            let answer = reply::limited(responder, blocked.clone()).await;
            let mut headers = HeaderMap::new();
            of_refused(&mut headers, engine, limits, &refusal, wait);
            Err(Refusal {
                blocked,
                answer: Some(answer),
                headers,
            })
        }
    }
}

/// A request that [`RouteGuard`] has refused.
#[derive(Debug)]
pub struct Refusal {
    blocked: Blocked,
    /// The response, where it is not the built-in one.
    answer: Option<Response>,
    /// What the response says about the limit that refuses it.
    headers: HeaderMap,
}

impl Refusal {
    /// The request and the reason.
    pub fn blocked(&self) -> &Blocked {
        &self.blocked
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let builtin = || reply::builtin(&self.blocked);
        let mut response = self.answer.unwrap_or_else(builtin);
        response.headers_mut().extend(self.headers);
        response
    }
}
