use std::{
    sync::Arc,
    task::{Context, Poll},
};

use axum::{extract::Request, response::Response};
use tower::Service;

use super::{
    admitted::{Admitted, Asking, Counted, Uncounted, as_admitted},
    endpoint::Endpoint,
    facts::{RequestFacts, SeenBy},
    future::ResponseFuture,
    handler_gate::{Answering, StandIn},
    kept,
    limits::After,
    recorded, reply, spans,
    step::Step,
    survey::{self, Probe},
};
use crate::engine::{
    BlockReason, Checks, Inner, Limited, Recording, Snapshot, StateHeaders, announced, note,
};

/// Decides whether to serve each request of one endpoint before the endpoint sees it.
#[derive(Debug, Clone)]
pub(crate) struct WaygateService<S> {
    pub(super) inner: S,
    pub(super) endpoint: Arc<Endpoint>,
}

impl<S> Service<Request> for WaygateService<S>
where
    S: Service<Request, Response = Response> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    // Requests are large, so each is moved only once, to where it is served.
    fn call(&mut self, mut request: Request) -> Self::Future {
        let mut recording = None;
        let step = self.endpoint.decide(&mut request, &mut recording);
        let Some(watching) = self.endpoint.watch.light() else {
            return self.follow_step(request, step).recorded(recording);
        };
        match step {
            Step::Serve(None) => {
                spans::allowed(self.engine());
                ResponseFuture::served(self.inner.call(request), watching, recording)
            }
            Step::Serve(Some(after)) if !self.engine().is_stacked() => {
                spans::allowed(self.engine());
                ResponseFuture::completed(self.inner.call(request), watching, after, recording)
            }
            rare => self.follow_step(request, rare).recorded(recording),
        }
    }
}

impl<S> WaygateService<S>
where
    S: Service<Request, Response = Response> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    #[inline]
    fn engine(&self) -> &Inner {
        &self.endpoint.shared.waygate.inner
    }

    /// Serves a request without further decisions.
    pub(super) fn serve(
        &mut self,
        request: Request,
        after: Option<After>,
    ) -> ResponseFuture<S::Future, S::Error> {
        spans::allowed(self.engine());
        match (self.endpoint.watch.light(), after) {
            (Some(watching), None) => {
                ResponseFuture::served(self.inner.call(request), watching, None)
            }
            (Some(watching), Some(after)) => {
                ResponseFuture::completed(self.inner.call(request), watching, after, None)
            }
            (None, after) => {
                let answer = kept::keep(&mut self.inner, &self.endpoint, request, follow_gate);
                ResponseFuture::keeping(answer, after)
            }
        }
    }

    #[cold]
    pub(super) fn follow_step(
        &mut self,
        mut request: Request,
        step: Step,
    ) -> ResponseFuture<S::Future, S::Error> {
        match step {
            Step::Serve(mut after) => {
                // Another layer of the engine may see the request too.
                if let Some(after) = &mut after
                    && self.engine().is_stacked()
                {
                    after.mark(self.engine(), &mut request);
                }
                self.serve(request, after)
            }
            Step::Probed => ResponseFuture::ready(survey::answer(&self.endpoint, &request)),
            Step::Block(slot, reason) => self.endpoint.block(request, slot, *reason),
            Step::Refuse(refused) => self.refuse(request, *refused),
            Step::Wait(waiting) => self.wait(request, waiting),
            Step::Among(among) => {
                let (slots, step) = *among;
                let engine = &*self.endpoint.shared.waygate.inner;
                let admitted = slots.into_iter().map(|slot| {
                    Admitted::new(engine, slot).marking(engine, request.extensions_mut())
                });
                let admitted = admitted.collect();
                let answer = self.follow_step(request, step);
                ResponseFuture::waiting(as_admitted(admitted, answer))
            }
        }
    }
}

