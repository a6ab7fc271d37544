use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::HeaderMap;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{
    grammar::ServiceName,
    model::AuditEntry,
    port::AuditQuery,
    view::{Reverted, TokenScope},
};

use crate::{
    Operator,
    admin::{
        key::EntryId,
        responses::{Change, NoRoute, ReadStore},
        state::AdminState,
        warnings::unknown_route,
    },
    auth::Principal,
    engine::is_shared_entry,
    rest::{
        AtMost, EmptyBody, Flag, JsonBody, Params, Problem, ProblemKind, Reply, Skip,
        list_response, with_warning,
    },
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(revert))
}

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 1_000;
const MAX_OFFSET: usize = 1_000_000;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct AuditParams {
    /// The maximum number of lines: a whole number; more than 1000 counts as 1000.
    #[param(nullable = false, value_type = Option<u64>, minimum = 0, default = 50)]
    limit: Option<AtMost<MAX_LIMIT>>,
    /// The number of newest lines to skip: 0 to 1000000.
    #[param(nullable = false, value_type = Option<u64>, minimum = 0, maximum = 1000000, default = 0)]
    offset: Option<Skip<MAX_OFFSET>>,
    /// Only lines with exactly this path.
    #[param(nullable = false, example = "GET:/payments")]
    route: Option<String>,
    /// Only lines of this service.
    #[param(nullable = false)]
    service: Option<ServiceName>,
}

/// Lists the audit log, newest first. The filters apply before the limit.
#[utoipa::path(
    get,
    path = "/api/audit",
    operation_id = "list_audit",
    tag = "audit",
    params(AuditParams),
    responses((status = OK, description = "Lines of the audit log.", body = [AuditEntry]), ReadStore),
    security(("token" = ["read"]))
)]
async fn list(
    State(state): State<Arc<AdminState>>,
    Params(params): Params<AuditParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let revision = state.waygate.revision();
    let route = params.route.clone();
    let mut query = AuditQuery::newest(params.limit.map_or(DEFAULT_LIMIT, |limit| limit.0))
        .offset(params.offset.map_or(0, |offset| offset.0));
    query.path = params.route;
    query.service = params.service.map(|service| service.to_string());
    let entries = state.waygate.audit(query).await?;
    let warning = unknown_route(&state.waygate, route.as_deref(), &entries);
    let response = list_response(&entries, revision, &headers);
    Ok(with_warning(response, warning))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct RevertParams {
    /// `true` to revert even if what the entry changed was changed again, which is lost. Default: `false`.
    #[param(nullable = false, value_type = Option<bool>)]
    force: Option<Flag>,
}

/// Reverts the change of an entry: restores what it changed to the state before it, as a new change.
///
/// Changes of routes, maintenance, limits, announcements, flags and segments can be reverted, but not logins, resets of
/// counters, webhooks, purged routes and transitions of a schedule. Changes of what several routes share need the scope
/// `write:global`. The new entry has the id of the old one in `reverts`.
#[utoipa::path(
    post,
    path = "/api/audit/{entry}/revert",
    operation_id = "revert_change",
    tag = "audit",
    params(RevertParams),
    request_body = Option<EmptyBody>,
    responses((status = OK, description = "The change is reverted.", body = Reverted), Change, NoRoute),
    security(("token" = ["write:routes"]))
)]
async fn revert(
    State(state): State<Arc<AdminState>>,
    principal: Principal,
    operator: Operator,
    Params(params): Params<RevertParams>,
    EntryId(id): EntryId,
    JsonBody(EmptyBody {}): JsonBody<EmptyBody>,
) -> Result<Reply<Reverted>, Problem> {
    let found = state.waygate.audit(AuditQuery::newest(1).id(id)).await?;
    let is_shared = found.first().is_some_and(is_shared_entry);
    if is_shared && !principal.scopes.contains(&TokenScope::WriteGlobal) {
        let text = format!("The token lacks the scope `{}`.", TokenScope::WriteGlobal);
        return Err(Problem::new(ProblemKind::InsufficientScope, text));
    }
    let force = params.force.is_some_and(|force| force.0);
    let entry = operator.revert_entry(id, force).await?;
    Ok(Reply::ok(Reverted {
        ok: true,
        reverts: entry.id,
        path: entry.path,
        action: entry.action,
    }))
}
