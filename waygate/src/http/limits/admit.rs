use std::sync::Arc;

use axum::{extract::Request, response::Response};
use http::{HeaderMap, HeaderName, Method};
use tower::Service;

use super::{
    super::{
        admitted::Admitted,
        endpoint::Endpoint,
        facts::RequestFacts,
        future::{ResponseFuture, announce},
        layer::Shared,
        service::{Step, WaygateService},
        watch,
    },
    After,
    functions::{Told, ask},
    places::enter,
    refuse::refused,
};
use crate::engine::{
    Admission, Claims, Counting, Inner, Limited, Limits, NoFunctions, Refusal, Registered,
    StateHeaders,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_REQUEST_ID: usize = 128;
const MAX_METHOD: usize = 16;

/// Where a request stands when its route was found to be open.
struct Arrived<'a> {
    limited: Limited<'a>,
    admitted: Admitted,
    announcement: Option<StateHeaders>,
}

/// What a request takes along while it waits.
pub(crate) struct Waiting {
    slot: usize,
    route: Arc<Registered>,
    limits: Arc<Limits>,
    announcement: Option<StateHeaders>,
    /// What it is counted by, where that is known.
    claims: Option<Claims>,
}

/// A request that a limit refuses.
pub(crate) struct TurnedAway {
    route: Arc<Registered>,
    limits: Arc<Limits>,
    refusal: Box<Refusal>,
}

impl Arrived<'_> {
    #[cold]
    fn wait(self, claims: Option<Claims>) -> Box<Waiting> {
        Box::new(Waiting {
            slot: self.limited.slot,
            route: self.limited.route.clone(),
            limits: self.limited.limits.clone(),
            announcement: self.announcement,
            claims,
        })
    }

    /// What becomes of a request that nothing counts.
    #[cold]
    fn serve_uncounted(self, engine: &Inner) -> Step {
        let Self {
            admitted,
            announcement,
            ..
        } = self;
        let after = announcement.map(|headers| After::announcing(Some(admitted), headers));
        after.map_or(Step::Serve(None), |after| Step::admitted(engine, after))
    }
}

impl Endpoint {
    /// Counts a request, if it can be counted at once.
    #[inline]
    pub(in crate::http) fn count(
        self: &Arc<Self>,
        request: &Request,
        limited: Limited<'_>,
        announcement: Option<StateHeaders>,
    ) -> Step {
        let engine = &*self.shared.waygate.inner;
        let Limited {
            slot,
            route,
            limits,
        } = limited;
        let arrived = Arrived {
            limited,
            admitted: Admitted::new(engine, slot),
            announcement,
        };
        if !limits.concurrency.is_empty() {
            return Step::Wait(arrived.wait(None));
        }
        if route.attached.limits.ask_functions() {
            return Step::Ask(arrived.wait(None));
        }
        let facts = RequestFacts::of(request, engine).of_route(&route.key);
        let counting = Counting {
            engine,
            limits,
            route: &route.key,
            method: method_name(request.method()),
            request_id: request_id(request.headers()),
        };
        let admission = if limits.is_lone() && engine.counters.shared.is_none() {
            match limits.policies[0].claim(0, &facts, &mut NoFunctions) {
                Ok(Some(claim)) => counting.lone(claim),
                Ok(None) => return arrived.serve_uncounted(engine),
                Err(no_key) if no_key.refused => Err(counting.without_key(no_key.policy)),
                Err(no_key) => {
                    counting.uncounted(&Claims::skipping(no_key));
                    return arrived.serve_uncounted(engine);
                }
            }
        } else {
            match limits.claims(&facts, &mut NoFunctions) {
                Ok(claims) if claims.is_empty() => {
                    counting.uncounted(&claims);
                    return arrived.serve_uncounted(engine);
                }
                Ok(claims) if engine.counters.shared.is_some() => {
                    return Step::Wait(arrived.wait(Some(claims)));
                }
                Ok(claims) => counting.here(claims),
                Err(policy) => Err(counting.without_key(policy)),
            }
        };
        self.follow(arrived, admission)
    }

    /// What follows from the counting.
    #[inline(always)]
    fn follow(self: &Arc<Self>, arrived: Arrived<'_>, admission: Admission) -> Step {
        let limits = arrived.limited.limits.clone();
        match admission {
            Ok(passed) => {
                let (admitted, announcement) = (arrived.admitted, arrived.announcement);
                let after = After::counted(admitted, self.clone(), limits, passed, announcement);
                Step::admitted(&self.shared.waygate.inner, after)
            }
            Err(refusal) => Step::TurnAway(Box::new(TurnedAway {
                route: arrived.limited.route.clone(),
                limits,
                refusal,
            })),
        }
    }
}

