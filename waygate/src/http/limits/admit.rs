use std::sync::Arc;

use axum::{extract::Request, response::Response};
use http::{HeaderMap, HeaderName, Method};
use tower::Service;

use super::{
    super::{
        facts::RequestFacts,
        future::{ResponseFuture, announce},
        layer::Shared,
        service::WaygateService,
    },
    After, DeclaredLimits,
    functions::{Told, ask},
    places::{enter, until_sent},
    refuse::refused,
};
use crate::engine::{
    Admission, Claims, Counting, DeprecationHeaders, Inner, Limits, NoFunctions, Refusal,
    Registered, Snapshot,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_REQUEST_ID: usize = 128;
const MAX_METHOD: usize = 16;

/// Where a request stands when its route was found to be open.
pub(crate) struct Arrived<'a> {
    pub(crate) slot: usize,
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) limits: &'a Arc<Limits>,
    pub(crate) announcement: Option<DeprecationHeaders>,
}

impl<S> WaygateService<S>
where
    S: Service<Request, Response = Response> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    /// Counts a request, and lets it pass or refuses it.
    #[inline]
    pub(crate) fn count(
        &mut self,
        request: Request,
        arrived: Arrived<'_>,
    ) -> ResponseFuture<S::Future, S::Error> {
        let engine = &*self.shared.waygate.inner;
        let Arrived {
            slot,
            snapshot,
            limits,
            announcement,
        } = arrived;
        let Some(route) = snapshot.table.route(slot) else {
            return ResponseFuture::deprecated(self.inner.call(request), announcement);
        };
        if !limits.concurrency.is_empty() {
            let (route, limits) = (route.clone(), limits.clone());
            let waiting = Waiting {
                slot,
                route,
                limits,
                announcement,
            };
            return self.wait(request, None, waiting);
        }
        let own = self.shared.by_slot.get(&slot);
        let functions = own.filter(|own| own.limits.ask_functions());
        if limits.is_lone() && functions.is_none() && engine.counters.shared.is_none() {
            let facts = RequestFacts::of(&request, engine);
            let counting = Counting {
                engine,
                limits,
                route: &route.key,
                method: method_name(request.method()),
                request_id: request_id(request.headers()),
            };
            let admission = match limits.policies[0].claim(0, &facts, &mut NoFunctions) {
                Ok(Some(claim)) => counting.lone(claim),
                Ok(None) => {
                    return ResponseFuture::deprecated(self.inner.call(request), announcement);
                }
                Err(policy) => Err(counting.without_key(policy)),
            };
            return self.answer(request, slot, limits, announcement, admission);
        }
        let (request, claims) = match functions {
            None => {
                let facts = RequestFacts::of(&request, engine);
                let claims = limits.claims(&facts, &mut NoFunctions);
                (request, claims)
            }
            Some(own) => match claims_at_once(limits, &own.limits, request, engine) {
                (request, Some(claims)) => (request, claims),
                (request, None) => {
                    let (route, limits) = (route.clone(), limits.clone());
                    let waiting = Waiting {
                        slot,
                        route,
                        limits,
                        announcement,
                    };
                    return self.wait(request, None, waiting);
                }
            },
        };
        let counting = Counting {
            engine,
            limits,
            route: &route.key,
            method: method_name(request.method()),
            request_id: request_id(request.headers()),
        };
        let admission = match claims {
            Ok(claims) if claims.is_empty() => {
                return ResponseFuture::deprecated(self.inner.call(request), announcement);
            }
            Ok(claims) if engine.counters.shared.is_some() => {
                let (route, limits) = (route.clone(), limits.clone());
                let waiting = Waiting {
                    slot,
                    route,
                    limits,
                    announcement,
                };
                return self.wait(request, Some(claims), waiting);
            }
            Ok(claims) => counting.here(claims),
            Err(policy) => Err(counting.without_key(policy)),
        };
        self.answer(request, slot, limits, announcement, admission)
    }

    #[inline]
    fn answer(
        &mut self,
        request: Request,
        slot: usize,
        limits: &Arc<Limits>,
        announcement: Option<DeprecationHeaders>,
        admission: Admission,
    ) -> ResponseFuture<S::Future, S::Error> {
        match admission {
            Ok(passed) => {
                let after = After {
                    shared: self.shared.clone(),
                    limits: limits.clone(),
                    passed,
                    announcement,
                };
                ResponseFuture::limited(self.inner.call(request), after)
            }
            Err(refusal) => self.turn_away(request, slot, limits.clone(), refusal),
        }
    }

    /// The same where the counters are elsewhere, or (without claims) a function must be awaited or a place be taken.
    fn wait(
        &mut self,
        request: Request,
        claims: Option<Claims>,
        waiting: Waiting,
    ) -> ResponseFuture<S::Future, S::Error> {
        // The one that was polled ready serves the request; a clone takes its place.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let shared = self.shared.clone();
        ResponseFuture::waiting(async move {
            let Waiting {
                slot,
                route,
                limits,
                announcement,
            } = waiting;
            let (request, held) = match enter(&shared, slot, &route, &limits, request).await {
                Ok(entered) => entered,
                Err(full) => return Ok(full),
            };
            let (request, claims) = match claims {
                Some(claims) => (request, Ok(claims)),
                None => claims_in_time(&shared, slot, &limits, request).await,
            };
            let method = request.method().clone();
            let request_id = request_id(request.headers()).map(str::to_owned);
            let counting = Counting {
                engine: &shared.waygate.inner,
                limits: &limits,
                route: &route.key,
                method: method_name(&method),
                request_id: request_id.as_deref(),
            };
            let admission = match claims {
                Ok(claims) if claims.is_empty() => {
                    let mut response = inner.call(request).await?;
                    announce(&mut response, announcement);
                    return Ok(until_sent(response, held));
                }
                Ok(claims) if counting.engine.counters.shared.is_none() => counting.here(claims),
                Ok(claims) => counting.anywhere(claims).await,
                Err(policy) => Err(counting.without_key(policy)),
            };
            match admission {
                Ok(passed) => {
                    let response = inner.call(request).await?;
                    let after = After {
                        shared,
                        limits,
                        passed,
                        announcement,
                    };
                    Ok(until_sent(after.complete(response), held))
                }
                Err(refusal) => {
                    // A place is for requests that are served.
                    drop(held);
                    Ok(refused(&shared, request, slot, &limits, &refusal).await)
                }
            }
        })
    }

    #[cold]
    fn turn_away(
        &self,
        request: Request,
        slot: usize,
        limits: Arc<Limits>,
        refusal: Box<Refusal>,
    ) -> ResponseFuture<S::Future, S::Error> {
        let shared = self.shared.clone();
        ResponseFuture::waiting(async move {
            Ok(refused(&shared, request, slot, &limits, &refusal).await)
        })
    }
}

