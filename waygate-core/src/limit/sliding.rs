use super::{
    Counter, Outcome,
    nanos::{Nanos, SECOND, share},
};

/// Returns the start of a sliding window's slot, in seconds.
#[inline]
pub(super) fn slot_of(time: Nanos, period: u32) -> u32 {
    let seconds = time / SECOND;
    let start = seconds - seconds % u64::from(period);
    u32::try_from(start).unwrap_or(u32::MAX)
}

/// A sliding window at one time.
pub(super) struct Sliding {
    /// The start of the current slot, in seconds.
    start: u32,
    period: u32,
    previous: u32,
    current: u32,
    /// The elapsed part of the current slot.
    elapsed: Nanos,
}

impl Sliding {
    #[inline]
    pub(super) fn at(counter: Option<Counter>, period: u32, now: Nanos) -> Self {
        let start = slot_of(now, period);
        let (previous, current) = match counter {
            None => (0, 0),
            Some(Counter::Sliding {
                start: began,
                period: then,
                previous,
                current,
            }) if then == period => match start.checked_sub(began) {
                // After the clock went back, earlier counts apply now.
                None | Some(0) => (previous, current),
                Some(gap) if gap == period => (current, 0),
                Some(_) => (0, 0),
            },
            Some(other) => (0, u32::try_from(other.consumed(now)).unwrap_or(u32::MAX)),
        };
        Self {
            start,
            period,
            previous,
            current,
            elapsed: now.saturating_sub(u64::from(start) * SECOND),
        }
    }

    fn length(&self) -> Nanos {
        u64::from(self.period) * SECOND
    }

    /// Returns the current counter plus the weighted share of the previous one, rounded down.
    fn weighted(&self) -> u64 {
        let to_come = self.length().saturating_sub(self.elapsed);
        share(self.previous, to_come, self.length()) + u64::from(self.current)
    }

    /// Charges units without a limit.
    pub(super) fn charged(mut self, units: u64) -> Counter {
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        self.current = self.current.saturating_add(units);
        self.counter()
    }

    fn counter(&self) -> Counter {
        Counter::Sliding {
            start: self.start,
            period: self.period,
            previous: self.previous,
            current: self.current,
        }
    }

    #[inline]
    pub(super) fn charge(mut self, capacity: u32, cost: u64) -> (Counter, Outcome) {
        let capacity = u64::from(capacity);
        let before = self.weighted();
        let after = before.saturating_add(cost);
        let allowed = after <= capacity;
        if allowed {
            // At most `capacity`, which has 32 bits.
            self.current = self.current.saturating_add(cost as u32);
        }
        let used = if allowed { after } else { before };
        // Less than the capacity: of what is used beyond it, nothing is refilled.
        let more = self.wait_until(used, used.min(capacity).saturating_sub(1));
        let (reset_after, retry_after) = match capacity.checked_sub(cost) {
            _ if allowed => (more, 0),
            None => (more, self.length()),
            Some(room) => {
                let wait = self.wait_until(used, room).max(1);
                (more.max(wait), wait)
            }
        };
        let outcome = Outcome {
            allowed,
            limit: capacity,
            remaining: capacity.saturating_sub(used),
            reset_after,
            retry_after,
        };
        (self.counter(), outcome)
    }

    /// Returns the time until the weighted sum, which is `used` now, is `target` or less if nothing more is taken.
    #[inline]
    fn wait_until(&self, used: u64, target: u64) -> Nanos {
        if used <= target {
            return 0;
        }
        let length = self.length();
        let left = length.saturating_sub(self.elapsed);
        match target.checked_sub(u64::from(self.current)) {
            // In this slot, once the share of the previous one has fallen far enough.
            Some(room) => self
                .elapses(self.previous, room)
                .saturating_sub(self.elapsed),
            // In the next slot, where the current counter decays.
            None => left.saturating_add(self.elapses(self.current, target)),
        }
        .clamp(1, 2 * length)
    }

    /// Returns the part of a slot after which `counter`, weighted and rounded down, is `target` or less.
    fn elapses(&self, counter: u32, target: u64) -> Nanos {
        // floor(counter * (length - t) / length) <= target  <=>  t > length - length * (target + 1) / counter
        let (length, counter) = (self.length(), counter.max(1));
        let (kept, rest) = match length.checked_mul(target + 1) {
            Some(product) => (product / u64::from(counter), product % u64::from(counter)),
            None => {
                let product = u128::from(length) * (u128::from(target) + 1);
                let kept = product / u128::from(counter);
                let kept = Nanos::try_from(kept).unwrap_or(Nanos::MAX);
                (kept, (product % u128::from(counter)) as u64)
            }
        };
        let elapsed = length.saturating_sub(kept) + u64::from(rest == 0);
        elapsed.min(length)
    }
}
