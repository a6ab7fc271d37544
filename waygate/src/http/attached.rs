#[cfg(feature = "openapi")]
use http::StatusCode;
use waygate_core::{grammar::PolicyName, model::RouteKey};

use super::{Responses, limits::LimitFunctions};
use crate::registry::HandlerDeclaration;

/// The application's functions for one route: from its handler's attributes, and registered ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attached {
    pub(super) responses: Responses,
    pub(super) limits: LimitFunctions,
}

impl Attached {
    pub(crate) fn is_empty(&self) -> bool {
        self.responses.is_empty() && self.limits.is_empty()
    }

    /// Returns `true` if any function answers blocks with this status that can happen on a listed route.
    #[cfg(feature = "openapi")]
    pub(crate) fn answers(&self, status: StatusCode) -> bool {
        let by_limits = [
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::UNAUTHORIZED,
            StatusCode::BAD_REQUEST,
        ];
        let of_limit = by_limits.contains(&status) && self.limits.answer();
        of_limit || self.responses.answers(status)
    }

    /// Returns `true` if a function provides the key of the rate limit.
    pub(crate) fn has_rate_key(&self, name: &PolicyName) -> bool {
        let functions = self.limits.rate_named(name);
        functions.is_some_and(|functions| functions.key.is_some())
    }

    /// Returns `true` if a function provides the cost for the rate limit.
    pub(crate) fn has_cost(&self, name: &PolicyName) -> bool {
        let functions = self.limits.rate_named(name);
        functions.is_some_and(|functions| functions.cost.is_some())
    }

    /// Like [`keys_rate`](Self::keys_rate), for a concurrency limit.
    pub(crate) fn has_concurrency_key(&self, name: &PolicyName) -> bool {
        let functions = self.limits.concurrency_named(name);
        functions.is_some_and(|functions| functions.key.is_some())
    }

    /// The functions of all routes that govern a request, each for the limits of its route. The first response
    /// function is used.
    pub(crate) fn among<'a>(all: impl Iterator<Item = (&'a RouteKey, &'a Self)> + Clone) -> Self {
        let responses = all.clone().map(|(_, attached)| &attached.responses);
        Self {
            responses: responses.fold(Responses::default(), Responses::or),
            limits: LimitFunctions::among(all.map(|(key, attached)| (key, &attached.limits))),
        }
    }

    /// Merges the functions of both. The error names the part with different functions.
    pub(crate) fn union(&self, other: &Self) -> Result<Self, String> {
        Ok(Self {
            responses: self.responses.union(&other.responses)?,
            limits: self.limits.union(&other.limits)?,
        })
    }
}

impl From<&HandlerDeclaration> for Attached {
    fn from(declaration: &HandlerDeclaration) -> Self {
        Self {
            responses: declaration.responses.clone(),
            limits: declaration.limits.functions(),
        }
    }
}
