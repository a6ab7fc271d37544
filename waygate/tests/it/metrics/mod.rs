//! Metrics in the formats of Prometheus.

mod budget;
mod exemplars;
mod exposition;
#[cfg(feature = "flags")]
mod flags;
mod limits;
mod monitoring;
mod registry;
mod windows;

use std::{
    collections::BTreeSet,
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Router, routing::get};
use http::Method;
#[cfg(feature = "webhooks")]
use waygate::webhook::Webhook;
use waygate::{
    Waygate,
    admin::Credentials,
    limits::{ConcurrencyPolicy, RateLimitPolicy},
    model::RouteState,
    testing::TestApp,
};

use crate::support::{app, builder};
use exposition::{Families, parse_open_metrics, parse_text};

fn scrape(waygate: &Waygate) -> Families {
    let (mut text, mut open) = (String::new(), String::new());
    waygate.metrics_collector().encode(&mut text).unwrap();
    waygate
        .metrics_collector()
        .encode_open_metrics(&mut open)
        .unwrap();
    let (text, open) = (parse_text(&text), parse_open_metrics(&open));
    let names = |families: &Families| -> Vec<String> { families.keys().cloned().collect() };
    assert_eq!(names(&text), names(&open));
    text
}

/// The value of the sample with these labels, if there is exactly one.
fn value(families: &Families, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let family = ["_bucket", "_sum", "_count"]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix));
    let family = family
        .filter(|family| families.contains_key(*family))
        .unwrap_or(name);
    let samples = families[family].samples.iter().filter(|sample| {
        let has =
            |(label, value): &(&str, &str)| sample.labels.get(*label).is_some_and(|it| it == value);
        sample.name == name && labels.iter().all(has)
    });
    let found: Vec<f64> = samples.map(|sample| sample.value).collect();
    match *found {
        [one] => Some(one),
        [] => None,
        _ => panic!("{name} {labels:?}: {found:?}"),
    }
}

fn text_of(path: &str) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    fs::read_to_string(format!("{root}/{path}")).unwrap()
}

/// An engine with a series in every family that needs no second process.
async fn busy() -> (Waygate, TestApp) {
    // Paused, so that nothing is sent.
    #[cfg(feature = "webhooks")]
    let builder =
        || builder().webhook(Webhook::new("ops", "https://hooks.example.com/").paused(true));
    let waygate = builder().build().await.unwrap();
    let app = app(&waygate, &["GET:/x", "POST:/x", "GET:/y"]).await;
    let system = waygate.system();
    let policy = RateLimitPolicy::new("1/hour".parse().unwrap()).unwrap();
    let key = || "GET:/y#default".parse().unwrap();
    system.set_rate_limit(key(), policy).await.unwrap();
    let limit = ConcurrencyPolicy::new(3.try_into().unwrap());
    system.set_concurrency_limit(key(), limit).await.unwrap();
    for status in [200, 429, 429] {
        assert_eq!(app.get("/y").await.status(), status);
    }
    system.disable("GET:/x", "a test").await.unwrap();
    assert_eq!(app.get("/x").await.status(), 503);
    assert_eq!(app.request(Method::HEAD, "/x", "").await.status(), 503);
    assert_eq!(app.post("/x", &()).await.status(), 200);
    let purge = Method::from_bytes(b"PURGE").unwrap();
    assert_eq!(app.request(purge, "/nothing", "").await.status(), 404);
    (waygate, app)
}

#[tokio::test]
async fn the_families_are_those_of_the_documentation() {
    let (waygate, _app) = busy().await;
    let families = scrape(&waygate);
    let document = text_of("docs/metrics.md");
    let mut documented = BTreeSet::new();
    for line in document.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let (name, kind) = (cells[1].trim_matches('`'), cells[2]);
        let Some(family) = families.get(name) else {
            assert!(
                !["counter", "gauge", "histogram"].contains(&kind),
                "{name} is not exposed"
            );
            continue;
        };
        assert_eq!(family.kind, kind, "{name}");
        let labels: BTreeSet<&str> = cells[3]
            .split(", ")
            .map(|label| label.trim_matches('`'))
            .filter(|label| !label.is_empty())
            .collect();
        for sample in &family.samples {
            let found = sample.labels.keys().map(String::as_str);
            let found: BTreeSet<&str> = found.filter(|label| *label != "le").collect();
            assert_eq!(found, labels, "{name}");
        }
        documented.insert(name);
    }
    let exposed: BTreeSet<&str> = families.keys().map(String::as_str).collect();
    assert_eq!(exposed, documented);
    let bare: Vec<&str> = families
        .iter()
        .filter(|(_, family)| family.samples.is_empty())
        .map(|(name, _)| name.as_str())
        .collect();
    // These need a race, flags, and a shared counter store.
    let wanted = [
        "waygate_conflicts_total",
        "waygate_flag_evaluations_total",
        "waygate_rate_limit_store_duration_seconds",
    ];
    assert_eq!(bare, wanted);
}

