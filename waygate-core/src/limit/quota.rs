//! The arithmetic of rate limits, over values of 16 bytes.
//!
//! Times are nanoseconds since the Unix epoch, as a clock tells them that should not go back. If it does, no function
//! here panics or overflows, nothing is admitted beyond the limit of the time that is left, and nobody is locked out
//! for longer than one window.

use super::{Counter, Outcome, Taken};

/// Nanoseconds.
pub type Nanos = u64;

/// One second in [`Nanos`].
pub const SECOND: Nanos = 1_000_000_000;

/// One rate of one policy, compiled: what there is to take in how much time, and by which algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quota {
    /// A window opens with the first request, and takes `capacity` until it ends.
    FixedWindow {
        /// The most that one window takes.
        capacity: u64,
        /// Its length, at least 1.
        period: Nanos,
    },
    /// The same from `start` up to, and without, `end`: a day or month of the calendar.
    Calendar {
        /// The most that the window takes.
        capacity: u64,
        /// When it began.
        start: Nanos,
        /// When the next one begins.
        end: Nanos,
    },
    /// Two counters of aligned windows, the older one weighted by how much of it still lies within `period`.
    /// Keeps seconds in 32 bits, which will do until the year 2106.
    SlidingWindow {
        /// The most that any window takes, as far as the weighting can tell.
        capacity: u32,
        /// Its length in seconds, at least 1.
        period: u32,
    },
    /// A bucket of `capacity` tokens, one of which comes back every `emission`: the generic cell rate algorithm of
    /// ITU-T I.371, as a virtual schedule.
    TokenBucket {
        /// How many tokens the bucket holds.
        capacity: u64,
        /// In how much time one comes back, at least 1.
        emission: Nanos,
    },
}

impl Quota {
    /// The most that can be taken at once.
    pub fn capacity(&self) -> u64 {
        match *self {
            Self::FixedWindow { capacity, .. }
            | Self::Calendar { capacity, .. }
            | Self::TokenBucket { capacity, .. } => capacity,
            Self::SlidingWindow { capacity, .. } => u64::from(capacity),
        }
    }

    /// What one of `replicas` processes may give out while none can ask the others; at least 1 of what is not 0.
    pub fn shared_by(self, replicas: u32) -> Self {
        let share = |capacity: u64| capacity.div_ceil(u64::from(replicas.max(1)));
        match self {
            Self::FixedWindow { capacity, period } => Self::FixedWindow {
                capacity: share(capacity),
                period,
            },
            Self::Calendar {
                capacity,
                start,
                end,
            } => Self::Calendar {
                capacity: share(capacity),
                start,
                end,
            },
            Self::SlidingWindow { capacity, period } => Self::SlidingWindow {
                capacity: capacity.div_ceil(replicas.max(1)),
                period,
            },
            Self::TokenBucket { capacity, emission } => Self::TokenBucket {
                capacity: share(capacity),
                emission: emission.saturating_mul(u64::from(replicas.max(1))),
            },
        }
    }

    /// No request waits longer that can pass at all: one window, or two of a sliding one, in which what was taken
    /// beyond the limit (before that was lowered, or after the fact) fades through the next one.
    pub fn longest_wait(&self) -> Nanos {
        match self {
            Self::SlidingWindow { .. } => self.window().saturating_mul(2),
            Self::FixedWindow { .. } | Self::Calendar { .. } | Self::TokenBucket { .. } => {
                self.window()
            }
        }
    }

    /// After how much time all of it is there again, where no more was taken than the capacity.
    pub fn window(&self) -> Nanos {
        match *self {
            Self::FixedWindow { period, .. } => period,
            Self::Calendar { start, end, .. } => end.saturating_sub(start).max(1),
            Self::SlidingWindow { period, .. } => u64::from(period.max(1)) * SECOND,
            Self::TokenBucket { capacity, emission } => {
                capacity.max(1).saturating_mul(emission).max(1)
            }
        }
    }

