//! Requests for routes that have limits.

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
    step::Step,
};
use crate::engine::{LimitRefusal, Limited, StateHeaders};

impl Endpoint {
    /// Admits a request, if that takes no waiting.
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
