use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::state::AdminState;
use crate::{
    Operator,
    auth::Principal,
    engine::{Precondition, StagedHandle},
    rest::{Problem, ProblemKind, precondition},
};

/// Extracts the principal that the gate authenticated.
impl FromRequestParts<Arc<AdminState>> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<AdminState>) -> Result<Self, Problem> {
        let known = parts.extensions.get::<Self>().cloned();
        known.ok_or_else(|| Problem::new(ProblemKind::Unauthenticated, "Authentication required."))
    }
}

/// Extracts the author of a change, with its precondition.
impl FromRequestParts<Arc<AdminState>> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &Arc<AdminState>,
    ) -> Result<Self, Problem> {
        let principal = Principal::from_request_parts(parts, state).await?;
        let precondition = precondition(&parts.headers)?;
        if !precondition.is_expectation() && state.requires_if_match() {
            return Err(Problem::new(
                ProblemKind::PreconditionRequired,
                "This server takes changes only with `If-Match`: send the ETag of what you have seen.",
            ));
        }
        let operator = author(state, principal, parts);
        Ok(operator.expecting(precondition))
    }
}

/// The author of the changes of a request, which may be a dry run.
fn author(state: &AdminState, principal: Principal, parts: &Parts) -> Operator {
    let operator = state.waygate.operator(principal.origin);
    match parts.extensions.get::<StagedHandle>() {
        Some(staged) => operator.staged_in(staged.clone()),
        None => operator,
    }
}

/// Extracts the author of several changes, which have their own preconditions.
pub(super) struct BulkOperator {
    pub(super) operator: Operator,
    /// The precondition on the whole state.
    pub(super) state: Precondition,
}

impl FromRequestParts<Arc<AdminState>> for BulkOperator {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &Arc<AdminState>,
    ) -> Result<Self, Problem> {
        let principal = Principal::from_request_parts(parts, state).await?;
        Ok(Self {
            state: precondition(&parts.headers)?,
            operator: author(state, principal, parts),
        })
    }
}
