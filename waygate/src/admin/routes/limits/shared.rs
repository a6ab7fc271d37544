//! What the global policies and those of services have in common.

use axum::response::Response;
use http::HeaderMap;
use waygate_core::{
    grammar::PolicyName,
    model::{LimitKey, LimitScope, RateLimitPolicy},
};

use super::{
    body::{SharedLimitBody, SharedStateBody},
    change::{change, found},
    request::{PolicyNameRequest, SharedPolicyRequest, named},
    reset::latest,
    route::NameParams,
};
use crate::{
    admin::{author::Author, state::AdminState},
    engine::LimitCommand,
    rest::{Done, Problem, Reply, list_response},
};

pub(super) type Finished = Result<Reply<Done>, Problem>;

pub(super) fn get(
    state: &AdminState,
    scope: LimitScope,
    params: NameParams,
) -> Result<Reply<SharedStateBody>, Problem> {
    let record = state.waygate.rate_limit(&params.of(scope)?);
    let revision = record.as_ref().map(|record| record.revision);
    let reply = Reply::ok(record.into());
    Ok(match revision {
        Some(revision) => reply.with_tag(revision),
        None => reply,
    })
}

pub(super) fn list(state: &AdminState, scope: &LimitScope, headers: &HeaderMap) -> Response {
    let revision = state.waygate.revision();
    let records = state.waygate.rate_limits_of(scope).into_iter();
    let policies: Vec<_> = records.map(SharedLimitBody::from).collect();
    list_response(&policies, revision, headers)
}

pub(super) async fn set(
    state: &AdminState,
    author: Author,
    scope: LimitScope,
    body: SharedPolicyRequest,
) -> Result<Reply<SharedLimitBody>, Problem> {
    let policy = body.read(&state.waygate)?;
    let key = LimitKey::new(scope, policy.name.clone());
    let command = LimitCommand::Set(Box::<RateLimitPolicy>::new(policy));
    let record = found(change(state, author, key.clone(), command).await?, &key)?;
    let revision = record.revision;
    Ok(Reply::created(record.into()).with_tag(revision))
}

/// Nothing is wrong when there is none.
pub(super) async fn delete(
    state: &AdminState,
    author: Author,
    scope: LimitScope,
    params: NameParams,
) -> Finished {
    change(state, author, params.of(scope)?, LimitCommand::Delete).await?;
    Ok(Reply::ok(Done::new()))
}

/// Pauses or resumes a policy. Nothing is wrong when there is none, unless somebody has named it.
pub(super) async fn set_enabled(
    state: &AdminState,
    author: Author,
    scope: LimitScope,
    PolicyNameRequest { name }: PolicyNameRequest,
    enabled: bool,
) -> Finished {
    let must_be_there = name.is_some();
    let command = LimitCommand::SetEnabled(enabled);
    apply(state, author, scope, name, command, must_be_there).await
}

/// Lets a policy only report, or refuse. There must be one: whoever believes that something is enforced now should know.
pub(super) async fn set_shadow(
    state: &AdminState,
    author: Author,
    scope: LimitScope,
    PolicyNameRequest { name }: PolicyNameRequest,
    shadow: bool,
) -> Finished {
    let command = LimitCommand::SetShadow(shadow);
    apply(state, author, scope, name, command, true).await
}

async fn apply(
    state: &AdminState,
    author: Author,
    scope: LimitScope,
    name: Option<PolicyName>,
    command: LimitCommand,
    must_be_there: bool,
) -> Finished {
    let key = LimitKey::new(scope, named(name)?);
    if must_be_there {
        found(state.waygate.rate_limit(&key), &key)?;
    }
    change(state, author, key, command).await?;
    Ok(Reply::ok(Done::new()))
}

/// All policies of the scope begin to count anew.
pub(super) async fn reset(state: &AdminState, author: Author, scope: LimitScope) -> Finished {
    let operator = author.expecting_any(|| latest(&state.waygate, |of| *of == scope))?;
    let done = operator.reset_rate_limits(scope).await;
    done?;
    Ok(Reply::ok(Done::new()))
}
