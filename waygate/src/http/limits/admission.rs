use std::sync::Arc;

use axum::{extract::Request, response::Response};
use http::request::Parts;
use tower::Service;

use super::{
    super::{
        admitted::Admitted,
        endpoint::Endpoint,
        facts::{RequestFacts, SeenBy},
        future::ResponseFuture,
        service::{Step, WaygateService},
        watch,
    },
    After, LimitRefusal, Permits,
    functions::{Answers, ask},
};
use crate::engine::{
    Admission, Admitting, Allowed, Inner, Limited, Limits, NoFunctions, Registered, RequestInfo,
    StateHeaders,
};

/// A request that has arrived at the limits of its route.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct Arrived<'a> {
    pub(in crate::http) engine: &'a Arc<Inner>,
    pub(in crate::http) route: &'a Arc<Registered>,
    pub(in crate::http) limits: &'a Arc<Limits>,
    pub(in crate::http) seen_by: SeenBy,
}

/// The outcome for an allowed request: its permits, and its charges, if it was counted.
pub(in crate::http) type Entered = (Permits, Option<Allowed>);

impl<'a> Arrived<'a> {
    pub(super) fn facts(&self, parts: &'a Parts) -> RequestFacts<'a> {
        RequestFacts::of_parts(parts, self.engine, self.seen_by).of_route(&self.route.key)
    }

    #[inline]
    pub(super) fn request(&self, facts: &RequestFacts<'a>) -> RequestInfo<'a> {
        RequestInfo {
            route: &self.route.key,
            method: facts.method,
            headers: facts.headers,
        }
    }

    #[inline]
    fn admitting(&self, facts: &RequestFacts<'a>) -> Admitting<'a> {
        Admitting {
            engine: self.engine,
            limits: self.limits,
            request: self.request(facts),
        }
    }

    /// Admits a request without waiting; `None` if it needs a permit, a function of the application or shared counters.
    #[inline(always)]
    fn try_enter(&self, facts: RequestFacts<'a>) -> Option<Admission> {
        if !self.limits.concurrency.is_empty() || self.route.attached.limits.ask_functions() {
            return None;
        }
        let facts = facts.of_route(&self.route.key);
        let admitting = self.admitting(&facts);
        admitting.try_admit(&facts, &mut NoFunctions)
    }

    /// Like [`admit_now`](Self::admit_now) with functions; `None` if one must be awaited.
    fn try_enter_with_functions(&self, parts: &'a Parts) -> Option<Admission> {
        if !self.limits.concurrency.is_empty() {
            return None;
        }
        let mut answers = Answers::at_once(&self.route.attached.limits, parts)?;
        let facts = self.facts(parts);
        self.admitting(&facts).try_admit(&facts, &mut answers)
    }

    /// Admits a request, and waits for permits, functions and counters. The permits come first: a request without one
    /// is not counted.
    pub(in crate::http) async fn enter(
        self,
        parts: Parts,
    ) -> (Parts, Result<Entered, LimitRefusal>) {
        let functions = &self.route.attached.limits;
        let (parts, permits) = Permits::acquire(self, parts).await;
        let permits = match permits {
            Ok(permits) => permits,
            Err(full) => return (parts, Err(full)),
        };
        let (parts, asked) = ask(functions.rate_keys(), parts).await;
        let mut answers = Answers::after(functions, &parts, asked);
        let facts = self.facts(&parts);
        let admission = self.admitting(&facts).admit(&facts, &mut answers).await;
        let entered = admission.map(|allowed| (permits, allowed));
        (parts, entered.map_err(LimitRefusal::Rate))
    }
}

/// A request that waits for its admission.
pub(crate) struct Waiting {
    slot: usize,
    route: Arc<Registered>,
    limits: Arc<Limits>,
    announcement: Option<StateHeaders>,
}

impl Waiting {
    fn arrived<'a>(&'a self, engine: &'a Arc<Inner>) -> Arrived<'a> {
        Arrived {
            engine,
            route: &self.route,
            limits: &self.limits,
            seen_by: SeenBy::Layer,
        }
    }
}

/// A request that a limit refused.
pub(crate) struct Refused {
    route: Arc<Registered>,
    refusal: LimitRefusal,
}

impl Endpoint {
    /// Admits a request, if no waiting is needed.
    #[inline(always)]
    pub(in crate::http) fn admit(
        &self,
        facts: RequestFacts<'_>,
        limited: Limited<'_>,
        announcement: Option<StateHeaders>,
    ) -> Step {
        let engine = &self.shared.waygate.inner;
        let Limited {
            slot,
            route,
            limits,
        } = limited;
        let arrived = Arrived {
            engine,
            route,
            limits,
            seen_by: SeenBy::Layer,
        };
        match arrived.try_enter(facts) {
            Some(Ok(allowed)) => {
                let admitted = Some(Admitted::new(engine, slot));
                Step::Serve(After::new(admitted, allowed, announcement))
            }
            Some(Err(refusal)) => Step::Refuse(Box::new(Refused {
                route: route.clone(),
                refusal: LimitRefusal::Rate(refusal),
            })),
            None => Step::Wait(Box::new(Waiting {
                slot,
                route: route.clone(),
                limits: limits.clone(),
                announcement,
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
    /// Serves a request that needs functions or waiting.
    pub(in crate::http) fn wait(
        &mut self,
        request: Request,
        waiting: Box<Waiting>,
    ) -> ResponseFuture<S::Future, S::Error> {
        let engine = &self.endpoint.shared.waygate.inner;
        let (mut parts, body) = request.into_parts();
        let admitted = Admitted::new(engine, waiting.slot);
        let admitted = admitted.marking(engine, &mut parts.extensions);
        if let Some(entered) = waiting.arrived(engine).try_enter_with_functions(&parts) {
            let request = Request::from_parts(parts, body);
            return match entered {
                Ok(allowed) => {
                    let after = After::new(Some(admitted), allowed, waiting.announcement);
                    self.serve(request, after)
                }
                Err(refusal) => {
                    let refused = Refused {
                        route: waiting.route,
                        refusal: LimitRefusal::Rate(refusal),
                    };
                    self.refuse(request, refused)
                }
            };
        }
        // The service that was polled ready serves the request; a clone takes its place.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let endpoint = self.endpoint.clone();
        ResponseFuture::waiting(async move {
            let shared = &endpoint.shared;
            let arrived = waiting.arrived(&shared.waygate.inner);
            let (parts, entered) = arrived.enter(parts).await;
            let request = Request::from_parts(parts, body);
            match entered {
                Ok((permits, allowed)) => {
                    let reach = |request| watch::reach(&mut inner, &endpoint, request);
                    let serving = permits.serve(reach, request);
                    let after = After::new(Some(admitted), allowed, waiting.announcement);
                    let mut response = admitted.scope(serving).await?;
                    if let Some(mut after) = after {
                        after.complete(&mut response);
                    }
                    Ok(response)
                }
                Err(refusal) => {
                    let (parts, _body) = request.into_parts();
                    Ok(refusal
                        .respond_in_layer(parts, shared, &waiting.route)
                        .await)
                }
            }
        })
    }

    pub(in crate::http) fn refuse(
        &self,
        request: Request,
        refused: Refused,
    ) -> ResponseFuture<S::Future, S::Error> {
        let endpoint = self.endpoint.clone();
        ResponseFuture::waiting(async move {
            let shared = &endpoint.shared;
            let Refused { route, refusal } = refused;
            let (parts, _body) = request.into_parts();
            Ok(refusal.respond_in_layer(parts, shared, &route).await)
        })
    }
}
