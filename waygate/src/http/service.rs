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
    BlockReason, Blocked, bypassed, facts::RequestFacts, future::ResponseFuture,
    identity::Identity, layer::Shared, limits::Arrived, reply, uncounted,
};
use crate::engine::{Asked, Snapshot};

/// Decides about each request of one endpoint before the endpoint sees it.
#[derive(Debug, Clone)]
pub(crate) struct WaygateService<S> {
    pub(super) inner: S,
    pub(super) shared: Arc<Shared>,
    pub(super) identity: Identity,
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

    fn call(&mut self, request: Request) -> Self::Future {
        let engine = &*self.shared.waygate.inner;
        let snapshot = engine.snapshot.load();
        let slot = self
            .identity
            .slot(request.method(), request.extensions(), &snapshot);
        let verdict = if bypassed(engine) {
            Verdict::Pass
        } else {
            let facts = RequestFacts::of(&request, engine);
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
                    || is_exempt(&request, slot, &snapshot) =>
            {
                None
            }
            Verdict::Block(block) => {
                let reason = BlockReason::from(block);
                drop(snapshot);
                return self.refuse(request, slot, reason);
            }
        };
        if let Some(slot) = slot
            && let Some(limits) = snapshot.limits(slot)
            && !uncounted(engine)
            && !is_preflight(request.method(), request.headers())
        {
            let arrived = Arrived {
                slot,
                snapshot: &snapshot,
                limits,
                announcement,
            };
            return self.count(request, arrived);
        }
        match announcement {
            None => ResponseFuture::inner(self.inner.call(request)),
            announced => ResponseFuture::deprecated(self.inner.call(request), announced),
        }
    }
}

impl<S: Service<Request>> WaygateService<S> {
    #[cold]
    fn refuse(
        &self,
        request: Request,
        slot: Option<usize>,
        reason: BlockReason,
    ) -> ResponseFuture<S::Future, S::Error> {
        let shared = &self.shared;
        let of_route = slot.and_then(|slot| shared.by_slot.get(&slot)?.responses.of(&reason));
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
