use std::{
    collections::HashMap,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use jiff::Timestamp;

use super::BoxFuture;

/// The only source of time in Waygate.
///
/// Wall and monotonic time are separate: schedules and audit entries follow the wall clock, while durations
/// (throttles, deadlines) follow the monotonic one, which does not move when the wall clock is set.
///
/// ```
/// use std::time::Duration;
///
/// use waygate_core::{Timestamp, port::Clock};
///
/// async fn wait(clock: &impl Clock, until: Timestamp) -> Duration {
///     let start = clock.monotonic();
///     clock.sleep_until(until).await;
///     assert!(clock.now() >= until);
///     clock.monotonic() - start
/// }
/// ```
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The wall clock.
    fn now(&self) -> Timestamp;

    /// Time since some fixed point of this process; never goes back.
    fn monotonic(&self) -> Duration;

    /// [`monotonic`](Self::monotonic) in nanoseconds. Clocks that count nanoseconds can save the conversion, since every
    /// counted request reads this twice.
    fn monotonic_nanos(&self) -> u64 {
        let time = self.monotonic();
        // 584 years.
        let seconds = time.as_secs().saturating_mul(1_000_000_000);
        seconds.saturating_add(u64::from(time.subsec_nanos()))
    }

    /// Completes when the wall clock reaches `instant`, immediately if it has passed.
    fn sleep_until(&self, instant: Timestamp) -> BoxFuture<'static, ()>;
}

/// A clock that moves only when a test advances it.
///
/// ```
/// # use std::time::Duration;
/// # use waygate_core::port::{Clock, ManualClock};
/// let clock = ManualClock::at("2030-01-01T00:00:00Z".parse()?);
/// clock.advance(Duration::from_secs(90));
/// assert_eq!(clock.now().to_string(), "2030-01-01T00:01:30Z");
/// clock.set_wall("2029-01-01T00:00:00Z".parse()?);
/// assert_eq!(clock.now().to_string(), "2029-01-01T00:00:00Z");
/// # Ok::<(), jiff::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<Mutex<Hands>>);

#[derive(Debug)]
struct Hands {
    wall: Timestamp,
    monotonic: Duration,
    /// Sleeps that have been polled and not dropped: their targets and wakers.
    sleepers: HashMap<u64, (Timestamp, Waker)>,
    next_sleeper: u64,
}

impl ManualClock {
    /// Creates a clock stopped at `wall`; its monotonic time starts at zero.
    pub fn at(wall: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Hands {
            wall,
            monotonic: Duration::ZERO,
            sleepers: HashMap::new(),
            next_sleeper: 0,
        })))
    }

    /// Advances both clocks. The wall clock stops at the end of the year 9999.
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

    /// Returns the number of pending sleeps, which shows a test that the code under test is idle.
    pub fn sleepers(&self) -> usize {
        self.hands().sleepers.len()
    }

    /// Wakes due sleeps, with the lock released: a waker may run the sleeper immediately.
    fn wake(mut hands: MutexGuard<'_, Hands>) {
        let now = hands.wall;
        let due = hands.sleepers.extract_if(|_, (instant, _)| *instant <= now);
        let due: Vec<Waker> = due.map(|(_, (_, waker))| waker).collect();
        drop(hands);
        due.into_iter().for_each(Waker::wake);
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
        let mut hands = self.hands();
        let id = hands.next_sleeper;
        hands.next_sleeper += 1;
        drop(hands);
        Box::pin(Sleep {
            clock: self.clone(),
            instant,
            id,
        })
    }
}