/// Takes the step of a gate in front of a handler.
pub(super) fn follow_gate(
    handler: StandIn,
    endpoint: Arc<Endpoint>,
    request: Request,
    step: Step,
) -> Answering {
    let mut service = WaygateService {
        inner: handler,
        endpoint,
    };
    Box::pin(async move {
        match service.follow_step(request, step).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    })
}

impl Endpoint {
    /// Decides, and starts to count the request.
    #[inline]
    pub(super) fn decide(&self, request: &mut Request, recording: &mut Option<Recording>) -> Step {
        let engine = &*self.shared.waygate.inner;
        let snapshot = engine.snapshot.load();
        let (method, extensions) = (request.method(), request.extensions());
        let Some(slot) = self.memory.recall(method, extensions, &snapshot) else {
            return self.decide_uncached(request, &snapshot, recording);
        };
        *recording = recorded::start(Some(slot), request, engine, &snapshot);
        match snapshot.checks(slot) {
            Checks::Nothing => Step::Serve(None),
            Checks::Limits => self.limit_at(slot, request, &snapshot),
            #[cfg(feature = "flags")]
            Checks::Everything if snapshot.is_flagged(slot) => {
                self.decide_with_flags(slot, request, &snapshot)
            }
            Checks::Everything => self.decide_at(Some(slot), request, &snapshot),
        }
    }

    /// Decides whether to serve a request without a cached slot.
    #[cold]
    fn decide_uncached(
        &self,
        request: &mut Request,
        snapshot: &Arc<Snapshot>,
        recording: &mut Option<Recording>,
    ) -> Step {
        if request.extensions().get::<Probe>().is_some() {
            return Step::Probed;
        }
        self.compare_methods(&snapshot.table);
        let slots = self.governing(request.method(), request.extensions(), snapshot);
        let engine = &*self.shared.waygate.inner;
        *recording = recorded::start(slots.first().copied(), request, engine, snapshot);
        let (method, extensions) = (request.method(), request.extensions());
        match *slots {
            [] => self.decide_at(None, request, snapshot),
            [slot] => {
                self.memory.remember(method, extensions, snapshot, slot);
                #[cfg(feature = "flags")]
                if snapshot.is_flagged(slot) {
                    return self.decide_with_flags(slot, request, snapshot);
                }
                self.decide_at(Some(slot), request, snapshot)
            }
            ref slots => {
                let arrived = Asking::Layer(extensions);
                let left = Uncounted::of(&self.shared.waygate.inner, slots, arrived);
                #[cfg(feature = "flags")]
                self.keep_flags_among(slots, request, snapshot);
                self.decide_among(slots, left, request, snapshot)
            }
        }
    }

    /// Decides based on several routes. The limits of those that have not counted the request yet apply.
    #[cold]
    pub(super) fn decide_among(
        &self,
        slots: &[usize],
        left: Uncounted,
        request: &Request,
        snapshot: &Snapshot,
    ) -> Step {
        let engine = &*self.shared.waygate.inner;
        let facts = RequestFacts::of(request, engine, self.seen_by());
        let (slot, verdict) = engine.decide_among(snapshot, slots, &facts, &facts);
        let announcement = match announced(slot, verdict, snapshot, &facts) {
            Ok(announcement) => announcement,
            Err(block) => return Step::Block(slot, Box::new(BlockReason::of(block))),
        };
        if left.slots.is_empty() {
            return Step::Serve(None);
        }
        let limited = engine.limits_among(snapshot, &left.slots, left.shared, &facts);
        let Some((slot, route, limits)) = limited else {
            return self.serve(slots.first().copied(), announcement);
        };
        let limited = Limited {
            slot,
            route: &route,
            limits: &limits,
        };
        match self.admit(facts, limited, announcement) {
            // No limit has counted the request.
            step @ (Step::Serve(None) | Step::Refuse(_)) => step,
            step if left.slots.len() == 1 => step,
            step => Step::Among(Box::new((left.slots, step))),
        }
    }

