use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The requests of a route in some time, as one process has seen them.
///
/// ```
/// use waygate_core::view::Traffic;
///
/// fn failures(traffic: &Traffic) -> f64 {
///     traffic.errors as f64 / traffic.requests.max(1) as f64
/// }
/// assert_eq!(failures(&Traffic::default()), 0.0);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Traffic {
    /// Requests that have ended: the sum of `statuses` and `aborted`.
    pub requests: u64,
    /// Responses by class of status, from `1xx` to `5xx`. A handler that panicked counts as `5xx`.
    pub statuses: StatusClasses,
    /// Responses with a status of 500 or above that no gate or limit has caused, including panics.
    pub errors: u64,
    /// Requests that were dropped before their response: the client went away, or a time-out expired.
    pub aborted: u64,
    /// Requests that Waygate has refused, by reason: `maintenance`, `global_maintenance`, `service_maintenance`,
    /// `disabled`, `env_gated`, `ip`, `role`, `rate_limit`, `concurrency` or `flag`. Without those of which there are
    /// none.
    pub blocked: BTreeMap<String, u64>,
    /// The latencies of the responses that Waygate has not refused.
    pub latency: Latency,
}

/// The numbers of responses by class of status.
///
/// ```
/// use waygate_core::view::StatusClasses;
///
/// let statuses: StatusClasses =
///     serde_json::from_str(r#"{"1xx": 0, "2xx": 40, "3xx": 0, "4xx": 2, "5xx": 0}"#)?;
/// assert_eq!((statuses.success, statuses.client_error), (40, 2));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct StatusClasses {
    /// Below 200, such as 101 for a WebSocket.
    #[serde(rename = "1xx")]
    pub informational: u64,
    /// 200 to 299.
    #[serde(rename = "2xx")]
    pub success: u64,
    /// 300 to 399.
    #[serde(rename = "3xx")]
    pub redirection: u64,
    /// 400 to 499.
    #[serde(rename = "4xx")]
    pub client_error: u64,
    /// From 500 on.
    #[serde(rename = "5xx")]
    pub server_error: u64,
}

/// Latencies: the time from the arrival of a request at the layer to the head of its response.
///
/// ```
/// use waygate_core::view::Latency;
///
/// let latency = Latency::default();
/// assert_eq!(latency.quantile(0.95), None, "no response yet");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Latency {
    /// The number of responses.
    pub count: u64,
    /// The sum of their latencies in seconds.
    pub sum: f64,
    /// The number of latencies in each bucket. They are not cumulative.
    pub buckets: Vec<LatencyBucket>,
}

/// A bucket of latencies.
///
/// ```
/// use waygate_core::view::LatencyBucket;
///
/// let bucket: LatencyBucket = serde_json::from_str(r#"{"le": 0.005, "count": 40}"#)?;
/// assert_eq!(bucket.le, Some(0.005));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LatencyBucket {
    /// The largest latency in seconds; null for the last bucket, which has no edge.
    #[cfg_attr(feature = "schema", schema(required))]
    pub le: Option<f64>,
    /// The number of latencies above the edge of the bucket before, up to this one.
    pub count: u64,
}

impl Latency {
    /// Returns an upper bound in seconds of the latency that a share of responses (0 to 1) did not exceed: the edge of a
    /// bucket. `None` without responses, or if it is above the last edge.
    ///
    /// ```
    /// use waygate_core::view::Latency;
    ///
    /// let latency: Latency = serde_json::from_str(
    ///     r#"{"count": 10, "sum": 0.1, "buckets": [{"le": 0.005, "count": 9}, {"le": 0.01, "count": 1}]}"#,
    /// )?;
    /// assert_eq!((latency.quantile(0.5), latency.quantile(1.0)), (Some(0.005), Some(0.01)));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let wanted = (share.clamp(0.0, 1.0) * self.count as f64).ceil().max(1.0) as u64;
        let mut seen = 0_u64;
        let found = self.buckets.iter().find(|bucket| {
            seen = seen.saturating_add(bucket.count);
            seen >= wanted
        });
        found.and_then(|bucket| bucket.le)
    }
}

/// The traffic of a route within the last minutes.
///
/// ```
/// use waygate_core::view::RouteTraffic;
///
/// let route: RouteTraffic = serde_json::from_str(
///     r#"{"path": "/search", "method": "GET", "minutes": 60, "traffic": {
///         "requests": 0, "statuses": {"1xx": 0, "2xx": 0, "3xx": 0, "4xx": 0, "5xx": 0}, "errors": 0, "aborted": 0,
///         "blocked": {}, "latency": {"count": 0, "sum": 0.0, "buckets": []}}}"#,
/// )?;
/// assert_eq!(route.path.as_deref(), Some("/search"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RouteTraffic {
    /// The route's path; null for the requests that no controlled route governs.
    #[cfg_attr(feature = "schema", schema(required, example = "/search"))]
    pub path: Option<String>,
    /// The route's method; `ALL` if it handles all of them.
    #[cfg_attr(feature = "schema", schema(example = "GET"))]
    pub method: String,
    /// The number of minutes, including the current one.
    pub minutes: u64,
    /// The traffic within these minutes.
    pub traffic: Traffic,
}

/// The traffic of a route since its process started, and by minute.
///
/// ```
/// use waygate_core::view::TrafficHistory;
///
/// fn busiest(history: &TrafficHistory) -> Option<&waygate_core::view::TrafficMinute> {
///     history.minutes.iter().max_by_key(|minute| minute.traffic.requests)
/// }
/// # let _ = busiest;
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct TrafficHistory {
    /// The route's path.
    #[cfg_attr(feature = "schema", schema(example = "/search"))]
    pub path: String,
    /// The route's method; `ALL` if it handles all of them.
    #[cfg_attr(feature = "schema", schema(example = "GET"))]
    pub method: String,
    /// The number of requests in progress.
    pub in_progress: u64,
    /// The traffic since the process started.
    pub total: Traffic,
    /// The traffic of each of the last minutes that had any, oldest first. The last one may be in progress.
    pub minutes: Vec<TrafficMinute>,
}

impl TrafficHistory {
    /// Creates the history of a route without requests.
    ///
    /// ```
    /// use waygate_core::view::TrafficHistory;
    ///
    /// let history = TrafficHistory::new("/search".to_owned(), "GET".to_owned());
    /// assert!(history.minutes.is_empty());
    /// ```
    pub fn new(path: String, method: String) -> Self {
        Self {
            path,
            method,
            in_progress: 0,
            total: Traffic::default(),
            minutes: Vec::new(),
        }
    }
}

/// The traffic of a route in one minute.
///
/// ```
/// use waygate_core::view::TrafficMinute;
///
/// fn print(minute: &TrafficMinute) {
///     println!("{}: {} requests", minute.start, minute.traffic.requests);
/// }
/// # let _ = print;
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TrafficMinute {
    /// The start of the minute, in UTC.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub start: Timestamp,
    /// The traffic within it.
    pub traffic: Traffic,
}
