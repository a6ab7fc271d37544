//! Policies as requests give them.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use waygate_core::{
    grammar::{Algorithm, Method, PolicyName},
    model::{GivenRateLimitPolicy, LimitKey, LimitScope, RateLimitPolicy, RouteKey},
};

use crate::{
    ResolveError, Waygate,
    rest::{Problem, ProblemKind, RequestBody, kind_of, read_fields},
};

/// What stands for the method of a route that takes all of them.
pub(super) const ALL_METHODS: &str = "ALL";

/// Which of a scope's policies is meant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyNameRequest {
    /// Its name; `default` when it is not given.
    #[schema(value_type = Option<String>, example = "default")]
    pub(super) name: Option<PolicyName>,
}

impl RequestBody for PolicyNameRequest {}

/// Whose counter of which policy is to be forgotten.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ResetKeyRequest {
    /// The policy's name; `default` when it is not given.
    #[schema(value_type = Option<String>, example = "default")]
    pub(super) name: Option<PolicyName>,
    /// The values of the policy's key in its order: an address, a user, an API key, the value of a header or path
    /// parameter, or what the code's function tells. Empty where all requests share one counter.
    #[schema(example = json!(["203.0.113.7"]))]
    pub(super) key: Vec<String>,
}

impl RequestBody for ResetKeyRequest {
    const REQUIRED: bool = true;
}

/// A policy for a route. Its fields are read once they are all there, because the contract has texts for some mistakes
/// that quote them.
#[derive(Debug)]
pub(super) struct RoutePolicyRequest(Map<String, Value>);

/// The same for everything, or for a service.
#[derive(Debug)]
pub(super) struct SharedPolicyRequest(Map<String, Value>);

/// The same for a service, where the contract spells one text differently.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct ServicePolicyRequest(pub(super) SharedPolicyRequest);

impl RoutePolicyRequest {
    const FIELDS: &[&str] = &[
        "path",
        "method",
        "name",
        "limit",
        "algorithm",
        "key_strategy",
        "on_missing_key",
        "burst",
        "cost",
        "tiers",
        "tier_resolver",
        "exempt_ips",
        "exempt_roles",
        "shadow",
        "rollout",
        "on_store_failure",
        "lease",
        "time_zone",
    ];

    /// Which policy is to be set, and to what.
    pub(super) fn read(self, waygate: &Waygate) -> Result<(LimitKey, RateLimitPolicy), Problem> {
        let Self(mut fields) = self;
        if is_blank(fields.get("path")) || is_blank(fields.get("limit")) {
            let text = "path and limit are required";
            return Err(Problem::new(ProblemKind::InvalidBody, text));
        }
        let (path, method) = (take(&mut fields, "path")?, take(&mut fields, "method")?);
        // Mistakes in it come first, as in the contract.
        let policy = read(fields, waygate)?;
        let route = route(waygate, &path.unwrap_or_default(), method.as_deref())?;
        let key = LimitKey::new(LimitScope::Route(route), policy.name.clone());
        Ok((key, policy))
    }
}

impl SharedPolicyRequest {
    const FIELDS: &[&str] = &[
        "name",
        "limit",
        "algorithm",
        "key_strategy",
        "on_missing_key",
        "burst",
        "cost",
        "tiers",
        "tier_resolver",
        "exempt_ips",
        "exempt_roles",
        "exempt_routes",
        "include_force_active",
        "shadow",
        "rollout",
        "on_store_failure",
        "lease",
        "time_zone",
    ];

    pub(super) fn read(self, waygate: &Waygate) -> Result<RateLimitPolicy, Problem> {
        let Self(fields) = self;
        if is_blank(fields.get("limit")) {
            return Err(Problem::new(ProblemKind::InvalidBody, "limit is required"));
        }
        read(fields, waygate)
    }
}

impl<'de> Deserialize<'de> for RoutePolicyRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = deserializer.deserialize_struct("RoutePolicy", Self::FIELDS, Unread)?;
        Ok(Self(fields))
    }
}

impl<'de> Deserialize<'de> for SharedPolicyRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = deserializer.deserialize_struct("SharedPolicy", Self::FIELDS, Unread)?;
        Ok(Self(fields))
    }
}

impl RequestBody for RoutePolicyRequest {
    const REQUIRED: bool = true;
}