    /// Applies the limits of the route in `slot`; its state does not refuse the request.
    #[inline(never)]
    fn limit_at(&self, slot: usize, request: &Request, snapshot: &Snapshot) -> Step {
        let facts = RequestFacts::of(request, &self.shared.waygate.inner, self.seen_by());
        self.limit(slot, facts, None, snapshot)
    }

    /// Decides based on the state of the route in `slot` and its limits.
    #[inline(never)]
    pub(super) fn decide_at(
        &self,
        slot: Option<usize>,
        request: &Request,
        snapshot: &Snapshot,
    ) -> Step {
        let engine = &*self.shared.waygate.inner;
        let facts = RequestFacts::of(request, engine, self.seen_by());
        let verdict = engine.decide(snapshot, slot, &facts, &facts);
        match (slot, announced(slot, verdict, snapshot, &facts)) {
            (_, Err(block)) => Step::Block(slot, Box::new(BlockReason::of(block))),
            (Some(slot), Ok(announcement)) => self.limit(slot, facts, announcement, snapshot),
            (None, Ok(announcement)) => self.serve(None, announcement),
        }
    }

    /// Applies the limits of the route in `slot`, unless a layer around this one has.
    #[inline(always)]
    fn limit(
        &self,
        slot: usize,
        facts: RequestFacts<'_>,
        announcement: Option<StateHeaders>,
        snapshot: &Snapshot,
    ) -> Step {
        let engine = &*self.shared.waygate.inner;
        let Some(limited) = engine.limits_for(snapshot, Some(slot), &facts) else {
            return self.serve(Some(slot), announcement);
        };
        match Admitted::new(engine, slot).counted(Asking::Layer(facts.extensions)) {
            Counted::Nothing => self.admit(facts, limited, announcement),
            Counted::Shared => self.limit_alone(slot, facts, announcement, snapshot),
            Counted::Everything => Step::Serve(None),
        }
    }

    /// Applies the limits of the route in `slot`, without those that it shares with others.
    #[cold]
    fn limit_alone(
        &self,
        slot: usize,
        facts: RequestFacts<'_>,
        announcement: Option<StateHeaders>,
        snapshot: &Snapshot,
    ) -> Step {
        let engine = &*self.shared.waygate.inner;
        match engine.limits_among(snapshot, &[slot], false, &facts) {
            Some((slot, route, limits)) => {
                let limited = Limited {
                    slot,
                    route: &route,
                    limits: &limits,
                };
                self.admit(facts, limited, announcement)
            }
            None => self.serve(Some(slot), announcement),
        }
    }

    #[inline]
    fn serve(&self, slot: Option<usize>, announcement: Option<StateHeaders>) -> Step {
        let engine = &*self.shared.waygate.inner;
        let admitted = slot.map(|slot| Admitted::new(engine, slot));
        Step::Serve(After::new(admitted, None, announcement))
    }

    /// The position of this layer: in front of a handler, unless the endpoint is known to have none.
    #[inline]
    fn seen_by(&self) -> SeenBy {
        match self.runs_nothing() {
            true => SeenBy::LayerOfNoHandler,
            false => SeenBy::Layer,
        }
    }

    fn block<F, E>(
        &self,
        request: Request,
        slot: Option<usize>,
        reason: BlockReason,
    ) -> ResponseFuture<F, E> {
        let shared = &self.shared;
        let engine = &*shared.waygate.inner;
        let responder = shared.responder(slot, &reason);
        let (parts, _body) = request.into_parts();
        let facts = RequestFacts::of_parts(&parts, engine, SeenBy::Layer);
        note(slot, &facts, &reason);
        let blocked = reply::blocked(parts, reason, engine);
        match responder {
            Some(responder) => {
                ResponseFuture::waiting(async move { Ok(reply::custom(responder, blocked).await) })
            }
            None => ResponseFuture::ready(reply::builtin(&blocked)),
        }
    }
}
