//! The gates of a handler on a route that its attributes are not bound to.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use axum::{
    body::Body,
    extract::{MatchedPath, Request},
    response::{IntoResponse, Response},
};
use futures_util::future::{Either, select};
use http::{Method, StatusCode, request::Parts};
use tokio::sync::oneshot;
use tower::Service;
use waygate_core::{
    Printable, grammar,
    model::{Access, RouteKey},
};

use super::{admitted::Uncounted, endpoint::Endpoint, limits::Uncharged, step::Step};
use crate::{
    engine::{Governing, Mount, Table, in_test},
    registry::HandlerDeclaration,
    stamp::Stamp,
};

/// A passed gate that completes the response: with its headers, the permits, and the actual cost of the request.
pub(super) struct Gate {
    passing: Answering,
    answer: oneshot::Sender<Response>,
}

pub(super) type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;

/// Takes the step of a gate's decision, with the handler's stand-in as the endpoint.
pub(super) type Follow = fn(StandIn, Arc<Endpoint>, Request, Step) -> Answering;

/// Checks a request to a handler against the routes that its attributes are bound to, each with its own limits. Returns
/// the refusal as `Err`.
pub(super) async fn pass(
    endpoint: &Arc<Endpoint>,
    stamp: Stamp,
    head: &Parts,
    gates: &mut Vec<Gate>,
    follow: Follow,
) -> Result<(), Response> {
    let shared = &endpoint.shared;
    let Some(declaration) = shared.setup().handlers.get(stamp) else {
        return Ok(());
    };
    let engine = &shared.waygate.inner;
    let snapshot = engine.snapshot.load_full();
    let is_first = shared.note_found(endpoint, stamp);
    let table = &snapshot.table;
    let bound = engine.bindings.slots_of(stamp, table);
    if bound.is_empty() {
        let is_bypassed =
            snapshot.bypass.lifecycle && declaration.state.access == Access::default();
        if is_bypassed || in_test(|bypass| bypass.lifecycle) {
            return Ok(());
        }
        return match unbound(declaration, head, is_first) {
            None => Ok(()),
            Some(refusal) => Err(refusal),
        };
    }
    let mut met = endpoint.governing(&head.method, &head.extensions, &snapshot);
    if bound.iter().any(|slot| met.contains(slot)) {
        return Ok(());
    }
    if is_first {
        note_mount(declaration, &met, &bound, head, table);
    }
    for slot in bound {
        let Some(route) = table.route(slot) else {
            continue;
        };
        let request = Request::from_parts(head.clone(), Body::empty());
        let decider = Arc::new(Endpoint::new(shared.clone()));
        decider.watch.know(stamp);
        let slots = governing(&route.key, &head.method, table);
        let left: Governing = slots
            .iter()
            .copied()
            .filter(|slot| !met.contains(slot))
            .collect();
        met.extend(left.iter().copied());
        let left = Uncounted {
            slots: left,
            shared: false,
        };
        let step = decider.decide_among(&slots, left, &request, &snapshot);
        let (passed, has_passed) = oneshot::channel();
        let (answer, answered) = oneshot::channel();
        let handler = StandIn(Arc::new(Mutex::new(Some((passed, answered)))));
        let passing = follow(handler, decider, request, step);
        match select(passing, has_passed).await {
            Either::Left((refusal, _)) => return Err(refusal),
            Either::Right((_, passing)) => gates.push(Gate { passing, answer }),
        }
    }
    Ok(())
}

