use std::any::Any;

#[cfg(feature = "openapi")]
use http::StatusCode;
use http::request::Parts;
use waygate_core::{grammar::PolicyName, model::RouteKey, port::BoxFuture};

use super::{
    Responses,
    limits::{Answers, LimitFunctions},
};
use crate::{
    engine::{self, Attached, AttachedFunctions},
    registry::HandlerDeclaration,
};

/// The application's functions for one route: those of its handler's attributes, and registered ones.
#[derive(Debug, Clone)]
pub(crate) struct RouteFunctions {
    pub(super) responses: Responses,
    pub(super) limits: LimitFunctions,
}

static NONE: RouteFunctions = RouteFunctions {
    responses: Responses::NONE,
    limits: LimitFunctions::NONE,
};

/// The functions attached to a route.
#[inline]
pub(crate) fn functions(attached: &Attached) -> &RouteFunctions {
    attached.get().unwrap_or(&NONE)
}

/// Changes the functions attached to a route.
pub(super) fn edit(attached: &mut Attached, change: impl FnOnce(&mut RouteFunctions)) {
    let mut functions = functions(attached).clone();
    change(&mut functions);
    *attached = Attached::new(functions);
}

impl RouteFunctions {
    /// Returns `true` if any function responds to blocks with this status that can occur on a listed route.
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
}

impl AttachedFunctions for RouteFunctions {
    fn is_empty(&self) -> bool {
        self.responses.is_empty() && self.limits.is_empty()
    }

    fn has_rate_key(&self, name: &PolicyName) -> bool {
        let functions = self.limits.rate_named(name);
        functions.is_some_and(|functions| functions.key.is_some())
    }

    fn has_cost(&self, name: &PolicyName) -> bool {
        let functions = self.limits.rate_named(name);
        functions.is_some_and(|functions| functions.cost.is_some())
    }

    fn has_concurrency_key(&self, name: &PolicyName) -> bool {
        let functions = self.limits.concurrency_named(name);
        functions.is_some_and(|functions| functions.key.is_some())
    }

    fn ask<'a>(&'a self, request: &'a Parts) -> BoxFuture<'a, engine::Answers<'a>> {
        Box::pin(async {
            let answers = Answers::all(&self.limits, request).await;
            Box::new(answers) as engine::Answers<'a>
        })
    }

    fn among(&self, all: &[(&RouteKey, &Attached)]) -> Attached {
        let all = all
            .iter()
            .map(|(key, attached)| (*key, functions(attached)));
        let responses = all.clone().map(|(_, own)| &own.responses);
        Attached::new(Self {
            responses: responses.fold(Responses::NONE, Responses::or),
            limits: LimitFunctions::among(all.map(|(key, own)| (key, &own.limits))),
        })
    }

    fn union(&self, other: &dyn AttachedFunctions) -> Result<Attached, String> {
        let other: &dyn Any = other;
        let other: &Self = other.downcast_ref().unwrap_or(&NONE);
        Ok(Attached::new(Self {
            responses: self.responses.union(&other.responses)?,
            limits: self.limits.union(&other.limits)?,
        }))
    }
}

impl From<&HandlerDeclaration> for Attached {
    fn from(declaration: &HandlerDeclaration) -> Self {
        Self::new(RouteFunctions {
            responses: declaration.responses.clone(),
            limits: declaration.limits.functions(),
        })
    }
}
