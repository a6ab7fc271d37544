//! Routers that are mounted once for all routes, and once for each service.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use utoipa::openapi::path::Operation;
use utoipa_axum::router::OpenApiRouter;
use waygate_core::{grammar::ServiceName, model::LimitScope};

use super::{key::parsed, state::AdminState};
use crate::{engine::MaintenanceScope, rest::Problem};

/// The scope of a request: the service in its path, or else all routes.
#[derive(Debug, Clone)]
pub(super) struct Scoped(Option<ServiceName>);

impl Scoped {
    pub(super) fn limits(self) -> LimitScope {
        self.0.map_or(LimitScope::Global, LimitScope::Service)
    }

    pub(super) fn maintenance(self) -> MaintenanceScope {
        self.0
            .map_or(MaintenanceScope::Global, MaintenanceScope::Service)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Scoped {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        parsed(parts, state, "service").await.map(Self)
    }
}

type Router = OpenApiRouter<Arc<AdminState>>;

/// Nests a router for all routes. In its ids `{scope}` becomes `global`, in its texts `{of}` becomes `all routes`.
pub(super) fn global(path: &str, router: Router) -> Router {
    nest(path, router, "global", "global", "all routes")
}

/// Nests a router for a service. In its ids `{scope}` becomes `service`, in its texts `{of}` becomes `a service`.
pub(super) fn service(path: &str, router: Router) -> Router {
    nest(path, router, "services", "service", "a service")
}

fn nest(path: &str, mut router: Router, tag: &str, scope: &str, of: &str) -> Router {
    let document = router.get_openapi_mut();
    for item in document.paths.paths.values_mut() {
        let operations = [
            &mut item.get,
            &mut item.post,
            &mut item.patch,
            &mut item.delete,
        ];
        for operation in operations.into_iter().flatten() {
            name(operation, tag, scope, of);
        }
    }
    OpenApiRouter::new().nest(path, router)
}

fn name(operation: &mut Operation, tag: &str, scope: &str, of: &str) {
    operation.tags = Some(vec![tag.to_owned()]);
    if let Some(id) = &mut operation.operation_id {
        *id = id.replace("{scope}", scope);
    }
    let texts = [&mut operation.summary, &mut operation.description];
    for text in texts.into_iter().flatten() {
        *text = text.replace("{of}", of);
    }
}
