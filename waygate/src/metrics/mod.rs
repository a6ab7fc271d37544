//! Metrics for Prometheus and OpenMetrics, read from the engine's counters at each scrape.

mod collector;
mod exposition;
mod families;
mod family;
mod negotiate;
#[cfg(feature = "otel")]
mod otel;
#[cfg(feature = "otel")]
mod points;
mod scrape;
mod serve;
mod text;

pub use collector::MetricsCollector;

#[cfg(feature = "admin")]
pub(crate) use serve::respond;
