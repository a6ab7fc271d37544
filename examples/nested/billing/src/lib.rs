//! Handlers in a library crate. Their attributes apply in every application that mounts them.

use utoipa_axum::{router::OpenApiRouter, routes};

/// Two resources. Both handlers are called `list`, and each is at `/` of its router, as usual.
pub fn router() -> OpenApiRouter {
    OpenApiRouter::new()
        .nest(
            "/invoices",
            OpenApiRouter::new().routes(routes!(invoices::list)),
        )
        .nest(
            "/refunds",
            OpenApiRouter::new().routes(routes!(refunds::list)),
        )
}

/// Invoices.
pub mod invoices {
    use axum::Json;

    /// List invoices
    #[waygate::maintenance(reason = "moving to another ledger")]
    #[utoipa::path(get, path = "/", tag = "invoices", responses((status = OK, body = [str])))]
    pub async fn list() -> Json<Vec<&'static str>> {
        Json(vec!["2026-001"])
    }
}

/// Refunds.
pub mod refunds {
    use axum::Json;

    /// List refunds
    #[waygate::allowed_roles("billing:read")]
    #[utoipa::path(get, path = "/", tag = "refunds", responses((status = OK, body = [str])))]
    pub async fn list() -> Json<Vec<&'static str>> {
        Json(vec!["R-17"])
    }
}
