//! Traces beside the buckets of latencies.

use waygate::{Waygate, WaygateBuilder, testing::TestApp};

use super::exposition::{parse_open_metrics, parse_text};
use crate::support::{app, at, builder, clock};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

async fn requested(builder: WaygateBuilder, flags: &str) -> (Waygate, TestApp) {
    let waygate = builder.clock(clock()).build().await.unwrap();
    let app = app(&waygate, &["GET:/x"]).await;
    let traced = app.with_header(
        "traceparent",
        &format!("00-{TRACE}-00f067aa0ba902b7-{flags}"),
    );
    assert_eq!(traced.get("/x").await.status(), 200);
    (waygate, app)
}

/// The edges of the buckets with an exemplar, and the exemplars.
fn exemplars(waygate: &Waygate) -> Vec<(String, (String, f64, f64))> {
    let mut text = String::new();
    waygate
        .metrics_collector()
        .encode_open_metrics(&mut text)
        .unwrap();
    let families = parse_open_metrics(&text);
    let samples = families.values().flat_map(|family| &family.samples);
    let found = samples.filter_map(|sample| {
        let exemplar = sample.exemplar.clone()?;
        assert_eq!(sample.labels["http_route"], "/x");
        Some((sample.labels["le"].clone(), exemplar))
    });
    found.collect()
}

#[tokio::test]
async fn a_bucket_names_a_sampled_trace() {
    let (waygate, app) = requested(builder().exemplars(true), "01").await;
    let time = at("2030-01-01T00:00:00Z").as_second() as f64;
    let wanted = [("0.005".to_owned(), (TRACE.to_owned(), 0.0, time))];
    assert_eq!(exemplars(&waygate), wanted);
    // Requests without a trace leave it.
    assert_eq!(app.get("/x").await.status(), 200);
    assert_eq!(exemplars(&waygate), wanted);
    let mut text = String::new();
    waygate.metrics_collector().encode(&mut text).unwrap();
    parse_text(&text);
    assert!(!text.contains(TRACE));
}

#[tokio::test]
async fn without_the_option_or_a_sample_there_is_none() {
    for (builder, flags) in [(builder(), "01"), (builder().exemplars(true), "00")] {
        let (waygate, _app) = requested(builder, flags).await;
        assert_eq!(exemplars(&waygate), []);
    }
}
