use std::{
    fmt,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
    time::Duration,
};

use jiff::Timestamp;

use super::BoxFuture;

/// Time, as the only part of Waygate that may read it.
///
/// Wall and monotonic time are apart: schedules and audit entries follow the wall clock, durations
/// (throttles, deadlines) follow the monotonic one, which a set clock cannot move.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The wall clock.
    fn now(&self) -> Timestamp;

    /// Time since some fixed point of this process; never goes back.
    fn monotonic(&self) -> Duration;

    /// Completes when the wall clock has reached `instant`, at once if it has already.
    fn sleep_until(&self, instant: Timestamp) -> BoxFuture<'static, ()>;
}

/// A clock that moves when it is told to. For tests.
///
/// ```
/// # use std::time::Duration;
/// # use waygate_core::port::{Clock, ManualClock};
/// let clock = ManualClock::at("2030-01-01T00:00:00Z".parse()?);
/// clock.advance(Duration::from_secs(90));
/// assert_eq!(clock.now().to_string(), "2030-01-01T00:01:30Z");
/// # Ok::<(), jiff::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<Mutex<Hands>>);

#[derive(Debug)]
struct Hands {
    wall: Timestamp,
    monotonic: Duration,
    waiting: Vec<Waker>,
}

impl ManualClock {
    /// A clock that stands at `wall`; its monotonic time begins at zero.
    pub fn at(wall: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Hands {
            wall,
            monotonic: Duration::ZERO,
            waiting: Vec::new(),
        })))
    }

    /// Lets both clocks run on. The wall clock stops at the end of the year 9999.
    pub fn advance(&self, by: Duration) {
        let mut hands = self.hands();
        hands.wall = hands.wall.saturating_add(by).unwrap_or(Timestamp::MAX);
        hands.monotonic = hands.monotonic.saturating_add(by);
        Self::wake(hands);
    }

    /// Sets the wall clock, as an administrator or NTP would; monotonic time does not move.
    pub fn set_wall(&self, wall: Timestamp) {
        let mut hands = self.hands();
        hands.wall = wall;
        Self::wake(hands);
    }

    fn wake(mut hands: MutexGuard<'_, Hands>) {
        let waiting = std::mem::take(&mut hands.waiting);
        drop(hands);
        waiting.into_iter().for_each(Waker::wake);
    }

    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.hands().wall
    }

    fn monotonic(&self) -> Duration {
        self.hands().monotonic
    }

    fn sleep_until(&self, instant: Timestamp) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        Box::pin(poll_fn(move |context| {
            let mut hands = clock.hands();
            if hands.wall >= instant {
                return Poll::Ready(());
            }
            hands.waiting.push(context.waker().clone());
            Poll::Pending
        }))
    }
}