#[tokio::test]
async fn requests_have_their_labels() {
    let (waygate, _app) = busy().await;
    let families = scrape(&waygate);
    let count = |route, method, status, error| {
        let labels = [
            ("http_route", route),
            ("http_request_method", method),
            ("http_response_status_code", status),
            ("error_type", error),
            ("url_scheme", "http"),
        ];
        value(
            &families,
            "http_server_request_duration_seconds_count",
            &labels,
        )
    };
    assert_eq!(count("/y", "GET", "200", ""), Some(1.0));
    assert_eq!(count("/y", "GET", "429", "waygate.rate_limit"), Some(2.0));
    assert_eq!(count("/x", "GET", "503", "waygate.disabled"), Some(1.0));
    assert_eq!(count("/x", "HEAD", "503", "waygate.disabled"), Some(1.0));
    assert_eq!(
        count("/x", "GET", "200", ""),
        Some(0.0),
        "before the first one"
    );
    assert_eq!(count("/x", "POST", "200", ""), Some(1.0));
    assert_eq!(count("", "_OTHER", "404", ""), Some(1.0));

    let blocked = |route, reason| {
        let labels = [
            ("http_route", route),
            ("http_request_method", "GET"),
            ("reason", reason),
        ];
        value(&families, "waygate_blocked_requests_total", &labels)
    };
    assert_eq!(blocked("/x", "disabled"), Some(1.0));
    assert_eq!(blocked("/y", "rate_limit"), Some(2.0));
    assert_eq!(blocked("/y", "flag"), Some(0.0), "before the first one");
    let decisions = |decision| {
        let labels = [
            ("policy", "GET:/y#default"),
            ("decision", decision),
            ("mode", "authoritative"),
        ];
        value(&families, "waygate_rate_limit_decisions_total", &labels)
    };
    assert_eq!(
        [decisions("allowed"), decisions("limited")],
        [Some(1.0), Some(2.0)]
    );
    let limit = [("policy", "GET:/y#default")];
    assert_eq!(
        value(&families, "waygate_concurrency_limit", &limit),
        Some(3.0)
    );
    let status = [
        ("http_route", "/x"),
        ("http_request_method", "GET"),
        ("status", "disabled"),
    ];
    assert_eq!(value(&families, "waygate_route_status", &status), Some(1.0));
    assert_eq!(value(&families, "waygate_routes", &[]), Some(3.0));
    #[cfg(feature = "webhooks")]
    for outcome in ["delivered", "failed", "throttled", "gone", "unformatted"] {
        let labels = [("endpoint", "ops"), ("outcome", outcome)];
        assert_eq!(
            value(&families, "waygate_webhook_attempts_total", &labels),
            Some(0.0),
            "before the first one"
        );
    }
    let change = [("kind", "disable"), ("platform", "system")];
    assert_eq!(
        value(&families, "waygate_changes_total", &change),
        Some(1.0)
    );
    let build = [("version", env!("CARGO_PKG_VERSION"))];
    assert_eq!(value(&families, "waygate_build_info", &build), Some(1.0));
    let active = [("http_request_method", "GET"), ("url_scheme", "http")];
    assert_eq!(
        value(&families, "http_server_active_requests", &active),
        Some(0.0)
    );
}

#[tokio::test]
async fn routes_above_the_budget_count_together() {
    // The unmatched requests and the first route.
    let waygate = builder().metrics_budget(60).build().await.unwrap();
    let app = app(&waygate, &["GET:/a", "GET:/b", "GET:/c"]).await;
    for path in ["/a", "/b", "/c", "/c"] {
        assert_eq!(app.get(path).await.status(), 200);
    }
    let families = scrape(&waygate);
    let count = |route| {
        let labels = [("http_route", route)];
        value(
            &families,
            "http_server_request_duration_seconds_count",
            &labels,
        )
    };
    assert_eq!(
        [count("/a"), count("/b"), count("/c")],
        [Some(1.0), None, None]
    );
    assert_eq!(count("_other"), Some(3.0));
    let dropped = |family| {
        value(
            &families,
            "waygate_metrics_dropped_series_total",
            &[("family", family)],
        )
    };
    assert_eq!(dropped("http_server_request_duration_seconds"), Some(34.0));
    assert_eq!(dropped("waygate_blocked_requests_total"), Some(20.0));
    assert_eq!(dropped("waygate_flag_evaluations_total"), Some(0.0));
    let report = waygate.report().to_string();
    let wanted =
        "about 234 series, with a budget of 60 for routes; the routes above it count together";
    assert!(report.contains(wanted), "{report}");
}

