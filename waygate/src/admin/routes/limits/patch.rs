//! Changes of some fields of a limit, as JSON merge patches (RFC 7396).

use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use waygate_core::{
    grammar::{
        Algorithm, KeySource, Limit, OnMissingKey, OnStoreFailure, Percentage, RoleName,
        TimeZoneName,
    },
    model::{ConcurrencyPolicy, ExemptPath, LimitKey, RateLimitPolicy, Tier},
};

use super::request::{route_fields, shared_fields};
use crate::{
    ChangeError, Operator,
    admin::{resource::Resource, state::AdminState, warnings::masked_exemptions},
    rest::{Problem, ProblemKind, RequestBody},
};

/// The attempts at a change that meets others and expects no revision.
const ATTEMPTS: usize = 8;

/// Applies a patch. Returns the updated limit, and a warning about the request.
pub(super) async fn run<R: Resource>(
    state: &AdminState,
    operator: Operator,
    key: LimitKey,
    patch: Map<String, Value>,
) -> Result<(R::Record, Option<String>), Problem> {
    let warning = masked_exemptions(&patch);
    for _ in 0..ATTEMPTS {
        let known = R::of_scope(&state.waygate, &key.scope);
        let known = known.into_iter().find(|record| *R::key(record) == key);
        let known = known.ok_or_else(|| missing::<R>(state, &key))?;
        let number = R::revision(&known).number;
        let fields = merge(R::policy(&known), &patch);
        let policy = R::read(fields, &state.waygate)?;
        // The other fields are those that were read.
        let by = operator.clone().unless_changed(number);
        // A patch without a difference does not replace a declaration by a record of the same values.
        if policy == *R::policy(&known) {
            match R::confirm(&by, key.clone()).await {
                Err(ChangeError::Conflict { .. }) if !operator.expects_any() => continue,
                confirmed => return Ok(confirmed.map(|()| (known, warning))?),
            }
        }
        match R::run(&by, key.clone(), R::set(policy)).await {
            Err(ChangeError::Conflict { .. }) if !operator.expects_any() => {}
            changed => return Ok((changed?, warning)),
        }
    }
    let what = key.to_string();
    Err(ChangeError::Contended { what }.into())
}

fn missing<R: Resource>(state: &AdminState, key: &LimitKey) -> Problem {
    let others = R::of_scope(&state.waygate, &key.scope);
    let names = others.iter().map(|other| R::key(other).name.as_str());
    let names: Vec<&str> = names.collect();
    let hint = match crate::rest::meant(key.name.as_str(), &names) {
        Some(meant) => format!(": did you mean `{meant}`?"),
        None => ".".to_owned(),
    };
    let text = format!("There is no {} `{key}`{hint}", R::NOUN);
    Problem::new(ProblemKind::NotFound, text)
}

/// The fields of a policy after a patch. Fields that it resets are missing, and so get their defaults.
fn merge(policy: &impl serde::Serialize, patch: &Map<String, Value>) -> Map<String, Value> {
    let mut fields = match serde_json::to_value(policy) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    for (name, value) in patch {
        match value {
            Value::Null => drop(fields.remove(name)),
            value => drop(fields.insert(name.clone(), value.clone())),
        }
    }
    fields
}

/// Fields to change, as in a request.
macro_rules! patches {
    ($($name:ident: $fields:ident of $policy:ty, $schema:ident;)+) => {$(
        #[doc = "The fields to change. The name is that of the query, and other fields are unchanged."]
        #[derive(Debug, Deserialize, ToSchema)]
        pub(super) struct $name {
            #[serde(flatten)]
            #[schema(value_type = $schema)]
            pub(super) members: Map<String, Value>,
        }

        impl RequestBody for $name {
            const REQUIRED: bool = true;

            fn fields() -> Vec<&'static str> {
                let mut fields = $fields::<$policy>();
                fields.retain(|name| !["name", "path", "method"].contains(name));
                fields
            }
        }
    )+};
}

patches! {
    PatchRateLimit: route_fields of RateLimitPolicy, RateLimitFields;
    PatchSharedRateLimit: shared_fields of RateLimitPolicy, SharedRateLimitFields;
    PatchConcurrencyLimit: route_fields of ConcurrencyPolicy, ConcurrencyLimitFields;
    PatchSharedConcurrencyLimit: shared_fields of ConcurrencyPolicy, SharedConcurrencyLimitFields;
}

/// Fields of a rate limit; `null` resets a field to its default.
#[derive(ToSchema)]
#[schema(examples(json!({"limit": "1000/minute", "burst": null})))]
#[allow(dead_code, reason = "for the document")]
struct RateLimitFields {
    /// The quota. It has no default.
    limit: Option<Limit>,
    algorithm: Option<Algorithm>,
    key_strategy: Option<KeySource>,
    on_missing_key: Option<OnMissingKey>,
    burst: Option<u64>,
    cost: Option<u32>,
    tiers: Option<Vec<Tier>>,
    tier_resolver: Option<String>,
    exempt_ips: Option<Vec<String>>,
    exempt_roles: Option<Vec<RoleName>>,
    shadow: Option<bool>,
    rollout: Option<Percentage>,
    on_store_failure: Option<OnStoreFailure>,
    lease: Option<bool>,
    time_zone: Option<TimeZoneName>,
}

/// Fields of a rate limit that several routes share; `null` resets a field to its default.
#[derive(ToSchema)]
#[schema(examples(json!({"limit": "1000/minute", "exempt_routes": ["/health"]})))]
#[allow(dead_code, reason = "for the document")]
struct SharedRateLimitFields {
    /// The quota. It has no default.
    limit: Option<Limit>,
    algorithm: Option<Algorithm>,
    key_strategy: Option<KeySource>,
    on_missing_key: Option<OnMissingKey>,
    burst: Option<u64>,
    cost: Option<u32>,
    tiers: Option<Vec<Tier>>,
    tier_resolver: Option<String>,
    exempt_ips: Option<Vec<String>>,
    exempt_roles: Option<Vec<RoleName>>,
    shadow: Option<bool>,
    rollout: Option<Percentage>,
    on_store_failure: Option<OnStoreFailure>,
    lease: Option<bool>,
    time_zone: Option<TimeZoneName>,
    exempt_routes: Option<Vec<ExemptPath>>,
    include_force_active: Option<bool>,
}

/// Fields of a concurrency limit; `null` resets a field to its default.
#[derive(ToSchema)]
#[schema(examples(json!({"limit": 20, "exempt_roles": null})))]
#[allow(dead_code, reason = "for the document")]
struct ConcurrencyLimitFields {
    /// The most requests at a time. It has no default.
    limit: Option<u32>,
    key_strategy: Option<KeySource>,
    exempt_ips: Option<Vec<String>>,
    exempt_roles: Option<Vec<RoleName>>,
}

/// Fields of a concurrency limit that several routes share; `null` resets a field to its default.
#[derive(ToSchema)]
#[schema(examples(json!({"limit": 20, "exempt_routes": ["/health"]})))]
#[allow(dead_code, reason = "for the document")]
struct SharedConcurrencyLimitFields {
    /// The most requests at a time. It has no default.
    limit: Option<u32>,
    key_strategy: Option<KeySource>,
    exempt_ips: Option<Vec<String>>,
    exempt_roles: Option<Vec<RoleName>>,
    exempt_routes: Option<Vec<ExemptPath>>,
    include_force_active: Option<bool>,
}
