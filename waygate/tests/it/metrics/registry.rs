//! A registry of the application, with the encoder of `prometheus-client`.

use prometheus_client::{
    encoding::{prometheus_text, text},
    registry::Registry,
};

use super::busy;

/// The lines without those that depend on the time, with their numbers.
fn lines(text: &str) -> Vec<(&str, Option<f64>)> {
    let lines = text.lines();
    lines
        .filter(|line| !line.contains("_age_seconds{"))
        .map(|line| match line.rsplit_once(' ') {
            Some((start, number)) if !line.starts_with('#') => {
                (start, Some(number.parse().unwrap()))
            }
            _ => (line, None),
        })
        .collect()
}

/// The same lines in the same order; numbers may be written in another way, such as `1e-5`.
fn assert_same(own: &str, other: &str) {
    let (own, other) = (lines(own), lines(other));
    for (own, other) in own.iter().zip(&other) {
        assert_eq!(own, other);
    }
    assert_eq!(own.len(), other.len());
}

#[tokio::test]
async fn a_registry_writes_the_same() {
    let (waygate, _app) = busy().await;
    let route = "GET:/a\"quoted\\path".parse().unwrap();
    let state = waygate::model::RouteState::default();
    waygate.register(route, state).await.unwrap();
    let collector = waygate.metrics_collector();
    let mut registry = Registry::default();
    registry.register_collector(Box::new(collector.clone()));

    let (mut own, mut other) = (String::new(), String::new());
    collector.encode(&mut own).unwrap();
    prometheus_text::encode(&mut other, &registry).unwrap();
    assert!(own.contains(r#"http_route="/a\"quoted\\path""#));
    assert_same(&own, &other);

    let (mut own, mut other) = (String::new(), String::new());
    collector.encode_open_metrics(&mut own).unwrap();
    text::encode(&mut other, &registry).unwrap();
    assert_same(&own, &other);
}

#[tokio::test]
async fn the_metrics_are_appended() {
    let (waygate, _app) = busy().await;
    let mut text = "# of the application\n".to_owned();
    waygate.metrics_collector().encode(&mut text).unwrap();
    assert!(text.starts_with("# of the application\n# HELP http_server_request_duration_seconds "));
}
