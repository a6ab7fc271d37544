//! What the global policy and those of services have in common.

use waygate_core::model::{LimitKey, LimitScope, RateLimitPolicy};

use super::{
    body::{SharedLimitBody, SharedStateBody},
    change::{change, found, told},
    request::{SharedPolicyRequest, named},
    reset::latest,
};
use crate::{
    admin::{
        author::Author,
        error::Problem,
        reply::{Done, Reply},
        state::AdminState,
    },
    engine::LimitCommand,
};

pub(super) type Finished = Result<Reply<Done>, Problem>;

/// The one policy of a scope that the interface controls.
fn key(scope: LimitScope) -> Result<LimitKey, Problem> {
    Ok(LimitKey::new(scope, named(None)?))
}

pub(super) fn get(
    state: &AdminState,
    scope: LimitScope,
) -> Result<Reply<SharedStateBody>, Problem> {
    let record = state.waygate.rate_limit(&key(scope)?);
    let revision = record.as_ref().map(|record| record.revision);
    let reply = Reply::ok(record.into());
    Ok(match revision {
        Some(revision) => reply.with_tag(revision),
        None => reply,
    })
}

pub(super) async fn set(
    state: &AdminState,
    author: Author,
    scope: LimitScope,
    asked: SharedPolicyRequest,
) -> Result<Reply<SharedLimitBody>, Problem> {
    let (key, policy) = (key(scope)?, asked.read()?);
    let command = LimitCommand::Set(Box::<RateLimitPolicy>::new(policy));
    let record = found(change(state, author, key.clone(), command).await?, &key)?;
    let revision = record.revision;
    Ok(Reply::created(record.into()).with_tag(revision))
}

/// Deletes, pauses or resumes a policy. Nothing is wrong when there is none.
pub(super) async fn apply(
    state: &AdminState,
    author: Author,
    scope: LimitScope,
    command: LimitCommand,
) -> Finished {
    change(state, author, key(scope)?, command).await?;
    Ok(Reply::ok(Done::new()))
}

/// Lets a policy only report, or refuse. There must be one: whoever believes that something is enforced now should know.
pub(super) async fn set_shadow(
    state: &AdminState,
    author: Author,
    scope: LimitScope,
    shadow: bool,
) -> Finished {
    let key = key(scope)?;
    found(state.waygate.rate_limit(&key), &key)?;
    change(state, author, key, LimitCommand::SetShadow(shadow)).await?;
    Ok(Reply::ok(Done::new()))
}

pub(super) async fn reset(state: &AdminState, author: Author, scope: LimitScope) -> Finished {
    let operator = author.expecting_any(|| latest(&state.waygate, |of| *of == scope))?;
    let done = operator.reset_rate_limits(scope).await;
    done.map_err(told)?;
    Ok(Reply::ok(Done::new()))
}
