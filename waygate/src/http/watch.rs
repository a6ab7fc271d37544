//! Finds handlers with attributes that are mounted where their attributes were not bound to: a second path, another method.
//!
//! axum erases the handlers of a router, so that `guard` cannot see them. Each one with attributes says its stamp before
//! its body runs. Behind an endpoint that is watched, the request then waits until the attributes have been bound to its
//! route, and meets them. An endpoint is watched until it has answered once with a success: its handler has no attributes.

use std::{
    cell::Cell,
    convert::Infallible,
    future::{Future, poll_fn, ready},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    body::Body,
    extract::{MatchedPath, Request},
    response::{IntoResponse, Response},
};
use http::{Method, StatusCode, header, request::Parts};
use tower::Service;

use super::{
    Attached,
    admitted::Admitted,
    endpoint::Endpoint,
    future::ResponseFuture,
    limits::{After, until_dropped},
    service::WaygateService,
};
use crate::engine::{Registered, Source};

thread_local! {
    static WATCHING: Cell<Watching> = const { Cell::new(Watching::Not) };
}

/// What the endpoint around what is polled now wants to know.
#[derive(Debug, Clone, Copy)]
enum Watching {
    Not,
    /// Whether a handler with attributes runs.
    Looking,
    /// The stamp of the one that does.
    Found(&'static str),
}

/// Says that a handler with attributes is about to run; ready at once wherever its attributes hold already.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Entered(Option<&'static str>);

impl Entered {
    pub(crate) fn new(stamp: &'static str) -> Self {
        Self(Some(stamp))
    }
}

impl Future for Entered {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if let (Watching::Looking, Some(stamp)) = (WATCHING.get(), self.0.take()) {
            WATCHING.set(Watching::Found(stamp));
            // Whoever is looking polls again, or not at all.
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}

/// The answer of an endpoint, or the stamp of a handler that waits.
enum Seen<T> {
    Answered(T),
    Stamp(&'static str),
}

/// Polls once, and looks for handlers with attributes.
fn look<F: Future>(future: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<Seen<F::Output>> {
    let outer = WATCHING.replace(Watching::Looking);
    let polled = future.poll(cx);
    match (WATCHING.replace(outer), polled) {
        (Watching::Found(stamp), Poll::Pending) => Poll::Ready(Seen::Stamp(stamp)),
        (_, polled) => polled.map(Seen::Answered),
    }
}

/// Serves a request behind an endpoint that is watched.
pub(super) fn serve<S>(
    service: &mut WaygateService<S>,
    request: Request,
    after: Option<Box<After>>,
) -> ResponseFuture<S::Future, S::Error>
where
    S: Service<Request, Response = Response> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    if !service.endpoint.is_watched() {
        return ResponseFuture::served(service.inner.call(request), after);
    }
    let endpoint = service.endpoint.clone();
    let (parts, body) = request.into_parts();
    let again = parts.clone();
    let future = service.inner.call(Request::from_parts(parts, body));
    ResponseFuture::waiting(async move {
        let mut future = pin!(future);
        let admitted = after.as_ref().map(|after| after.admitted());
        let seen = poll_fn(|cx| {
            let _scope = admitted.map(Admitted::enter);
            look(future.as_mut(), cx)
        });
        match seen.await {
            Seen::Answered(response) => {
                let response = response?;
                // Layers inside may answer these two without the handler.
                let is_handlers = ![Method::OPTIONS, Method::HEAD].contains(&again.method);
                if is_handlers && response.status().is_success() {
                    endpoint.settle();
                }
                Ok(match after {
                    Some(after) => after.complete(response),
                    None => response,
                })
            }
            Seen::Stamp(stamp) => {
                if !adopt(&endpoint, stamp, &again).await {
                    return Ok(StatusCode::SERVICE_UNAVAILABLE.into_response());
                }
                let gate = Gate(endpoint)
                    .call(Request::from_parts(again, Body::empty()))
                    .await;
                if gate.extensions().get::<Passed>().is_none() {
                    return Ok(gate);
                }
                let (gate, held) = gate.into_parts();
                let mut response = future.await?;
                for (name, value) in &gate.headers {
                    match *name == header::LINK {
                        true => response.headers_mut().append(name, value.clone()),
                        false => response.headers_mut().insert(name, value.clone()).is_some(),
                    };
                }
                Ok(until_dropped(response, held))
            }
        }
    })
}

/// Binds the attributes of a handler to the route that it was found to serve. `false` when that fails: it must not run
/// without them.
async fn adopt(endpoint: &Arc<Endpoint>, stamp: &str, request: &Parts) -> bool {
    let shared = &endpoint.shared;
    let engine = &shared.waygate.inner;
    let Some(declaration) = shared.setup().handlers.get(stamp) else {
        // Nothing is known of it that could be enforced.
        endpoint.settle();
        return true;
    };
    let handler = declaration.handler;
    let Some(key) = endpoint.key_for(&request.method) else {
        let path = request.extensions.get::<MatchedPath>();
        tracing::error!(
            handler,
            path = ?path.map(MatchedPath::as_str),
            "a handler with attributes is served by an endpoint that was not found: it is refused"
        );
        return false;
    };
    let route = Registered {
        key: key.clone(),
        declared: declaration.state.clone(),
        limits: declaration.limits.rate_policies(),
        concurrency: declaration.limits.concurrency_policies(),
        attached: Attached::from(declaration),
        source: Source::Attribute { handler },
    };
    if let Err(error) = engine.register([route]).await {
        tracing::error!(
            handler,
            %key,
            %error,
            "a handler is mounted a second time, where its attributes cannot hold: it is refused"
        );
        return false;
    }
    tracing::warn!(
        handler,
        %key,
        "a handler is mounted a second time: its attributes hold there from the first request on; list the route in \
         `route = [..]` to have it so from the start"
    );
    endpoint.settle();
    true
}

/// Stands in for an endpoint, to learn whether a request would reach it.
#[derive(Debug, Clone)]
struct Pass;

/// On the answer: the request would.
#[derive(Debug, Clone, Copy)]
struct Passed;

impl Service<Request> for Pass {
    type Response = Response;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request) -> Self::Future {
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(Passed);
        ready(Ok(response))
    }
}

/// Decides about a request, and counts it. The answer is the refusal, or carries [`Passed`], what is to be said to the
/// client, and in its body the permits that are held.
struct Gate(Arc<Endpoint>);

impl Gate {
    async fn call(self, request: Request) -> Response {
        let mut service = WaygateService {
            inner: Pass,
            endpoint: self.0,
        };
        match service.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}
