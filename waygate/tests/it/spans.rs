//! Attributes of the span of a request.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::{Arc, Mutex},
};

use tower_http::trace::TraceLayer;
use tracing::{
    field::{Empty, Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, layer::Context, layer::SubscriberExt, registry::LookupSpan};
use waygate::{
    limits::{ConcurrencyPolicy, RateLimitPolicy},
    testing::TestApp,
};

use crate::support::{builder, clock, router};

/// The fields of the newest span named `request`.
#[derive(Clone, Default)]
struct Fields(Arc<Mutex<BTreeMap<String, String>>>);

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Fields {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        if attributes.metadata().name() == "request" {
            self.0.lock().unwrap().clear();
        }
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        struct All<'a>(&'a mut BTreeMap<String, String>);
        impl Visit for All<'_> {
            fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
                let value = format!("{value:?}");
                let value = value.trim_matches('"').to_owned();
                let known = self.0.insert(field.name().to_owned(), value);
                assert_eq!(known, None, "{field} twice");
            }
        }
        values.record(&mut All(&mut self.0.lock().unwrap()));
    }
}

impl Fields {
    fn take(&self) -> Vec<(String, String)> {
        let fields = std::mem::take(&mut *self.0.lock().unwrap());
        fields.into_iter().collect()
    }
}

fn traced(router: axum::Router) -> TestApp {
    let layer = TraceLayer::new_for_http().make_span_with(|_: &axum::extract::Request| {
        tracing::info_span!(
            "request",
            waygate.verdict = Empty,
            waygate.reason = Empty,
            waygate.policy = Empty,
            waygate.revision = Empty,
            error.type = Empty,
        )
    });
    TestApp::new(router.layer(layer))
}

#[tokio::test]
async fn a_span_that_declares_the_fields_gets_the_verdict() {
    let fields = Fields::default();
    let subscriber = tracing_subscriber::registry().with(fields.clone());
    let _guard = tracing::subscriber::set_default(subscriber);
    let waygate = builder().clock(clock()).build().await.unwrap();
    let app = traced(router(&waygate, &["GET:/x", "GET:/y", "GET:/z"]).await);
    let system = waygate.system();
    let expect = |wanted: &[(&str, &str)]| {
        let revision = waygate.revision().number.to_string();
        let mut wanted: Vec<(String, String)> = wanted
            .iter()
            .map(|(name, value)| (format!("waygate.{name}"), (*value).to_owned()))
            .collect();
        wanted.push(("waygate.revision".to_owned(), revision));
        wanted.sort();
        let mut found = fields.take();
        let error = found.iter().position(|(name, _)| name == "error.type");
        let error = error.map(|at| found.remove(at).1);
        assert_eq!(found, wanted);
        error
    };
    app.get("/x").await;
    assert_eq!(expect(&[("verdict", "allowed")]), None);

    system.disable("GET:/x", "a test").await.unwrap();
    app.get("/x").await;
    let blocked = [("verdict", "blocked"), ("reason", "disabled")];
    assert_eq!(expect(&blocked).as_deref(), Some("waygate.disabled"));

    let policy = RateLimitPolicy::new("1/hour".parse().unwrap()).unwrap();
    let key = "GET:/y#default".parse().unwrap();
    system.set_rate_limit(key, policy).await.unwrap();
    app.get("/y").await;
    assert_eq!(expect(&[("verdict", "allowed")]), None);
    assert_eq!(app.get("/y").await.status(), 429);
    let limited = [
        ("verdict", "blocked"),
        ("reason", "rate_limit"),
        ("policy", "GET:/y#default"),
    ];
    assert_eq!(expect(&limited), None, "the client's fault");

    // Waits for a permit.
    let limit = ConcurrencyPolicy::new(1.try_into().unwrap());
    let key = "GET:/z#default".parse().unwrap();
    system.set_concurrency_limit(key, limit).await.unwrap();
    app.get("/z").await;
    assert_eq!(expect(&[("verdict", "allowed")]), None);
}
