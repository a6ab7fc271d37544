use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::{FromRef, FromRequestParts, MatchedPath},
    response::{IntoResponse, IntoResponseParts, Response, ResponseParts},
};
use http::{HeaderMap, request::Parts};
use waygate_core::decision::Verdict;

use super::{
    admitted::{Asking, Uncounted},
    facts::{RequestFacts, SeenBy},
    functions, identity,
    limits::{Arrived, Permits, respond},
    reply,
};
use crate::{
    Waygate,
    engine::{BlockReason, Blocked, Granted, announced, note, set_header},
};

/// Extractor that enforces a route's state, for routers that are not [guarded](crate::Waygate::guard).
///
/// Responds to refused requests before the handler runs, with the [registered](crate::model::Registration::responses)
/// response of the route or the built-in one. Rate limits and concurrency limits apply, with their registered
/// functions. A permit of a concurrency limit is held until the guard and all its clones are dropped, which happens
/// before the body of the response is sent. Corrections of the cost by responses ([`Cost`](crate::limits::Cost)) need
/// the layer. The router's state must provide a [`Waygate`] (`FromRef`), and the route must be
/// [registered](crate::Waygate::register). A path without a registered route is logged once. If another route calls the
/// router (`any(|request| router.oneshot(request))`), axum appends the path to that of the calling route: of all
/// registered routes that the whole path ends with, the strictest applies.
///
/// An extractor cannot add headers to the response. Return the guard with the response to add `Deprecation`, `Sunset`,
/// `Link` and the rate-limit headers, as the layer does, and to keep responses to callers who are exempt from
/// maintenance out of caches. Put your own headers first, since later parts of a response replace earlier ones:
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
/// Inside a guarded router of the same engine, the layer has already decided: the guard does not count the request
/// again, and has no headers to add. This applies while the layer's future is polled; a handler that runs in a
/// separate task is counted twice.
#[derive(Debug, Clone)]
pub struct RouteGuard {
    headers: HeaderMap,
    /// Shared by the clones of the guard.
    _permits: Option<Arc<Permits>>,
}

impl RouteGuard {
    fn new(granted: &Granted, permits: Option<Permits>) -> Self {
        let mut headers = HeaderMap::new();
        granted.write_headers(&mut headers);
        let permits = permits.filter(|permits| !permits.is_empty());
        Self {
            headers,
            _permits: permits.map(Arc::new),
        }
    }

    /// Headers for the response about the route's deprecation, caching and rate limits. Empty if the layer adds them.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }
}

impl IntoResponseParts for RouteGuard {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        for (name, value) in &self.headers {
            set_header(parts.headers_mut(), name, value.clone());
        }
        Ok(parts)
    }
}

impl<S> FromRequestParts<S> for RouteGuard
where
    Waygate: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = RouteGuardRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, RouteGuardRejection> {
        let waygate = Waygate::from_ref(state);
        let engine = &waygate.inner;
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
            engine.warn_of_unregistered(path.as_str());
        }
        #[cfg(feature = "flags")]
        super::flags::keep_flags(&waygate, &slots, parts, &snapshot);
        let facts = RequestFacts::of_parts(parts, engine, SeenBy::Handler);
        let (slot, verdict) = engine.decide_among(&snapshot, &slots, &facts, &facts);
        let uncounted = Uncounted::of(engine, &slots, Asking::Handler(&parts.extensions));
        let is_counted = uncounted.slots.is_empty() && !slots.is_empty();
        let announcement = match verdict {
            // The layer adds the headers.
            Verdict::Pass | Verdict::PassDeprecated | Verdict::PassExempt { .. } if is_counted => {
                engine.note_stacked();
                return Ok(Self::new(&Granted::default(), None));
            }
            verdict => match announced(slot, verdict, &snapshot, &facts) {
                Ok(announcement) => announcement,
                Err(block) => {
                    let reason = BlockReason::of(block);
                    let route = slot.and_then(|slot| snapshot.table.route(slot));
                    let responder = route
                        .and_then(|route| functions(&route.attached).responses.of(&reason))
                        .cloned();
                    drop(snapshot);
                    note(slot, &facts, &reason);
                    let blocked = reply::blocked(parts.clone(), reason, engine);
                    let answer = match responder {
                        Some(responder) => Some(reply::custom(responder, blocked.clone()).await),
                        None => None,
                    };
                    return Err(RouteGuardRejection { blocked, answer });
                }
            },
        };
        engine.note_stacked();
        let mut granted = Granted {
            announcement,
            allowed: None,
        };
        let Uncounted { slots, shared } = uncounted;
        let limited = engine.limits_among(&snapshot, &slots, shared, &facts);
        // Not held while the counters are read.
        drop(snapshot);
        let Some((_, route, limits)) = limited else {
            return Ok(Self::new(&granted, None));
        };
        let arrived = Arrived {
            engine,
            route: &route,
            limits: &limits,
            seen_by: SeenBy::Handler,
        };
        let (head, entered) = arrived.enter(parts.clone()).await;
        match entered {
            Ok((permits, allowed)) => {
                granted.allowed = allowed;
                Ok(Self::new(&granted, Some(permits)))
            }
            Err(refusal) => {
                let (blocked, answer) =
                    respond(&refusal, head, SeenBy::Handler, engine, &route, None).await;
                Err(RouteGuardRejection {
                    blocked,
                    answer: Some(answer),
                })
            }
        }
    }
}

/// A request that [`RouteGuard`] refused.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use axum::{
///     Router,
///     response::{IntoResponse, Response},
///     routing::get,
/// };
/// use waygate::{RouteGuard, Waygate, model::RouteState, response::RouteGuardRejection, testing::TestApp};
///
/// async fn payments(guard: Result<RouteGuard, RouteGuardRejection>) -> Response {
///     match guard {
///         Ok(guard) => (guard, "paid").into_response(),
///         Err(refusal) => {
///             println!("refused: {:?}", refusal.blocked().reason());
///             refusal.into_response()
///         }
///     }
/// }
///
/// let waygate = Waygate::builder().build().await?;
/// waygate.register("GET:/payments".parse()?, RouteState::default()).await?;
/// waygate.system().disable("GET:/payments", "incident 12").await?;
/// let app = Router::new().route("/payments", get(payments)).with_state(waygate);
/// assert_eq!(TestApp::new(app).get("/payments").await.status(), 503);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RouteGuardRejection {
    blocked: Blocked,
    /// The custom response, if there is one.
    answer: Option<Response>,
}

impl RouteGuardRejection {
    /// The request and the reason.
    pub fn blocked(&self) -> &Blocked {
        &self.blocked
    }
}

impl IntoResponse for RouteGuardRejection {
    fn into_response(self) -> Response {
        let builtin = || reply::builtin(&self.blocked);
        self.answer.unwrap_or_else(builtin)
    }
}
