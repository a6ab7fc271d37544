//! Finds annotated handlers that run on routes to which their attributes are not bound: on a second path, with another
//! method, in a nested service, or called by another handler.
//!
//! axum erases the handlers of a router, so `guard` cannot see them. Each handler with attributes reports its stamp
//! before its body runs. Unless its attributes are bound to the endpoint's route, it then waits until the request has
//! passed the gates and limits of the routes to which they are bound.

#[cfg(test)]
mod tests;

use std::{
    cell::{Cell, RefCell},
    future::Future,
    pin::Pin,
    ptr,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

use crate::{engine::in_test, stamp::Stamp};

thread_local! {
    static WATCHING: Cell<Watching> = const { Cell::new(Watching::NOTHING) };
    /// The most recent call.
    static FOUND_CALL: Cell<Option<Call>> = const { Cell::new(None) };
    /// The calls of the polled request that have passed their gates.
    static PASSED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    /// The number of calls that have passed on this thread.
    static PASSES: Cell<u32> = const { Cell::new(0) };
}

/// The handler that the surrounding endpoint expects; any other handler with attributes is reported. It is a single
/// word, since each request carries it; the special cases are addresses that no handler has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watching(Stamp);

/// Nothing.
static NOTHING: &str = "<nothing>";
/// Expects no handler: any handler with attributes is reported.
static ANY: &str = "<any>";
/// A call was found ([`FOUND_CALL`]). The call waits, like all others.
static FOUND_ONE: &str = "<found one>";

impl Watching {
    pub(super) const NOTHING: Self = Self(&NOTHING);
    const ANY: Self = Self(&ANY);
    const FOUND_ONE: Self = Self(&FOUND_ONE);

    #[inline]
    fn is(self, other: Self) -> bool {
        ptr::eq(self.0, other.0)
    }

    /// Returns `true` if this is the known handler.
    #[inline]
    fn knows(self, stamp: Stamp) -> bool {
        ptr::eq(self.0, stamp) || *self.0 == *stamp
    }
}

/// One call of a handler with attributes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub(super) stamp: Stamp,
    pub(super) number: u64,
}

impl Call {
    fn new(stamp: Stamp) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { stamp, number }
    }
}

/// Sets the expected handler until the end of the scope. Restores the previous expectation on drop, and so also if the
/// handler panics.
pub(super) struct Scope(Watching);

impl Scope {
    #[inline]
    pub(super) fn enter(what: Watching) -> Self {
        Self(WATCHING.replace(what))
    }

    #[inline]
    pub(super) fn found(self) -> Option<Call> {
        let found = WATCHING.get().is(Watching::FOUND_ONE);
        found.then(|| FOUND_CALL.take()).flatten()
    }
}

impl Drop for Scope {
    #[inline]
    fn drop(&mut self) {
        WATCHING.set(self.0);
    }
}

/// Sets the calls that have passed their gates until the end of the scope.
pub(super) struct PassedScope<'a>(&'a mut Vec<u64>);

impl<'a> PassedScope<'a> {
    pub(super) fn enter(passed: &'a mut Vec<u64>) -> Self {
        PASSED.with_borrow_mut(|current| std::mem::swap(current, passed));
        Self(passed)
    }
}

impl Drop for PassedScope<'_> {
    fn drop(&mut self) {
        PASSED.with_borrow_mut(|current| std::mem::swap(current, self.0));
    }
}

/// The maximum number of polls of a waiting call while no other call passes. A handler that polls it in a loop, and
/// so blocks its thread, would wait forever.
const POLLS: u32 = 10_000;

/// Reports that a handler with attributes is about to run; ready immediately if its attributes already apply.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Entered {
    stamp: Stamp,
    call: Option<Call>,
    /// The number of polls since `passes` calls had passed.
    polls: u32,
    passes: u32,
}

impl Entered {
    pub(crate) fn new(stamp: Stamp) -> Self {
        Self {
            stamp,
            call: None,
            polls: 0,
            passes: 0,
        }
    }