    /// Takes `cost`, or says when it could be taken. What a refusal returns in place of `counter` carries no charge.
    ///
    /// `counter` may be that of another quota: what it says was consumed is kept.
    // Where the quota is known, one algorithm is left of it.
    #[inline(always)]
    pub fn take(&self, counter: Option<Counter>, cost: u64, now: Nanos) -> (Counter, Outcome) {
        match *self {
            Self::FixedWindow { capacity, period } => {
                let (start, used) = match counter {
                    Some(Counter::Window { start, used }) if now.saturating_sub(start) < period => {
                        (start.min(now), used)
                    }
                    Some(Counter::Window { .. }) | None => (now, 0),
                    Some(other) => (now, other.consumed(now)),
                };
                window(
                    capacity,
                    start,
                    used,
                    cost,
                    now,
                    start.saturating_add(period),
                )
            }
            Self::Calendar {
                capacity,
                start,
                end,
            } => {
                let used = match counter {
                    Some(Counter::Window { start: began, used }) if began >= start => used,
                    Some(Counter::Window { .. }) | None => 0,
                    Some(other) => other.consumed(now),
                };
                window(capacity, start, used, cost, now, end)
            }
            Self::SlidingWindow { capacity, period } => {
                Sliding::at(counter, period, now).take(capacity, cost)
            }
            Self::TokenBucket { capacity, emission } => {
                bucket(capacity, emission, counter, cost, now)
            }
        }
    }

    /// Gives `units` back that were taken just now, or (`units` below zero) charges them after the fact; never below nothing
    /// consumed, and a bucket never below empty.
    pub fn adjust(&self, counter: Counter, units: i64, now: Nanos) -> Counter {
        let (mut next, _) = self.take(Some(counter), 0, now);
        let change = |used: u64| match units {
            0.. => used.saturating_sub(units.unsigned_abs()),
            _ => used.saturating_add(units.unsigned_abs()),
        };
        match &mut next {
            Counter::Window { used, .. } => *used = change(*used),
            Counter::Sliding { current, .. } => {
                *current = u32::try_from(change(u64::from(*current))).unwrap_or(u32::MAX);
            }
            Counter::Bucket { full_at, emission } => {
                let by = units.unsigned_abs().saturating_mul(*emission);
                *full_at = match units {
                    0.. => full_at.saturating_sub(by),
                    // Never below empty: the wait that is announced is the last.
                    _ => (*full_at)
                        .max(now)
                        .saturating_add(by)
                        .min(now.saturating_add(self.window())),
                };
            }
        }
        next
    }

    /// Gives units back that were taken before: to the window that they were taken from, or to none. What has faded or come
    /// back since then is not given back.
    pub fn give_back(&self, counter: Counter, units: u64, taken: Taken, now: Nanos) -> Counter {
        let (mut next, _) = self.take(Some(counter), 0, now);
        match &mut next {
            Counter::Window { start, used } => {
                if taken.at >= *start {
                    *used = used.saturating_sub(units);
                }
            }
            Counter::Sliding {
                start,
                period,
                previous,
                current,
            } => {
                let units = u32::try_from(units).unwrap_or(u32::MAX);
                match start.saturating_sub(slot_of(taken.at, *period)) {
                    0 => *current = current.saturating_sub(units),
                    // It fades with what was taken beside it.
                    gap if gap == *period => *previous = previous.saturating_sub(units),
                    _ => {}
                }
            }
            // Tokens come back in the order in which they were taken.
            Counter::Bucket { full_at, emission } => {
                let price = units.saturating_mul(*emission);
                *full_at = full_at.saturating_sub(price.min(taken.left(now)));
            }
        }
        next
    }

    /// From when on the counter says nothing any more, and may be forgotten.
    #[inline(always)]
    pub fn spent_at(&self, counter: Counter) -> Nanos {
        match (*self, counter) {
            (Self::FixedWindow { period, .. }, Counter::Window { start, .. }) => {
                start.saturating_add(period)
            }
            (Self::Calendar { end, .. }, Counter::Window { .. }) => end,
            (_, Counter::Sliding { start, period, .. }) => {
                (u64::from(start) + 2 * u64::from(period)).saturating_mul(SECOND)
            }
            (_, Counter::Bucket { full_at, .. }) => full_at,
            (_, Counter::Window { start, .. }) => start,
        }
    }
}

