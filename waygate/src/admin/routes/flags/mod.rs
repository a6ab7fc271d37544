//! Feature flags and segments (wire contract, sections 4.7 and 4.8).

mod code;
mod comparison;
mod definitions;
mod drafts;
mod evaluate;
mod exchange;
mod history;
mod live;
mod preview;
mod schedule;
mod schema;
mod segments;
mod usage;

use std::sync::Arc;

use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::admin::state::AdminState;

#[derive(OpenApi)]
#[openapi(tags(
    (name = "flags", description = "Feature flags: definitions and evaluations."),
    (name = "segments", description = "Segments: sets of contexts that rules of flags use."),
))]
struct Tags;

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::with_openapi(Tags::openapi())
        .merge(definitions::router())
        .merge(evaluate::router())
        .merge(preview::router())
        .merge(drafts::router())
        .merge(history::router())
        .merge(schedule::router())
        .merge(exchange::router())
        .merge(usage::router())
        .merge(code::router())
        .merge(live::router())
        .merge(segments::router())
}
