use waygate_core::limit::{Counter, MovingLog, quota::Nanos};

use super::table::{Digest, Moment, Slot, whole_seconds};

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
    spent_at: u32,
    series: u16,
    tag: u8,
    standing: Standing,
}

impl Cell {
    pub(super) fn new(digest: Digest, series: u16, standing: Standing) -> Self {
        Self {
            digest,
            words: [0; 2],
            spent_at: 0,
            series,
            tag: 0,
            standing,
        }
    }

    /// The counter, unless it says nothing any more.
    #[inline]
    pub(super) fn counter(&self, now: Moment) -> Option<Counter> {
        (self.spent_at > now.seconds).then(|| Counter::unpack(self.tag, self.words))
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
    pub(super) fn restore(&mut self, (tag, words): (u8, [u64; 2]), spent_at: u32) {
        (self.tag, self.words, self.spent_at) = (tag, words, spent_at);
    }

    #[inline]
    pub(super) fn set(&mut self, counter: Counter, spent_at: Nanos, allowed: bool) {
        (self.tag, self.words) = counter.pack();
        self.spent_at = whole_seconds(spent_at);
        self.standing = self.standing.after(allowed);
    }
}

impl Slot for Cell {
    #[inline]
    fn digest(&self) -> Digest {
        self.digest
    }

    #[inline]
    fn spent_at(&self) -> u32 {
        self.spent_at
    }

    fn set_spent_at(&mut self, at: u32) {
        self.spent_at = at;
    }

    fn series(&self) -> u16 {
        self.series
    }

    fn may_go(&self) -> bool {
        self.standing == Standing::Passing
    }

    fn consumed(&self, now: Moment) -> u64 {
        Counter::unpack(self.tag, self.words).consumed(now.nanos)
    }
}

/// A log of requests.
#[derive(Debug, Clone)]
pub(super) struct LogSlot {
    digest: Digest,
    spent_at: u32,
    series: u16,
    standing: Standing,
    log: MovingLog,
}

impl LogSlot {
    pub(super) fn new(digest: Digest, series: u16, standing: Standing, log: MovingLog) -> Self {
        Self {
            digest,
            spent_at: 0,
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
        self.spent_at = whole_seconds(self.log.spent_at(period).saturating_add(1));
        self.standing = self.standing.after(allowed);
    }
}

impl Slot for LogSlot {
    fn digest(&self) -> Digest {
        self.digest
    }

    fn spent_at(&self) -> u32 {
        self.spent_at
    }

    fn set_spent_at(&mut self, at: u32) {
        self.spent_at = at;
    }

    fn series(&self) -> u16 {
        self.series
    }

    fn may_go(&self) -> bool {
        self.standing == Standing::Passing
    }

    fn consumed(&self, _: Moment) -> u64 {
        self.log.used()
    }

    fn heap_bytes(&self) -> usize {
        self.log.heap_bytes()
    }
}
