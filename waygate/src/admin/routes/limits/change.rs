//! What all changes of policies have in common.

use waygate_core::model::{LimitKey, Revision};

use crate::{
    LimitRecord, Waygate,
    admin::{author::Author, routes::change::with_current, state::AdminState},
    engine::LimitCommand,
    rest::{Problem, ProblemKind},
};

/// Runs a command on a policy. What is left is the policy; `None` when there is none any more.
pub(super) async fn change(
    state: &AdminState,
    author: Author,
    key: LimitKey,
    command: LimitCommand,
) -> Result<Option<LimitRecord>, Problem> {
    let current = || revision_of(&state.waygate, &key);
    let operator = author.expecting_any(current)?;
    let changed = operator.change_rate_limit(key.clone(), command).await;
    changed.map_err(|error| {
        let gone = || Problem::precondition_failed(None);
        with_current(error.into(), || current().ok_or_else(gone))
    })
}

/// The revision of a policy, if it is there.
pub(super) fn revision_of(waygate: &Waygate, key: &LimitKey) -> Option<Revision> {
    waygate.rate_limit(key).map(|record| record.revision)
}

/// The policy, which must be there.
pub(super) fn found(record: Option<LimitRecord>, key: &LimitKey) -> Result<LimitRecord, Problem> {
    let missing = || {
        Problem::new(
            ProblemKind::NotFound,
            format!("There is no policy `{key}`."),
        )
    };
    record.ok_or_else(missing)
}
