//! Streams of observations, for subscribers that may come and go.

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use futures_core::Stream;
use futures_util::stream;
use tokio::sync::broadcast::{Receiver, Sender, channel, error::RecvError};

/// The maximum backlog of a slow subscriber.
const BACKLOG: usize = 1024;

/// One item of [`Observations`].
///
/// ```
/// use waygate::flags::{Exposure, Observed};
///
/// fn keys(observed: &Observed<Exposure>) -> Option<(&str, &str)> {
///     let exposure = observed.item()?;
///     Some((exposure.flag_key.as_str(), exposure.targeting_key.as_str()))
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Observed<T> {
    /// An observation.
    Item(T),
    /// The number of observations that were missed because the subscriber was too slow.
    Missed(u64),
}

impl<T> Observed<T> {
    /// Returns the observation.
    pub fn item(&self) -> Option<&T> {
        match self {
            Self::Item(item) => Some(item),
            Self::Missed(_) => None,
        }
    }
}

/// A stream of observations, starting with the subscription. Ends with the engine, or with
/// [`Waygate::shutdown`](crate::Waygate::shutdown). See [`exposures`](crate::Waygate::exposures) and
/// [`flag_evaluations`](crate::Waygate::flag_evaluations).
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let waygate = waygate::Waygate::builder().build().await?;
/// let mut exposures = waygate.exposures();
/// waygate.shutdown().await;
/// assert!(exposures.next().await.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Observations<T> {
    items: Pin<Box<dyn Stream<Item = Observed<T>> + Send + Sync>>,
    /// Dropped after the stream.
    _interest: Interest,
}

impl<T> Observations<T> {
    /// Returns the next observation; `None` after the engine is dropped or shut down.
    pub async fn next(&mut self) -> Option<Observed<T>> {
        poll_fn(|context| self.items.as_mut().poll_next(context)).await
    }
}

impl<T> Stream for Observations<T> {
    type Item = Observed<T>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Observed<T>>> {
        self.items.as_mut().poll_next(context)
    }
}

impl<T> fmt::Debug for Observations<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observations").finish_non_exhaustive()
    }
}

/// Reports that a subscriber has gone.
struct Interest(Box<dyn Fn() + Send + Sync>);

impl Drop for Interest {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// The subscribers of one stream.
#[derive(Debug)]
pub(super) struct Channel<T> {
    /// `None` after the engine is shut down.
    sender: Mutex<Option<Sender<T>>>,
    /// Some subscriber may be left.
    is_open: AtomicBool,
}

impl<T: Clone + Send + Sync + 'static> Channel<T> {
    pub(super) fn new() -> Self {
        Self {
            sender: Mutex::new(Some(channel(BACKLOG).0)),
            is_open: AtomicBool::new(false),
        }
    }

    /// Adds a subscriber, and calls `gone` after it has gone.
    pub(super) fn subscribe(&self, gone: impl Fn() + Send + Sync + 'static) -> Observations<T> {
        let receiver = match &*self.lock() {
            Some(sender) => {
                self.is_open.store(true, Ordering::Relaxed);
                sender.subscribe()
            }
            None => channel(1).1,
        };
        Observations {
            items: Box::pin(stream::unfold(receiver, next)),
            _interest: Interest(Box::new(gone)),
        }
    }

    /// Returns whether there was a subscriber at the last look. Takes no lock.
    pub(super) fn may_be_open(&self) -> bool {
        self.is_open.load(Ordering::Relaxed)
    }

    /// Returns whether there is a subscriber.
    pub(super) fn is_open(&self) -> bool {
        if !self.is_open.load(Ordering::Relaxed) {
            return false;
        }
        let sender = self.lock();
        let is_open = sender.as_ref().is_some_and(|it| it.receiver_count() > 0);
        self.is_open.store(is_open, Ordering::Relaxed);
        is_open
    }

    pub(super) fn send(&self, item: T) {
        if let Some(sender) = &*self.lock() {
            // Without subscribers, it is dropped.
            let _ = sender.send(item);
        }
    }

    pub(super) fn close(&self) {
        *self.lock() = None;
        self.is_open.store(false, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Sender<T>>> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn next<T: Clone>(mut receiver: Receiver<T>) -> Option<(Observed<T>, Receiver<T>)> {
    match receiver.recv().await {
        Ok(item) => Some((Observed::Item(item), receiver)),
        Err(RecvError::Lagged(missed)) => Some((Observed::Missed(missed), receiver)),
        Err(RecvError::Closed) => None,
    }
}
