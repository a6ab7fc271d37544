//! Several changes as one.

mod body;
mod command;
mod item;
mod members;

use std::sync::Arc;

use axum::extract::State;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use waygate_core::view::{AppliedChange, AppliedChanges, Mistake};

use self::{body::ChangesRequest, item::Item};
use crate::{
    ChangeError, Operator,
    admin::{
        author::BulkOperator,
        responses::{Change, NoRoute, Tagged},
        state::AdminState,
    },
    auth::Principal,
    engine::Precondition,
    rest::{JsonBody, Problem, ProblemKind, Reply},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new().routes(routes!(change))
}

/// The most changes of a request.
const MAX_CHANGES: usize = 1_000;

/// Makes 1 to 1000 changes of routes, maintenance and limits as one commit: all of them, or none.
///
/// The `action` of a change is the id of the operation that makes it alone; its other members are `route`, `service`,
/// and those of that operation's body and query. Each change is made on the state that the changes before it leave.
/// `if_match` is the `If-Match` of one change. The header is about the whole state: with the ETag of a plan
/// (`dry_run=true`), the changes are only made if nothing else has changed since. Changes of maintenance and
/// limits of a service or of all routes need the scope `write:global`. For a user or token that is limited to services,
/// every change has to be of one of them.
///
/// If a change fails, nothing is changed. `errors` names every change that fails, and the status is that of the first.
/// In the audit log, the entries of a request have the same `batch`.
#[utoipa::path(
    post,
    path = "/api/changes",
    operation_id = "make_changes",
    tag = "system",
    request_body = ChangesRequest,
    responses(
        (status = OK, description = "All changes were made.", body = Tagged<AppliedChanges>),
        Change,
        NoRoute
    ),
    security(("token" = ["write:routes"])),
    extensions(("x-waygate-services" = json!("checked")))
)]
async fn change(
    State(state): State<Arc<AdminState>>,
    principal: Principal,
    BulkOperator {
        operator,
        state: expected,
    }: BulkOperator,
    JsonBody(body): JsonBody<ChangesRequest>,
) -> Result<Reply<AppliedChanges>, Problem> {
    let count = body.changes.len();
    if count == 0 || count > MAX_CHANGES {
        let text = format!("changes: {count} changes, expected 1 to {MAX_CHANGES}");
        return Err(Problem::new(ProblemKind::InvalidBody, text));
    }
    let expects = expected.is_expectation() || !state.requires_if_match();
    let items = body.changes.into_iter();
    let items: Vec<Item> = items
        .map(|change| Item::read(&state, &principal, change, expects))
        .collect();
    let batch = Uuid::new_v4();
    let made = operator
        .in_batch(batch)
        .batch_or(|operator| make(operator, &items, &expected))
        .await;
    match made {
        Ok((changes, revision)) => Ok(Reply::ok(AppliedChanges {
            ok: true,
            batch,
            revision: revision.number,
            changes,
        })
        .with_tag(revision)),
        Err(failed) => Err(failed.into_problem(&items)),
    }
}

/// Why changes were not made.
enum Failed {
    /// Of these changes.
    Items(Vec<(usize, Problem)>),
    Whole(ChangeError),
}

impl From<ChangeError> for Failed {
    fn from(error: ChangeError) -> Self {
        Self::Whole(error)
    }
}

/// Makes each change, also after one that fails.
async fn make(
    operator: Operator,
    items: &[Item],
    expected: &Precondition,
) -> Result<Vec<AppliedChange>, Failed> {
    operator.check_state(expected).await?;
    let (mut made, mut failed) = (Vec::new(), Vec::new());
    for (at, item) in items.iter().enumerate() {
        match item.run(&operator).await {
            Ok(change) => made.push(change),
            Err(problem) if problem.kind() == ProblemKind::Unavailable => {
                return Err(Failed::Items(vec![(at, problem)]));
            }
            Err(problem) => failed.push((at, problem)),
        }
    }
    match failed.is_empty() {
        true => Ok(made),
        false => Err(Failed::Items(failed)),
    }
}

impl Failed {
    fn into_problem(self, items: &[Item]) -> Problem {
        let failed = match self {
            Self::Items(failed) => failed,
            Self::Whole(error) => return error.into(),
        };
        let mistakes: Vec<Mistake> = failed
            .iter()
            .filter_map(|(at, problem)| {
                let pointer = items.get(*at)?.pointer(*at, problem.text());
                Some(problem.as_mistake(pointer))
            })
            .collect();
        let (kind, text) = match (failed.first(), mistakes.first()) {
            (Some((_, problem)), Some(mistake)) => {
                // The pointer names the member.
                let (pointer, message) = (&mistake.pointer, mistake.message.as_str());
                let member = pointer.rsplit('/').next().unwrap_or_default();
                let prefix = format!("{member}: ");
                let message = message.strip_prefix(&prefix).unwrap_or(message);
                (problem.kind(), format!("{pointer}: {message}"))
            }
            _ => (ProblemKind::Internal, "Internal Server Error".to_owned()),
        };
        let text = match mistakes.len() {
            0 | 1 => text,
            count => format!("{text} (and {} more, see `errors`)", count - 1),
        };
        Problem::new(kind, text).mistakes(mistakes)
    }
}