/// What a request takes along while it waits.
struct Waiting {
    slot: usize,
    route: Arc<Registered>,
    limits: Arc<Limits>,
    announcement: Option<DeprecationHeaders>,
}

/// What the request is counted by, or the policy that refuses it because it has no key.
type Found = (Request, Result<Claims, u16>);

/// The claims of a request whose key or cost functions tell; none when one of them must be awaited.
fn claims_at_once(
    limits: &Limits,
    declared: &DeclaredLimits,
    request: Request,
    engine: &Inner,
) -> (Request, Option<Result<Claims, u16>>) {
    let (parts, body) = request.into_parts();
    let claims = Told::at_once(declared, &parts)
        .map(|mut told| limits.claims(&RequestFacts::of_parts(&parts, engine), &mut told));
    (Request::from_parts(parts, body), claims)
}

/// The same, waiting for functions that take their time.
async fn claims_in_time(shared: &Shared, slot: usize, limits: &Limits, request: Request) -> Found {
    let engine = &shared.waygate.inner;
    let Some(own) = shared.by_slot.get(&slot) else {
        let claims = limits.claims(&RequestFacts::of(&request, engine), &mut NoFunctions);
        return (request, claims);
    };
    let keys = own.limits.rates.iter().map(|limit| limit.key.as_ref());
    let (parts, body) = request.into_parts();
    let (parts, asked) = ask(keys, parts).await;
    let mut told = Told::after(&own.limits, &parts, asked);
    let claims = limits.claims(&RequestFacts::of_parts(&parts, engine), &mut told);
    (Request::from_parts(parts, body), claims)
}

/// What the client calls the request; names that are longer than names are not remembered.
pub(in crate::http) fn request_id(headers: &HeaderMap) -> Option<&str> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    Some(id).filter(|id| id.len() <= MAX_REQUEST_ID)
}

/// The method as records have it: what is no method of HTTP may be of any length.
pub(in crate::http) fn method_name(method: &Method) -> &str {
    let name = method.as_str();
    name.get(..MAX_METHOD).unwrap_or(name)
}
