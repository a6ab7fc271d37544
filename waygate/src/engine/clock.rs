use std::time::Duration;

use waygate_core::{
    Timestamp,
    port::{BoxFuture, Clock},
};

/// The clocks of the machine. Monotonic time is read from the processor where that is possible: requests that are counted
/// ask for it.
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

/// The wall clock can be set while a timer runs, so long sleeps look at it again this often.
const RECHECK: Duration = Duration::from_secs(5);

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // Microseconds are what goes over the wire (wire contract, section 1); cut here, so that nothing changes in transit.
        let now = Timestamp::now();
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    fn monotonic(&self) -> Duration {
        let nanos = self
            .monotonic
            .delta_as_nanos(self.origin, self.monotonic.raw());
        Duration::from_nanos(nanos)
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
