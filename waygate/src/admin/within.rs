//! Users and tokens that are limited to services.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::request::Parts;
use waygate_core::{
    grammar::ServiceName,
    model::{LimitScope, RouteKey},
    view::Services,
};

use super::{
    key::{PathText, parsed},
    reach::Reach,
    state::AdminState,
};
use crate::{
    ResolveError,
    auth::Principal,
    engine::Snapshot,
    rest::{Problem, ProblemKind},
};

/// The services that a request is limited to.
#[derive(Debug)]
pub(super) struct Within {
    services: Services,
    /// The service of this process, to which its routes belong.
    own: Option<ServiceName>,
    /// Knows the routes of this process. Others without a service in their keys may be those of any service.
    snapshot: Arc<Snapshot>,
}

impl Within {
    pub(super) fn of(principal: &Principal, state: &AdminState) -> Self {
        Self {
            services: principal.services.clone(),
            own: state.waygate.service().cloned(),
            snapshot: state.waygate.inner.snapshot.load_full(),
        }
    }

    /// The services by which a handler can select; `None` without a limit.
    pub(super) fn services(&self) -> &Services {
        &self.services
    }

    pub(super) fn has_service(&self, name: &str) -> bool {
        self.services.contains(Some(name))
    }

    pub(super) fn has_route(&self, key: &RouteKey) -> bool {
        self.services.are_all() || self.services.contains(self.service_of(key))
    }

    /// The service of a route; `None` if it is unknown.
    pub(super) fn service_of<'a>(&'a self, key: &'a RouteKey) -> Option<&'a str> {
        let own = || {
            let own = self.own.as_ref()?;
            let is_own = self.snapshot.table.resolve_limited(key).is_ok();
            is_own.then_some(own.as_str())
        };
        key.service().or_else(own)
    }

    /// Returns `true` for a record of this process about a route with this path. One about no route needs all services.
    pub(super) fn has_own(&self, path: Option<&str>) -> bool {
        let own = self.own.as_ref().map(ServiceName::as_str);
        self.services.contains(own.filter(|_| path.is_some()))
    }

    pub(super) fn has_scope(&self, scope: &LimitScope) -> bool {
        match scope {
            LimitScope::Global => self.services.are_all(),
            LimitScope::Service(name) => self.has_service(name.as_str()),
            LimitScope::Route(key) => self.has_route(key),
        }
    }

    /// # Errors
    /// 403 if the route belongs to another service.
    pub(super) fn check_route(&self, key: &RouteKey) -> Result<(), Problem> {
        match self.has_route(key) {
            true => Ok(()),
            false => Err(refused(&format!("`{key}` belongs to none of them"))),
        }
    }

    /// Checks a change of what a scope names; `None` concerns all services.
    ///
    /// # Errors
    /// 403 if it belongs to another service, or to several.
    pub(super) fn check_scope(&self, scope: Option<&LimitScope>) -> Result<(), Problem> {
        match scope {
            Some(LimitScope::Route(key)) => self.check_route(key),
            Some(LimitScope::Service(name)) => self.check_service(name.as_str()),
            Some(LimitScope::Global) | None if self.services.are_all() => Ok(()),
            Some(LimitScope::Global) | None => Err(needs_all()),
        }
    }

    pub(super) fn check_service(&self, name: &str) -> Result<(), Problem> {
        match self.has_service(name) {
            true => Ok(()),
            false => Err(refused(&format!("`{name}` is none of them"))),
        }
    }
}

impl FromRequestParts<Arc<AdminState>> for Within {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &Arc<AdminState>,
    ) -> Result<Self, Problem> {
        let principal = Principal::from_request_parts(parts, state).await?;
        Ok(Self::of(&principal, state))
    }
}

/// Refuses requests for routes and services that the author is not limited to. It is around every route of the router,
/// and reads the path as the handlers do.
pub(super) async fn within_services(
    State(state): State<Arc<AdminState>>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    match check(&mut parts, &state).await {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(problem) => problem.into_response(),
    }
}

async fn check(parts: &mut Parts, state: &Arc<AdminState>) -> Result<(), Problem> {
    let limited = parts.extensions.get::<Principal>();
    if limited.is_none_or(|principal| principal.services.are_all()) {
        return Ok(());
    }
    let within = Within::from_request_parts(parts, state).await?;
    match parts.extensions.get::<Reach>() {
        Some(Reach::Checked) => Ok(()),
        Some(Reach::Path) => match parsed::<ServiceName, _>(parts, state, "service").await? {
            Some(name) => within.check_service(name.as_str()),
            None => {
                let PathText(text) = PathText::from_request_parts(parts, state).await?;
                let key: RouteKey = text.parse().map_err(ResolveError::Invalid)?;
                within.check_route(&key)
            }
        },
        Some(Reach::All) | None => Err(needs_all()),
    }
}

/// The refusal of an operation that concerns all services.
pub(super) fn needs_all() -> Problem {
    refused("this operation concerns all services")
}

/// The refusal of a request beyond the services of its author.
pub(super) fn refused(why: &str) -> Problem {
    let text = format!("The token is limited to some services, and {why}.");
    Problem::new(ProblemKind::InsufficientScope, text)
        .detail("`GET /api/auth/me` lists the services of the token.")
}
