use std::{fmt, sync::atomic::Ordering};

use prometheus_client::{collector::Collector, encoding::DescriptorEncoder};

use super::{exposition::Exposition, families, negotiate::Format, scrape::Scrape, text::Text};
use crate::Waygate;

/// The length of the metrics in bytes, without routes, and of those of a route.
const ESTIMATE: usize = 32_768;
const ESTIMATE_OF_ROUTE: usize = 4_608;

/// The metrics of an engine. They are read from its counters when they are encoded.
///
/// It can be registered with a registry of the crate `prometheus-client`, version 0.26, beside the metrics of the
/// application, without exemplars; [`encode`](Self::encode) needs no registry.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # let waygate = waygate::Waygate::builder().build().await?;
/// let mut text = String::new();
/// waygate.metrics_collector().encode(&mut text)?;
/// assert!(text.contains("waygate_store_up{store=\"state\"} 1"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct MetricsCollector(pub(super) Waygate);

impl Waygate {
    /// Returns the metrics of the engine, for an endpoint or a registry of the application.
    pub fn metrics_collector(&self) -> MetricsCollector {
        self.inner.has_metrics.store(true, Ordering::Relaxed);
        MetricsCollector(self.clone())
    }
}

impl MetricsCollector {
    /// Appends the metrics in the text format of Prometheus, version 0.0.4, with the content type
    /// `text/plain; version=0.0.4; charset=utf-8`. With thousands of routes, this takes milliseconds.
    ///
    /// # Errors
    /// Returns an error only if the string cannot be written.
    pub fn encode(&self, text: &mut String) -> fmt::Result {
        self.write(text, Format::Text)
    }

    /// Appends the metrics in OpenMetrics 1.0, with the content type
    /// `application/openmetrics-text; version=1.0.0; charset=utf-8`. The last line is `# EOF`.
    ///
    /// # Errors
    /// Returns an error only if the string cannot be written.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let waygate = waygate::Waygate::builder().build().await?;
    /// let mut text = String::new();
    /// waygate.metrics_collector().encode_open_metrics(&mut text)?;
    /// assert!(text.ends_with("# EOF\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn encode_open_metrics(&self, text: &mut String) -> fmt::Result {
        self.write(text, Format::OpenMetrics)
    }

    pub(super) fn write(&self, out: &mut String, format: Format) -> fmt::Result {
        let routes = self.0.inner.snapshot.load().table.len();
        out.reserve(ESTIMATE + routes * ESTIMATE_OF_ROUTE);
        let mut text = Text::new(std::mem::take(out), format);
        let written = self.collect(&mut Exposition::Text(&mut text));
        *out = text.finish();
        written
    }

    pub(super) fn collect(&self, out: &mut Exposition<'_>) -> fmt::Result {
        families::collect(&mut Scrape::new(&self.0.inner), out)
    }
}

impl Collector for MetricsCollector {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.collect(&mut Exposition::Registry(encoder))
    }
}
