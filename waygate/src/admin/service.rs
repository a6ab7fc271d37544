use std::sync::Arc;

use axum::{
    Router,
    middleware::{from_fn_with_state, map_response},
    response::Response,
};
use http::{HeaderValue, Uri};
use tower::Layer;

#[cfg(feature = "ofrep")]
use super::ofrep::AdminTokens;
use super::{
    authorize::authorize, config::Admin, docs, idempotency::idempotent, probes::API_VERSION,
    routes, state::AdminState, within::within_services,
};
use crate::{
    Guarded, Waygate,
    auth::Authenticator,
    http::{Mount, Serves, check_mounts},
    rest::{Problem, ProblemKind, secure},
};

impl Guarded {
    /// Serves the admin REST API under `prefix`, such as `/waygate`. It is not subject to its own controls, and stays
    /// available during global maintenance.
    ///
    /// Its clients are the `waygate` command line (including that of Python Waygate 0.2.0) and any HTTP client; the
    /// OpenAPI document is at `<prefix>/api/openapi.json`. Serve the application with
    /// [`into_make_service_with_connect_info`](Self::into_make_service_with_connect_info), so that failed logins are
    /// counted by client address.
    ///
    /// # Panics
    /// [`into_router`](Self::into_router) panics if `prefix` is not a valid path or is `/`, or if the API has a route
    /// at or below it; [`try_into_router`](Self::try_into_router) returns the error instead.
    pub fn admin(mut self, prefix: &str, admin: impl Into<Admin>) -> Self {
        let service = service(self.waygate.clone(), admin.into());
        let below = prefix.strip_suffix('/').unwrap_or(prefix).to_owned();
        self.mounts.push(Mount {
            call: "admin",
            path: prefix.to_owned(),
            serves: Serves::Below(below.clone()),
        });
        // axum would panic; `try_into_router` returns the error.
        if check_mounts(&self.mounts, &[]).is_ok() {
            self.live = self.live.nest_service(&below, service);
        }
        self
    }
}

/// The admin API: the gate around the router, and the headers around both. Flags are served before the gate.
fn service(waygate: Waygate, admin: Admin) -> Router {
    // The start report names the number of series.
    #[cfg(feature = "metrics")]
    drop(waygate.metrics_collector());
    let (router, document) = routes::router(&admin.settings).split_for_parts();
    let document = docs::finish(document);
    let auth = Authenticator::new(waygate.clone(), admin.mode, admin.settings.login_idle);
    let settings = admin.settings;
    let state = Arc::new(AdminState::new(waygate, auth, settings, &document));
    // A kept response is subject to the same checks as a new one.
    let router = router
        .route_layer(from_fn_with_state(state.clone(), idempotent))
        .route_layer(from_fn_with_state(state.clone(), within_services))
        // The gate refuses undocumented requests, so these fallbacks are not reached.
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(state.clone());
    let gated = from_fn_with_state(state.clone(), authorize).layer(router);
    let secured = map_response(versioned).layer(map_response(secure).layer(gated));
    #[cfg(feature = "ofrep")]
    if let Some(ofrep) = admin.ofrep {
        let tokens = Arc::new(AdminTokens(state.clone()));
        let flags = crate::ofrep::router(state.waygate.clone(), ofrep, Some(tokens));
        return flags.fallback_service(secured);
    }
    Router::new().fallback_service(secured)
}

/// Names the version of the API, also in errors.
async fn versioned(mut response: Response) -> Response {
    let version = HeaderValue::from_static(API_VERSION);
    response
        .headers_mut()
        .insert("x-waygate-api-version", version);
    response
}

async fn not_found(uri: Uri) -> Problem {
    Problem::not_found(uri.path(), None)
}

async fn method_not_allowed() -> Problem {
    Problem::new(ProblemKind::MethodNotAllowed, "Method Not Allowed")
}
