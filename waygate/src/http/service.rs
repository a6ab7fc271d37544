use std::{
    sync::Arc,
    task::{Context, Poll},
};

use axum::{extract::Request, response::Response};
use tower::Service;
use waygate_core::decision::Verdict;

use super::{
    BlockReason, Blocked,
    admitted::{Admitted, Asking, Counted, Uncounted, as_admitted},
    endpoint::Endpoint,
    explain,
    facts::{RequestFacts, SeenBy},
    future::ResponseFuture,
    limits::{After, TurnedAway, Waiting},
    reply,
    survey::{self, Probe},
    watch,
};
use crate::engine::{Checks, Governing, Inner, Limited, Snapshot, StateHeaders, uncached};

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
    /// The endpoint answers, which another layer of the engine may stand before.
    Mark(Box<After>),
    /// One of these, for all routes that are named.
    Among(Box<(Governing, Step)>),
}

impl Step {
    /// The endpoint answers a request that was admitted.
    #[inline(always)]
    pub(super) fn admitted(engine: &Inner, after: Box<After>) -> Self {
        match engine.is_stacked() {
            false => Self::Serve(Some(after)),
            true => Self::Mark(after),
        }
    }
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
        let step = self.endpoint.decide(&request);
        match (step, self.endpoint.watch.light()) {
            (Step::Serve(None), Some(watching)) => {
                ResponseFuture::served(self.inner.call(request), watching)
            }
            (Step::Serve(Some(after)), Some(watching)) => {
                ResponseFuture::completed(self.inner.call(request), watching, after)
            }
            (rare, _) => self.follow_step(request, rare),
        }
    }
}

