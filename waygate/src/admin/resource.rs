//! List, get, set and delete for all kinds of limits.

use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::IntoParams;
use waygate_core::{
    grammar::{Method, PolicyName, ServiceName},
    model::{LimitKey, LimitScope, Revision, RouteKey},
    view::{ALL_METHODS, DeletedLimit, Done, method_of},
};

use super::{
    state::AdminState,
    warnings::{join, masked_exemptions, nothing_to_delete},
    within::Within,
};
use crate::{
    ChangeError, Operator, ResolveError, Waygate,
    rest::{Filters, Listing, Problem, ProblemKind, Reply, done_or},
};

/// A kind of limit, and its form in requests and responses.
pub(super) trait Resource {
    /// The noun in error texts.
    const NOUN: &'static str;

    /// The policy that requests set.
    type Policy: Send + Serialize + PartialEq;
    /// The record of the engine.
    type Record: Send;
    /// The command of an operator.
    type Command: Send;
    /// The view of a route's limit.
    type OfRoute: Serialize;
    /// The view of a limit that several routes share.
    type Shared: Serialize + From<Self::Record>;

    fn all(waygate: &Waygate) -> Vec<Self::Record>;
    fn of_scope(waygate: &Waygate, scope: &LimitScope) -> Vec<Self::Record>;
    fn key(record: &Self::Record) -> &LimitKey;
    fn revision(record: &Self::Record) -> Revision;
    /// The warning of a record, to which others can be added.
    fn warning(record: &mut Self::Record) -> &mut Option<String>;
    /// `None` for the limit of another scope.
    fn of_route(record: Self::Record) -> Option<Self::OfRoute>;

    fn read(fields: Map<String, Value>, waygate: &Waygate) -> Result<Self::Policy, Problem>;
    fn name(policy: &Self::Policy) -> &PolicyName;
    fn policy(record: &Self::Record) -> &Self::Policy;
    fn set(policy: Self::Policy) -> Self::Command;
    /// Checks the conditions of a change that changes nothing.
    async fn confirm(operator: &Operator, key: LimitKey) -> Result<(), ChangeError>;
    /// Deletes an operator's limit. Returns `false` if there was none.
    async fn delete(operator: &Operator, key: LimitKey) -> Result<bool, ChangeError>;
    /// Runs a command. Returns the limit that applies afterwards.
    async fn run(
        operator: &Operator,
        key: LimitKey,
        command: Self::Command,
    ) -> Result<Self::Record, ChangeError>;
}

/// Filters of the limits of routes.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LimitsOfRoutes {
    /// Only limits of routes with this path, or of this route: `/path` or `METHOD:/path`.
    #[param(nullable = false, value_type = Option<String>, example = "GET:/payments")]
    route: Option<RouteKey>,
    /// Only limits of routes of this service.
    #[param(nullable = false)]
    service: Option<ServiceName>,
    /// Only limits of this name.
    #[param(nullable = false)]
    name: Option<PolicyName>,
}

impl Filters for LimitsOfRoutes {}

impl LimitsOfRoutes {
    fn selects(&self, key: &LimitKey) -> bool {
        let LimitScope::Route(route) = &key.scope else {
            return false;
        };
        let is_of = |wanted: &RouteKey| match wanted.method() {
            Some(_) => wanted == route,
            None => wanted.path() == route.path() && wanted.service() == route.service(),
        };
        self.route.as_ref().is_none_or(is_of)
            && is_of_service(self.service.as_ref(), route)
            && self.name.as_ref().is_none_or(|name| *name == key.name)
    }
}

/// Returns whether a route is of a service, if one is wanted.
pub(super) fn is_of_service(wanted: Option<&ServiceName>, route: &RouteKey) -> bool {
    wanted.is_none_or(|service| route.service() == Some(service.as_str()))
}

/// Filters of the limits of one scope.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LimitsOfScope {
    /// Only the limit of this name.
    #[param(nullable = false)]
    name: Option<PolicyName>,
}

impl Filters for LimitsOfScope {}

impl LimitsOfScope {
    fn selects(&self, key: &LimitKey) -> bool {
        self.name.as_ref().is_none_or(|name| *name == key.name)
    }
}

