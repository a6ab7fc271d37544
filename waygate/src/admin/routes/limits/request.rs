//! Limits, as in requests.

use axum::extract::OriginalUri;
use http::request::Parts;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use waygate_core::{
    grammar::PolicyName,
    model::{
        ConcurrencyPolicy, GivenConcurrencyPolicy, GivenRateLimitPolicy, LimitKey, LimitScope,
        RateLimitPolicy,
    },
};

use crate::{
    admin::resource::RouteFields,
    rest::{Problem, ProblemKind, RequestBody, field_names, kind_of},
};

/// Names one of the limits of a scope.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin::routes) struct PolicyNameRequest {
    /// The name. Default: `default`.
    pub(in crate::admin::routes) name: Option<PolicyName>,
}

impl RequestBody for PolicyNameRequest {}

/// Names one of the limits of a scope, in a query.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct NameParams {
    /// The name of the limit. Default: `default`.
    #[param(nullable = false)]
    name: Option<PolicyName>,
}

impl NameParams {
    pub(super) fn name(self) -> Result<PolicyName, Problem> {
        or_default(self.name)
    }

    pub(super) fn of(self, scope: LimitScope) -> Result<LimitKey, Problem> {
        Ok(LimitKey::new(scope, self.name()?))
    }
}

pub(in crate::admin::routes) fn or_default(
    name: Option<PolicyName>,
) -> Result<PolicyName, Problem> {
    match name {
        Some(name) => Ok(name),
        None => Ok(RateLimitPolicy::DEFAULT_NAME.parse()?),
    }
}

/// Names the counter of one key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ResetKeyRequest {
    /// The name of the limit. Default: `default`.
    pub(super) name: Option<PolicyName>,
    /// The values of the limit's key in its order: an address, a user, an API key, the value of a header or path
    /// parameter, or the result of the key function in the code. Empty if all requests share one counter.
    #[schema(example = json!(["203.0.113.7"]))]
    pub(super) key: Vec<String>,
}

impl RequestBody for ResetKeyRequest {
    const REQUIRED: bool = true;
}

/// A rate limit for a route. Fields that are `null` or missing are set to their defaults.
// The policy is read from its fields later, because the contract has texts for some mistakes that quote them.
#[derive(Debug, Deserialize, ToSchema)]
pub(in crate::admin::routes) struct SetRateLimit {
    /// The route's path.
    #[schema(value_type = String, required, example = "/search")]
    path: Option<Value>,
    /// The route's method, in any case; `ALL` for a route of all methods, each of which may also have its own limit.
    /// Default: `ALL` if the path is registered that way, otherwise its only method.
    #[schema(value_type = Option<String>, example = "GET")]
    method: Option<Value>,
    #[serde(flatten)]
    #[schema(value_type = GivenRateLimitPolicy)]
    policy: Map<String, Value>,
}

/// A rate limit that several routes share. Fields that are `null` or missing are set to their defaults.
#[derive(Debug, Deserialize, ToSchema)]
pub(in crate::admin::routes) struct SetSharedRateLimit {
    /// Exempt routes: `/path`, `METHOD:/path`, or `/prefix/{*rest}` for every path below. Default: none.
    #[schema(value_type = Option<Vec<String>>)]
    exempt_routes: Option<Value>,
    /// `true` to count force-active routes as well. Default: `false`.
    #[schema(value_type = Option<bool>)]
    include_force_active: Option<Value>,
    #[serde(flatten)]
    #[schema(value_type = GivenRateLimitPolicy)]
    policy: Map<String, Value>,
}

/// A concurrency limit for a route. Fields that are `null` or missing are set to their defaults.
#[derive(Debug, Deserialize, ToSchema)]
pub(in crate::admin::routes) struct SetConcurrencyLimit {
    /// The route's path.
    #[schema(value_type = String, required, example = "/search")]
    path: Option<Value>,
    /// The route's method, in any case; `ALL` for a route of all methods, each of which may also have its own limit.
    /// Default: `ALL` if the path is registered that way, otherwise its only method.
    #[schema(value_type = Option<String>, example = "GET")]
    method: Option<Value>,
    #[serde(flatten)]
    #[schema(value_type = GivenConcurrencyPolicy)]
    policy: Map<String, Value>,
}

