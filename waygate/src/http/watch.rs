//! Finds handlers with attributes that run where their attributes were not bound to: a second path, another method, a
//! service that was nested.
//!
//! axum erases the handlers of a router, so that `guard` cannot see them. Each one with attributes says its stamp before
//! its body runs. Behind an endpoint whose handler is not known, the request then waits, and meets the routes that the
//! attributes are bound to: their gates, and their own limits.

use std::{
    cell::Cell,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    task::{Context, Poll, ready},
};

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{Method, StatusCode, header, request::Parts};
use pin_project_lite::pin_project;
use smallvec::SmallVec;
use tower::Service;

use super::{endpoint::Endpoint, handler_gate, limits::until_dropped};

thread_local! {
    static WATCHING: Cell<Watching> = const { Cell::new(Watching::Not) };
}

/// What the endpoint around what is polled now wants to know.
#[derive(Debug, Clone, Copy)]
enum Watching {
    Not,
    /// Whether a handler with attributes runs.
    Looking,
    /// The stamp of the one that does. It waits, as do all others.
    Found(&'static str),
}

/// Until the end of the scope, this is what is wanted to be known. Handlers panic: what was wanted before is restored then
/// as well.
struct Scope(Watching);

impl Scope {
    #[inline]
    fn enter(what: Watching) -> Self {
        Self(WATCHING.replace(what))
    }

    /// The stamp that was found.
    #[inline]
    fn found(self) -> Option<&'static str> {
        match WATCHING.get() {
            Watching::Found(stamp) => Some(stamp),
            Watching::Not | Watching::Looking => None,
        }
    }
}

impl Drop for Scope {
    #[inline]
    fn drop(&mut self) {
        WATCHING.set(self.0);
    }
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
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(stamp) = self.0 else {
            return Poll::Ready(());
        };
        match WATCHING.get() {
            Watching::Not => return Poll::Ready(()),
            Watching::Looking => {
                WATCHING.set(Watching::Found(stamp));
                self.0 = None;
            }
            Watching::Found(_) => {}
        }
        // What polls this may itself be polled only when it is woken.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// What an endpoint knows of its handler.
#[derive(Debug, Default)]
pub(super) struct Watch(AtomicU8);

/// Nothing yet: heads of requests are kept, for the case that its attributes are found.
const NEW: u8 = 0;
/// Its attributes are bound to its route.
const KNOWN: u8 = 1;
/// It has answered without attributes. They are still looked for, since a layer or another handler may have answered.
const QUIET: u8 = 2;
/// Handlers with attributes were found.
const FOUND: u8 = 3;

/// Whether attributes were found behind a quiet endpoint of this process. From then on all keep heads: to remember which one
/// it was would cost each request a counted reference.
static HEADS_ARE_NEEDED: AtomicBool = AtomicBool::new(false);

impl Watch {
    pub(super) fn know(&self) {
        self.0.store(KNOWN, Ordering::Relaxed);
    }

    fn quieten(&self) {
        let (order, failed) = (Ordering::Relaxed, Ordering::Relaxed);
        let _ = self.0.compare_exchange(NEW, QUIET, order, failed);
    }

