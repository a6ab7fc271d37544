//! Tracks the requests that the layer has admitted, so that a `RouteGuard` further inside neither counts them a
//! second time nor writes the same headers.
//!
//! They are kept in a thread-local while the endpoint's future is polled, since a request extension would cost an
//! allocation. The future may also poll another request that a handler makes. If a layer may see a request that another
//! layer has admitted, requests also carry a [`Mark`].

use std::{
    cell::{Cell, RefCell},
    future::Future,
    num::{NonZeroU64, NonZeroUsize},
    pin::Pin,
    ptr::NonNull,
    sync::atomic::{AtomicU64, Ordering},
    task::{Context, Poll},
};

use http::Extensions;
use pin_project_lite::pin_project;
use smallvec::SmallVec;

use crate::engine::{Governing, Inner};

thread_local! {
    /// The innermost scope.
    static ADMITTED: Cell<Option<Admitted>> = const { Cell::new(None) };
    /// The scopes around it, the outermost first: several engines may be stacked, and handlers make requests.
    static AROUND: RefCell<Vec<Admitted>> = const { RefCell::new(Vec::new()) };
}

/// An engine, and the slot of the route that admitted the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Admitted {
    /// The engine's address. The engine outlives the request.
    engine: NonZeroUsize,
    slot: usize,
    /// The mark of the request, if it has one.
    request: Option<NonZeroU64>,
}

impl Admitted {
    pub(super) fn new(engine: &Inner, slot: usize) -> Self {
        Self {
            engine: NonNull::from(engine).addr(),
            slot,
            request: None,
        }
    }

    /// Like [`enter`](Self::enter), with a mark if another layer of the engine may see the request.
    pub(super) fn marking(self, engine: &Inner, extensions: &mut Extensions) -> Self {
        match engine.is_stacked() {
            false => self,
            true => Self {
                request: Mark::on(extensions),
                ..self
            },
        }
    }

    /// The limits that the surrounding layers have already counted for a request.
    #[inline]
    pub(super) fn counted(self, of: Asking<'_>) -> Counted {
        match ADMITTED.get() {
            None => Counted::Nothing,
            Some(innermost) => self.counted_around(innermost, of),
        }
    }

    #[cold]
    fn counted_around(self, innermost: Self, of: Asking<'_>) -> Counted {
        let counted =
            |other: Self| match other.engine == self.engine && of.is_admitted_as(other.request) {
                true if other.slot == self.slot => Counted::Everything,
                true => Counted::Shared,
                false => Counted::Nothing,
            };
        AROUND.with_borrow(|around| {
            let all = around.iter().copied().chain([innermost]);
            all.map(counted).max().unwrap_or(Counted::Nothing)
        })
    }

    /// Marks everything polled until the end of the scope as part of the response to such a request.
    #[inline]
    pub(super) fn enter(self) -> Scope {
        let around = ADMITTED.replace(Some(self));
        if let Some(around) = around {
            AROUND.with_borrow_mut(|all| all.push(around));
        }
        Scope {
            is_outermost: around.is_none(),
        }
    }

    /// A future that is polled in the scope.
    pub(super) fn scope<F>(self, future: F) -> Scoped<F> {
        Scoped {
            admitted: self,
            future,
        }
    }
}

/// Identifies a request. Requests that a handler makes have no mark, even if they reuse the extensions of another
/// request: a cloned mark does not count.
#[derive(Debug)]
struct Mark(Option<NonZeroU64>);

impl Clone for Mark {
    fn clone(&self) -> Self {
        Self(None)
    }
}

impl Mark {
    fn of(extensions: &Extensions) -> Option<NonZeroU64> {
        extensions.get::<Self>()?.0
    }

    /// Returns the mark of the request, and adds one if it has none.
    #[cold]
    fn on(extensions: &mut Extensions) -> Option<NonZeroU64> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let known = Self::of(extensions);
        if known.is_none() {
            let new = NonZeroU64::new(NEXT.fetch_add(1, Ordering::Relaxed));
            extensions.insert(Self(new));
            return new;
        }
        known
    }
}

