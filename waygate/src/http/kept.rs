//! Keeps the heads of requests, for gates that may be found later.

use std::{
    future::{Future, poll_fn},
    mem,
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{body::Body, extract::Request, response::Response};
use http::{Method, request::Parts};
use hyper::upgrade::OnUpgrade;
use tower::Service;

use super::{
    endpoint::Endpoint,
    future::Pending,
    handler_gate::{self, Follow},
    limits::HeldUpgrade,
    watch::{PassedScope, Scope},
};
use crate::engine::in_test;

/// The response of an endpoint that keeps the head of the request, for gates that may be found.
#[cold]
pub(super) fn keep<S>(
    inner: &mut S,
    endpoint: &Arc<Endpoint>,
    mut request: Request,
    follow: Follow,
) -> Pending<S::Error>
where
    S: Service<Request, Response = Response>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    let upgrade = HeldUpgrade::prepare(&mut request);
    let mut head = head_of(&request);
    // The upgrade belongs to the handler.
    head.extensions.remove::<OnUpgrade>();
    let kept = Kept {
        endpoint: endpoint.clone(),
        head,
        upgrade,
        follow,
    };
    Box::pin(kept.serve(inner.call(request)))
}

fn head_of(request: &Request) -> Parts {
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = request.method().clone();
    head.uri = request.uri().clone();
    head.version = request.version();
    head.headers = request.headers().clone();
    head.extensions = request.extensions().clone();
    head
}

/// The kept parts of a request.
struct Kept {
    endpoint: Arc<Endpoint>,
    head: Parts,
    upgrade: Option<HeldUpgrade>,
    follow: Follow,
}

impl Kept {
    async fn serve<E>(
        self,
        future: impl Future<Output = Result<Response, E>>,
    ) -> Result<Response, E> {
        let mut future = pin!(future);
        let watching = self.endpoint.watch.watching();
        let (mut passed, mut gates) = (Vec::new(), Vec::new());
        let (unseen, mut is_seen) = (self.endpoint.watch.unseen(), false);
        let mut has_run = false;
        let response = loop {
            let look = |cx: &mut Context<'_>| {
                let scope = Scope::enter(watching);
                let polled = {
                    let _passed = PassedScope::enter(&mut passed);
                    future.as_mut().poll(cx)
                };
                match (polled, scope.found()) {
                    (Poll::Pending, Some(call)) => Poll::Ready(Err(call)),
                    (polled, _) => polled.map(Ok),
                }
            };
            match poll_fn(look).await {
                Ok(answer) => break answer?,
                // The gates of the handler have already decided.
                Err(call) if unseen.is_some_and(|stamp| *call.stamp == *stamp) => {
                    if !mem::replace(&mut is_seen, true) {
                        self.endpoint.watch.see();
                        handler_gate::note_run(&self.endpoint, call.stamp, &self.head, true);
                    }
                    passed.push(call.number);
                }
                Err(call) => {
                    self.endpoint.watch.find();
                    let opened = handler_gate::pass(
                        &self.endpoint,
                        call.stamp,
                        &self.head,
                        &mut gates,
                        self.follow,
                    );
                    match opened.await {
                        Ok(()) => passed.push(call.number),
                        // Charges of a handler that ran are not refunded.
                        Err(refusal) if has_run => {
                            return Ok(handler_gate::complete(refusal, gates).await);
                        }
                        Err(refusal) => return Ok(handler_gate::refuse(refusal, gates).await),
                    }
                    has_run = true;
                }
            }
        };
        // Inner layers may respond to these two without the handler.
        let is_handlers = ![Method::OPTIONS, Method::HEAD].contains(&self.head.method);
        if gates.is_empty() && is_handlers && response.status().as_u16() < 400 {
            self.endpoint.watch.stop_expecting();
        }
        let is_answered = is_handlers && response.status().is_success();
        if let Some(stamp) = unseen.filter(|_| is_answered && !is_seen)
            && !in_test(|bypass| bypass.lifecycle && bypass.rate_limits)
        {
            self.endpoint.watch.miss();
            handler_gate::note_run(&self.endpoint, stamp, &self.head, false);
        }
        let response = handler_gate::complete(response, gates).await;
        match self.upgrade {
            Some(upgrade) if upgrade.is_agreed_by(&response) => {
                // The body holds the permits.
                let (parts, body) = response.into_parts();
                let runtime = &self.endpoint.shared.waygate.inner.runtime;
                upgrade.hold(body, runtime);
                Ok(Response::from_parts(parts, Body::empty()))
            }
            _ => Ok(response),
        }
    }
}
