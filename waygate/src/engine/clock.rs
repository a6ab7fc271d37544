use std::time::Duration;

use waygate_core::{
    Timestamp,
    port::{BoxFuture, Clock},
};

/// The clocks of the machine. Monotonic time is read from the CPU if possible, since every counted request needs it.
#[derive(Debug)]
pub(crate) struct SystemClock {
    monotonic: quanta::Clock,
    origin: u64,
}

impl Default for SystemClock {
    fn default() -> Self {
        let monotonic = quanta::Clock::new();
        Self {
            origin: monotonic.raw(),
            monotonic,
        }
    }
}

/// The wall clock can be changed while a timer runs, so long sleeps check it at this interval.
const RECHECK: Duration = Duration::from_secs(5);

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // The wire format has microseconds (wire contract, section 1); truncated here so that nothing changes in
        // transit.
        let now = Timestamp::now();
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_nanos(self.monotonic_nanos())
    }

    #[inline]
    fn monotonic_nanos(&self) -> u64 {
        self.monotonic
            .delta_as_nanos(self.origin, self.monotonic.raw())
    }

    fn sleep_until(&self, instant: Timestamp) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            while let Ok(left) = Duration::try_from(instant.duration_since(Timestamp::now()))
                && !left.is_zero()
            {
                tokio::time::sleep(left.min(RECHECK)).await;
            }
        })
    }
}