/// The caller of the check: a layer, or a handler behind it. Holds the extensions of the request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asking<'a> {
    Layer(&'a Extensions),
    Handler(&'a Extensions),
}

impl Asking<'_> {
    /// Returns `true` if the layer admitted this request with this mark.
    #[cold]
    fn is_admitted_as(self, mark: Option<NonZeroU64>) -> bool {
        match self {
            Self::Layer(extensions) => mark.is_some() && Mark::of(extensions) == mark,
            // The first one of an engine has no mark yet.
            Self::Handler(extensions) => mark.is_none() || Mark::of(extensions) == mark,
        }
    }
}

/// The remaining limits of a request that several routes govern.
#[derive(Debug)]
pub(super) struct Uncounted {
    /// The routes that have not counted the request.
    pub(super) slots: Governing,
    /// `true` if the limits shared by routes have not counted it.
    pub(super) shared: bool,
}

impl Uncounted {
    /// The limits that the surrounding layers have not counted.
    pub(super) fn of(engine: &Inner, slots: &[usize], request: Asking<'_>) -> Self {
        let counted = |slot: usize| Admitted::new(engine, slot).counted(request);
        let left = |slot: &usize| counted(*slot) != Counted::Everything;
        Self {
            slots: slots.iter().copied().filter(left).collect(),
            shared: slots.iter().all(|slot| counted(*slot) == Counted::Nothing),
        }
    }
}

/// A future that is polled as the response to a request that all these routes have admitted.
pub(super) async fn as_admitted<F: Future>(
    admitted: SmallVec<[Admitted; 2]>,
    future: F,
) -> F::Output {
    let mut future = std::pin::pin!(future);
    let poll = |cx: &mut Context<'_>| {
        let all = admitted.iter().copied();
        let mut scopes: SmallVec<[Scope; 2]> = all.map(Admitted::enter).collect();
        // Scopes must be exited in reverse order.
        scopes.reverse();
        future.as_mut().poll(cx)
    };
    std::future::poll_fn(poll).await
}

/// The limits that have counted a request before it reaches a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Counted {
    Nothing,
    /// Another route of the engine has counted the request: only the limits that routes share.
    Shared,
    /// This route has counted the request.
    Everything,
}

/// See [`Admitted::enter`]. Scopes must be exited in reverse order.
#[must_use]
pub(super) struct Scope {
    is_outermost: bool,
}

impl Drop for Scope {
    #[inline]
    fn drop(&mut self) {
        ADMITTED.set(match self.is_outermost {
            true => None,
            false => AROUND.with_borrow_mut(Vec::pop),
        });
    }
}

pin_project! {
    /// See [`Admitted::scope`].
    pub(super) struct Scoped<F> {
        admitted: Admitted,
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _scope = this.admitted.enter();
        this.future.poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn route(slot: usize) -> Admitted {
        Admitted {
            engine: NonZeroUsize::MIN,
            slot,
            request: None,
        }
    }

    fn counted(slots: [usize; 4]) -> [Counted; 4] {
        let extensions = Extensions::new();
        slots.map(|slot| route(slot).counted(Asking::Handler(&extensions)))
    }

    #[test]
    fn what_was_admitted_around_is_restored() {
        use Counted::{Everything, Nothing, Shared};
        let slots = [1, 2, 3, 4];
        assert_eq!(counted(slots), [Nothing; 4]);
        let outer = route(1).enter();
        {
            let _inner = route(2).enter();
            assert_eq!(counted(slots), [Everything, Everything, Shared, Shared]);
        }
        assert_eq!(counted(slots), [Everything, Shared, Shared, Shared]);
        let several = [route(2), route(3)].into_iter().collect();
        let inside = as_admitted(several, async { counted(slots) }).now_or_never();
        assert_eq!(inside, Some([Everything, Everything, Everything, Shared]));
        assert_eq!(counted(slots), [Everything, Shared, Shared, Shared]);
        drop(outer);
        assert_eq!(counted(slots), [Nothing; 4]);
    }
}