/// A sleep on a [`ManualClock`]; forgotten by the clock when it is dropped.
struct Sleep {
    clock: ManualClock,
    instant: Timestamp,
    id: u64,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut hands = self.clock.hands();
        if hands.wall >= self.instant {
            hands.sleepers.remove(&self.id);
            return Poll::Ready(());
        }
        let entry = (self.instant, context.waker().clone());
        hands.sleepers.insert(self.id, entry);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.clock.hands().sleepers.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        task::Wake,
    };

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// A future under observation.
    struct Observed {
        sleep: BoxFuture<'static, ()>,
        woken: Arc<Woken>,
    }

    impl Observed {
        fn new(sleep: BoxFuture<'static, ()>) -> Self {
            Self {
                sleep,
                woken: Arc::default(),
            }
        }

        fn is_over(&mut self) -> bool {
            let waker = self.woken.clone().into();
            let mut context = Context::from_waker(&waker);
            self.sleep.as_mut().poll(&mut context).is_ready()
        }

        fn times_woken(&self) -> usize {
            self.woken.0.load(Ordering::SeqCst)
        }
    }

    fn clock() -> ManualClock {
        ManualClock::at(at("2030-01-01T00:00:00Z"))
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn both_clocks_run_together_and_the_wall_clock_can_be_set() {
        let clock = clock();
        clock.advance(Duration::from_millis(1_500));
        assert_eq!(clock.now(), at("2030-01-01T00:00:01.5Z"));
        assert_eq!(clock.monotonic(), Duration::from_millis(1_500));
        clock.set_wall(at("2020-01-01T00:00:00Z"));
        assert_eq!(clock.now(), at("2020-01-01T00:00:00Z"));
        assert_eq!(clock.monotonic(), Duration::from_millis(1_500));
    }

    #[test]
    fn time_stops_at_its_end() {
        let clock = clock();
        clock.advance(Duration::MAX);
        clock.advance(Duration::MAX);
        assert_eq!(clock.now(), Timestamp::MAX);
        assert_eq!(clock.monotonic(), Duration::MAX);
    }

    #[test]
    fn a_sleep_ends_when_the_wall_clock_reaches_its_instant() {
        let clock = clock();
        let mut sleep = Observed::new(clock.sleep_until(at("2030-01-01T00:00:10Z")));
        assert!(!sleep.is_over());
        clock.advance(Duration::from_secs(9));
        assert_eq!(sleep.times_woken(), 0);
        assert!(!sleep.is_over());
        clock.advance(Duration::from_secs(1));
        assert_eq!(sleep.times_woken(), 1);
        assert!(sleep.is_over());
        assert_eq!(clock.sleepers(), 0);
    }

    #[test]
    fn setting_the_wall_clock_wakes_sleepers() {
        let clock = clock();
        let mut sleep = Observed::new(clock.sleep_until(at("2031-01-01T00:00:00Z")));
        assert!(!sleep.is_over());
        clock.set_wall(at("2031-06-01T00:00:00Z"));
        assert_eq!(sleep.times_woken(), 1);
        // A late poll sees the clock set back, and sleeps on.
        clock.set_wall(at("2030-01-01T00:00:00Z"));
        assert!(!sleep.is_over());
        clock.set_wall(at("2031-01-01T00:00:00Z"));
        assert_eq!(sleep.times_woken(), 2);
        assert!(sleep.is_over());
    }

    #[test]
    fn a_sleep_until_the_past_does_not_wait() {
        let clock = clock();
        assert!(Observed::new(clock.sleep_until(clock.now())).is_over());
        assert!(Observed::new(clock.sleep_until(Timestamp::MIN)).is_over());
        assert_eq!(clock.sleepers(), 0);
    }

    #[test]
    fn a_sleep_polled_often_or_dropped_leaves_nothing_behind() {
        let clock = clock();
        let end = at("2031-01-01T00:00:00Z");
        let mut sleep = Observed::new(clock.sleep_until(end));
        for _ in 0..1_000 {
            assert!(!sleep.is_over());
            let mut cancelled = Observed::new(clock.sleep_until(end));
            assert!(!cancelled.is_over());
        }
        assert_eq!(clock.sleepers(), 1);
        drop(sleep);
        assert_eq!(clock.sleepers(), 0);
        assert_eq!(Arc::strong_count(&clock.0), 1);
    }

    #[test]
    fn only_the_last_waker_counts() {
        let clock = clock();
        let mut sleep = Observed::new(clock.sleep_until(at("2030-01-01T00:00:01Z")));
        assert!(!sleep.is_over());
        let first = std::mem::take(&mut sleep.woken);
        assert!(!sleep.is_over());
        clock.advance(Duration::from_secs(1));
        assert_eq!(first.0.load(Ordering::SeqCst), 0);
        assert_eq!(sleep.times_woken(), 1);
    }

    #[test]
    fn a_waker_may_use_the_clock() {
        struct Reads(ManualClock);
        impl Wake for Reads {
            fn wake(self: Arc<Self>) {
                assert_eq!(self.0.sleepers(), 0);
            }
        }
        let clock = clock();
        let waker = Waker::from(Arc::new(Reads(clock.clone())));
        let mut sleep = clock.sleep_until(at("2030-01-01T00:00:01Z"));
        let mut context = Context::from_waker(&waker);
        assert!(sleep.as_mut().poll(&mut context).is_pending());
        clock.advance(Duration::from_secs(1));
        assert!(sleep.as_mut().poll(&mut context).is_ready());
    }
}
