//! Instruments and spans of OpenTelemetry.

use std::collections::BTreeMap;

use opentelemetry::{
    KeyValue, Value,
    metrics::MeterProvider,
    trace::{TraceContextExt, Tracer, TracerProvider},
};
use opentelemetry_sdk::{
    metrics::{
        InMemoryMetricExporter, PeriodicReader, SdkMeterProvider,
        data::{AggregatedMetrics, Metric, MetricData, ResourceMetrics},
    },
    trace::{InMemorySpanExporter, SdkTracerProvider},
};
use tracing_subscriber::layer::SubscriberExt;
use waygate::Waygate;

use crate::support::{app, builder};

type Attributes = BTreeMap<String, String>;
/// The values of each instrument.
type Instruments = BTreeMap<String, Vec<(Attributes, f64)>>;

/// The attributes, in the types of the semantic conventions.
fn attributes<'a>(all: impl IntoIterator<Item = &'a KeyValue>) -> Attributes {
    let all: Vec<&KeyValue> = all.into_iter().collect();
    for pair in &all {
        let numbers = ["http.response.status_code", "waygate.revision"];
        let is_number = matches!(pair.value, opentelemetry::Value::I64(_));
        assert_eq!(is_number, numbers.contains(&pair.key.as_str()), "{pair:?}");
        assert!(!pair.value.as_str().is_empty(), "{pair:?}");
    }
    let pairs = all
        .into_iter()
        .map(|pair| (pair.key.to_string(), pair.value.to_string()));
    let all: Vec<_> = pairs.collect();
    let unique: Attributes = all.iter().cloned().collect();
    assert_eq!(unique.len(), all.len(), "{all:?}");
    unique
}

fn collect(waygate: &Waygate) -> Vec<ResourceMetrics> {
    let exporter = InMemoryMetricExporter::default();
    let reader = PeriodicReader::builder(exporter.clone()).build();
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    waygate.observe(&provider.meter("waygate"));
    provider.force_flush().unwrap();
    exporter.get_finished_metrics().unwrap()
}

fn metrics(resource: &ResourceMetrics) -> impl Iterator<Item = &Metric> {
    resource.scope_metrics().flat_map(|scope| scope.metrics())
}

fn export(waygate: &Waygate) -> Instruments {
    let mut instruments = Instruments::new();
    for resource in collect(waygate) {
        for metric in metrics(&resource) {
            let points: Vec<(Attributes, f64)> = match metric.data() {
                AggregatedMetrics::U64(MetricData::Sum(sum)) => {
                    assert!(sum.is_monotonic());
                    let points = sum.data_points();
                    points
                        .map(|point| (attributes(point.attributes()), point.value() as f64))
                        .collect()
                }
                AggregatedMetrics::F64(MetricData::Sum(sum)) => {
                    assert_eq!((sum.is_monotonic(), metric.unit()), (true, "s"));
                    let points = sum.data_points();
                    points
                        .map(|point| (attributes(point.attributes()), point.value()))
                        .collect()
                }
                AggregatedMetrics::I64(MetricData::Sum(sum)) => {
                    assert_eq!(
                        (sum.is_monotonic(), metric.name()),
                        (false, "http.server.active_requests")
                    );
                    let points = sum.data_points();
                    points
                        .map(|point| (attributes(point.attributes()), point.value() as f64))
                        .collect()
                }
                AggregatedMetrics::F64(MetricData::Gauge(gauge)) => {
                    let points = gauge.data_points();
                    points
                        .map(|point| (attributes(point.attributes()), point.value()))
                        .collect()
                }
                other => panic!("{}: {other:?}", metric.name()),
            };
            assert!(!metric.description().is_empty(), "{}", metric.name());
            let known = instruments.insert(metric.name().to_owned(), points);
            assert!(known.is_none(), "{}", metric.name());
        }
    }
    instruments
}

