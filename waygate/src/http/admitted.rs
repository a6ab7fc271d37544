//! Which requests the layer has admitted, as `RouteGuard` asks further inside: it is not to count them a second time, nor
//! to write the same headers.
//!
//! Kept per thread while the endpoint's future is polled, which an extension of the request would cost an allocation for.

use std::{
    cell::RefCell,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use smallvec::SmallVec;

use crate::engine::{Governing, Inner};

thread_local! {
    /// The innermost last. Several engines may be stacked.
    static ADMITTED: RefCell<SmallVec<[Admitted; 2]>> = const { RefCell::new(SmallVec::new_const()) };
}

/// An engine, and the slot of the route that it has admitted a request to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Admitted {
    /// The engine's address: it outlives the request.
    engine: usize,
    slot: usize,
}

impl Admitted {
    pub(super) fn new(engine: &Inner, slot: usize) -> Self {
        Self {
            engine: std::ptr::from_ref(engine) as usize,
            slot,
        }
    }

    /// What the layers around what is polled now have counted already.
    #[inline]
    pub(super) fn counted(self) -> Counted {
        ADMITTED.with_borrow(|admitted| {
            let mut counted = Counted::Nothing;
            for other in admitted.iter().filter(|other| other.engine == self.engine) {
                if other.slot == self.slot {
                    return Counted::Everything;
                }
                counted = Counted::Shared;
            }
            counted
        })
    }

    /// Until the end of the scope, what is polled is the answer to such a request.
    #[inline]
    pub(super) fn enter(self) -> Scope {
        ADMITTED.with_borrow_mut(|admitted| admitted.push(self));
        Scope(())
    }

    /// A future that is polled in the scope.
    pub(super) fn scope<F>(self, future: F) -> Scoped<F> {
        Scoped {
            admitted: self,
            future,
        }
    }
}

/// What is left to count of a request that several routes govern.
#[derive(Debug)]
pub(super) struct Uncounted {
    /// The routes that have not counted it.
    pub(super) slots: Governing,
    /// Whether the limits that routes share have not.
    pub(super) shared: bool,
}

impl Uncounted {
    /// What the layers around what is polled now have left.
    pub(super) fn of(engine: &Inner, slots: &[usize]) -> Self {
        let counted = |slot: usize| Admitted::new(engine, slot).counted();
        let left = |slot: &usize| counted(*slot) != Counted::Everything;
        Self {
            slots: slots.iter().copied().filter(left).collect(),
            shared: slots.iter().all(|slot| counted(*slot) == Counted::Nothing),
        }
    }
}

/// A future that is polled as the answer to a request that all these routes have admitted.
pub(super) async fn as_admitted<F: Future>(
    engine: std::sync::Arc<Inner>,
    slots: Governing,
    future: F,
) -> F::Output {
    let mut future = std::pin::pin!(future);
    let poll = |cx: &mut Context<'_>| {
        let all = slots.iter().map(|slot| Admitted::new(&engine, *slot));
        let _scopes: SmallVec<[Scope; 2]> = all.map(Admitted::enter).collect();
        future.as_mut().poll(cx)
    };
    std::future::poll_fn(poll).await
}

/// What is counted of a request when it comes to a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Counted {
    Nothing,
    /// Another route of the engine has counted it: the limits that routes share.
    Shared,
    /// This one has.
    Everything,
}

/// See [`Admitted::enter`].
#[must_use]
pub(super) struct Scope(());

impl Drop for Scope {
    #[inline]
    fn drop(&mut self) {
        ADMITTED.with_borrow_mut(SmallVec::pop);
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
