use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use waygate_core::model::Revision;

use super::state::AdminState;
use crate::{
    Operator,
    auth::Principal,
    rest::{Precondition, Problem, ProblemKind},
};

/// Extracts the principal that the gate has authenticated.
impl FromRequestParts<Arc<AdminState>> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<AdminState>) -> Result<Self, Problem> {
        let known = parts.extensions.get::<Self>().cloned();
        known.ok_or_else(|| Problem::new(ProblemKind::Unauthenticated, "Authentication required."))
    }
}

/// The author of a change, and its precondition.
#[derive(Debug)]
pub(super) struct Author {
    operator: Operator,
    precondition: Precondition,
}

impl FromRequestParts<Arc<AdminState>> for Author {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &Arc<AdminState>,
    ) -> Result<Self, Problem> {
        let principal = Principal::from_request_parts(parts, state).await?;
        let precondition = Precondition::read(&parts.headers)?;
        if precondition == Precondition::None && state.requires_if_match() {
            return Err(Problem::new(
                ProblemKind::PreconditionRequired,
                "This server takes changes only with `If-Match`: send the ETag of what you have seen.",
            ));
        }
        Ok(Self {
            operator: state.waygate.operator(principal.origin),
            precondition,
        })
    }
}

impl Author {
    /// The operator, bound to the version that the client has read. `current` is the revision of the resource, if there
    /// is one.
    pub(super) fn expecting(
        self,
        current: impl FnOnce() -> Result<Option<Revision>, Problem>,
    ) -> Result<Operator, Problem> {
        if self.precondition == Precondition::None {
            return Ok(self.operator);
        }
        let current = current()?;
        if !self.precondition.holds(current) {
            return Err(Problem::precondition_failed(current));
        }
        Ok(match (self.precondition, current) {
            (Precondition::OneOf(_), Some(current)) => self.operator.if_revision(current.number),
            (Precondition::Absent, _) => self.operator.if_revision(0),
            _ => self.operator,
        })
    }
}

/// Adds the current revision to the problem of a change that lost a race.
pub(super) fn with_current(
    problem: Problem,
    current: impl FnOnce() -> Result<Revision, Problem>,
) -> Problem {
    match problem.kind() {
        ProblemKind::PreconditionFailed => current().map_or_else(|other| other, Problem::lost_race),
        _ => problem,
    }
}
