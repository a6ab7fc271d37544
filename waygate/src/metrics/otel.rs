//! Observable instruments of OpenTelemetry, over the counters that a scrape reads.

use std::{
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, Instant},
};

use opentelemetry::{
    KeyValue,
    metrics::{AsyncInstrument, Meter},
};
use smallvec::SmallVec;

use super::{
    collector::MetricsCollector,
    exposition::Exposition,
    family::{Family, Kind},
    points::{Point, Points, Value},
};
use crate::{Waygate, engine::Inner};

/// How long the values of a scrape serve the instruments: an export asks all of them, one after another.
const FRESH: Duration = Duration::from_millis(200);

/// The gauge that is an up-down counter in the semantic conventions.
const ACTIVE: &str = "http_server_active_requests";

impl Waygate {
    /// Registers observable instruments for all metrics with a meter of OpenTelemetry, crate `opentelemetry` version
    /// 0.33. The reader of the meter provider reads them from the engine's counters; requests cost nothing more.
    /// Call it once for each provider.
    ///
    /// The names are those of Prometheus in the spelling of OpenTelemetry, such as `waygate.blocked_requests` with the
    /// attribute `http.route`. OpenTelemetry has no observable histograms, so a histogram such as
    /// `http.server.request.duration` has two counters: `.count`, and `.sum` in seconds. The instruments hold no
    /// reference to the engine.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let waygate = waygate::Waygate::builder().build().await?;
    /// waygate.observe(&opentelemetry::global::meter("waygate"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn observe(&self, meter: &Meter) {
        let source = Arc::new(Source {
            engine: Arc::downgrade(&self.metrics_collector().0.inner),
            newest: Mutex::default(),
        });
        for family in source.read().families() {
            source.register(family, meter);
        }
    }
}

/// The values that the instruments share.
#[derive(Debug)]
struct Source {
    engine: Weak<Inner>,
    newest: Mutex<Option<(Instant, Arc<Points>)>>,
}

impl Source {
    fn read(&self) -> Arc<Points> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, points)) = &*newest
            && at.elapsed() < FRESH
        {
            return points.clone();
        }
        let mut points = Points::default();
        if let Some(inner) = self.engine.upgrade() {
            let collector = MetricsCollector(Waygate { inner });
            // Values cannot fail.
            let _ = collector.collect(&mut Exposition::Points(&mut points));
        }
        let points = Arc::new(points);
        *newest = Some((Instant::now(), points.clone()));
        points
    }

    fn register(self: &Arc<Self>, family: &'static Family, meter: &Meter) {
        let name = name_of(family);
        let unit = unit_of(family);
        match family.kind {
            Kind::Counter => self.count(family, meter, name, unit, |point| match point.value {
                Value::Counter(count) => Some(count),
                _ => None,
            }),
            // A sum over processes has a meaning.
            Kind::Gauge if family.name == ACTIVE => {
                let source = self.clone();
                let counter = meter.i64_observable_up_down_counter(name);
                let callback = move |counter: &dyn AsyncInstrument<i64>| {
                    source.observe(family, counter, |point| match point.value {
                        Value::Gauge(value) => Some(value as i64),
                        _ => None,
                    });
                };
                counter
                    .with_unit(unit)
                    .with_description(family.help)
                    .with_callback(callback)
                    .build();
            }
            Kind::Gauge => {
                let source = self.clone();
                let gauge = meter.f64_observable_gauge(name).with_unit(unit);
                let callback = move |gauge: &dyn AsyncInstrument<f64>| {
                    source.observe(family, gauge, |point| match point.value {
                        Value::Gauge(value) => Some(value),
                        _ => None,
                    });
                };
                gauge
                    .with_description(family.help)
                    .with_callback(callback)
                    .build();
            }
            Kind::Histogram => {
                let count = format!("{name}.count");
                self.count(
                    family,
                    meter,
                    count,
                    observed(family),
                    |point| match point.value {
                        Value::Histogram { count, .. } => Some(count),
                        _ => None,
                    },
                );
                let source = self.clone();
                let sum = meter.f64_observable_counter(format!("{name}.sum"));
                let callback = move |sum: &dyn AsyncInstrument<f64>| {
                    source.observe(family, sum, |point| match point.value {
                        Value::Histogram { sum, .. } => Some(sum),
                        _ => None,
                    });
                };
                sum.with_unit(unit)
                    .with_description(family.help)
                    .with_callback(callback)
                    .build();
            }
        }
    }

    fn count(
        self: &Arc<Self>,
        family: &'static Family,
        meter: &Meter,
        name: String,
        unit: String,
        value: fn(&Point) -> Option<u64>,
    ) {
        let source = self.clone();
        let counter = meter.u64_observable_counter(name);
        let callback =
            move |counter: &dyn AsyncInstrument<u64>| source.observe(family, counter, value);
        counter
            .with_unit(unit)
            .with_description(family.help)
            .with_callback(callback)
            .build();
    }

    fn observe<T>(
        &self,
        family: &Family,
        instrument: &dyn AsyncInstrument<T>,
        value: fn(&Point) -> Option<T>,
    ) {
        for point in self.read().of(family) {
            if let Some(value) = value(point) {
                // An attribute without a value is absent, such as the error of a request that succeeded.
                let labels = family.labels.iter().zip(&point.labels);
                let attributes: SmallVec<[KeyValue; 6]> = labels
                    .filter(|(_, value)| !value.is_empty())
                    .map(|(name, value)| attribute(name, value))
                    .collect();
                instrument.observe(value, &attributes);
            }
        }
    }
}