/// Fixed and calendar windows: the difference is where they begin and end.
#[inline(always)]
fn window(
    capacity: u64,
    start: Nanos,
    used: u64,
    cost: u64,
    now: Nanos,
    end: Nanos,
) -> (Counter, Outcome) {
    let after = used.saturating_add(cost);
    let allowed = after <= capacity;
    let used = if allowed { after } else { used };
    let length = end.saturating_sub(start);
    let left = end.saturating_sub(now).min(length).max(1);
    let outcome = Outcome {
        allowed,
        limit: capacity,
        remaining: capacity.saturating_sub(used),
        reset_after: left,
        retry_after: if allowed { 0 } else { left },
    };
    (Counter::Window { start, used }, outcome)
}

#[inline(always)]
fn bucket(
    capacity: u64,
    emission: Nanos,
    counter: Option<Counter>,
    cost: u64,
    now: Nanos,
) -> (Counter, Outcome) {
    let depth = capacity.saturating_mul(emission);
    // How long until the bucket is full again.
    let debt = match counter {
        None => 0,
        Some(Counter::Bucket {
            full_at,
            emission: then,
        }) if then == emission => full_at.saturating_sub(now).min(depth),
        Some(other) => other.consumed(now).saturating_mul(emission).min(depth),
    };
    let price = cost.saturating_mul(emission);
    let after = debt.saturating_add(price);
    let allowed = after <= depth;
    let debt = if allowed { after } else { debt };
    let retry_after = match allowed {
        true => 0,
        // More than the bucket holds never fits; say the longest wait there is.
        false => (after - depth).min(depth).max(1),
    };
    let outcome = Outcome {
        allowed,
        limit: capacity,
        remaining: (depth - debt) / emission,
        reset_after: debt,
        retry_after,
    };
    let full_at = now.saturating_add(debt);
    (Counter::Bucket { full_at, emission }, outcome)
}

/// Where the slot of a sliding window begins, in seconds.
#[inline]
fn slot_of(time: Nanos, period: u32) -> u32 {
    let seconds = time / SECOND;
    let start = seconds - seconds % u64::from(period);
    u32::try_from(start).unwrap_or(u32::MAX)
}

/// A sliding window, seen at one moment.
struct Sliding {
    /// Where the current slot begins, in seconds.
    start: u32,
    period: u32,
    previous: u32,
    current: u32,
    /// How much of the current slot is over.
    elapsed: Nanos,
}

impl Sliding {
    #[inline]
    fn at(counter: Option<Counter>, period: u32, now: Nanos) -> Self {
        let start = slot_of(now, period);
        let (previous, current) = match counter {
            None => (0, 0),
            Some(Counter::Sliding {
                start: began,
                period: then,
                previous,
                current,
            }) if then == period => match start.checked_sub(began) {
                // The clock went back: what was counted then counts now.
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

    #[inline]
    fn take(mut self, capacity: u32, cost: u64) -> (Counter, Outcome) {
        let capacity = u64::from(capacity);
        let before = self.weighted();
        let after = before.saturating_add(cost);
        let allowed = after <= capacity;
        if allowed {
            // At most `capacity`, which has 32 bits.
            self.current = self.current.saturating_add(cost as u32);
        }
        let used = if allowed { after } else { before };
        // Less than the capacity: of what is used beyond it, none comes back.
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
        let counter = Counter::Sliding {
            start: self.start,
            period: self.period,
            previous: self.previous,
            current: self.current,
        };
        (counter, outcome)
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
            // Within this slot: as soon as the share of the previous one has come down far enough.
            Some(room) => self
                .elapses(self.previous, room)
                .saturating_sub(self.elapsed),
            // In the next slot, where the current counter is the one that fades.
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

/// Returns `counter * part / whole`, rounded down, where `part` is at most `whole`.
#[inline]
pub(super) fn share(counter: u32, part: Nanos, whole: Nanos) -> u64 {
    match u64::from(counter).checked_mul(part) {
        Some(product) => product / whole,
        // At most `counter`, which has 32 bits.
        None => (u128::from(counter) * u128::from(part) / u128::from(whole)) as u64,
    }
}
