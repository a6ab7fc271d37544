#[cfg(feature = "metrics")]
use std::num::NonZeroU128;
use std::sync::{Arc, OnceLock};

use waygate_core::port::Clock;

#[cfg(feature = "metrics")]
use super::exemplar::{Examples, Exemplar, Exemplars};
use super::{ending::Ending, latency::Latencies, line::Line};

/// The maximum number of statuses that a group of threads counts one by one for a method of a route. Others are counted
/// by class.
const MAX_ENDINGS: usize = 24;

/// The requests of one method and scheme of a route, on some threads.
///
/// A request in progress holds a reference: their number is the number of requests in progress.
#[derive(Debug)]
pub(crate) struct Node {
    line: Line,
    pub(super) clock: Arc<dyn Clock>,
    first: OnceLock<Box<Cell>>,
    next: OnceLock<Arc<Node>>,
}

/// The requests that ended in one way.
#[derive(Debug)]
struct Cell {
    ending: Ending,
    latencies: Latencies,
    #[cfg(feature = "metrics")]
    examples: OnceLock<Box<Examples>>,
    next: OnceLock<Box<Cell>>,
}

impl Node {
    pub(super) fn new(line: Line, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            line,
            clock,
            first: OnceLock::new(),
            next: OnceLock::new(),
        })
    }

    #[inline]
    pub(super) fn is_of(&self, line: Line) -> bool {
        self.line == line
    }

    pub(super) fn line(&self) -> Line {
        self.line
    }

    /// The node of a line in the list that starts at this one. Lines are few, so the list is short.
    pub(super) fn find(self: &Arc<Self>, line: Line) -> Arc<Self> {
        let mut node = self;
        while !node.is_of(line) {
            node = node
                .next
                .get_or_init(|| Self::new(line, self.clock.clone()));
        }
        node.clone()
    }

    /// The nodes of the list that starts at this one.
    pub(super) fn list(self: &Arc<Self>) -> impl Iterator<Item = &Arc<Self>> {
        std::iter::successors(Some(self), |node| node.next.get())
    }

    /// The number of requests in progress.
    pub(super) fn in_progress(self: &Arc<Self>) -> u64 {
        // The list holds one.
        u64::try_from(Arc::strong_count(self).saturating_sub(1)).unwrap_or_default()
    }

    #[inline]
    pub(super) fn count(&self, ending: Ending, nanos: u64) {
        match self.first.get() {
            Some(cell) if cell.ending == ending => cell.latencies.add_nanos(nanos),
            _ => self.cell(ending).latencies.add_nanos(nanos),
        }
    }

    /// The counters of an ending. The first request that ends so creates them.
    #[cold]
    fn cell(&self, ending: Ending) -> &Cell {
        let new = |ending| {
            Box::new(Cell {
                ending,
                latencies: Latencies::default(),
                #[cfg(feature = "metrics")]
                examples: OnceLock::new(),
                next: OnceLock::new(),
            })
        };
        let mut wanted = ending;
        let mut cell = self.first.get_or_init(|| new(wanted));
        let mut length = 1;
        while cell.ending != wanted {
            if length == MAX_ENDINGS {
                // There are few classes, so the list remains bounded.
                wanted = ending.rest();
            }
            cell = cell.next.get_or_init(|| new(wanted));
            length += 1;
        }
        cell
    }

    /// Offers a request that was counted as an example of its latency.
    #[cfg(feature = "metrics")]
    #[cold]
    pub(super) fn exemplify(&self, ending: Ending, nanos: u64, trace_id: NonZeroU128) {
        let at = self.clock.now();
        let examples = &self.cell(ending).examples;
        let examples = examples.get_or_init(Box::default);
        examples.offer(Exemplar {
            trace_id,
            nanos,
            at,
        });
    }

    /// The exemplars of the endings that have some.
    #[cfg(feature = "metrics")]
    pub(super) fn exemplars(&self) -> impl Iterator<Item = (Ending, Exemplars)> {
        let cells = self.cells();
        cells.filter_map(|cell| Some((cell.ending, cell.examples.get()?.newest())))
    }

    fn cells(&self) -> impl Iterator<Item = &Cell> {
        let first = self.first.get().map(|cell| &**cell);
        std::iter::successors(first, |cell| cell.next.get().map(|next| &**next))
    }

    /// The endings that were counted, with their latencies.
    pub(super) fn endings(&self) -> impl Iterator<Item = (Ending, &Latencies)> {
        self.cells().map(|cell| (cell.ending, &cell.latencies))
    }
}

#[cfg(test)]
mod tests {
    use waygate_core::port::ManualClock;

    use super::*;

    fn node() -> Arc<Node> {
        let clock = ManualClock::at("2030-01-01T00:00:00Z".parse().unwrap());
        Node::new(Line::of_name("GET"), Arc::new(clock))
    }

    #[test]
    fn endings_above_the_maximum_are_counted_by_class() {
        let node = node();
        for status in 100..=999 {
            node.count(Ending::with(status, None), 0);
        }
        let mut totals = super::super::latency::LatencyTotals::default();
        let mut length = 0;
        for (_, latencies) in node.endings() {
            latencies.add_to(&mut totals);
            length += 1;
        }
        assert_eq!(totals.count(), 900);
        assert_eq!(length, MAX_ENDINGS + 9);
        let five = node
            .endings()
            .find(|(ending, _)| ending.is_rest && ending.status == Some(500));
        let (_, latencies) = five.unwrap();
        let mut of_class = super::super::latency::LatencyTotals::default();
        latencies.add_to(&mut of_class);
        assert_eq!(of_class.count(), 100);
    }

    #[test]
    fn a_line_has_one_node() {
        let get = node();
        let (post, put) = (Line::of_name("POST"), Line::of_name("PUT"));
        let of_post = get.find(post);
        assert!(Arc::ptr_eq(&of_post, &get.find(post)));
        assert_eq!(of_post.in_progress(), 1, "the reference above");
        let _put = get.find(put);
        let lines: Vec<Line> = get.list().map(|node| node.line()).collect();
        assert_eq!(lines, [Line::of_name("GET"), post, put]);
        drop(of_post);
        let in_progress: Vec<u64> = get.list().map(Node::in_progress).collect();
        assert_eq!(in_progress, [0, 0, 1]);
    }
}