#[tokio::test]
async fn the_instruments_have_the_values_of_a_scrape() {
    let waygate = builder().build().await.unwrap();
    let app = app(&waygate, &["GET:/x"]).await;
    waygate.system().disable("GET:/x", "a test").await.unwrap();
    assert_eq!(app.get("/x").await.status(), 503);
    let instruments = export(&waygate);
    let value = |name: &str, wanted: &[(&str, &str)]| {
        let points = instruments.get(name).unwrap_or_else(|| panic!("{name}"));
        let mut points = points.iter().filter(|(attributes, _)| {
            let has =
                |(name, value): &(&str, &str)| attributes.get(*name).is_some_and(|it| it == value);
            wanted.iter().all(has)
        });
        let found = points.next().map(|(_, value)| *value);
        assert_eq!(points.next(), None, "{name}");
        found
    };
    let blocked = [
        ("http.route", "/x"),
        ("http.request.method", "GET"),
        ("reason", "disabled"),
    ];
    assert_eq!(value("waygate.blocked_requests", &blocked), Some(1.0));
    let refused = [
        ("http.route", "/x"),
        ("http.response.status_code", "503"),
        ("error.type", "waygate.disabled"),
        ("url.scheme", "http"),
    ];
    assert_eq!(
        value("http.server.request.duration.count", &refused),
        Some(1.0)
    );
    assert!(value("http.server.request.duration.sum", &refused) > Some(0.0));
    assert_eq!(value("waygate.store_up", &[("store", "state")]), Some(1.0));
    assert_eq!(value("waygate.routes", &[]), Some(1.0));
    assert_eq!(
        value(
            "http.server.active_requests",
            &[("http.request.method", "GET")]
        ),
        Some(0.0)
    );

    // Every family with a value has an instrument.
    let mut text = String::new();
    waygate.metrics_collector().encode(&mut text).unwrap();
    let families = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let mut missing = Vec::new();
    for family in families {
        let (name, _) = family.split_once(' ').unwrap();
        let has_value = text.lines().any(|line| line.starts_with(name));
        let name = name.trim_end_matches("_total").trim_end_matches("_seconds");
        let name = name.replacen("waygate_", "waygate.", 1);
        let known = instruments.keys().any(|it| it.starts_with(&name));
        if has_value && !known && !name.starts_with("http_server") {
            missing.push(name);
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

/// The kind of an instrument, and the attributes of its points.
fn shape(metric: &Metric) -> (&'static str, Vec<Vec<KeyValue>>) {
    macro_rules! sets {
        ($points:expr) => {
            $points
                .data_points()
                .map(|point| point.attributes().cloned().collect())
                .collect()
        };
    }
    match metric.data() {
        AggregatedMetrics::U64(MetricData::Sum(sum)) => ("counter", sets!(sum)),
        AggregatedMetrics::F64(MetricData::Sum(sum)) => ("counter", sets!(sum)),
        AggregatedMetrics::I64(MetricData::Sum(sum)) => ("up-down counter", sets!(sum)),
        AggregatedMetrics::F64(MetricData::Gauge(gauge)) => ("gauge", sets!(gauge)),
        other => panic!("{}: {other:?}", metric.name()),
    }
}

/// The semantic conventions for HTTP metrics of OpenTelemetry.
#[tokio::test]
async fn the_instruments_follow_the_semantic_conventions() {
    let waygate = builder().build().await.unwrap();
    let app = app(&waygate, &["GET:/x", "GET:/y"]).await;
    waygate.system().disable("GET:/x", "a test").await.unwrap();
    for (path, status) in [("/x", 503), ("/y", 200), ("/unknown", 404)] {
        assert_eq!(app.get(path).await.status(), status);
    }
    let mut statuses = Vec::new();
    let mut found = BTreeMap::new();
    for resource in &collect(&waygate) {
        for metric in metrics(resource) {
            let (kind, sets) = shape(metric);
            let name = metric.name();
            assert!(kind != "counter" || !metric.unit().is_empty(), "{name}");
            for pair in sets.iter().flatten() {
                assert_ne!(pair.value.as_str(), "", "{name}: {}", pair.key);
                if pair.key.as_str() == "http.response.status_code" {
                    assert!(matches!(pair.value, Value::I64(_)), "{name}: {pair:?}");
                }
            }
            if name == "http.server.request.duration.count" {
                statuses = sets.iter().map(attributes).collect();
            }
            found.insert(name.to_owned(), (kind, metric.unit().to_owned()));
        }
    }
    let of = |name: &str| found.get(name).map(|(kind, unit)| (*kind, unit.as_str()));
    let active = of("http.server.active_requests");
    assert_eq!(active, Some(("up-down counter", "{request}")));
    let count = of("http.server.request.duration.count");
    assert_eq!(count, Some(("counter", "{request}")));
    let keys = |status: &str, route: Option<&str>| {
        let is_wanted = |set: &&Attributes| {
            set.get("http.response.status_code")
                .is_some_and(|it| it == status)
                && set.get("http.route").map(String::as_str) == route
        };
        let set = statuses.iter().find(is_wanted).unwrap();
        set.keys().map(String::as_str).collect::<Vec<_>>()
    };
    let (method, status) = ("http.request.method", "http.response.status_code");
    let all = ["error.type", method, status, "http.route", "url.scheme"];
    assert_eq!(keys("503", Some("/x")), all);
    assert_eq!(keys("200", Some("/y")), all[1..]);
    assert_eq!(keys("404", None), [method, status, "url.scheme"]);
}

#[tokio::test]
async fn the_instruments_do_not_keep_the_engine() {
    let waygate = builder().build().await.unwrap();
    let exporter = InMemoryMetricExporter::default();
    let reader = PeriodicReader::builder(exporter.clone()).build();
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    waygate.observe(&provider.meter("waygate"));
    waygate.shutdown().await;
    drop(waygate);
    provider.force_flush().unwrap();
}

#[tokio::test]
async fn the_active_span_gets_the_verdict() {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(exporter.clone())
        .build();
    let tracer = provider.tracer("test");
    let waygate = builder().build().await.unwrap();
    let app = app(&waygate, &["GET:/x"]).await;
    for is_open in [true, false] {
        if !is_open {
            waygate.system().disable("GET:/x", "a test").await.unwrap();
        }
        let context = opentelemetry::Context::current_with_span(tracer.start("GET /x"));
        let _guard = context.attach();
        app.get("/x").await;
    }
    provider.force_flush().unwrap();
    check(&exporter);
}

#[tokio::test]
async fn a_span_of_tracing_gets_the_verdict_without_fields() {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(exporter.clone())
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    let waygate = builder().build().await.unwrap();
    let app = app(&waygate, &["GET:/x"]).await;
    for is_open in [true, false] {
        if !is_open {
            waygate.system().disable("GET:/x", "a test").await.unwrap();
        }
        let span = tracing::info_span!("GET /x");
        tracing::Instrument::instrument(app.get("/x"), span).await;
    }
    provider.force_flush().unwrap();
    check(&exporter);
}

fn check(exporter: &InMemorySpanExporter) {
    let spans = exporter.get_finished_spans().unwrap();
    let found: Vec<Attributes> = spans
        .iter()
        .filter(|span| span.name == "GET /x")
        .map(|span| {
            let own = span.attributes.iter();
            attributes(own.filter(|pair| {
                pair.key.as_str().starts_with("waygate.") || pair.key.as_str() == "error.type"
            }))
        })
        .collect();
    let [allowed, blocked] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(allowed["waygate.verdict"], "allowed");
    assert_eq!(allowed.get("error.type"), None);
    assert_eq!(blocked["waygate.verdict"], "blocked");
    assert_eq!(blocked["waygate.reason"], "disabled");
    assert_eq!(blocked["error.type"], "waygate.disabled");
    let revision = |attributes: &Attributes| attributes["waygate.revision"].parse::<u64>().unwrap();
    assert!(revision(blocked) > revision(allowed));
}
