use std::{sync::Arc, time::Duration};

use waygate_core::port::Clock;

use super::arm::{Arm, Canary};

/// A request that an arm serves. Dropped before the response, it counts as aborted, or as failed in a panic; a panic of
/// the body is a failure, too.
#[derive(Debug)]
pub(crate) struct ArmRequest {
    canary: Arc<Canary>,
    arm: Arm,
    clock: Arc<dyn Clock>,
    started: Duration,
    is_complete: bool,
}

impl ArmRequest {
    pub(crate) fn start(canary: Arc<Canary>, arm: Arm, clock: Arc<dyn Clock>) -> Self {
        canary.shard(arm).start();
        Self {
            started: clock.monotonic(),
            canary,
            arm,
            clock,
            is_complete: false,
        }
    }

    /// Counts the response. Its body may still [fail](Self::fail).
    pub(crate) fn complete(&mut self, has_failed: bool) {
        self.is_complete = true;
        self.canary.shard(self.arm).complete(self.elapsed());
        if has_failed {
            self.fail();
        }
    }

    pub(crate) fn fail(&self) {
        self.canary.shard(self.arm).fail();
    }

    fn elapsed(&self) -> Duration {
        self.clock.monotonic().saturating_sub(self.started)
    }
}

impl Drop for ArmRequest {
    fn drop(&mut self) {
        match (self.is_complete, std::thread::panicking()) {
            (true, false) => {}
            (true, true) => self.fail(),
            (false, true) => self.complete(true),
            (false, false) => self.canary.shard(self.arm).abort(self.elapsed()),
        }
    }
}
