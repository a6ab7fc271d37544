//! Requests to routes with limits.

use axum::{extract::Request, response::Response};
use tower::Service;

use super::{
    admitted::Admitted,
    endpoint::Endpoint,
    facts::{RequestFacts, SeenBy},
    future::ResponseFuture,
    limits::{After, Arrived, Refused, Waiting},
    reach,
    service::{WaygateService, follow_gate},
    spans,
    step::Step,
};
use crate::engine::{Admission, LimitRefusal, Limited, StateHeaders};

impl Endpoint {
    /// Admits a request if this requires no waiting.
    #[inline(always)]
    pub(in crate::http) fn admit(
        &self,
        facts: RequestFacts<'_>,
        limited: Limited<'_>,
        announcement: Option<StateHeaders>,
    ) -> Step {
        let arrived = self.arrived(&limited);
        let Some(charge) = arrived.charge_by_address() else {
            return self.admit_in_full(facts, limited, announcement);
        };
        let Some(key) = facts.address_key() else {
            return self.admit_in_full(facts, limited, announcement);
        };
        // The most common case. Its result is large, so it is written only once.
        let now = charge.now();
        let outcome = charge.make(&key, now);
        if charge.is_noted(&outcome, facts.headers) {
            let admission = arrived.account(facts, charge, key, &outcome, now);
            return self.step_after(Some(admission), limited, announcement);
        }
        let admitted = Admitted::new(arrived.engine, limited.slot);
        let allowed = charge.allow(key, &outcome, now);
        Step::Serve(After::new(Some(admitted), Some(allowed), announcement))
    }

    #[inline(never)]
    fn admit_in_full(
        &self,
        facts: RequestFacts<'_>,
        limited: Limited<'_>,
        announcement: Option<StateHeaders>,
    ) -> Step {
        let admission = self.arrived(&limited).try_enter(facts);
        self.step_after(admission, limited, announcement)
    }

    #[inline]
    fn arrived<'a>(&'a self, limited: &Limited<'a>) -> Arrived<'a> {
        Arrived {
            engine: &self.shared.waygate.inner,
            route: limited.route,
            limits: limited.limits,
            seen_by: SeenBy::Layer,
        }
    }

    fn step_after(
        &self,
        admission: Option<Admission>,
        limited: Limited<'_>,
        announcement: Option<StateHeaders>,
    ) -> Step {
        let Limited {
            slot,
            route,
            limits,
        } = limited;
        match admission {
            Some(Ok(allowed)) => {
                let admitted = Admitted::new(&self.shared.waygate.inner, slot);
                Step::Serve(After::new(Some(admitted), allowed, announcement))
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
    /// Serves a request that could not be admitted without functions or without waiting.
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
                    spans::allowed(&shared.waygate.inner);
                    let reach = |request| reach::reach(&mut inner, &endpoint, request, follow_gate);
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
                    let route = waiting.route;
                    Ok(Refused { route, refusal }.respond(parts, shared).await)
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
            let (parts, _body) = request.into_parts();
            Ok(refused.respond(parts, &endpoint.shared).await)
        })
    }
}