impl RequestBody for SharedPolicyRequest {
    const REQUIRED: bool = true;
}

impl RequestBody for ServicePolicyRequest {
    const REQUIRED: bool = true;
    const NO_JSON: &'static str = "invalid JSON body";
}

/// Takes a struct's fields as they are.
pub(super) struct Unread;

impl<'de> Visitor<'de> for Unread {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Map::deserialize(MapAccessDeserializer::new(map))
    }
}

/// What the contract takes for missing.
pub(super) fn is_blank(value: Option<&Value>) -> bool {
    value.is_none_or(|value| value.is_null() || value == "")
}

/// The text of a field that does not belong to the policy.
pub(super) fn take(fields: &mut Map<String, Value>, name: &str) -> Result<Option<String>, Problem> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => {
            let kind = kind_of(&other);
            let text = format!("{name}: invalid type: {kind}, expected a string");
            Err(Problem::new(ProblemKind::InvalidBody, text))
        }
    }
}

/// The route of a path and a method. A path without a method stands for the route of all methods, or for its only one, as
/// everywhere.
pub(super) fn route(
    waygate: &Waygate,
    path: &str,
    method: Option<&str>,
) -> Result<RouteKey, Problem> {
    let key = match method.map(str::to_ascii_uppercase).as_deref() {
        None | Some(ALL_METHODS) => path.to_owned(),
        Some(method) => format!("{}:{path}", method.parse::<Method>()?),
    };
    match waygate.limited_route(&key) {
        Ok(route) => Ok(route),
        // The contract names the path alone, where no method has it.
        Err(ResolveError::NotRegistered {
            nearest, is_first, ..
        }) if !waygate
            .routes()
            .iter()
            .any(|route| route.key.path() == path) =>
        {
            let key = path.to_owned();
            let error = ResolveError::NotRegistered {
                key,
                nearest,
                is_first,
            };
            Err(error.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// A policy with the default for what is not given.
fn read(mut fields: Map<String, Value>, waygate: &Waygate) -> Result<RateLimitPolicy, Problem> {
    fields.retain(|_, value| !value.is_null());
    let given: GivenRateLimitPolicy = read_fields(fields.clone(), "field").map_err(|wrong| {
        let field = wrong.field.as_deref().unwrap_or_default();
        match fields
            .get(field)
            .and_then(|value| in_the_contract(field, value))
        {
            Some(error) => Problem::new(ProblemKind::InvalidBody, error).detail(wrong.text),
            None => Problem::new(ProblemKind::InvalidBody, wrong.text),
        }
    })?;
    let (default, built_in) = (waygate.inner.limiting.algorithm, Algorithm::default());
    given.clone().or_algorithm(default).map_err(|invalid| {
        let text = match given.or_algorithm(built_in) {
            Ok(policy) if policy.algorithm == built_in => format!(
                "{invalid}; {default} is the application's default: name another `algorithm`"
            ),
            _ => invalid.to_string(),
        };
        Problem::new(ProblemKind::InvalidBody, text)
    })
}

/// The contract's `error` for a value, where it has one.
fn in_the_contract(field: &str, value: &Value) -> Option<String> {
    let noun = match (field, value) {
        ("exempt_routes", Value::Array(_)) => return None,
        ("exempt_routes", _) => return Some("exempt_routes must be a list".to_owned()),
        ("limit", Value::String(limit)) => {
            return Some(format!(
                "Invalid rate limit string '{}'. Use the format '<count>/<granularity>', e.g. '100/minute'. Valid \
                 granularities: second, minute, hour, day, month, year (or their plurals).",
                shown(limit)
            ));
        }
        ("algorithm", Value::String(_)) => "RateLimitAlgorithm",
        ("key_strategy", Value::String(_)) => "RateLimitKeyStrategy",
        ("on_missing_key", Value::String(_)) => "OnMissingKey",
        _ => return None,
    };
    let word = shown(value.as_str()?);
    Some(format!("'{word}' is not a valid {noun}"))
}

/// As much of a text as somebody wants to read.
fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

/// Which of a scope's policies is meant.
pub(super) fn named(name: Option<PolicyName>) -> Result<PolicyName, Problem> {
    match name {
        Some(name) => Ok(name),
        None => Ok(RateLimitPolicy::DEFAULT_NAME.parse()?),
    }
}