/// Records and logs that a handler serves routes that its attributes are not bound to.
fn note_mount(
    declaration: &HandlerDeclaration,
    at: &[usize],
    bound: &[usize],
    head: &Parts,
    table: &Table,
) {
    let keys = |slots: &[usize]| -> Vec<RouteKey> {
        let routes = slots.iter().filter_map(|slot| table.route(*slot));
        routes.map(|route| route.key.clone()).collect()
    };
    let mounts = keys(at).into_iter().map(|at| Mount {
        handler: declaration.handler,
        at,
        own: keys(bound),
        is_named: !declaration.routes.is_empty(),
    });
    let mounts: Vec<Mount> = mounts.collect();
    let said: Vec<String> = mounts.iter().map(Mount::in_words).collect();
    tracing::warn!(
        handler = %Printable(declaration.handler),
        path = ?Printable(path(head)),
        method = ?Printable(&head.method),
        "a handler also serves other routes, where the gates and limits of its own routes apply too: {}",
        Printable(said.join("; "))
    );
    for mount in mounts {
        table.mounts.note(mount);
    }
}

/// Records whether the annotated handler of an endpoint's route ran to produce its response.
#[cold]
pub(super) fn note_run(endpoint: &Endpoint, stamp: Stamp, head: &Parts, has_run: bool) {
    let Some(declaration) = endpoint.shared.setup().handlers.get(stamp) else {
        return;
    };
    let engine = &endpoint.shared.waygate.inner;
    let snapshot = engine.snapshot.load_full();
    let table = &snapshot.table;
    let bound = engine.bindings.slots_of(stamp, table);
    let mut met = endpoint.governing(&head.method, &head.extensions, &snapshot);
    met.retain(|slot| bound.contains(slot));
    let routes = met.iter().filter_map(|slot| table.route(*slot));
    let noted = routes.map(|route| {
        table
            .mounts
            .note_run(declaration.handler, &route.key, has_run)
    });
    if noted.filter(|is_news| *is_news).count() > 0 {
        engine.note_unmatched(&snapshot);
    }
}

/// The slots that govern requests of a route: its own, and that of the method or of all methods of its path.
fn governing(key: &RouteKey, method: &Method, table: &Table) -> Governing {
    let own = key.method().map(grammar::Method::as_str);
    table.governing_handled(own.unwrap_or(method.as_str()), key.path())
}

/// Completes a response with the gates, the innermost first.
pub(super) async fn complete(mut response: Response, gates: Vec<Gate>) -> Response {
    for Gate { passing, answer } in gates.into_iter().rev() {
        // The gate waits for it.
        let _ = answer.send(response);
        response = passing.await;
    }
    response
}

/// The refusal by one gate. Earlier charges of the request are refunded.
pub(super) async fn refuse(mut refusal: Response, gates: Vec<Gate>) -> Response {
    refusal.extensions_mut().insert(Uncharged);
    complete(refusal, gates).await
}

/// A handler without a route, allowed by `allow_unmounted`. Its declarations cannot be enforced, so it must not run,
/// unless none of them refuses requests.
fn unbound(declaration: &HandlerDeclaration, head: &Parts, is_first: bool) -> Option<Response> {
    if !declaration.can_refuse() {
        return None;
    }
    if is_first {
        tracing::error!(
            handler = %Printable(declaration.handler),
            path = ?Printable(path(head)),
            method = ?Printable(&head.method),
            "refused a handler with attributes that are bound to no route, because `allow_unmounted` names it; name \
             its route in `route = \"METHOD /path\"`"
        );
    }
    Some(StatusCode::SERVICE_UNAVAILABLE.into_response())
}

fn path(head: &Parts) -> &str {
    let matched = head.extensions.get::<MatchedPath>();
    matched.map_or_else(|| head.uri.path(), MatchedPath::as_str)
}

/// Stands in for the handler: signals that a request arrived, and responds with the handler's response.
#[derive(Debug, Clone)]
pub(super) struct StandIn(Arc<Mutex<Option<Ends>>>);

type Ends = (oneshot::Sender<()>, oneshot::Receiver<Response>);

impl Service<Request> for StandIn {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request) -> Self::Future {
        let ends = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        Box::pin(async move {
            let Some((passed, answered)) = ends else {
                return Ok(StatusCode::SERVICE_UNAVAILABLE.into_response());
            };
            let _ = passed.send(());
            // Without a response, the request was dropped.
            let answer = answered.await.ok();
            Ok(answer.unwrap_or_default())
        })
    }
}
