use std::sync::{
    Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
    atomic::{AtomicI64, Ordering},
};

use waygate_core::port::Clock;

use super::{
    cell::Node,
    counts::{SHARDS, own_shard},
    ending::Ending,
    history::{History, minute_of},
    latency::LatencyTotals,
    line::Line,
    recording::Recording,
    totals::Totals,
};

/// Shared by the routes of an engine.
#[derive(Debug)]
pub(super) struct Hub {
    clock: Arc<dyn Clock>,
    /// The minute in progress at the last look.
    minute: AtomicI64,
    /// The routes that have had a request: only these have counters, and only these are read each minute.
    used: Mutex<Vec<Weak<RouteTraffic>>>,
}

impl Hub {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            minute: AtomicI64::new(minute_of(clock.now())),
            clock,
            used: Mutex::default(),
        })
    }

    /// Returns the minute in progress at the last look.
    pub(super) fn minute(&self) -> i64 {
        self.minute.load(Ordering::Relaxed)
    }

    /// Returns the minute in progress.
    pub(super) fn now(&self) -> i64 {
        minute_of(self.clock.now())
    }

    /// Notes a look in this minute.
    pub(super) fn looked(&self, minute: i64) {
        self.minute.store(minute, Ordering::Relaxed);
    }

    /// The routes that have had a request.
    pub(super) fn used(&self) -> Vec<Arc<RouteTraffic>> {
        let used = lock(&self.used);
        used.iter().filter_map(Weak::upgrade).collect()
    }
}

/// The requests of a route since the process started.
#[derive(Debug)]
pub(crate) struct RouteTraffic {
    hub: Arc<Hub>,
    shards: [OnceLock<Arc<Node>>; SHARDS],
    /// `None` before the first request.
    history: Mutex<Option<Box<History>>>,
}

impl RouteTraffic {
    pub(super) fn new(hub: Arc<Hub>) -> Arc<Self> {
        Arc::new(Self {
            hub,
            shards: [const { OnceLock::new() }; SHARDS],
            history: Mutex::default(),
        })
    }

    #[inline]
    pub(super) fn start(self: &Arc<Self>, line: Line) -> Recording {
        let shard = self.shards.get(own_shard()).and_then(OnceLock::get);
        Recording::start(match shard {
            Some(node) if node.is_of(line) => node.clone(),
            _ => self.node(line),
        })
    }

    /// The counters of a line on this thread. The first request creates them.
    #[cold]
    fn node(self: &Arc<Self>, line: Line) -> Arc<Node> {
        let new = || Node::new(line, self.hub.clock.clone());
        let Some(shard) = self.shards.get(own_shard()) else {
            return new();
        };
        let first = shard.get_or_init(|| {
            self.note_used();
            new()
        });
        first.find(line)
    }

    fn note_used(self: &Arc<Self>) {
        let mut history = self.history();
        if history.is_none() {
            *history = Some(Box::default());
            lock(&self.hub.used).push(Arc::downgrade(self));
        }
    }

    fn nodes(&self) -> impl Iterator<Item = &Arc<Node>> {
        let shards = self.shards.iter().filter_map(OnceLock::get);
        shards.flat_map(Node::list)
    }

    /// The number of requests in progress, by line. A line may occur several times.
    pub(crate) fn in_progress(&self) -> impl Iterator<Item = (Line, u64)> {
        self.nodes().map(|node| (node.line(), node.in_progress()))
    }

    /// The latencies of each line and ending. A combination may occur several times.
    pub(crate) fn endings(&self) -> impl Iterator<Item = (Line, Ending, LatencyTotals)> {
        self.nodes().flat_map(|node| {
            let endings = node.endings();
            endings.map(|(ending, latencies)| (node.line(), ending, latencies.totals()))
        })
    }

    pub(crate) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for (_, ending, latencies) in self.endings() {
            totals.add_ending(ending, &latencies);
        }
        totals
    }

    /// Notes the requests since the last look as those of a minute.
    pub(super) fn look(&self, minute: i64) {
        let mut history = self.history();
        if let Some(history) = &mut *history {
            history.look(self.totals(), minute);
        }
    }

    /// The traffic of each minute from `first` on that had any, oldest first.
    pub(crate) fn minutes(&self, first: i64, now: i64) -> Vec<(i64, Totals)> {
        match &*self.history() {
            Some(history) => history.since(first, now, &self.totals()),
            None => Vec::new(),
        }
    }

    fn history(&self) -> MutexGuard<'_, Option<Box<History>>> {
        lock(&self.history)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