/// Lists the limits of all routes.
pub(super) fn list_of_routes<R: Resource>(
    state: &AdminState,
    within: &Within,
    Listing { filters, page }: &Listing<LimitsOfRoutes>,
) -> Response {
    let revision = state.waygate.revision();
    let limits = R::all(&state.waygate).into_iter();
    let limits = limits.filter(|limit| {
        let key = R::key(limit);
        within.has_scope(&key.scope) && filters.selects(key)
    });
    let limits: Vec<_> = limits.filter_map(R::of_route).collect();
    page.of(&limits, revision)
}

/// Lists the limits of one route.
pub(super) fn list_of_route<R: Resource>(
    state: &AdminState,
    key: &RouteKey,
    Listing { filters, page }: &Listing<LimitsOfScope>,
) -> Result<Response, Problem> {
    let revision = state.waygate.revision();
    let scope = LimitScope::Route(state.waygate.limited_route(key)?);
    let limits = R::of_scope(&state.waygate, &scope).into_iter();
    let limits = limits.filter(|limit| filters.selects(R::key(limit)));
    let limits: Vec<_> = limits.filter_map(R::of_route).collect();
    Ok(page.of(&limits, revision))
}

/// Lists the limits of a service, or of all routes together.
pub(super) fn list_shared<R: Resource>(
    state: &AdminState,
    scope: &LimitScope,
    Listing { filters, page }: &Listing<LimitsOfScope>,
) -> Response {
    let revision = state.waygate.revision();
    let limits = R::of_scope(&state.waygate, scope).into_iter();
    let limits = limits.filter(|limit| filters.selects(R::key(limit)));
    let limits: Vec<_> = limits.map(R::Shared::from).collect();
    page.of(&limits, revision)
}

pub(super) type OfRoute<R> = Result<Reply<Option<<R as Resource>::OfRoute>>, Problem>;

/// Shows the limit of a route, with a warning about the request.
pub(super) fn show_of_route<R: Resource>(
    record: R::Record,
    warning: Option<String>,
) -> Reply<Option<R::OfRoute>> {
    let record = flagged::<R>(record, warning);
    let revision = R::revision(&record);
    Reply::ok(R::of_route(record)).with_tag(revision)
}

/// A limit of a route, as in a request.
#[derive(Debug)]
pub(super) struct RouteFields {
    pub(super) path: String,
    pub(super) method: Option<String>,
    pub(super) policy: Map<String, Value>,
}

/// A limit to set.
pub(super) struct Set<R: Resource> {
    pub(super) key: LimitKey,
    pub(super) policy: R::Policy,
    /// A warning about the request.
    pub(super) warning: Option<String>,
}

/// Reads a limit of a route to set.
pub(super) fn set_of_route<R: Resource>(
    waygate: &Waygate,
    within: &Within,
    fields: RouteFields,
) -> Result<Set<R>, Problem> {
    let RouteFields {
        path,
        method,
        policy,
    } = fields;
    let warning = masked_exemptions(&policy);
    // Errors in the policy come first, as in the contract.
    let policy = R::read(policy, waygate)?;
    let route = route(waygate, within, &path, method.as_deref())?;
    let key = LimitKey::new(LimitScope::Route(route), R::name(&policy).clone());
    Ok(Set {
        key,
        policy,
        warning,
    })
}

/// Reads a limit of a service to set, or of all routes together.
pub(super) fn set_shared<R: Resource>(
    waygate: &Waygate,
    scope: LimitScope,
    fields: Map<String, Value>,
) -> Result<Set<R>, Problem> {
    let warning = masked_exemptions(&fields);
    let policy = R::read(fields, waygate)?;
    let key = LimitKey::new(scope, R::name(&policy).clone());
    Ok(Set {
        key,
        policy,
        warning,
    })
}

impl<R: Resource> Set<R> {
    /// Sets a limit of a route.
    pub(super) async fn on_route(self, operator: &Operator) -> OfRoute<R> {
        let left = R::run(operator, self.key, R::set(self.policy)).await?;
        Ok(show_of_route::<R>(left, self.warning).created())
    }

