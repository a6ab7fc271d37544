use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use axum::{extract::Request, response::Response};
use tower::Service;
use waygate_core::decision::Verdict;

use super::{
    BlockReason, Blocked,
    admitted::Admitted,
    facts::{RequestFacts, SeenBy},
    future::ResponseFuture,
    identity::Identity,
    layer::Shared,
    limits::{After, TurnedAway, Waiting},
    preflight, reply,
};

/// Decides about each request of one endpoint before the endpoint sees it.
#[derive(Debug, Clone)]
pub(crate) struct WaygateService<S> {
    pub(super) inner: S,
    pub(super) endpoint: Arc<Endpoint>,
}

/// What the services of one endpoint share. axum clones one for each request, so it is one pointer.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) shared: Arc<Shared>,
    pub(super) identity: Identity,
    /// Whether it is axum's own answer to methods that its path does not have, as was found out at the start.
    pub(super) has_no_handler: AtomicBool,
}

/// What is to be done with a request. What is rare is boxed: it passes through every request's hands.
pub(super) enum Step {
    /// The endpoint is asked for itself, at the start.
    Name,
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
            Step::Serve(after) => ResponseFuture::served(self.inner.call(request), after),
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
            Step::Serve(after) => ResponseFuture::served(self.inner.call(request), after),
            Step::Name => ResponseFuture::ready(preflight::named(&self.endpoint)),
            Step::Block(slot, reason) => self.endpoint.refuse(request, slot, *reason),
            Step::TurnAway(away) => self.turn_away(request, *away),
            Step::Ask(waiting) => self.ask(request, waiting),
            Step::Wait(waiting) => self.wait(request, waiting),
        }
    }
}

impl Endpoint {
    #[inline]
    fn decide(self: &Arc<Self>, request: &Request) -> Step {
        if preflight::asks_for_name(request) {
            return Step::Name;
        }
        let engine = &*self.shared.waygate.inner;
        let snapshot = engine.snapshot.load();
        let slot = self
            .identity
            .slot(request.method(), request.extensions(), &snapshot);
        let facts = RequestFacts::of(request, engine).seen_by(self.seen_by());
        let announcement = match engine.decide(&snapshot, slot, &facts, &facts) {
            Verdict::Pass => None,
            Verdict::PassDeprecated => {
                slot.and_then(|slot| snapshot.slot(slot)?.announcement.clone())
            }
            Verdict::Block(block) => return Step::Block(slot, Box::new(block.into())),
        };
        match engine.limits_for(&snapshot, slot, &facts) {
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
        match self.has_no_handler.load(Ordering::Relaxed) {
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
        let of_route = slot.and_then(|slot| shared.own(slot)?.responses.of(&reason));
        let responder = of_route.or_else(|| shared.responses.of(&reason)).cloned();
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
