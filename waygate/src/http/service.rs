use std::{
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    extract::{MatchedPath, Request},
    response::Response,
};
use http::{HeaderMap, Method, header};
use tower::Service;
use waygate_core::decision::{Block, Verdict};

use super::{
    BlockReason, Blocked, bypassed,
    facts::RequestFacts,
    future::ResponseFuture,
    identity::Identity,
    layer::Shared,
    limits::{After, Arrived, TurnedAway, Waiting},
    reply, uncounted,
};
use crate::engine::{Asked, Snapshot};

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
}

/// What is to be done with a request. What is rare is boxed: it passes through every request's hands.
pub(super) enum Step {
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
        let engine = &*self.shared.waygate.inner;
        let snapshot = engine.snapshot.load();
        let slot = self
            .identity
            .slot(request.method(), request.extensions(), &snapshot);
        let verdict = if bypassed(engine) {
            Verdict::Pass
        } else {
            let facts = RequestFacts::of(request, engine);
            let asked = Asked {
                method: request.method(),
                path: request.uri().path(),
            };
            snapshot.decide(slot, asked, &facts, || engine.clock.now())
        };
        let announcement = match verdict {
            Verdict::Pass => None,
            Verdict::PassDeprecated => {
                slot.and_then(|slot| snapshot.slot(slot)?.announcement.clone())
            }
            Verdict::Block(Block::GlobalMaintenance { .. })
                if is_preflight(request.method(), request.headers())
                    || is_exempt(request, slot, &snapshot) =>
            {
                None
            }
            Verdict::Block(block) => return Step::Block(slot, Box::new(block.into())),
        };
        if let Some(slot) = slot
            && let Some(limits) = snapshot.limits(slot, request.method())
            && !uncounted(engine)
            && !is_preflight(request.method(), request.headers())
            && let Some(route) = snapshot.table.route(slot)
        {
            let arrived = Arrived {
                slot,
                route,
                limits,
                announcement,
            };
            return self.count(request, arrived);
        }
        Step::Serve(announcement.map(After::announcing))
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

/// Whether the template that axum has matched is exempt, where no controlled route is known to be. Such a request meets
/// global maintenance only, so that is whose exemptions count.
#[cold]
fn is_exempt(request: &Request, slot: Option<usize>, snapshot: &Snapshot) -> bool {
    let template = request
        .extensions()
        .get::<MatchedPath>()
        .filter(|_| slot.is_none());
    template.is_some_and(|template| {
        let method = waygate_core::grammar::Method::from_name(request.method().as_str());
        snapshot.global.config.exempts(method, template.as_str())
    })
}

/// A CORS preflight (Fetch standard) asks for permission only. Refusing it would show the browser a CORS
/// error instead of the answer to the request that follows.
#[inline]
pub(super) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}