impl<S> WaygateService<S>
where
    S: Service<Request, Response = Response> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    /// Asks the functions of the application, and counts at once if they answer at once.
    pub(in crate::http) fn ask(
        &mut self,
        request: Request,
        mut waiting: Box<Waiting>,
    ) -> ResponseFuture<S::Future, S::Error> {
        let engine = &*self.endpoint.shared.waygate.inner;
        let (mut parts, body) = request.into_parts();
        let admitted = Admitted::new(engine, waiting.slot);
        let admitted = admitted.marking(engine, &mut parts.extensions);
        let told = Told::at_once(&waiting.route.attached.limits, &parts);
        let claims = told.map(|mut told| {
            let facts = RequestFacts::of_parts(&parts, engine).of_route(&waiting.route.key);
            waiting.limits.claims(&facts, &mut told)
        });
        let request = Request::from_parts(parts, body);
        let counting = Counting {
            engine,
            limits: &waiting.limits,
            route: &waiting.route.key,
            method: method_name(request.method()),
            request_id: request_id(request.headers()),
        };
        let admission = match claims {
            None => return self.wait(request, waiting),
            Some(Ok(claims)) if claims.is_empty() => {
                counting.uncounted(&claims);
                let announcement = waiting.announcement;
                let after = announcement.map(|headers| After::announcing(Some(admitted), headers));
                return self.serve(request, after);
            }
            Some(Ok(claims)) if engine.counters.shared.is_some() => {
                waiting.claims = Some(claims);
                return self.wait(request, waiting);
            }
            Some(Ok(claims)) => counting.here(claims),
            Some(Err(policy)) => Err(counting.without_key(policy)),
        };
        let Waiting {
            route,
            limits,
            announcement,
            ..
        } = *waiting;
        match admission {
            Ok(passed) => {
                let endpoint = self.endpoint.clone();
                let after = After::counted(admitted, endpoint, limits, passed, announcement);
                self.serve(request, Some(after))
            }
            Err(refusal) => {
                let away = TurnedAway {
                    route,
                    limits,
                    refusal,
                };
                self.turn_away(request, away)
            }
        }
    }

    /// Serves a request whose counters are elsewhere, or (without claims) one for which a function must be awaited or a
    /// place be taken.
    pub(in crate::http) fn wait(
        &mut self,
        request: Request,
        waiting: Box<Waiting>,
    ) -> ResponseFuture<S::Future, S::Error> {
        // The one that was polled ready serves the request; a clone takes its place.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let endpoint = self.endpoint.clone();
        ResponseFuture::waiting(async move {
            let Waiting {
                slot,
                route,
                limits,
                announcement,
                claims,
            } = *waiting;
            let shared = &endpoint.shared;
            let (request, places) = match enter(shared, &route, &limits, request).await {
                Ok(entered) => entered,
                Err(full) => return Ok(full),
            };
            let (mut request, claims) = match claims {
                Some(claims) => (request, Ok(claims)),
                None => claims_in_time(shared, &route, &limits, request).await,
            };
            let engine = &*shared.waygate.inner;
            let admitted = Admitted::new(engine, slot).marking(engine, request.extensions_mut());
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
                    counting.uncounted(&claims);
                    let reach = |request| watch::reach(&mut inner, &endpoint, request);
                    let serving = places.serve(reach, request);
                    let mut response = admitted.scope(serving).await?;
                    announce(response.headers_mut(), announcement);
                    return Ok(response);
                }
                Ok(claims) if counting.engine.counters.shared.is_none() => counting.here(claims),
                Ok(claims) => counting.anywhere(claims).await,
                Err(policy) => Err(counting.without_key(policy)),
            };
            match admission {
                Ok(passed) => {
                    let reach = |request| watch::reach(&mut inner, &endpoint, request);
                    let serving = places.serve(reach, request);
                    let response = admitted.scope(serving).await?;
                    let mut after =
                        After::counted(admitted, endpoint, limits, passed, announcement);
                    Ok(after.complete(response))
                }
                Err(refusal) => {
                    // A place is for requests that are served.
                    drop(places);
                    Ok(refused(shared, &route, request, &limits, &refusal).await)
                }
            }
        })
    }

    pub(in crate::http) fn turn_away(
        &self,
        request: Request,
        away: TurnedAway,
    ) -> ResponseFuture<S::Future, S::Error> {
        let endpoint = self.endpoint.clone();
        ResponseFuture::waiting(async move {
            let TurnedAway {
                route,
                limits,
                refusal,
            } = away;
            Ok(refused(&endpoint.shared, &route, request, &limits, &refusal).await)
        })
    }
}

/// What the request is counted by, or the policy that refuses it because it has no key.
type Found = (Request, Result<Claims, u16>);

/// What a request is counted by, waiting for functions that take their time.
async fn claims_in_time(
    shared: &Shared,
    route: &Registered,
    limits: &Limits,
    request: Request,
) -> Found {
    let engine = &shared.waygate.inner;
    let functions = &route.attached.limits;
    if !functions.ask_functions() {
        let facts = RequestFacts::of(&request, engine).of_route(&route.key);
        let claims = limits.claims(&facts, &mut NoFunctions);
        return (request, claims);
    }
    let (parts, body) = request.into_parts();
    let (parts, asked) = ask(functions.rate_keys(), parts).await;
    let mut told = Told::after(functions, &parts, asked);
    let facts = RequestFacts::of_parts(&parts, engine).of_route(&route.key);
    let claims = limits.claims(&facts, &mut told);
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
