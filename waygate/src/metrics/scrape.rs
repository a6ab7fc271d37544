//! The state at the time of a scrape.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use waygate_core::{Timestamp, grammar::Method};

use crate::engine::{
    BlockedBy, Ending, Exemplars, Inner, LatencyTotals, Line, RouteTraffic, Snapshot,
};

/// The most policies, flags or services with series of their own.
pub(super) const MAX_NAMES: usize = 1_000;
/// The substitute for the names above a maximum.
pub(super) const OTHER: &str = "_other";
/// The series of a histogram: its buckets, its sum and its count.
const HISTOGRAM: usize = crate::engine::EDGES.len() + 3;

/// The state at the time of a scrape.
pub(super) struct Scrape<'a> {
    pub(super) engine: &'a Inner,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) now: Timestamp,
    /// The routes within the budget, in the order of their registration, and the unmatched requests.
    pub(super) rows: Vec<Row>,
    /// The requests of each line in progress.
    pub(super) active: BTreeMap<Line, u64>,
    /// The number of series that were left out, by family.
    pub(super) dropped: BTreeMap<&'static str, u64>,
}

/// The series of a path.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) route: Box<str>,
    pub(super) endings: BTreeMap<(Line, Ending), LatencyTotals>,
    /// Those that have some.
    pub(super) exemplars: BTreeMap<(Line, Ending), Exemplars>,
    pub(super) blocked: BTreeMap<(&'static str, BlockedBy), u64>,
    /// The method and the status of each registered route.
    pub(super) statuses: Vec<(&'static str, &'static str)>,
}

impl<'a> Scrape<'a> {
    pub(super) fn new(engine: &'a Inner) -> Self {
        let mut scrape = Self {
            engine,
            snapshot: engine.snapshot.load_full(),
            now: engine.clock.now(),
            rows: Vec::new(),
            active: BTreeMap::from([(Line::of_name("GET"), 0)]),
            dropped: BTreeMap::new(),
        };
        let rows = scrape.all_rows();
        scrape.keep_within(rows, engine.metrics_budget);
        scrape
    }

    fn all_rows(&mut self) -> Vec<Row> {
        let snapshot = self.snapshot.clone();
        let table = &snapshot.table;
        let mut rows: Vec<Row> = Vec::new();
        let mut by_path: HashMap<&str, usize> = HashMap::new();
        if let Some(unmatched) = table.traffic.unmatched() {
            let mut row = Row::default();
            row.expect("GET");
            self.count(&mut row, unmatched);
            rows.push(row);
        }
        for (slot, route) in table.iter().enumerate() {
            let key = &route.key;
            if table.is_gone(slot) || key.service().is_some() {
                continue;
            }
            let at = *by_path.entry(key.path()).or_insert_with(|| {
                rows.push(Row {
                    route: key.path().into(),
                    ..Row::default()
                });
                rows.len() - 1
            });
            let Some(row) = rows.get_mut(at) else {
                continue;
            };
            if let Some(state) = snapshot.slot(slot) {
                let method = key.method().map_or("ALL", Method::as_str);
                let status = state.state.status(self.now);
                row.statuses.push((method, status.as_str()));
            }
            if let Some(traffic) = table.traffic.of(slot) {
                row.expect(key.method().map_or("GET", Method::as_str));
                self.count(row, traffic);
            }
        }
        rows
    }

    fn count(&mut self, row: &mut Row, traffic: &RouteTraffic) {
        for (line, count) in traffic.in_progress() {
            *self.active.entry(line).or_default() += count;
        }
        for (line, ending, exemplars) in traffic.exemplars() {
            let known = row.exemplars.entry((line, ending)).or_default();
            known.merge(&exemplars);
        }
        for (line, ending, totals) in traffic.endings() {
            row.endings.entry((line, ending)).or_default().add(&totals);
            if let Some(reason) = ending.blocked {
                *row.blocked.entry((line.method(), reason)).or_default() += totals.count();
            }
        }
    }

    /// Keeps the rows that the budget allows, and merges all others.
    fn keep_within(&mut self, rows: Vec<Row>, budget: usize) {
        let mut left = budget;
        let mut rest: Option<Row> = None;
        for row in rows {
            match left.checked_sub(row.series()).filter(|_| rest.is_none()) {
                Some(now_left) => {
                    left = now_left;
                    self.rows.push(row);
                }
                None => {
                    for (family, series) in row.series_of_families() {
                        self.drop_series(family, series);
                    }
                    rest.get_or_insert_with(Row::default).merge(row);
                }
            }
        }
        self.rows.extend(rest);
    }

    /// Notes series that were left out.
    pub(super) fn drop_series(&mut self, family: &'static str, series: usize) {
        *self.dropped.entry(family).or_default() += series as u64;
    }

    /// Names of a kind that may have series of their own: the first ones, up to a maximum and the budget.
    pub(super) fn capped<T>(
        &mut self,
        family: &'static str,
        mut all: Vec<T>,
        series: impl Fn(&T) -> usize,
    ) -> Vec<T> {
        let mut left = self.engine.metrics_budget;
        let fits = |item: &T| {
            left.checked_sub(series(item))
                .inspect(|now_left| left = *now_left)
        };
        let kept = all.iter().take(MAX_NAMES).map_while(fits).count();
        let over: usize = all
            .get(kept..)
            .unwrap_or_default()
            .iter()
            .map(&series)
            .sum();
        if over > 0 {
            self.drop_series(family, over);
        }
        all.truncate(kept);
        all
    }
}

impl Row {
    /// Adds the series that exist before the first request, so that a rate sees it.
    fn expect(&mut self, method: &'static str) {
        let answered = (Line::of_name(method), Ending::with(200, None));
        self.endings.entry(answered).or_default();
        for reason in BlockedBy::ALL {
            self.blocked.entry((method, reason)).or_default();
        }
    }

    fn series_of_families(&self) -> [(&'static str, usize); 3] {
        [
            (
                "http_server_request_duration_seconds",
                self.endings.len() * HISTOGRAM,
            ),
            ("waygate_blocked_requests_total", self.blocked.len()),
            ("waygate_route_status", self.statuses.len()),
        ]
    }

    fn series(&self) -> usize {
        let families = self.series_of_families().into_iter();
        families.map(|(_, series)| series).sum()
    }

    fn merge(&mut self, other: Self) {
        self.route = OTHER.into();
        for (key, totals) in other.endings {
            self.endings.entry(key).or_default().add(&totals);
        }
        for (key, exemplars) in other.exemplars {
            self.exemplars.entry(key).or_default().merge(&exemplars);
        }
        for (key, count) in other.blocked {
            *self.blocked.entry(key).or_default() += count;
        }
        // One of the same method and status.
        let statuses: BTreeSet<_> = self.statuses.drain(..).chain(other.statuses).collect();
        self.statuses = statuses.into_iter().collect();
    }
}
