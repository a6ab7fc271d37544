use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::HeaderMap;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::port::AuditQuery;

use crate::admin::{error::Problem, query::Params, reply, schema, state::AdminState};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new().routes(routes!(list))
}

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 1_000;
const MAX_OFFSET: usize = 1_000_000;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct AuditParams {
    /// At most this many: 0 to 1000, where what is beyond counts as the nearest; 50 when it is no integer.
    #[param(nullable = false, value_type = Option<i64>)]
    limit: Option<String>,
    /// Leaves out this many of the newest.
    #[param(nullable = false, value_type = Option<i64>)]
    offset: Option<String>,
    /// Only lines with exactly this path.
    #[param(nullable = false, example = "GET:/payments")]
    route: Option<String>,
    /// Only lines of this service.
    #[param(nullable = false)]
    service: Option<String>,
}

/// Lists the audit log, newest first. The filters apply before the limit.
#[utoipa::path(
    get,
    path = "/api/audit",
    operation_id = "list_audit",
    tag = "audit",
    params(AuditParams),
    responses((status = OK, description = "Lines of the audit log.", body = [schema::AuditEntry])),
    security(("token" = ["read"]))
)]
async fn list(
    State(state): State<Arc<AdminState>>,
    Params(params): Params<AuditParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let revision = state.waygate.revision();
    let query = AuditQuery {
        limit: clamped(params.limit.as_deref(), DEFAULT_LIMIT, MAX_LIMIT),
        offset: clamped(params.offset.as_deref(), 0, MAX_OFFSET),
        path: params.route,
        service: params.service,
    };
    let entries = state.waygate.audit(query).await?;
    Ok(reply::list(&entries, revision, &headers))
}

/// An integer of any length, clamped to `0..=max`; `default` for anything else.
pub(super) fn clamped(text: Option<&str>, default: usize, max: usize) -> usize {
    let text = text.unwrap_or_default().trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        default
    } else if negative {
        0
    } else {
        digits.parse().map_or(max, |number: usize| number.min(max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_clamped() {
        for (text, limit) in [
            ("0", 0),
            ("7", 7),
            ("+7", 7),
            ("1000", 1_000),
            ("1001", 1_000),
            ("99999999999999999999999999", 1_000),
            ("-1", 0),
            ("-99999999999999999999999999", 0),
            ("", 50),
            ("abc", 50),
            ("1.5", 50),
            ("0x10", 50),
        ] {
            assert_eq!(clamped(Some(text), 50, 1_000), limit, "{text}");
        }
        assert_eq!(clamped(None, 50, 1_000), 50);
    }
}