    #[cold]
    fn wait(&mut self, watching: Watching, cx: &Context<'_>) -> Poll<()> {
        // No gate would decide about this call.
        if in_test(|bypass| bypass.lifecycle && bypass.rate_limits) {
            return Poll::Ready(());
        }
        let call = *self.call.get_or_insert_with(|| Call::new(self.stamp));
        let has_passed = PASSED.with_borrow_mut(|passed| {
            let at = passed.iter().position(|number| *number == call.number);
            at.map(|at| passed.swap_remove(at)).is_some()
        });
        if has_passed {
            PASSES.set(PASSES.get().wrapping_add(1));
            return Poll::Ready(());
        }
        // A handler may join many calls, of which one passes at a time.
        let passes = PASSES.get();
        if self.passes != passes {
            (self.passes, self.polls) = (passes, 0);
        }
        self.polls += 1;
        assert!(
            self.polls < POLLS,
            "a handler with attributes is polled in a loop that blocks its thread, so its gates cannot decide: await \
             it"
        );
        if !watching.is(Watching::FOUND_ONE) {
            WATCHING.set(Watching::FOUND_ONE);
            FOUND_CALL.set(Some(call));
        }
        // The surrounding future may be polled only when it is woken.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Future for Entered {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let watching = WATCHING.get();
        if watching.is(Watching::NOTHING) || watching.knows(self.stamp) {
            return Poll::Ready(());
        }
        self.wait(watching, cx)
    }
}

/// The state of the watch for an endpoint's handler.
#[derive(Debug, Default)]
pub(super) struct Watch {
    state: AtomicU8,
    /// The stamp of the handler with attributes bound to its route.
    knows: OnceLock<Stamp>,
    /// The shape of the table in which its methods were [compared](Watch::compare) with the routes of that handler.
    shape: AtomicU64,
    comparing: Mutex<()>,
    /// The number of responses of its route without its handler, while the handler was not seen.
    misses: AtomicU8,
}

/// The initial state: heads of requests are kept, in case the handler has attributes.
const NEW: u8 = 0;
/// The handler's attributes are bound to the endpoint's route.
const KNOWN: u8 = 1;
/// The endpoint has responded without attributes. They are still expected, since a layer or another handler may have
/// responded.
const QUIET: u8 = 2;
/// Handlers with attributes were found.
const FOUND: u8 = 3;
/// The handler's attributes are bound to routes of some of the endpoint's methods only. The other methods have separate
/// routes, to which no gate of the handler applies.
const PARTLY_KNOWN: u8 = 4;

/// The handler's attributes are bound to the endpoint's route, but no request has run the handler yet.
const UNSEEN: u8 = 5;

/// The number of responses without the handler after which the watch ends.
const MISSES: u8 = 8;

/// `true` if attributes were found behind an endpoint of this process that keeps no heads. From then on, all endpoints
/// keep heads: tracking individual endpoints would cost a reference count per request.
static HEADS_ARE_NEEDED: AtomicBool = AtomicBool::new(false);

impl Watch {
    /// Creates the state for an endpoint that always keeps the heads of requests.
    pub(super) fn keeping() -> Self {
        let watch = Self::default();
        watch.find();
        watch
    }

    pub(super) fn know(&self, stamp: Stamp) {
        let _ = self.knows.set(stamp);
        self.leave_new(KNOWN);
    }

    /// Sets the known handler before any request has run it.
    pub(super) fn expect(&self, stamp: Stamp) {
        let _ = self.knows.set(stamp);
        self.leave_new(UNSEEN);
    }

    /// The handler that has not been seen yet.
    pub(super) fn unseen(&self) -> Option<Stamp> {
        let is_unseen = self.state.load(Ordering::Relaxed) == UNSEEN;
        self.knows.get().copied().filter(|_| is_unseen)
    }

    pub(super) fn see(&self) {
        self.leave(UNSEEN, KNOWN);
    }

    pub(super) fn miss(&self) {
        if self.misses.fetch_add(1, Ordering::Relaxed) + 1 >= MISSES {
            self.leave(UNSEEN, KNOWN);
        }
    }

