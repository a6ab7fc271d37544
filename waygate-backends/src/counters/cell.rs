mod corrections;

use waygate_core::limit::{Counter, MovingLog, Outcome, Quota, Rule, quota::Nanos};

use super::expiry::Expiry;

/// 64 bits that identify a counter key and a key, random without the store's secret. Of a million keys, any two share a
/// counter with a probability of 3·10⁻⁸.
pub(super) type Digest = u64;

/// The outcome of the last request to a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Allowed,
    /// Never evicted: a flood of other keys must not clear a refusal.
    Refused,
    /// Shared by all keys of a counter key that have no counter of their own.
    Shared,
}

impl Standing {
    #[inline]
    fn after(self, allowed: bool) -> Self {
        match (self, allowed) {
            (Self::Shared, _) => Self::Shared,
            (_, true) => Self::Allowed,
            (_, false) => Self::Refused,
        }
    }
}

/// A rule at the time of a request: of a calendar, its current window.
#[derive(Debug, Clone, Copy)]
pub(super) enum Limit {
    Quota(Quota),
    Moving { capacity: u64, period: Nanos },
}

impl Limit {
    #[inline]
    pub(super) fn of(rule: &Rule, now: Nanos) -> Self {
        match rule {
            Rule::Quota(quota) => Self::Quota(*quota),
            Rule::Calendar(calendar) => Self::Quota(calendar.quota(now)),
            Rule::Moving { capacity, period } => Self::Moving {
                capacity: *capacity,
                period: *period,
            },
        }
    }
}

/// One counter in 32 bytes.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    digest: Digest,
    state: State,
}

const _: () = assert!(size_of::<Cell>() == 32);

/// The tag is in the unused values of [`Standing`].
#[derive(Debug, Clone)]
enum State {
    Packed(Packed),
    Log(Log),
}

/// A [`Counter`] as words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packed {
    pub(super) words: [u64; 2],
    pub(super) expiry: Expiry,
    pub(super) counter_key: u16,
    pub(super) tag: u8,
    pub(super) standing: Standing,
}

/// The counter of a moving window.
#[derive(Debug, Clone)]
pub(super) struct Log {
    pub(super) hits: Box<MovingLog>,
    pub(super) expiry: Expiry,
    pub(super) counter_key: u16,
    pub(super) standing: Standing,
}

impl Packed {
    /// Returns the counter, unless it has expired.
    #[inline]
    fn counter(&self, now: Nanos) -> Option<Counter> {
        (!self.expiry.is_past(now)).then(|| Counter::unpack(self.tag, self.words))
    }

    // Inlined, so that the counter does not go through memory.
    #[inline(always)]
    fn set(&mut self, quota: Quota, counter: Counter, allowed: bool) {
        (self.tag, self.words) = counter.pack();
        let spent_at = quota.spent_at(counter);
        // A window expires when it did at its last request.
        if !self.expiry.is_of(spent_at) {
            self.expiry = Expiry::at(spent_at);
        }
        self.standing = self.standing.after(allowed);
    }

    #[inline(always)]
    pub(super) fn charge(&mut self, quota: Quota, cost: u64, now: Nanos) -> Outcome {
        let (counter, outcome) = quota.charge(self.counter(now), cost, now);
        if cost > 0 {
            self.set(quota, counter, outcome.allowed);
        }
        outcome
    }

    /// Converts to a log, with all usage as one request at `now`.
    #[cold]
    fn to_log(self, now: Nanos) -> Log {
        let consumed = self.counter(now).map_or(0, |counter| counter.consumed(now));
        let mut hits = MovingLog::default();
        let units = i64::try_from(consumed).unwrap_or(i64::MAX);
        if units > 0 {
            hits.adjust(-units, now);
        }
        Log {
            hits: Box::new(hits),
            expiry: self.expiry,
            counter_key: self.counter_key,
            standing: self.standing,
        }
    }
}

impl Log {
    fn set(&mut self, period: Nanos, allowed: bool) {
        self.expiry = Expiry::at(self.hits.spent_at(period).saturating_add(1));
        self.standing = self.standing.after(allowed);
    }

    /// Converts to a window that started at `now`.
    #[cold]
    fn to_packed(&self, now: Nanos) -> Packed {
        let used = self.hits.used();
        let (tag, words) = Counter::Window { start: now, used }.pack();
        Packed {
            words,
            expiry: if used > 0 { self.expiry } else { Expiry::PAST },
            counter_key: self.counter_key,
            tag,
            standing: self.standing,
        }
    }
}

impl Cell {
    /// A counter without usage.
    pub(super) fn new(digest: Digest, counter_key: u16, standing: Standing) -> Self {
        Self::packed(
            digest,
            Packed {
                words: [0; 2],
                expiry: Expiry::PAST,
                counter_key,
                tag: 0,
                standing,
            },
        )
    }

