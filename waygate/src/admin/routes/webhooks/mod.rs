//! Webhooks: list, create, get, set, patch and delete; tests, secrets and deliveries.

mod body;
mod endpoints;
mod queue;

use std::sync::Arc;

use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::admin::state::AdminState;

#[derive(OpenApi)]
#[openapi(tags((name = "webhooks", description = "Signed messages about changes, after Standard Webhooks.")))]
struct Tag;

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::with_openapi(Tag::openapi())
        .merge(endpoints::router())
        .merge(queue::router())
}
