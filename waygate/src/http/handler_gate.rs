//! The gates of a handler that was found where its attributes are not bound to.

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

use super::{admitted::Uncounted, endpoint::Endpoint, limits::Uncharged, service::WaygateService};
use crate::{
    engine::{Governing, Mount, Table, in_test},
    registry::HandlerDeclaration,
    stamp::Stamp,
};

/// A gate that a request has passed, and that is to complete the answer: with its headers, the permits that it holds, and
/// what the request has cost.
pub(super) struct Gate {
    passing: Answering,
    answer: oneshot::Sender<Response>,
}

type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;

/// Lets a request pass to a handler by the routes that its attributes are bound to, each with its own limits. `Err` is the
/// refusal.
pub(super) async fn pass(
    endpoint: &Arc<Endpoint>,
    stamp: Stamp,
    head: &Parts,
    gates: &mut Vec<Gate>,
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
        let mut service = WaygateService {
            inner: Handler(Arc::new(Mutex::new(Some((passed, answered))))),
            endpoint: decider,
        };
        let passing: Answering = Box::pin(async move {
            match service.follow_step(request, step).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        });
        match select(passing, has_passed).await {
            Either::Left((refusal, _)) => return Err(refusal),
            Either::Right((_, passing)) => gates.push(Gate { passing, answer }),
        }
    }
    Ok(())
}

/// Notes that a handler serves routes to which its attributes are not bound, and logs it.
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
        "a handler serves more than its own routes, whose gates and limits hold there too: {}",
        Printable(said.join("; "))
    );
    for mount in mounts {
        table.mounts.note(mount);
    }
}

/// Notes whether the handler has run whose attributes are bound to the route of an endpoint that has answered.
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

/// The slots that govern requests of a route: beside its own, that of the method or the one for all methods of its path.
fn governing(key: &RouteKey, method: &Method, table: &Table) -> Governing {
    let own = key.method().map(grammar::Method::as_str);
    table.governing_handled(own.unwrap_or(method.as_str()), key.path())
}

/// Has the gates complete an answer, the innermost first.
pub(super) async fn complete(mut response: Response, gates: Vec<Gate>) -> Response {
    for Gate { passing, answer } in gates.into_iter().rev() {
        // The gate waits for it.
        let _ = answer.send(response);
        response = passing.await;
    }
    response
}

/// The refusal of one gate. What the request was charged before is given back.
pub(super) async fn refuse(mut refusal: Response, gates: Vec<Gate>) -> Response {
    refusal.extensions_mut().insert(Uncharged);
    complete(refusal, gates).await
}

/// A handler without a route of its own, which `allow_unmounted` has excused. What it declares cannot be enforced, so it
/// must not run, unless it declares nothing that refuses requests.
fn unbound(declaration: &HandlerDeclaration, head: &Parts, is_first: bool) -> Option<Response> {
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

/// Stands in for the handler: says that a request has come to it, and answers with what the handler does.
#[derive(Debug, Clone)]
struct Handler(Arc<Mutex<Option<Ends>>>);

type Ends = (oneshot::Sender<()>, oneshot::Receiver<Response>);

impl Service<Request> for Handler {
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
            // Without an answer, the request is gone.
            let answer = answered.await.ok();
            Ok(answer.unwrap_or_default())
        })
    }
}
