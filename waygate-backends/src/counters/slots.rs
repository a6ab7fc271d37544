use waygate_core::limit::{Counter, MovingLog, quota::Nanos};

use super::table::{Digest, Expiry, Slot};

/// What is known of whoever is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Was let pass last time.
    Passing,
    /// Was refused last time: the one counter that a flood of others must not make forget.
    Blocked,
    /// Counts for everybody in its series who has no counter.
    Shared,
}

impl Standing {
    /// After one more request.
    #[inline]
    pub(super) fn after(self, allowed: bool) -> Self {
        match (self, allowed) {
            (Self::Shared, _) => Self::Shared,
            (_, true) => Self::Passing,
            (_, false) => Self::Blocked,
        }
    }
}

/// One counter in 32 bytes.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    digest: Digest,
    words: [u64; 2],
    expiry: Expiry,
    series: u16,
    tag: u8,
    standing: Standing,
}

impl Cell {
    pub(super) fn new(digest: Digest, series: u16, standing: Standing) -> Self {
        Self {
            digest,
            words: [0; 2],
            expiry: Expiry::PAST,
            series,
            tag: 0,
            standing,
        }
    }

    /// The counter, unless it says nothing any more.
    #[inline]
    pub(super) fn counter(&self, now: Nanos) -> Option<Counter> {
        (!self.expiry.is_past(now)).then(|| Counter::unpack(self.tag, self.words))
    }

    /// What [`restore`](Self::restore) takes.
    #[cfg(feature = "file")]
    pub(super) fn words(&self) -> [u64; 2] {
        self.words
    }

    #[cfg(feature = "file")]
    pub(super) fn tag(&self) -> u8 {
        self.tag
    }

    #[cfg(feature = "file")]
    pub(super) fn standing(&self) -> Standing {
        self.standing
    }

    /// As it was when it was kept.
    #[cfg(feature = "file")]
    pub(super) fn restore(&mut self, (tag, words): (u8, [u64; 2]), expiry: Expiry) {
        (self.tag, self.words, self.expiry) = (tag, words, expiry);
    }

    #[inline]
    pub(super) fn set(&mut self, counter: Counter, spent_at: Nanos, allowed: bool) {
        (self.tag, self.words) = counter.pack();
        self.expiry = Expiry::at(spent_at);
        self.standing = self.standing.after(allowed);
    }
}

impl Slot for Cell {
    #[inline]
    fn digest(&self) -> Digest {
        self.digest
    }

    #[inline]
    fn expiry(&self) -> Expiry {
        self.expiry
    }

    fn set_expiry(&mut self, expiry: Expiry) {
        self.expiry = expiry;
    }

    fn series(&self) -> u16 {
        self.series
    }

    fn may_go(&self) -> bool {
        self.standing == Standing::Passing
    }

    fn consumed(&self, now: Nanos) -> u64 {
        Counter::unpack(self.tag, self.words).consumed(now)
    }
}

/// A log of requests.
#[derive(Debug, Clone)]
pub(super) struct LogSlot {
    digest: Digest,
    expiry: Expiry,
    series: u16,
    standing: Standing,
    log: MovingLog,
}

impl LogSlot {
    pub(super) fn new(digest: Digest, series: u16, standing: Standing, log: MovingLog) -> Self {
        Self {
            digest,
            expiry: Expiry::PAST,
            series,
            standing,
            log,
        }
    }

    #[cfg(feature = "file")]
    pub(super) fn standing(&self) -> Standing {
        self.standing
    }

    pub(super) fn log(&self) -> &MovingLog {
        &self.log
    }

    pub(super) fn log_mut(&mut self) -> &mut MovingLog {
        &mut self.log
    }

    pub(super) fn into_log(self) -> MovingLog {
        self.log
    }

    pub(super) fn note(&mut self, period: Nanos, allowed: bool) {
        self.expiry = Expiry::at(self.log.spent_at(period).saturating_add(1));
        self.standing = self.standing.after(allowed);
    }
}

impl Slot for LogSlot {
    fn digest(&self) -> Digest {
        self.digest
    }

    fn expiry(&self) -> Expiry {
        self.expiry
    }

    fn set_expiry(&mut self, expiry: Expiry) {
        self.expiry = expiry;
    }

    fn series(&self) -> u16 {
        self.series
    }

    fn may_go(&self) -> bool {
        self.standing == Standing::Passing
    }

    fn consumed(&self, _: Nanos) -> u64 {
        self.log.used()
    }

    fn heap_bytes(&self) -> usize {
        self.log.heap_bytes()
    }
}