    fn find(&self) {
        self.0.store(FOUND, Ordering::Relaxed);
    }
}

/// Calls an endpoint, and looks for handlers with attributes if it has not found out yet which one it is.
#[inline(always)]
pub(super) fn reach<S>(
    inner: &mut S,
    endpoint: &Arc<Endpoint>,
    request: Request,
) -> Watched<S::Future>
where
    S: Service<Request, Response = Response>,
{
    let state = endpoint.watch.0.load(Ordering::Relaxed);
    let kept = match state {
        KNOWN => None,
        QUIET if !HEADS_ARE_NEEDED.load(Ordering::Relaxed) => None,
        _ => Some(Kept::of(endpoint, &request)),
    };
    Watched {
        future: inner.call(request),
        is_known: state == KNOWN,
        kept,
    }
}

pin_project! {
    /// The answer of an endpoint, or of the gates that its handler was found to have.
    #[must_use = "futures do nothing unless polled"]
    pub(crate) struct Watched<F> {
        #[pin]
        future: F,
        is_known: bool,
        kept: Option<Box<Kept>>,
    }
}

/// What is kept of a request, and what has come of it.
struct Kept {
    endpoint: Arc<Endpoint>,
    head: Parts,
    /// The handlers that were found.
    found: SmallVec<[&'static str; 1]>,
    gate: Option<Gate>,
    /// What the gates have to add to the answer.
    passed: Vec<Response>,
}

impl Kept {
    #[cold]
    fn of(endpoint: &Arc<Endpoint>, request: &Request) -> Box<Self> {
        let (mut head, ()) = Request::new(()).into_parts();
        head.method = request.method().clone();
        head.uri = request.uri().clone();
        head.version = request.version();
        head.headers = request.headers().clone();
        head.extensions = request.extensions().clone();
        Box::new(Self {
            endpoint: endpoint.clone(),
            head,
            found: SmallVec::new(),
            gate: None,
            passed: Vec::new(),
        })
    }
}

type Gate = Pin<Box<dyn Future<Output = Result<Vec<Response>, Response>> + Send>>;

impl<F, E> Future for Watched<F>
where
    F: Future<Output = Result<Response, E>>,
{
    type Output = Result<Response, E>;

    // Answers are large: they are moved as little as can be.
    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Some(kept) = this.kept {
            return kept.poll(this.future, cx);
        }
        if *this.is_known {
            return match WATCHING.get() {
                Watching::Not => this.future.poll(cx),
                // An endpoint of a router around this one looks for its own handler.
                _ => {
                    let _scope = Scope::enter(Watching::Not);
                    this.future.poll(cx)
                }
            };
        }
        let scope = Scope::enter(Watching::Looking);
        let polled = this.future.poll(cx);
        match scope.found() {
            Some(_) if polled.is_pending() => Poll::Ready(Ok(too_late())),
            _ => polled,
        }
    }
}

/// The gates of a handler cannot decide about a request that is gone; about the next one, they can.
#[cold]
fn too_late() -> Response {
    HEADS_ARE_NEEDED.store(true, Ordering::Relaxed);
    let headers = [
        (header::RETRY_AFTER, "1"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (StatusCode::SERVICE_UNAVAILABLE, headers).into_response()
}

impl Kept {
    #[inline(never)]
    fn poll<F, E>(
        &mut self,
        mut future: Pin<&mut F>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response, E>>
    where
        F: Future<Output = Result<Response, E>>,
    {
        loop {
            if let Some(refusal) = ready!(self.poll_gate(cx)) {
                return Poll::Ready(Ok(refusal));
            }
            let scope = Scope::enter(Watching::Looking);
            let polled = future.as_mut().poll(cx);
            match (polled, scope.found()) {
                (Poll::Ready(answer), _) => {
                    return Poll::Ready(answer.map(|response| self.complete(response)));
                }
                (Poll::Pending, Some(stamp)) => self.find(stamp),
                (Poll::Pending, None) => return Poll::Pending,
            }
        }
    }

    /// The refusal of the gate that the request has come to, if it refuses.
    fn poll_gate(&mut self, cx: &mut Context<'_>) -> Poll<Option<Response>> {
        if let Some(gate) = &mut self.gate {
            let passed = ready!(gate.as_mut().poll(cx));
            self.gate = None;
            match passed {
                Ok(passed) => self.passed.extend(passed),
                Err(refusal) => return Poll::Ready(Some(refusal)),
            }
        }
        Poll::Ready(None)
    }

    /// A handler with attributes is about to run: brings the request to its gates.
    #[cold]
    fn find(&mut self, stamp: &'static str) {
        self.endpoint.watch.find();
        if !self.found.contains(&stamp) {
            self.found.push(stamp);
            let passing = handler_gate::pass(self.endpoint.clone(), stamp, self.head.clone());
            self.gate = Some(Box::pin(passing));
        }
    }

    fn complete(&mut self, mut response: Response) -> Response {
        // Layers inside may answer these two without the handler.
        let is_handlers = ![Method::OPTIONS, Method::HEAD].contains(&self.head.method);
        if is_handlers && response.status().as_u16() < 400 {
            self.endpoint.watch.quieten();
        }
        for passed in self.passed.drain(..) {
            let (passed, held) = passed.into_parts();
            for (name, value) in &passed.headers {
                match *name == header::LINK {
                    true => drop(response.headers_mut().append(name, value.clone())),
                    false => drop(response.headers_mut().insert(name, value.clone())),
                }
            }
            response = until_dropped(response, held);
        }
        response
    }
}