impl<S> WaygateService<S>
where
    S: Service<Request, Response = Response> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    /// Serves a request for which nothing is left to decide.
    pub(super) fn serve(
        &mut self,
        request: Request,
        after: Option<Box<After>>,
    ) -> ResponseFuture<S::Future, S::Error> {
        match (self.endpoint.watch.light(), after) {
            (Some(watching), None) => ResponseFuture::served(self.inner.call(request), watching),
            (Some(watching), Some(after)) => {
                ResponseFuture::completed(self.inner.call(request), watching, after)
            }
            (None, after) => {
                let answer = watch::keep(&mut self.inner, &self.endpoint, request);
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
            Step::Serve(after) => self.serve(request, after),
            Step::Probed => ResponseFuture::ready(survey::answer(&self.endpoint, &request)),
            Step::Block(slot, reason) => self.endpoint.refuse(request, slot, *reason),
            Step::TurnAway(away) => self.turn_away(request, *away),
            Step::Ask(waiting) => self.ask(request, waiting),
            Step::Wait(waiting) => self.wait(request, waiting),
            Step::Mark(mut after) => {
                after.mark(&self.endpoint.shared.waygate.inner, &mut request);
                self.serve(request, Some(after))
            }
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

impl Endpoint {
    #[inline]
    pub(super) fn decide(self: &Arc<Self>, request: &Request) -> Step {
        let engine = &*self.shared.waygate.inner;
        let snapshot = engine.snapshot.load();
        let (method, extensions) = (request.method(), request.extensions());
        match self.memory.recall(method, extensions, &snapshot) {
            Some(slot) => match snapshot.checks(slot) {
                Checks::Nothing => Step::Serve(None),
                Checks::Limits => self.limit_at(slot, request, &snapshot),
                Checks::Everything => self.decide_at(Some(slot), request, &snapshot),
            },
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
        self.compare_methods(&snapshot.table);
        match *self.governing(method, extensions, snapshot) {
            [] => self.decide_at(None, request, snapshot),
            [slot] => {
                self.memory.remember(method, extensions, snapshot, slot);
                self.decide_at(Some(slot), request, snapshot)
            }
            ref slots => {
                let arrived = Asking::Layer(extensions);
                let left = Uncounted::of(&self.shared.waygate.inner, slots, arrived);
                self.decide_among(slots, left, request, snapshot)
            }
        }
    }

    /// Decides by several routes, and has the limits count of those that have not counted the request yet.
    #[cold]
    pub(super) fn decide_among(
        self: &Arc<Self>,
        slots: &[usize],
        left: Uncounted,
        request: &Request,
        snapshot: &Snapshot,
    ) -> Step {
        let engine = &*self.shared.waygate.inner;
        let facts = RequestFacts::of(request, engine).seen_by(self.seen_by());
        let (slot, verdict) = engine.decide_among(snapshot, slots, &facts, &facts);
        let announcement = match announced(slot, verdict, snapshot, &facts) {
            Ok(announcement) => announcement,
            Err(refusal) => return refusal,
        };
        let Uncounted {
            slots: left,
            shared,
        } = left;
        if left.is_empty() {
            return Step::Serve(None);
        }
        match engine.limits_among(snapshot, &left, shared, &facts) {
            Some((slot, route, limits)) => {
                let (route, limits) = (&route, &limits);
                let limited = Limited {
                    slot,
                    route,
                    limits,
                };
                match self.count(request, limited, announcement) {
                    // Nothing has counted it.
                    step @ (Step::Serve(None) | Step::TurnAway(_)) => step,
                    step => Step::Among(Box::new((left, step))),
                }
            }
            None => self.serve(slots.first().copied(), announcement),
        }
    }

    /// Has the limits of the route in `slot` count, whose state refuses nothing.
    #[inline]
    fn limit_at(self: &Arc<Self>, slot: usize, request: &Request, snapshot: &Snapshot) -> Step {
        let engine = &*self.shared.waygate.inner;
        let facts = RequestFacts::of(request, engine).seen_by(self.seen_by());
        match engine.limits_for(snapshot, Some(slot), &facts) {
            Some(limited) => self.count_once(request, limited, None, snapshot),
            None => Step::Serve(None),
        }
    }

    /// Has limits count, unless a layer around this one has.
    #[inline]
    fn count_once(
        self: &Arc<Self>,
        request: &Request,
        limited: Limited<'_>,
        announcement: Option<StateHeaders>,
        snapshot: &Snapshot,
    ) -> Step {
        let engine = &*self.shared.waygate.inner;
        let admitted = Admitted::new(engine, limited.slot);
        match admitted.counted(Asking::Layer(request.extensions())) {
            Counted::Nothing => self.count(request, limited, announcement),
            Counted::Shared => self.decide_alone(limited.slot, request, snapshot),
            Counted::Everything => Step::Serve(None),
        }
    }

    /// Decides by the route in `slot`, and has its limits count.
    #[inline(never)]
    fn decide_at(
        self: &Arc<Self>,
        slot: Option<usize>,
        request: &Request,
        snapshot: &Snapshot,
    ) -> Step {
        let engine = &*self.shared.waygate.inner;
        let facts = RequestFacts::of(request, engine).seen_by(self.seen_by());
        let announcement = match self.verdict(slot, &facts, snapshot) {
            Ok(announcement) => announcement,
            Err(refusal) => return refusal,
        };
        match engine.limits_for(snapshot, slot, &facts) {
            Some(limited) => self.count_once(request, limited, announcement, snapshot),
            None => self.serve(slot, announcement),
        }
    }

    /// The same without the limits that the route shares with others.
    #[cold]
    fn decide_alone(self: &Arc<Self>, slot: usize, request: &Request, snapshot: &Snapshot) -> Step {
        let engine = &*self.shared.waygate.inner;
        let facts = RequestFacts::of(request, engine).seen_by(self.seen_by());
        let announcement = match self.verdict(Some(slot), &facts, snapshot) {
            Ok(announcement) => announcement,
            Err(refusal) => return refusal,
        };
        match engine.own_limits_for(snapshot, slot, &facts) {
            Some((route, limits)) => {
                let (route, limits) = (&route, &limits);
                let limited = Limited {
                    slot,
                    route,
                    limits,
                };
                self.count(request, limited, announcement)
            }
            None => self.serve(Some(slot), announcement),
        }
    }

    /// What the answer is to announce, or the refusal.
    #[inline]
    fn verdict(
        &self,
        slot: Option<usize>,
        facts: &RequestFacts<'_>,
        snapshot: &Snapshot,
    ) -> Result<Option<StateHeaders>, Step> {
        let engine = &*self.shared.waygate.inner;
        let verdict = engine.decide(snapshot, slot, facts, facts);
        announced(slot, verdict, snapshot, facts)
    }

    #[inline]
    fn serve(&self, slot: Option<usize>, announcement: Option<StateHeaders>) -> Step {
        let engine = &*self.shared.waygate.inner;
        let admitted = slot.map(|slot| Admitted::new(engine, slot));
        match announcement {
            None => Step::Serve(None),
            Some(headers) => Step::admitted(engine, After::announcing(admitted, headers)),
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
        let engine = &*shared.waygate.inner;
        let responder = shared.responder(slot, &reason);
        let (parts, _body) = request.into_parts();
        explain::note(engine, slot, &parts, &reason);
        let blocked = Blocked::new(parts, reason, engine);
        match responder {
            Some(responder) => {
                ResponseFuture::waiting(async move { Ok(reply::custom(responder, blocked).await) })
            }
            None => ResponseFuture::ready(reply::builtin(&blocked)),
        }
    }
}

/// What the answer is to say by this verdict on the route in `slot`, or the refusal.
#[inline]
fn announced(
    slot: Option<usize>,
    verdict: Verdict<'_>,
    snapshot: &Snapshot,
    facts: &RequestFacts<'_>,
) -> Result<Option<StateHeaders>, Step> {
    let of_route = || slot.and_then(|slot| snapshot.slot(slot)?.announcement.as_ref());
    match verdict {
        Verdict::Pass => Ok(None),
        Verdict::PassDeprecated => Ok(of_route().cloned()),
        Verdict::PassExempt { deprecated } => {
            explain::note_exempt(snapshot, slot, facts);
            Ok(Some(uncached(of_route().filter(|_| deprecated))))
        }
        Verdict::Block(block) => Err(Step::Block(slot, Box::new(block.into()))),
    }
}
