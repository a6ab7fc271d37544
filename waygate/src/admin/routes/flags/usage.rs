//! The use of flags in this process.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::flag::{FlagKey, Lifecycle, Reason};

use crate::{
    admin::{
        key::DefinitionKey,
        responses::{NotFound, Read},
        searched::Searched,
        state::AdminState,
    },
    engine,
    rest::{Listing, Problem, ProblemKind, Reply},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get))
}

/// The use of a flag in this process since it started.
#[derive(Debug, Serialize, ToSchema)]
struct FlagUsage {
    /// The key.
    key: FlagKey,
    /// The evaluations, without previews, explanations and prerequisites of other flags.
    evaluations: u64,
    /// The evaluations with an error.
    errors: u64,
    /// The results of another type than requested, in place of which the caller had its default.
    defaults: u64,
    /// The evaluations of each variation.
    variations: Vec<VariationUsage>,
    /// The time of the last evaluation, up to ten seconds late.
    #[schema(format = DateTime)]
    last_evaluated: Option<String>,
    /// The time since which all evaluations had the same variation.
    #[schema(format = DateTime)]
    same_variation_since: Option<String>,
    /// The lifecycle, which follows from the age and the use of the flag.
    lifecycle: Lifecycle,
}

/// The use of a variation.
#[derive(Debug, Serialize, ToSchema)]
struct VariationUsage {
    /// The name.
    name: String,
    /// Its evaluations.
    evaluations: u64,
    /// Its evaluations in each of the last 15 minutes, the current one last.
    per_minute: Vec<u32>,
    /// Its evaluations by reason: the reasons that the flag can have now, and those that it had.
    reasons: Vec<ReasonUsage>,
    /// Its exposures: subjects that had it, each once within the window.
    exposures: u64,
    /// The conversions of subjects that had it, by name.
    conversions: Vec<Conversion>,
}

/// The evaluations with one reason.
#[derive(Debug, Serialize, ToSchema)]
struct ReasonUsage {
    /// The reason (OpenFeature).
    #[schema(value_type = String, example = "TARGETING_MATCH")]
    reason: Reason,
    /// The number of evaluations.
    evaluations: u64,
}

/// The events of one name.
#[derive(Debug, Serialize, ToSchema)]
struct Conversion {
    /// The name.
    name: String,
    /// The number of events.
    count: u64,
    /// The sum of their values.
    sum: f64,
}

impl From<engine::FlagUsage> for FlagUsage {
    fn from(usage: engine::FlagUsage) -> Self {
        let variations = usage
            .variations
            .into_iter()
            .map(|variation| VariationUsage {
                name: variation.name,
                evaluations: variation.evaluations,
                reasons: variation
                    .reasons
                    .into_iter()
                    .map(|of| ReasonUsage {
                        reason: of.reason,
                        evaluations: of.evaluations,
                    })
                    .collect(),
                per_minute: variation.per_minute,
                exposures: variation.exposures,
                conversions: variation
                    .conversions
                    .into_iter()
                    .map(|conversion| Conversion {
                        name: conversion.name,
                        count: conversion.count,
                        sum: conversion.sum,
                    })
                    .collect(),
            });
        Self {
            key: usage.key,
            evaluations: usage.evaluations,
            errors: usage.errors,
            defaults: usage.defaults,
            variations: variations.collect(),
            last_evaluated: usage.last_evaluated.map(|time| time.to_string()),
            same_variation_since: usage.same_variation_since.map(|time| time.to_string()),
            lifecycle: usage.lifecycle,
        }
    }
}

/// Lists the use of all flags in this process, by key.
#[utoipa::path(
    get,
    path = "/api/flag-usage",
    operation_id = "list_flag_usage",
    tag = "flags",
    params(Searched),
    responses((status = OK, description = "The use of each flag.", body = [FlagUsage]), Read),
    security(("token" = ["read"]))
)]
async fn list(
    State(state): State<Arc<AdminState>>,
    Listing { filters, page }: Listing<Searched>,
) -> Response {
    let flags = state.waygate.flags();
    let usages = flags.usages().into_iter();
    let usages = usages.filter(|usage| filters.finds([usage.key.as_str()]));
    let usages: Vec<FlagUsage> = usages.map(FlagUsage::from).collect();
    page.of(&usages, flags.revision())
}

/// Shows the use of a flag in this process.
#[utoipa::path(
    get,
    path = "/api/flags/{key}/usage",
    operation_id = "get_flag_usage",
    tag = "flags",
    responses((status = OK, description = "The use of the flag.", body = FlagUsage), Read, NotFound),
    security(("token" = ["read"]))
)]
async fn get(
    State(state): State<Arc<AdminState>>,
    DefinitionKey(key): DefinitionKey<FlagKey>,
) -> Result<Reply<FlagUsage>, Problem> {
    let flags = state.waygate.flags();
    flags.flag(key.as_str())?;
    let usage = flags.usage(key.as_str()).ok_or_else(|| {
        let error = "This process does not observe evaluations.";
        Problem::new(ProblemKind::NotFound, error)
    })?;
    Ok(Reply::ok(usage.into()))
}
