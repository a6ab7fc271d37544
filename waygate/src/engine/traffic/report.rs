use std::sync::Arc;

use waygate_core::{
    Timestamp,
    model::RouteKey,
    view::{
        ALL_METHODS, Latency, LatencyBucket, RouteTraffic, StatusClasses, Traffic, TrafficHistory,
        TrafficMinute, method_of,
    },
};

use super::{
    history::{MINUTES, minute_of},
    latency::{EDGES, LatencyTotals},
    reason::BlockedBy,
    route::RouteTraffic as Counted,
    totals::Totals,
};
use crate::engine::{ResolveError, Waygate, snapshot::Snapshot};

impl Waygate {
    /// Returns the requests of a route that guarded routers of this process have counted: since the process started,
    /// and by minute for the last 60 minutes. A bare path names its only method.
    ///
    /// A request is counted when the head of its response is ready; the body, which may be a stream of hours, does not
    /// count. It counts for the route that axum matched.
    ///
    /// # Errors
    /// Returns an error if there is no such route, or several.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let waygate = waygate::Waygate::builder().build().await?;
    /// # waygate.register("GET:/search".parse()?, waygate::model::RouteState::default()).await?;
    /// let search = waygate.traffic("GET:/search")?;
    /// assert_eq!((search.total.requests, search.in_progress), (0, 0));
    /// assert_eq!(search.total.latency.quantile(0.95), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn traffic(&self, route: &str) -> Result<TrafficHistory, ResolveError> {
        let snapshot = self.inner.snapshot.load();
        let key: RouteKey = route.parse().map_err(ResolveError::Invalid)?;
        let slot = snapshot.table.resolve(&key)?;
        let key = snapshot
            .table
            .route(slot)
            .map_or(&key, |route| &route.key)
            .clone();
        let mut history = TrafficHistory::new(key.path().to_owned(), method_of(&key));
        if let Some(traffic) = snapshot.table.traffic.of(slot) {
            let now = minute_of(self.inner.clock.now());
            history.total = view(&traffic.totals());
            history.in_progress = traffic.in_progress().map(|(_, count)| count).sum();
            let minutes = traffic.minutes(first_of(MINUTES, now), now).into_iter();
            history.minutes = minutes.filter_map(minute).collect();
        }
        Ok(history)
    }

    /// Returns the requests of each route within the last minutes (at most 60, with the current one), those with the
    /// most requests first. Routes without requests come last, by path and method. The requests that no controlled route
    /// governs have no path.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let waygate = waygate::Waygate::builder().build().await?;
    /// for route in waygate.traffic_of_all(5) {
    ///     let path = route.path.as_deref().unwrap_or("(none)");
    ///     println!("{} {path}: {}", route.method, route.traffic.requests);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn traffic_of_all(&self, minutes: usize) -> Vec<RouteTraffic> {
        let snapshot = self.inner.snapshot.load();
        let now = minute_of(self.inner.clock.now());
        let minutes = minutes.clamp(1, MINUTES);
        let shown = |path: Option<String>, method: String, traffic: &Arc<Counted>| RouteTraffic {
            path,
            method,
            minutes: minutes as u64,
            traffic: view(&recent(traffic, minutes, now)),
        };
        let table = &snapshot.table;
        let mut all: Vec<RouteTraffic> = own_slots(&snapshot)
            .filter_map(|(slot, key)| {
                let traffic = table.traffic.of(slot)?;
                Some(shown(Some(key.path().to_owned()), method_of(key), traffic))
            })
            .collect();
        let unmatched = table.traffic.unmatched();
        all.extend(unmatched.map(|traffic| shown(None, ALL_METHODS.to_owned(), traffic)));
        all.sort_by(|one, other| {
            let by_count = other.traffic.requests.cmp(&one.traffic.requests);
            by_count.then_with(|| (&one.path, &one.method).cmp(&(&other.path, &other.method)))
        });
        all
    }

    /// Returns the number of requests of some routes within the last minutes (at most 60, with the current one). Unknown
    /// routes have none.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let waygate = waygate::Waygate::builder().build().await?;
    /// let affected = ["GET:/search".parse()?];
    /// assert_eq!(waygate.recent_requests(&affected, 60), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recent_requests<'a>(
        &self,
        routes: impl IntoIterator<Item = &'a RouteKey>,
        minutes: usize,
    ) -> u64 {
        let snapshot = self.inner.snapshot.load();
        let now = minute_of(self.inner.clock.now());
        let minutes = minutes.clamp(1, MINUTES);
        let slots = routes
            .into_iter()
            .filter_map(|key| snapshot.table.exact(key));
        let traffic = slots.filter_map(|slot| snapshot.table.traffic.of(slot));
        traffic
            .map(|traffic| recent(traffic, minutes, now).requests())
            .sum()
    }
}

/// The slots of the routes of this process, with their keys.
fn own_slots(snapshot: &Snapshot) -> impl Iterator<Item = (usize, &RouteKey)> {
    let table = &snapshot.table;
    let keys = table.iter().map(|route| &route.key).enumerate();
    keys.filter(|(slot, key)| !table.is_gone(*slot) && key.service().is_none())
}

fn first_of(minutes: usize, now: i64) -> i64 {
    now - i64::try_from(minutes).unwrap_or(i64::MAX) + 1
}

fn recent(traffic: &Counted, minutes: usize, now: i64) -> Totals {
    let mut totals = Totals::default();
    for (_, counts) in traffic.minutes(first_of(minutes, now), now) {
        totals.add(&counts);
    }
    totals
}

fn minute((number, totals): (i64, Totals)) -> Option<TrafficMinute> {
    Some(TrafficMinute {
        start: Timestamp::from_second(number.checked_mul(60)?).ok()?,
        traffic: view(&totals),
    })
}

fn view(totals: &Totals) -> Traffic {
    let [
        informational,
        success,
        redirection,
        client_error,
        server_error,
    ] = totals.classes();
    let mut traffic = Traffic::default();
    traffic.requests = totals.requests();
    traffic.statuses = StatusClasses {
        informational,
        success,
        redirection,
        client_error,
        server_error,
    };
    traffic.errors = totals.errors();
    traffic.aborted = totals.aborted();
    traffic.blocked = BlockedBy::ALL
        .into_iter()
        .map(|reason| (reason.as_str().to_owned(), totals.blocked(reason)))
        .filter(|(_, count)| *count > 0)
        .collect();
    traffic.latency = latency(&totals.latencies());
    traffic
}

fn latency(totals: &LatencyTotals) -> Latency {
    let seconds = |nanos: u64| nanos as f64 / 1e9;
    let edges = EDGES.iter().map(|edge| Some(seconds(*edge)));
    let edges = edges.chain([None]);
    let mut latency = Latency::default();
    latency.count = totals.count();
    latency.sum = seconds(totals.sum);
    latency.buckets = edges
        .zip(totals.counts)
        .map(|(le, count)| LatencyBucket { le, count })
        .collect();
    latency
}
