//! Futures of providers without a runtime.

use std::{
    future::{Future, poll_fn},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use waygate_core::port::BoxFuture;

use crate::error::EvaluationError;

/// Calls a function of the application. A panic becomes an error.
pub(crate) fn caught<R>(culprit: &str, call: impl FnOnce() -> R) -> Result<R, EvaluationError> {
    let result = catch_unwind(AssertUnwindSafe(call));
    result.map_err(|payload| EvaluationError::panicked(culprit, &*payload))
}

/// Calls a function of the application and awaits its future. A panic becomes an error.
pub(crate) async fn caught_future<F: Future>(
    culprit: &str,
    call: impl FnOnce() -> F,
) -> Result<F::Output, EvaluationError> {
    let mut future = pin!(caught(culprit, call)?);
    poll_fn(
        |context| match caught(culprit, || future.as_mut().poll(context)) {
            Ok(poll) => poll.map(Ok),
            Err(error) => Poll::Ready(Err(error)),
        },
    )
    .await
}

/// Runs a future to its end, here if it does not wait, otherwise on the current tokio runtime (feature `tokio`) or a
/// thread of its own.
pub(crate) fn detach(mut future: BoxFuture<'static, ()>) -> io::Result<()> {
    let mut context = Context::from_waker(Waker::noop());
    if future.as_mut().poll(&mut context).is_ready() {
        return Ok(());
    }
    #[cfg(feature = "tokio")]
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(future);
        return Ok(());
    }
    let name = "openfeature".to_owned();
    let thread = thread::Builder::new().name(name);
    thread.spawn(move || block_on(future)).map(drop)
}

/// Opens once, and lets all pass from then on.
#[derive(Debug, Default)]
pub(crate) struct Gate(Mutex<Passage>);

#[derive(Debug, Default)]
struct Passage {
    is_open: bool,
    waiting: Vec<Waker>,
}

impl Gate {
    pub(crate) fn open(&self) {
        let mut passage = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        passage.is_open = true;
        let waiting = std::mem::take(&mut passage.waiting);
        drop(passage);
        waiting.into_iter().for_each(Waker::wake);
    }

    pub(crate) async fn pass(&self) {
        poll_fn(|context| {
            let mut passage = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if passage.is_open {
                return Poll::Ready(());
            }
            passage.waiting.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// Waits until a condition holds that changes soon and wakes no task, or until it did not for some 100,000 times.
pub(crate) async fn soon(holds: impl Fn() -> bool) {
    let mut left = 100_000_u32;
    poll_fn(|context| {
        if holds() || left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        thread::yield_now();
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on(mut future: BoxFuture<'static, ()>) {
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut context = Context::from_waker(&waker);
    while future.as_mut().poll(&mut context).is_pending() {
        thread::park();
    }
}
