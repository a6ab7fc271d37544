//! The gates of a handler that was found where its attributes are not bound to.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    body::Body,
    extract::{MatchedPath, Request},
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};
use tower::Service;
use waygate_core::Printable;

use super::{endpoint::Endpoint, layer::OfHandler, service::WaygateService};

/// Lets a request pass to a handler by the routes that its attributes are bound to, each with its own limits. `Ok` is what
/// they have to add to the answer, each with the permits that its body holds; `Err` is the refusal.
pub(super) async fn pass(
    endpoint: Arc<Endpoint>,
    stamp: &'static str,
    head: Parts,
) -> Result<Vec<Response>, Response> {
    let shared = &endpoint.shared;
    let Some(handler) = shared.setup().handlers.get(stamp) else {
        return Ok(Vec::new());
    };
    let is_first = shared.note_found(&endpoint, stamp);
    if handler.slots.is_empty() {
        return match unbound(handler, &head, is_first) {
            None => Ok(Vec::new()),
            Some(refusal) => Err(refusal),
        };
    }
    let snapshot = shared.waygate.inner.snapshot.load_full();
    let governing = endpoint.governing(&head.method, &head.extensions, &snapshot);
    let others = handler
        .slots
        .iter()
        .filter(|slot| !governing.contains(slot));
    let gates = Arc::new(Endpoint::new(shared.clone()));
    gates.watch.know();
    let mut passed = Vec::new();
    for &slot in others {
        if is_first && let Some(route) = snapshot.table.route(slot) {
            tracing::warn!(
                handler = %Printable(handler.declaration.handler),
                route = %Printable(&route.key),
                path = ?Printable(path(&head)),
                method = ?Printable(&head.method),
                "a handler is mounted a second time: the gates and limits of its own route hold there too; list the \
                 other one in `route = [..]` to control it apart"
            );
        }
        let request = Request::from_parts(head.clone(), Body::empty());
        let step = gates.decide_alone(slot, &request, &snapshot);
        let mut service = WaygateService {
            inner: Pass,
            endpoint: gates.clone(),
        };
        let answer = match service.follow_step(request, step).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        };
        if answer.extensions().get::<Passed>().is_none() {
            return Err(answer);
        }
        passed.push(answer);
    }
    Ok(passed)
}

/// A handler without a route of its own, which `allow_unmounted` has excused. What it declares cannot be enforced, so it
/// must not run, unless it declares nothing that refuses requests.
fn unbound(handler: &OfHandler, head: &Parts, is_first: bool) -> Option<Response> {
    let declaration = &handler.declaration;
    if !declaration.can_refuse() {
        return None;
    }
    if is_first {
        tracing::error!(
            handler = %Printable(declaration.handler),
            path = ?Printable(path(head)),
            method = ?Printable(&head.method),
            "a handler runs whose attributes are bound to no route, since `allow_unmounted` names it: it is refused; name \
             its route in `route = \"METHOD /path\"`"
        );
    }
    Some(StatusCode::SERVICE_UNAVAILABLE.into_response())
}

fn path(head: &Parts) -> &str {
    let matched = head.extensions.get::<MatchedPath>();
    matched.map_or_else(|| head.uri.path(), MatchedPath::as_str)
}

/// Stands in for the handler, to learn whether a request would reach it.
#[derive(Debug, Clone)]
struct Pass;

/// On the answer: the request would.
#[derive(Debug, Clone, Copy)]
struct Passed;

impl Service<Request> for Pass {
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request) -> Self::Future {
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(Passed);
        ready(Ok(response))
    }
}
