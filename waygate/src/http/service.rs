use std::{
    sync::Arc,
    task::{Context, Poll},
};

use axum::{extract::Request, response::Response};
use tower::Service;
use waygate_core::decision::Verdict;

use super::{
    BlockReason, Blocked,
    admitted::Admitted,
    endpoint::Endpoint,
    facts::{RequestFacts, SeenBy},
    future::ResponseFuture,
    limits::{After, TurnedAway, Waiting},
    reply,
    survey::{self, Probe},
    watch,
};
use crate::engine::Snapshot;

/// Decides about each request of one endpoint before the endpoint sees it.
#[derive(Debug, Clone)]
pub(crate) struct WaygateService<S> {
    pub(super) inner: S,
    pub(super) endpoint: Arc<Endpoint>,
}

/// What is to be done with a request. What is rare is boxed: it passes through every request's hands.
pub(super) enum Step {
    /// `guard` asks which endpoint this is.
    Probed,
    /// The endpoint answers, and then something may be left to do.
    Serve(Option<Box<After>>),
    /// The route's state refuses it.
    Block(Option<usize>, Box<BlockReason>),
    /// A limit does.
    TurnAway(Box<TurnedAway>),
    /// Functions of the application are to tell what it is counted by.
    Ask(Box<Waiting>),
    /// It is counted elsewhere, or needs a place.
    Wait(Box<Waiting>),
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

    // Requests are large: each is moved once, to where it is served.
    fn call(&mut self, request: Request) -> Self::Future {
        match self.endpoint.decide(&request) {
            Step::Serve(after) if !self.endpoint.is_watched() => {
                ResponseFuture::served(self.inner.call(request), after)
            }
            rare => self.serve_rarely(request, rare),
        }
    }
}

impl<S> WaygateService<S>
where
    S: Service<Request, Response = Response> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    #[cold]
    fn serve_rarely(
        &mut self,
        request: Request,
        step: Step,
    ) -> ResponseFuture<S::Future, S::Error> {
        match step {
            Step::Serve(after) => watch::serve(self, request, after),
            Step::Probed => ResponseFuture::ready(survey::answer(&self.endpoint, &request)),
            Step::Block(slot, reason) => self.endpoint.refuse(request, slot, *reason),
            Step::TurnAway(away) => self.turn_away(request, *away),
            Step::Ask(waiting) => self.ask(request, waiting),
            Step::Wait(waiting) => self.wait(request, waiting),
        }
    }
}

impl Endpoint {
    #[inline]
    pub(super) fn decide(self: &Arc<Self>, request: &Request) -> Step {
        let engine = &*self.shared.waygate.inner;
        let snapshot = engine.snapshot.load();
        let (method, extensions) = (request.method(), request.extensions());
        match self.memory.recall(method, extensions, &snapshot) {
            Some(slot) => self.decide_at(Some(slot), request, &snapshot),
            None => self.find_out(request, &snapshot),
        }
    }

    /// Decides about a request for which no slot is remembered.
    #[cold]
    fn find_out(self: &Arc<Self>, request: &Request, snapshot: &Snapshot) -> Step {
        let (method, extensions) = (request.method(), request.extensions());
        if extensions.get::<Probe>().is_some() {
            return Step::Probed;
        }
        match *self.governing(method, extensions, snapshot) {
            [] => self.decide_at(None, request, snapshot),
            [slot] => {
                self.memory.remember(method, extensions, snapshot, slot);
                self.decide_at(Some(slot), request, snapshot)
            }
            ref slots => self.decide_among(slots, request, snapshot),
        }
    }

    /// Decides by several routes: the strictest verdict holds, and the first route with limits counts.
    fn decide_among(
        self: &Arc<Self>,
        slots: &[usize],
        request: &Request,
        snapshot: &Snapshot,
    ) -> Step {
        let engine = &*self.shared.waygate.inner;
        let facts = RequestFacts::of(request, engine).seen_by(self.seen_by());
        for &slot in slots {
            if let Verdict::Block(block) = engine.decide(snapshot, Some(slot), &facts, &facts) {
                return Step::Block(Some(slot), Box::new(block.into()));
            }
        }
        let counts = |slot: &&usize| engine.limits_for(snapshot, Some(**slot), &facts).is_some();
        let slot = slots.iter().find(counts).or(slots.first());
        self.decide_at(slot.copied(), request, snapshot)
    }

    #[inline]
    fn decide_at(
        self: &Arc<Self>,
        slot: Option<usize>,
        request: &Request,
        snapshot: &Snapshot,
    ) -> Step {
        let engine = &*self.shared.waygate.inner;
        let facts = RequestFacts::of(request, engine).seen_by(self.seen_by());
        let announcement = match engine.decide(snapshot, slot, &facts, &facts) {
            Verdict::Pass => None,
            Verdict::PassDeprecated => {
                slot.and_then(|slot| snapshot.slot(slot)?.announcement.clone())
            }
            Verdict::Block(block) => return Step::Block(slot, Box::new(block.into())),
        };
        match engine.limits_for(snapshot, slot, &facts) {
            Some(limited) => self.count(request, limited, announcement),
            None => Step::Serve(
                slot.zip(announcement)
                    .map(|(slot, headers)| After::announcing(Admitted::new(engine, slot), headers)),
            ),
        }
    }

    /// What is behind this endpoint, as far as it is known: where it is not, a handler.
    #[inline]
    fn seen_by(&self) -> SeenBy {
        match self.runs_nothing() {
            true => SeenBy::LayerOfNoHandler,
            false => SeenBy::Layer,
        }
    }

    fn refuse<F, E>(
        &self,
        request: Request,
        slot: Option<usize>,
        reason: BlockReason,
    ) -> ResponseFuture<F, E> {
        let shared = &self.shared;
        let responder = shared.responder(slot, &reason);
        let (parts, _body) = request.into_parts();
        let blocked = Blocked::new(parts, reason, shared.waygate.inner.clock.now());
        match responder {
            Some(responder) => {
                ResponseFuture::waiting(async move { Ok(reply::custom(responder, blocked).await) })
            }
            None => ResponseFuture::ready(reply::builtin(&blocked)),
        }
    }
}
