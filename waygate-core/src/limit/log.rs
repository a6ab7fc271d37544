use std::collections::VecDeque;

use super::{Outcome, nanos::Nanos};

/// A moving window: the time of every request, exact and therefore only for small limits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MovingLog {
    /// Oldest first.
    hits: VecDeque<Hit>,
    /// The total cost.
    used: u64,
}

/// Packed into 12 bytes, since a log can hold many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(Rust, packed(4))]
struct Hit {
    at: Nanos,
    cost: u32,
}

impl MovingLog {
    /// The largest limit that a moving window may have.
    pub const MAX_LIMIT: u64 = crate::grammar::MAX_MOVING;

    /// Charges `cost` of `capacity` per `period`, or returns when it could be charged.
    ///
    /// A request at the exact edge of the window still counts, as in the Python original, and is gone a nanosecond
    /// later.
    pub fn charge(&mut self, capacity: u64, period: Nanos, cost: u64, now: Nanos) -> Outcome {
        let outcome = self.decide(capacity, period, cost, now);
        if outcome.allowed && cost > 0 {
            // No more than `capacity`.
            self.push(cost as u32, now);
        }
        outcome
    }

    /// Returns the outcome of [`charge`](Self::charge), and charges nothing.
    pub fn weigh(&mut self, capacity: u64, period: Nanos, cost: u64, now: Nanos) -> Outcome {
        self.decide(capacity, period, cost, now)
    }

    #[inline(always)]
    fn decide(&mut self, capacity: u64, period: Nanos, cost: u64, now: Nanos) -> Outcome {
        self.forget(period, now);
        let allowed = self.used.saturating_add(cost) <= capacity;
        let used = self.used + if allowed { cost } else { 0 };
        let wait_until = |target: u64| {
            let at = self.falls_to(used, target, now);
            at.saturating_add(period).saturating_sub(now) + 1
        };
        // Less than the capacity: usage beyond it frees nothing.
        let more = match used {
            0 => period,
            used => wait_until(used.min(capacity).saturating_sub(1)),
        };
        let (reset_after, retry_after) = match capacity.checked_sub(cost) {
            _ if allowed => (more, 0),
            None => (more, period),
            Some(room) => {
                let wait = wait_until(room);
                (more.max(wait), wait)
            }
        };
        Outcome {
            allowed,
            limit: capacity,
            remaining: capacity.saturating_sub(used),
            reset_after,
            retry_after,
        }
    }

    /// Refunds units that were taken just now, or charges them after the fact if `units` is negative.
    pub fn adjust(&mut self, units: i64, now: Nanos) {
        let mut left = u32::try_from(units.unsigned_abs()).unwrap_or(u32::MAX);
        if units < 0 {
            self.push(left, now);
            return;
        }
        while left > 0
            && let Some(hit) = self.hits.back_mut()
        {
            let taken = hit.cost.min(left);
            (hit.cost, left) = (hit.cost - taken, left - taken);
            self.used -= u64::from(taken);
            if hit.cost == 0 {
                self.hits.pop_back();
            }
        }
    }

    /// Refunds units that were taken at `at` or before. Units taken later keep counting.
    pub fn refund(&mut self, units: u64, at: Nanos) {
        let mut left = units;
        let mut until = self.hits.partition_point(|hit| hit.at <= at);
        while left > 0
            && let Some(before) = until.checked_sub(1)
            && let Some(hit) = self.hits.get_mut(before)
        {
            until = before;
            // No more than the cost, which has 32 bits.
            let given = u64::from(hit.cost).min(left);
            hit.cost -= given as u32;
            (left, self.used) = (left - given, self.used - given);
            if hit.cost == 0 {
                self.hits.remove(before);
            }
        }
    }

    /// Halves the memory: merges every two requests into one at the later time, so that no request expires earlier.
    pub fn coarsen(&mut self) {
        let kept = self.hits.len().div_ceil(2);
        for index in 0..kept {
            let older = self.hits[2 * index];
            let newer = self.hits.get(2 * index + 1).copied();
            self.hits[index] = newer.map_or(older, |newer| Hit {
                at: newer.at,
                cost: older.cost.saturating_add(newer.cost),
            });
        }
        self.hits.truncate(kept);
        self.hits.shrink_to_fit();
        self.used = self.hits.iter().map(|hit| u64::from(hit.cost)).sum();
    }

    /// Returns the units consumed as of the last call.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// Returns the time at which the log expires.
    #[inline]
    pub fn spent_at(&self, period: Nanos) -> Nanos {
        self.hits
            .back()
            .map_or(0, |hit| hit.at.saturating_add(period))
    }

    /// Returns the heap memory of the log, in bytes.
    #[inline]
    pub fn heap_bytes(&self) -> usize {
        self.hits.capacity() * size_of::<Hit>()
    }

    /// Returns the time and cost of every request, oldest first, for a snapshot.
    pub fn hits(&self) -> impl ExactSizeIterator<Item = (Nanos, u32)> + '_ {
        self.hits.iter().map(|hit| (hit.at, hit.cost))
    }

    fn forget(&mut self, period: Nanos, now: Nanos) {
        // After the clock went back, nothing counts for longer than one window from now.
        for hit in self.hits.iter_mut().rev().take_while(|hit| hit.at > now) {
            hit.at = now;
        }
        let oldest = now.saturating_sub(period);
        while let Some(hit) = self.hits.front()
            && hit.at < oldest
        {
            self.used -= u64::from(hit.cost);
            self.hits.pop_front();
        }
    }

    fn push(&mut self, cost: u32, now: Nanos) {
        self.hits.push_back(Hit { at: now, cost });
        self.used += u64::from(cost);
    }

    /// Returns the time of the request with which `used` falls to `target` or less: of the charge at `now`, if no older
    /// one suffices.
    fn falls_to(&self, used: u64, target: u64, now: Nanos) -> Nanos {
        let mut used = used;
        let mut hits = self.hits.iter();
        let found = hits.find(|hit| {
            used = used.saturating_sub(u64::from(hit.cost));
            used <= target
        });
        found.map_or(now, |hit| hit.at)
    }
}

/// Restores a log from its requests, oldest first.
impl FromIterator<(Nanos, u32)> for MovingLog {
    fn from_iter<T: IntoIterator<Item = (Nanos, u32)>>(hits: T) -> Self {
        let hits: VecDeque<Hit> = hits
            .into_iter()
            .map(|(at, cost)| Hit { at, cost })
            .collect();
        let used = hits.iter().map(|hit| u64::from(hit.cost)).sum();
        Self { hits, used }
    }
}
