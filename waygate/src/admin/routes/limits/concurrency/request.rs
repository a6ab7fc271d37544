//! Limits of concurrency as requests give them.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use waygate_core::model::{ConcurrencyPolicy, LimitKey, LimitScope};

use super::super::request::{Unread, is_blank, route, take};
use crate::{
    Waygate,
    rest::{Problem, ProblemKind, RequestBody, read_fields},
};

/// A limit for a route.
#[derive(Debug)]
pub(super) struct RouteLimitRequest(Map<String, Value>);

/// A limit for everything, or for a service.
#[derive(Debug)]
pub(super) struct LimitRequest(Map<String, Value>);

impl RouteLimitRequest {
    const FIELDS: &[&str] = &[
        "path",
        "method",
        "name",
        "limit",
        "key_strategy",
        "exempt_ips",
        "exempt_roles",
    ];

    /// Which limit is to be set, and to what.
    pub(super) fn read(self, waygate: &Waygate) -> Result<(LimitKey, ConcurrencyPolicy), Problem> {
        let Self(mut fields) = self;
        if is_blank(fields.get("path")) || is_blank(fields.get("limit")) {
            let text = "path and limit are required";
            return Err(Problem::new(ProblemKind::InvalidBody, text));
        }
        let (path, method) = (take(&mut fields, "path")?, take(&mut fields, "method")?);
        // Mistakes in it come first, as in the contract.
        let policy = read(fields)?;
        let route = route(waygate, &path.unwrap_or_default(), method.as_deref())?;
        let key = LimitKey::new(LimitScope::Route(route), policy.name.clone());
        Ok((key, policy))
    }
}

impl LimitRequest {
    const FIELDS: &[&str] = &[
        "name",
        "limit",
        "key_strategy",
        "exempt_ips",
        "exempt_roles",
        "exempt_routes",
        "include_force_active",
    ];

    /// Which limit of a scope is to be set, and to what.
    pub(super) fn read(self, scope: LimitScope) -> Result<(LimitKey, ConcurrencyPolicy), Problem> {
        let Self(fields) = self;
        if is_blank(fields.get("limit")) {
            return Err(Problem::new(ProblemKind::InvalidBody, "limit is required"));
        }
        let policy = read(fields)?;
        Ok((LimitKey::new(scope, policy.name.clone()), policy))
    }
}

impl<'de> Deserialize<'de> for RouteLimitRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = deserializer.deserialize_struct("RouteLimit", Self::FIELDS, Unread)?;
        Ok(Self(fields))
    }
}

impl<'de> Deserialize<'de> for LimitRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = deserializer.deserialize_struct("Limit", Self::FIELDS, Unread)?;
        Ok(Self(fields))
    }
}

impl RequestBody for RouteLimitRequest {
    const REQUIRED: bool = true;
}

impl RequestBody for LimitRequest {
    const REQUIRED: bool = true;
}

/// A policy with the default for what is not given.
fn read(mut fields: Map<String, Value>) -> Result<ConcurrencyPolicy, Problem> {
    fields.retain(|_, value| !value.is_null());
    read_fields(fields, "field").map_err(|wrong| Problem::new(ProblemKind::InvalidBody, wrong.text))
}