    pub(super) fn packed(digest: Digest, packed: Packed) -> Self {
        let state = State::Packed(packed);
        Self { digest, state }
    }

    #[cfg(feature = "file")]
    pub(super) fn log(digest: Digest, log: Log) -> Self {
        let state = State::Log(log);
        Self { digest, state }
    }

    /// Passes the counter on to another key of the same counter key.
    pub(super) fn renamed(self, digest: Digest) -> Self {
        Self { digest, ..self }
    }

    /// The counter as words, unless it is a log.
    #[inline]
    pub(super) fn packed_mut(&mut self) -> Option<&mut Packed> {
        match &mut self.state {
            State::Packed(packed) => Some(packed),
            State::Log(_) => None,
        }
    }

    #[cfg(feature = "file")]
    pub(super) fn parts(&self) -> Result<&Packed, &Log> {
        match &self.state {
            State::Packed(packed) => Ok(packed),
            State::Log(log) => Err(log),
        }
    }

    #[inline]
    pub(super) fn digest(&self) -> Digest {
        self.digest
    }

    #[inline]
    pub(super) fn expiry(&self) -> Expiry {
        match &self.state {
            State::Packed(packed) => packed.expiry,
            State::Log(log) => log.expiry,
        }
    }

    pub(super) fn set_expiry(&mut self, expiry: Expiry) {
        match &mut self.state {
            State::Packed(packed) => packed.expiry = expiry,
            State::Log(log) => log.expiry = expiry,
        }
    }

    /// Returns the low 16 bits of the counter key's seed.
    pub(super) fn counter_key(&self) -> u16 {
        match &self.state {
            State::Packed(packed) => packed.counter_key,
            State::Log(log) => log.counter_key,
        }
    }

    pub(super) fn standing(&self) -> Standing {
        match &self.state {
            State::Packed(packed) => packed.standing,
            State::Log(log) => log.standing,
        }
    }

    pub(super) fn is_evictable(&self) -> bool {
        self.standing() == Standing::Allowed
    }

    pub(super) fn heap_bytes(&self) -> usize {
        match &self.state {
            State::Packed(_) => 0,
            State::Log(log) => size_of::<MovingLog>() + log.hits.heap_bytes(),
        }
    }

    /// Halves the memory of a log; it then counts some requests for longer.
    pub(super) fn coarsen(&mut self) {
        if let State::Log(log) = &mut self.state {
            log.hits.coarsen();
        }
    }

    /// Returns the units consumed.
    pub(super) fn consumed(&self, now: Nanos) -> u64 {
        match &self.state {
            State::Packed(packed) => match Counter::unpack(packed.tag, packed.words) {
                Counter::Window { used, .. } => used,
                counter => counter.consumed(now),
            },
            State::Log(log) => log.hits.used(),
        }
    }

    #[inline]
    fn to_packed(&self, now: Nanos) -> Packed {
        match &self.state {
            State::Packed(packed) => *packed,
            State::Log(log) => log.to_packed(now),
        }
    }

    #[inline(always)]
    fn change_log<T>(&mut self, now: Nanos, change: impl FnOnce(&mut Log) -> T) -> T {
        match &mut self.state {
            State::Log(log) => change(log),
            State::Packed(packed) => {
                let mut log = packed.to_log(now);
                let result = change(&mut log);
                self.state = State::Log(log);
                result
            }
        }
    }

    /// Charges `cost`, which is not 0, and converts usage counted by another rule.
    #[inline(always)]
    pub(super) fn charge(&mut self, limit: Limit, cost: u64, now: Nanos) -> Outcome {
        match limit {
            Limit::Quota(quota) => {
                let mut packed = self.to_packed(now);
                let outcome = packed.charge(quota, cost, now);
                self.state = State::Packed(packed);
                outcome
            }
            Limit::Moving { capacity, period } => self.change_log(now, |log| {
                let outcome = log.hits.charge(capacity, period, cost, now);
                log.set(period, outcome.allowed);
                outcome
            }),
        }
    }

    /// Returns the outcome of [`charge`](Self::charge), and charges nothing.
    #[inline(always)]
    pub(super) fn weigh(&mut self, limit: Limit, cost: u64, now: Nanos) -> Outcome {
        match limit {
            Limit::Quota(quota) => {
                let counter = self.to_packed(now).counter(now);
                quota.charge(counter, cost, now).1
            }
            Limit::Moving { capacity, period } => match &mut self.state {
                State::Log(log) => log.hits.weigh(capacity, period, cost, now),
                State::Packed(packed) => {
                    let mut log = packed.to_log(now);
                    log.hits.weigh(capacity, period, cost, now)
                }
            },
        }
    }
}
