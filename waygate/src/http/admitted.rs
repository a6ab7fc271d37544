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

use crate::engine::Inner;

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
