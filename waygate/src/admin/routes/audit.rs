use std::sync::Arc;

use axum::{extract::State, response::Response};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{
    grammar::ServiceName,
    model::{ActionPattern, AuditEntry, RouteKey},
    port::AuditQuery,
    view::{Reverted, TokenScope},
};

use crate::{
    Operator, Waygate,
    admin::{
        key::EntryId,
        responses::{Change, NoRoute, ReadStore},
        state::AdminState,
        warnings::unknown_route,
        within::{Within, refused},
    },
    auth::Principal,
    engine::{is_of_route, scope_of_entry},
    rest::{
        EmptyBody, Filters, Flag, JsonBody, Listing, OneOf, Page, Params, Problem, ProblemKind,
        Reply, Time, with_warning,
    },
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(revert))
}

/// For the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "read by the listing")]
struct Limit {
    /// The maximum number of lines: a whole number; more than 1000 counts as 1000.
    #[param(nullable = false, minimum = 0, default = 50)]
    limit: Option<u64>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct AuditParams {
    /// Only lines with exactly this path.
    #[param(nullable = false, example = "GET:/payments")]
    route: Option<String>,
    /// Only lines of this service. A user who is limited to several services has to name one of them, or a route.
    #[param(nullable = false)]
    service: Option<ServiceName>,
    /// Only lines of exactly this actor: a user, or `USER/NAME` for a token with a name.
    #[param(nullable = false, example = "ada/deploy")]
    actor: Option<String>,
    /// Only lines of exactly this platform.
    #[param(nullable = false, example = "cli")]
    platform: Option<String>,
    /// Only lines with one of these actions, separated by commas. `*` at the end stands for any rest.
    #[param(nullable = false, value_type = Option<String>, example = "enable,flag_*")]
    action: Option<OneOf<ActionPattern>>,
    /// Only lines from this time on, as RFC 3339.
    #[param(nullable = false, value_type = Option<String>, format = DateTime)]
    since: Option<Time>,
    /// Only lines before this time, as RFC 3339.
    #[param(nullable = false, value_type = Option<String>, format = DateTime)]
    until: Option<Time>,
}

impl Filters for AuditParams {
    const DEFAULT_LIMIT: Option<usize> = Some(50);
    const MAX_LIMIT: usize = 1_000;
}

impl AuditParams {
    fn query(self, page: &Page) -> AuditQuery {
        let mut query = AuditQuery::newest(page.limit()).offset(page.offset());
        query.path = self.route;
        query.service = self.service.map(|service| service.to_string());
        query.actor = self.actor;
        query.platform = self.platform;
        query.actions = self.action.map(|action| action.0).unwrap_or_default();
        query.since = self.since.map(|since| since.0);
        query.until = self.until.map(|until| until.0);
        query
    }
}

/// Returns the service filter of a request, within the services of its author.
fn service(within: &Within, params: &AuditParams) -> Result<Option<ServiceName>, Problem> {
    let Some(names) = within.services().names() else {
        return Ok(params.service.clone());
    };
    let key = params.route.as_ref();
    let key = key.and_then(|route| route.parse::<RouteKey>().ok());
    match &params.service {
        Some(service) if within.has_service(service.as_str()) => Ok(Some(service.clone())),
        // Another service may have a route with the same key.
        None if key.as_ref().is_some_and(|key| within.has_route(key)) => Ok(key
            .as_ref()
            .and_then(|key| within.service_of(key)?.parse().ok())),
        None if names.len() == 1 => Ok(names.first().cloned()),
        _ => Err(refused("`?service=` has to name one of them")),
    }
}

/// Lists the audit log, newest first. The filters apply before the limit.
#[utoipa::path(
    get,
    path = "/api/audit",
    operation_id = "list_audit",
    tag = "audit",
    params(Limit, AuditParams),
    responses((status = OK, description = "Lines of the audit log.", body = [AuditEntry]), ReadStore),
    security(("token" = ["read"])),
    extensions(("x-waygate-services" = json!("checked")))
)]
async fn list(
    State(state): State<Arc<AdminState>>,
    within: Within,
    Listing { mut filters, page }: Listing<AuditParams>,
) -> Result<Response, Problem> {
    let revision = state.waygate.revision();
    filters.service = service(&within, &filters)?;
    let query = filters.query(&page);
    let entries = state.waygate.audit(query.clone()).await?;
    let total = total(&state.waygate, &query, entries.len()).await?;
    let route = query.path.as_deref();
    let route = route.filter(|_| within.services().are_all());
    let warning = unknown_route(&state.waygate, route, &entries);
    Ok(with_warning(page.reply(&entries, total, revision), warning))
}

/// The number of entries on all pages, given the number on this one. A page that is not full is the last one, so that
/// there is nothing to count.
pub(super) async fn total(
    waygate: &Waygate,
    query: &AuditQuery,
    found: usize,
) -> Result<usize, Problem> {
    let is_last = found < query.limit && query.max_bytes.is_none();
    if is_last && (found > 0 || query.offset == 0) {
        return Ok(query.offset + found);
    }
    let total = waygate.count_audit(query.clone()).await?;
    // Entries may come and go between the two calls.
    Ok(total.max(if found > 0 { query.offset + found } else { 0 }))
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
    security(("token" = ["write:routes"])),
    extensions(("x-waygate-services" = json!("checked")))
)]
async fn revert(
    State(state): State<Arc<AdminState>>,
    principal: Principal,
    within: Within,
    operator: Operator,
    Params(params): Params<RevertParams>,
    EntryId(id): EntryId,
    JsonBody(EmptyBody {}): JsonBody<EmptyBody>,
) -> Result<Reply<Reverted>, Problem> {
    let found = state.waygate.audit(AuditQuery::newest(1).id(id)).await?;
    let entry = found.first();
    let is_shared = entry.is_some_and(|entry| !is_of_route(&entry.path));
    if is_shared && !principal.scopes.contains(&TokenScope::WriteGlobal) {
        let text = format!("The token lacks the scope `{}`.", TokenScope::WriteGlobal);
        return Err(Problem::new(ProblemKind::InsufficientScope, text));
    }
    if let Some(entry) = entry {
        within.check_scope(scope_of_entry(entry).as_ref())?;
        if let Some(service) = &entry.service {
            within.check_service(service)?;
        }
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
