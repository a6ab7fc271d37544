use axum::{Router, routing::get};
use waygate_core::view::ApiVersion;

use super::{
    probes::{Probes, version},
    routes,
};
use crate::{Waygate, health::Require, rest::Reply};

impl Waygate {
    /// The probes `/livez`, `/readyz` and `/version`, for a listener of its own that only the orchestrator reaches. The
    /// [admin API](crate::Guarded::admin) serves the same paths below its prefix.
    ///
    /// ```no_run
    /// use waygate::{Waygate, health::Require};
    ///
    /// # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    /// let waygate = Waygate::builder().build().await?;
    /// let probes = waygate.probes(Require::Cache);
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:9000").await?;
    /// tokio::spawn(async move { axum::serve(listener, probes).await });
    /// # Ok(())
    /// # }
    /// ```
    pub fn probes(&self, require: Require) -> Router {
        let probes = Probes {
            waygate: self.clone(),
            require,
        };
        Router::new()
            .route("/livez", get(routes::probes::livez))
            .route("/readyz", get(routes::probes::readyz))
            .route("/version", get(anonymous_version))
            .with_state(probes)
    }
}

async fn anonymous_version() -> Reply<ApiVersion> {
    Reply::ok(version(false))
}