/// A concurrency limit that several routes share. Fields that are `null` or missing are set to their defaults.
#[derive(Debug, Deserialize, ToSchema)]
pub(in crate::admin::routes) struct SetSharedConcurrencyLimit {
    /// Exempt routes: `/path`, `METHOD:/path`, or `/prefix/{*rest}` for every path below. Default: none.
    #[schema(value_type = Option<Vec<String>>)]
    exempt_routes: Option<Value>,
    /// `true` to count force-active routes as well. Default: `false`.
    #[schema(value_type = Option<bool>)]
    include_force_active: Option<Value>,
    #[serde(flatten)]
    #[schema(value_type = GivenConcurrencyPolicy)]
    policy: Map<String, Value>,
}

/// The fields that only shared limits have.
const SHARED: [&str; 2] = ["exempt_routes", "include_force_active"];

/// The fields that requests set: those of the policy, except `enabled`.
pub(super) fn shared_fields<P: DeserializeOwned>() -> Vec<&'static str> {
    let fields = field_names::<P>().iter().copied();
    fields.filter(|name| *name != "enabled").collect()
}

pub(super) fn route_fields<P: DeserializeOwned>() -> Vec<&'static str> {
    let mut fields = vec!["path", "method"];
    fields.extend(shared_fields::<P>());
    fields.retain(|name| !SHARED.contains(name));
    fields
}

impl RequestBody for SetRateLimit {
    const REQUIRED: bool = true;

    fn fields() -> Vec<&'static str> {
        route_fields::<RateLimitPolicy>()
    }
}

impl RequestBody for SetConcurrencyLimit {
    const REQUIRED: bool = true;

    fn fields() -> Vec<&'static str> {
        route_fields::<ConcurrencyPolicy>()
    }
}

impl RequestBody for SetSharedRateLimit {
    const REQUIRED: bool = true;

    fn fields() -> Vec<&'static str> {
        shared_fields::<RateLimitPolicy>()
    }

    fn no_json(head: &Parts) -> &'static str {
        let whole = head.extensions.get::<OriginalUri>();
        let path = whole.map_or(head.uri.path(), |OriginalUri(uri)| uri.path());
        // The contract spells it differently for services.
        match path.contains("/api/services/") {
            true => "invalid JSON body",
            false => "Invalid JSON body",
        }
    }
}

impl RequestBody for SetSharedConcurrencyLimit {
    const REQUIRED: bool = true;

    fn fields() -> Vec<&'static str> {
        shared_fields::<ConcurrencyPolicy>()
    }
}

impl SetRateLimit {
    pub(in crate::admin::routes) fn fields_of_route(self) -> Result<RouteFields, Problem> {
        of_route(self.path, self.method, self.policy)
    }
}

impl SetConcurrencyLimit {
    pub(in crate::admin::routes) fn fields_of_route(self) -> Result<RouteFields, Problem> {
        of_route(self.path, self.method, self.policy)
    }
}

impl SetSharedRateLimit {
    pub(in crate::admin::routes) fn shared_fields(self) -> Result<Map<String, Value>, Problem> {
        shared(self.exempt_routes, self.include_force_active, self.policy)
    }
}

impl SetSharedConcurrencyLimit {
    pub(in crate::admin::routes) fn shared_fields(self) -> Result<Map<String, Value>, Problem> {
        shared(self.exempt_routes, self.include_force_active, self.policy)
    }
}

fn of_route(
    path: Option<Value>,
    method: Option<Value>,
    policy: Map<String, Value>,
) -> Result<RouteFields, Problem> {
    if is_blank(path.as_ref()) || is_blank(policy.get("limit")) {
        let text = "path and limit are required";
        return Err(Problem::new(ProblemKind::InvalidBody, text));
    }
    Ok(RouteFields {
        path: text("path", path)?.unwrap_or_default(),
        method: text("method", method)?,
        policy,
    })
}

fn shared(
    exempt_routes: Option<Value>,
    include_force_active: Option<Value>,
    mut policy: Map<String, Value>,
) -> Result<Map<String, Value>, Problem> {
    if is_blank(policy.get("limit")) {
        return Err(Problem::new(ProblemKind::InvalidBody, "limit is required"));
    }
    for (name, value) in SHARED
        .into_iter()
        .zip([exempt_routes, include_force_active])
    {
        policy.extend(value.map(|value| (name.to_owned(), value)));
    }
    Ok(policy)
}

/// Returns `true` for values that the contract treats as missing.
fn is_blank(value: Option<&Value>) -> bool {
    value.is_none_or(|value| value.is_null() || value == "")
}

fn text(name: &str, value: Option<Value>) -> Result<Option<String>, Problem> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => {
            let kind = kind_of(&other);
            let text = format!("{name}: invalid type: {kind}, expected a string");
            Err(Problem::new(ProblemKind::InvalidBody, text))
        }
    }
}
