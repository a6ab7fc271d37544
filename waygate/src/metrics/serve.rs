//! The endpoint for scrapers.

use axum::{
    Router,
    body::Body,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::{collector::MetricsCollector, negotiate::Format};
use crate::{
    Guarded, Waygate,
    http::{Mount, Serves, check_mounts},
};

impl Waygate {
    /// Returns a router that serves the metrics at `/metrics`, for a listener of its own. It needs no token: bind it to
    /// an address that only the monitoring can reach.
    ///
    /// The format is OpenMetrics 1.0 or the text format of Prometheus, by the header `Accept`. The router is not subject
    /// to the controls of the engine.
    ///
    /// ```no_run
    /// # async fn example(waygate: waygate::Waygate) -> std::io::Result<()> {
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:9464").await?;
    /// axum::serve(listener, waygate.metrics_router()).await
    /// # }
    /// ```
    pub fn metrics_router(&self) -> Router {
        router(self.metrics_collector(), "/metrics")
    }
}

impl Guarded {
    /// Serves the metrics at `path`, such as `/metrics`, to any client, without a token. They name all routes, and how
    /// often each is used. With the feature `admin`, [`admin`](Self::admin) serves them to clients with a token, at
    /// `<prefix>/metrics`. See also [`Waygate::metrics_router`] for a listener of its own.
    ///
    /// # Panics
    /// [`into_router`](Self::into_router) panics if `path` is not a valid path, or if the API has a route with it;
    /// [`try_into_router`](Self::try_into_router) returns the error instead.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let waygate = waygate::Waygate::builder().allow_unmounted("").build().await?;
    /// let app = waygate.guard(axum::Router::new()).await?.public_metrics("/metrics").into_router();
    /// # drop::<axum::Router>(app);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn public_metrics(mut self, path: &str) -> Self {
        self.mounts.push(Mount {
            call: "public_metrics",
            path: path.to_owned(),
            serves: Serves::Paths(vec![path.to_owned()]),
        });
        // axum would panic; `try_into_router` returns the error.
        if check_mounts(&self.mounts, &[]).is_ok() {
            let metrics = router(self.waygate.metrics_collector(), path);
            self.live = self.live.merge(metrics);
        }
        self
    }
}

fn router(collector: MetricsCollector, path: &str) -> Router {
    let scrape = async move |headers: HeaderMap| respond(&collector, &headers).await;
    Router::new().route(path, get(scrape))
}

/// Responds to a scrape.
pub(crate) async fn respond(collector: &MetricsCollector, headers: &HeaderMap) -> Response {
    let format = Format::accepted(headers);
    let collector = collector.clone();
    // Thousands of routes take milliseconds, in which other requests must not wait.
    let encoded = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        collector.write(&mut text, format).map(|()| text)
    });
    match encoded.await {
        Ok(Ok(text)) => {
            let headers = [
                (
                    header::CONTENT_TYPE,
                    HeaderValue::from_static(format.content_type()),
                ),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
                (header::VARY, HeaderValue::from_static("accept")),
            ];
            (headers, Body::from(text)).into_response()
        }
        _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