/// The unit of the number of observations.
fn observed(family: &Family) -> String {
    let one = match family.name.starts_with("http_server") {
        true => "{request}",
        false => "{observation}",
    };
    one.to_owned()
}

/// The name of the instrument.
fn name_of(family: &Family) -> String {
    let name = family.name.strip_suffix("_seconds").unwrap_or(family.name);
    match name {
        "http_server_request_duration" => "http.server.request.duration".to_owned(),
        "http_server_active_requests" => "http.server.active_requests".to_owned(),
        own => own.replacen("waygate_", "waygate.", 1),
    }
}

/// The unit of the instrument, as the semantic conventions write it: `s`, or what is counted, such as `{request}`.
fn unit_of(family: &Family) -> String {
    if family.name.ends_with("_seconds") {
        return "s".to_owned();
    }
    if family.kind != Kind::Counter && family.name != ACTIVE {
        return String::new();
    }
    let counted = family.name.rsplit('_').next().unwrap_or_default();
    let one = match counted {
        "series" => counted,
        others => others.strip_suffix('s').unwrap_or(others),
    };
    format!("{{{one}}}")
}

/// The attribute for a label: those of the semantic conventions have dots, and a status is a number. The class of further
/// statuses is not.
fn attribute(label: &'static str, value: &str) -> KeyValue {
    let name = match label {
        "error_type" => "error.type",
        "feature_flag_key" => "feature_flag.key",
        "feature_flag_result_reason" => "feature_flag.result.reason",
        "feature_flag_result_variant" => "feature_flag.result.variant",
        "http_request_method" => "http.request.method",
        "http_response_status_code" => match value.parse::<i64>() {
            Ok(status) => return KeyValue::new("http.response.status_code", status),
            Err(_) => "waygate.status_class",
        },
        "http_route" => "http.route",
        "url_scheme" => "url.scheme",
        own => own,
    };
    KeyValue::new(name, value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_number_and_a_class_is_not() {
        let of = |value| attribute("http_response_status_code", value);
        assert_eq!(
            of("404"),
            KeyValue::new("http.response.status_code", 404_i64)
        );
        assert_eq!(of("4xx"), KeyValue::new("waygate.status_class", "4xx"));
    }
}