#[tokio::test]
async fn an_engine_that_counts_no_requests_has_the_other_families() {
    let waygate = builder().count_requests(false).build().await.unwrap();
    let app = app(&waygate, &["GET:/x"]).await;
    app.get("/x").await;
    let families = scrape(&waygate);
    assert!(
        families["http_server_request_duration_seconds"]
            .samples
            .is_empty()
    );
    assert_eq!(value(&families, "waygate_routes", &[]), Some(1.0));
}

const OPEN: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

#[tokio::test]
async fn the_format_follows_the_header_accept() {
    let (waygate, _app) = busy().await;
    let app = TestApp::new(waygate.metrics_router());
    let text = app.get("/metrics").await;
    assert_eq!(
        (text.status().as_u16(), text.content_type()),
        (200, Some(TEXT))
    );
    assert_eq!(text.header("vary"), Some("accept"));
    parse_text(&text.text());
    let app = app.with_header(
        "accept",
        "application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
    );
    let open = app.get("/metrics").await;
    assert_eq!(open.content_type(), Some(OPEN));
    parse_open_metrics(&open.text());
}

#[tokio::test]
async fn clients_need_a_token_unless_the_metrics_are_public() {
    let waygate = builder().build().await.unwrap();
    let router = Router::new().route("/x", get(async || "x"));
    let guarded = waygate.guard(router).await.unwrap();
    let credentials = Credentials::new("admin", "correct horse battery staple");
    let guarded = guarded
        .admin("/waygate", credentials)
        .public_metrics("/open");
    let app = TestApp::new(guarded.into_router());
    assert_eq!(app.get("/waygate/metrics").await.status(), 401);
    let public = app.get("/open").await;
    assert_eq!(
        (public.status().as_u16(), public.content_type()),
        (200, Some(TEXT))
    );

    let body = serde_json::json!({
        "username": "admin", "password": "correct horse battery staple", "platform": "sdk",
    });
    let login = app.post("/waygate/api/auth/login", &body).await;
    let login: serde_json::Value = login.json();
    let reader = app.with_header("x-waygate-token", login["token"].as_str().unwrap());
    let metrics = reader.get("/waygate/metrics").await;
    assert_eq!(metrics.status(), 200);
    let families = parse_text(&metrics.text());
    assert_eq!(
        value(&families, "waygate_logins_total", &[("result", "accepted")]),
        Some(1.0)
    );
    assert_eq!(
        value(&families, "waygate_logins_total", &[("result", "refused")]),
        Some(0.0)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scrapes_agree_under_load() {
    let waygate = builder().metrics_budget(100_000).build().await.unwrap();
    let paths: Vec<String> = (0..50)
        .map(|number| format!("GET:/route-{number}"))
        .collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let app = Arc::new(app(&waygate, &paths).await);
    let (is_over, sent) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let load = (0..2).map(|client| {
        let (app, is_over, sent) = (app.clone(), is_over.clone(), sent.clone());
        tokio::spawn(async move {
            let mut longest = Duration::ZERO;
            for number in 0.. {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                let start = Instant::now();
                let path = format!("/route-{}", (number * 7 + client) % 50);
                assert_eq!(app.get(&path).await.status(), 200);
                longest = longest.max(start.elapsed());
                sent.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
            longest
        })
    });
    let load: Vec<_> = load.collect();
    let metrics = TestApp::new(waygate.metrics_router());
    let mut last = 0.0;
    for _ in 0..10 {
        let before = sent.load(Ordering::Relaxed);
        while sent.load(Ordering::Relaxed) < before + 20 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let families = parse_text(&metrics.get("/metrics").await.text());
        let counts = families["http_server_request_duration_seconds"]
            .samples
            .iter();
        let counts = counts.filter(|sample| sample.name.ends_with("_count"));
        let total: f64 = counts.map(|sample| sample.value).sum();
        assert!(total >= last + 20.0, "{total} after {last}");
        last = total;
    }
    is_over.store(true, Ordering::Relaxed);
    for client in load {
        println!("the longest request took {:?}", client.await.unwrap());
    }
    let families = scrape(&waygate);
    let counts = families["http_server_request_duration_seconds"]
        .samples
        .iter();
    let counts = counts.filter(|sample| sample.name.ends_with("_count"));
    let total: f64 = counts.map(|sample| sample.value).sum();
    assert_eq!(total, sent.load(Ordering::Relaxed) as f64);
}

#[tokio::test]
async fn quotes_in_a_label_are_escaped() {
    let waygate = builder().build().await.unwrap();
    let origin = waygate::Origin::new("alice", "a \"quoted\" \\ platform\n");
    let route = "GET:/x".parse().unwrap();
    waygate
        .register(route, RouteState::default())
        .await
        .unwrap();
    waygate
        .operator(origin)
        .disable("GET:/x", "")
        .await
        .unwrap();
    let families = scrape(&waygate);
    let labels = [("platform", "a \"quoted\" \\ platform\n")];
    assert_eq!(
        value(&families, "waygate_changes_total", &labels),
        Some(1.0)
    );
}
