//! Metrics for Prometheus and OpenMetrics, read from the engine's counters at each scrape.

mod collector;
mod exposition;
mod families;
mod negotiate;
mod scrape;
mod serve;

pub use collector::MetricsCollector;

#[cfg(feature = "admin")]
pub(crate) use serve::respond;