    /// Sets a limit of a service, or of all routes together.
    pub(super) async fn on_all(self, operator: &Operator) -> Result<Reply<R::Shared>, Problem> {
        let left = R::run(operator, self.key, R::set(self.policy)).await?;
        Ok(show_shared::<R>(left, self.warning).created())
    }
}

/// Shows a limit that several routes share, with a warning about the request.
pub(super) fn show_shared<R: Resource>(
    record: R::Record,
    warning: Option<String>,
) -> Reply<R::Shared> {
    let record = flagged::<R>(record, warning);
    let revision = R::revision(&record);
    Reply::ok(record.into()).with_tag(revision)
}

/// Adds a warning about the request to the record.
fn flagged<R: Resource>(mut record: R::Record, warning: Option<String>) -> R::Record {
    let known = R::warning(&mut record);
    *known = join(known.take().into_iter().chain(warning));
    record
}

/// Deletes an operator's limit of a route. Neither the limit nor the route need exist.
pub(super) async fn delete_of_route<R: Resource>(
    state: &AdminState,
    operator: Operator,
    key: &str,
    name: PolicyName,
) -> Result<Reply<DeletedLimit>, Problem> {
    let no_method = || Problem::new(ProblemKind::InvalidPath, "path_key must encode METHOD:path");
    let route: RouteKey = key.parse().map_err(|_| no_method())?;
    let route = match (route.method(), state.waygate.limited_route(&route)) {
        (None, Ok(only)) => only,
        (None, Err(error @ ResolveError::Ambiguous { .. })) => return Err(error.into()),
        (None, Err(_)) => return Err(no_method()),
        (Some(_), _) => route,
    };
    let deleted = DeletedLimit {
        ok: true,
        path: route.path().to_owned(),
        method: method_of(&route),
        name: name.to_string(),
        warning: None,
    };
    let key = LimitKey::new(LimitScope::Route(route), name);
    let warning = match delete::<R>(state, &operator, key.clone()).await {
        Err(problem) if problem.kind() == ProblemKind::NotFound => {
            Some(nothing_to_delete(R::NOUN, &key, []))
        }
        warning => warning?,
    };
    Ok(Reply::ok(DeletedLimit { warning, ..deleted }))
}

/// Deletes a limit of a service, or of all routes together. It need not exist.
pub(super) async fn delete_shared<R: Resource>(
    state: &AdminState,
    operator: Operator,
    key: LimitKey,
) -> Result<Reply<Done>, Problem> {
    Ok(done_or(delete::<R>(state, &operator, key).await?))
}

/// Deletes an operator's limit. Returns a warning if there is none.
async fn delete<R: Resource>(
    state: &AdminState,
    operator: &Operator,
    key: LimitKey,
) -> Result<Option<String>, Problem> {
    if R::delete(operator, key.clone()).await? {
        return Ok(None);
    }
    let others = R::of_scope(&state.waygate, &key.scope);
    let names = others.iter().map(|other| R::key(other).name.as_str());
    Ok(Some(nothing_to_delete(R::NOUN, &key, names)))
}

/// The route of a path and a method. A path without a method names the route of all methods, or else its only route.
fn route(
    waygate: &Waygate,
    within: &Within,
    path: &str,
    method: Option<&str>,
) -> Result<RouteKey, Problem> {
    let key = match method.map(str::to_ascii_uppercase).as_deref() {
        None | Some(ALL_METHODS) => path.to_owned(),
        Some(method) => format!("{}:{path}", method.parse::<Method>()?),
    };
    let is_known = || {
        waygate
            .routes()
            .iter()
            .any(|route| route.key.path() == path)
    };
    let key = key.parse().map_err(ResolveError::Invalid)?;
    within.check_route(&key)?;
    waygate.limited_route(&key).map_err(|error| match error {
        // The contract names only the path if none of its methods exists.
        ResolveError::NotRegistered {
            nearest, is_first, ..
        } if !is_known() => {
            let key = path.to_owned();
            let error = ResolveError::NotRegistered {
                key,
                nearest,
                is_first,
            };
            error.into()
        }
        error => error.into(),
    })
}
