//! What the limits of all scopes have in common.

use axum::response::Response;
use http::HeaderMap;
use waygate_core::model::{ConcurrencyPolicy, LimitKey, LimitScope};

use super::{super::route::NameParams, body::SharedLimitBody, request::LimitRequest};
use crate::{
    ConcurrencyRecord,
    admin::{author::Author, routes::change::with_current, state::AdminState},
    rest::{Done, Problem, ProblemKind, Reply, list_response},
};

/// Sets a limit, or (`None`) goes back to what the code declares. What is left is the limit, if there is one.
pub(super) async fn change(
    state: &AdminState,
    author: Author,
    key: LimitKey,
    policy: Option<ConcurrencyPolicy>,
) -> Result<Option<ConcurrencyRecord>, Problem> {
    let current = || {
        let known = state.waygate.concurrency_limit(&key);
        known.map(|record| record.revision)
    };
    let operator = author.expecting_any(current)?;
    let changed = match policy {
        Some(policy) => operator.set_concurrency_limit(key.clone(), policy).await,
        None => operator.delete_concurrency_limit(key.clone()).await,
    };
    changed.map_err(|error| {
        let gone = || Problem::precondition_failed(None);
        with_current(error.into(), || current().ok_or_else(gone))
    })
}

/// The limit, which must be there.
pub(super) fn found(
    record: Option<ConcurrencyRecord>,
    key: &LimitKey,
) -> Result<ConcurrencyRecord, Problem> {
    let missing = || Problem::new(ProblemKind::NotFound, format!("There is no limit `{key}`."));
    record.ok_or_else(missing)
}

/// The limits of one scope.
pub(super) fn of_scope(state: &AdminState, scope: &LimitScope) -> Vec<ConcurrencyRecord> {
    let mut records = state.waygate.concurrency_limits();
    records.retain(|record| record.key.scope == *scope);
    records
}

/// Lists the limits of a scope that more than one route meets.
pub(super) fn list(state: &AdminState, scope: &LimitScope, headers: &HeaderMap) -> Response {
    let revision = state.waygate.revision();
    let records = of_scope(state, scope).into_iter();
    let limits: Vec<_> = records.map(SharedLimitBody::from).collect();
    list_response(&limits, revision, headers)
}

/// Sets a limit of such a scope.
pub(super) async fn set(
    state: &AdminState,
    author: Author,
    scope: LimitScope,
    body: LimitRequest,
) -> Result<Reply<SharedLimitBody>, Problem> {
    let (key, policy) = body.read(scope)?;
    let record = found(
        change(state, author, key.clone(), Some(policy)).await?,
        &key,
    )?;
    let revision = record.revision;
    Ok(Reply::created(record.into()).with_tag(revision))
}

/// Deletes a limit of such a scope. Nothing is wrong when there is none.
pub(super) async fn delete(
    state: &AdminState,
    author: Author,
    scope: LimitScope,
    params: NameParams,
) -> Result<Reply<Done>, Problem> {
    change(state, author, params.of(scope)?, None).await?;
    Ok(Reply::ok(Done::new()))
}