    /// The expectation if no head is kept; `None` if heads are kept.
    #[inline(always)]
    pub(super) fn light(&self) -> Option<Watching> {
        match self.state.load(Ordering::Relaxed) {
            KNOWN | QUIET if !HEADS_ARE_NEEDED.load(Ordering::Relaxed) => Some(self.known()),
            _ => None,
        }
    }

    #[inline]
    fn known(&self) -> Watching {
        self.knows
            .get()
            .map_or(Watching::ANY, |stamp| Watching(stamp))
    }

    /// The expectation if heads are kept.
    pub(super) fn watching(&self) -> Watching {
        match self.state.load(Ordering::Relaxed) {
            PARTLY_KNOWN | UNSEEN => Watching::ANY,
            _ => self.known(),
        }
    }

    /// Compares the methods with the routes of the known handler, once for each shape of the table.
    pub(super) fn compare(&self, shape: u64, is_bound_everywhere: impl FnOnce(Stamp) -> bool) {
        let Some(stamp) = self.knows.get() else {
            return;
        };
        if self.shape.load(Ordering::Acquire) >= shape {
            return;
        }
        // A request that started with an earlier table must not overwrite the result.
        let _alone = self
            .comparing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if self.shape.load(Ordering::Relaxed) >= shape {
            return;
        }
        match is_bound_everywhere(stamp) {
            true => {
                // Findings in the meantime are lost.
                let (order, failed) = (Ordering::Relaxed, Ordering::Relaxed);
                let _ = self
                    .state
                    .compare_exchange(PARTLY_KNOWN, FOUND, order, failed);
            }
            false => self.state.store(PARTLY_KNOWN, Ordering::Relaxed),
        }
        self.shape.store(shape, Ordering::Release);
    }

    pub(super) fn stop_expecting(&self) {
        self.leave_new(QUIET);
    }

    fn leave_new(&self, state: u8) {
        self.leave(NEW, state);
    }

    fn leave(&self, state: u8, next: u8) {
        let (order, failed) = (Ordering::Relaxed, Ordering::Relaxed);
        let _ = self.state.compare_exchange(state, next, order, failed);
    }

    pub(super) fn find(&self) {
        let found = |state| (state != PARTLY_KNOWN).then_some(FOUND);
        let (order, failed) = (Ordering::Relaxed, Ordering::Relaxed);
        let _ = self.state.fetch_update(order, failed, found);
    }
}

/// Polls the response of an endpoint that keeps nothing of the request. Responses are large, so they are moved as
/// little as possible.
#[inline(always)]
pub(super) fn poll<F, E>(
    future: Pin<&mut F>,
    watching: Watching,
    cx: &mut Context<'_>,
) -> Poll<Result<Response, E>>
where
    F: Future<Output = Result<Response, E>>,
{
    poll_and(future, watching, cx, |_| {})
}

/// Like [`poll`], but `then` completes the response in place.
#[inline(always)]
pub(super) fn poll_and<F, E>(
    future: Pin<&mut F>,
    watching: Watching,
    cx: &mut Context<'_>,
    then: impl FnOnce(&mut Poll<Result<Response, E>>),
) -> Poll<Result<Response, E>>
where
    F: Future<Output = Result<Response, E>>,
{
    let scope = Scope::enter(watching);
    // Responses are large, so this one is completed in place.
    let mut polled = future.poll(cx);
    if scope.found().is_some() {
        too_late(&mut polled);
    }
    then(&mut polled);
    polled
}

/// Refuses the request: the gates of a waiting handler cannot decide without the head. From the next request on, heads
/// are kept.
#[cold]
fn too_late<E>(polled: &mut Poll<Result<Response, E>>) {
    if polled.is_ready() {
        return;
    }
    HEADS_ARE_NEEDED.store(true, Ordering::Relaxed);
    let headers = [
        (header::RETRY_AFTER, "1"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let refusal = (StatusCode::SERVICE_UNAVAILABLE, headers).into_response();
    *polled = Poll::Ready(Ok(refusal));
}
