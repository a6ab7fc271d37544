//! Flags in the code of this process: declarations, findings, missing flags and canaries.

use std::{sync::Arc, time::Duration};

use axum::{extract::State, response::Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::flag::FlagKey;

use crate::{
    admin::{
        key::DefinitionKey,
        responses::{NotFound, Read},
        searched::Searched,
        state::AdminState,
    },
    engine::{self, ArmRecord, FlagDeclaration, FlagFinding, LatencyHistogram},
    rest::{AtMost, Filters, Listing, Problem, Reply, Search},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(declarations))
        .routes(routes!(declarations_of))
        .routes(routes!(findings))
        .routes(routes!(missing))
        .routes(routes!(canaries))
}

/// Lists the flags that the code of this process declares, by key and place.
#[utoipa::path(
    get,
    path = "/api/flag-declarations",
    operation_id = "list_flag_declarations",
    tag = "flags",
    params(Searched),
    responses((status = OK, description = "The declarations.", body = [FlagDeclaration]), Read),
    security(("token" = ["read"]))
)]
async fn declarations(
    State(state): State<Arc<AdminState>>,
    Listing { filters, page }: Listing<Searched>,
) -> Response {
    let flags = state.waygate.flags();
    let mut all = flags.declarations();
    all.retain(|it| filters.finds([it.key, it.name, it.description]));
    page.of(&all, flags.revision())
}

/// Shows where the code of this process declares a flag, and the routes that depend on it. More than one declaration is a
/// mistake.
#[utoipa::path(
    get,
    path = "/api/flags/{key}/declarations",
    operation_id = "list_declarations_of_flag",
    tag = "flags",
    responses(
        (status = OK, description = "The declarations; empty if no code declares the flag.", body = [FlagDeclaration]),
        Read,
        NotFound,
    ),
    security(("token" = ["read"]))
)]
async fn declarations_of(
    State(state): State<Arc<AdminState>>,
    DefinitionKey(key): DefinitionKey<FlagKey>,
    Listing { page, .. }: Listing,
) -> Result<Response, Problem> {
    let flags = state.waygate.flags();
    let mut declarations = flags.declarations();
    declarations.retain(|declared| declared.key == key.as_str());
    if declarations.is_empty() {
        flags.flag(key.as_str())?;
    }
    Ok(page.of(&declarations, flags.revision()))
}

/// Lists the differences between the flags in the code of this process and those in the store, by key.
#[utoipa::path(
    get,
    path = "/api/flag-findings",
    operation_id = "list_flag_findings",
    tag = "flags",
    params(Searched),
    responses((status = OK, description = "The differences.", body = [FlagFinding]), Read),
    security(("token" = ["read"]))
)]
async fn findings(
    State(state): State<Arc<AdminState>>,
    Listing { filters, page }: Listing<Searched>,
) -> Response {
    let flags = state.waygate.flags();
    let mut all = flags.mismatches();
    all.retain(|finding| filters.finds([finding.key.as_ref()]));
    page.of(&all, flags.revision())
}

/// Evaluations in this process of flags that do not exist.
#[derive(Debug, Serialize, ToSchema)]
struct MissingFlags {
    /// Their number since the process started.
    total: u64,
    /// Declared flags, and the most frequent other keys.
    keys: Vec<MissingFlag>,
}

/// A key without a flag.
#[derive(Debug, Serialize, ToSchema)]
struct MissingFlag {
    /// The key.
    key: String,
    /// Its evaluations. Those of a rare key may not all be counted.
    evaluations: u64,
}

/// Shows which flags were evaluated in this process and do not exist.
#[utoipa::path(
    get,
    path = "/api/missing-flags",
    operation_id = "get_missing_flags",
    tag = "flags",
    responses((status = OK, description = "The missing flags.", body = MissingFlags), Read),
    security(("token" = ["read"]))
)]
async fn missing(State(state): State<Arc<AdminState>>) -> Result<Reply<MissingFlags>, Problem> {
    let missing = state.waygate.flags().missing();
    let keys = missing.keys.into_iter();
    Ok(Reply::ok(MissingFlags {
        total: missing.total,
        keys: keys
            .map(|(key, evaluations)| MissingFlag { key, evaluations })
            .collect(),
    }))
}

/// A route with two handlers.
#[derive(Debug, Serialize, ToSchema)]
struct Canary {
    /// The key of the route.
    route: String,
    /// The key of the flag that selects the candidate.
    flag: &'static str,
    /// The stable handler.
    stable: Arm,
    /// The candidate.
    candidate: Arm,
}

/// The facts about one of two handlers.
#[derive(Debug, Serialize, ToSchema)]
struct Arm {
    /// The function.
    handler: &'static str,
    /// Requests that it has started to serve.
    started: u64,
    /// Requests with a response or a panic.
    completed: u64,
    /// Completed requests with a panic, a status of 500 or above, or a body that failed.
    failed: u64,
    /// Requests that were dropped before a response.
    aborted: u64,
    /// The time from the start to the head of the response.
    latency: Latency,
    /// The time from the start to the abort.
    aborted_after: Latency,
}

/// A histogram of latencies.
#[derive(Debug, Serialize, ToSchema)]
struct Latency {
    /// An upper bound of the median, in seconds; `null` without requests, as are the others.
    p50: Option<f64>,
    /// An upper bound of the 95th percentile, in seconds.
    p95: Option<f64>,
    /// An upper bound of the 99th percentile, in seconds.
    p99: Option<f64>,
    /// The buckets with requests: four of equal width for each doubling, up to 64 s.
    buckets: Vec<Bucket>,
}

/// A bucket of a histogram.
#[derive(Debug, Serialize, ToSchema)]
struct Bucket {
    /// The upper edge in seconds; the last bucket has all longer latencies too.
    up_to: f64,
    /// The requests in this bucket alone.
    count: u64,
}

impl Arm {
    fn new(handler: &'static str, facts: ArmRecord) -> Self {
        Self {
            handler,
            started: facts.started,
            completed: facts.completed,
            failed: facts.failed,
            aborted: facts.aborted,
            latency: facts.latency.into(),
            aborted_after: facts.aborted_after.into(),
        }
    }
}

impl From<LatencyHistogram> for Latency {
    fn from(histogram: LatencyHistogram) -> Self {
        let quantile = |share| {
            histogram
                .quantile(share)
                .as_ref()
                .map(Duration::as_secs_f64)
        };
        let buckets = histogram.buckets().filter(|(_, count)| *count > 0);
        let buckets = buckets.map(|(edge, count)| Bucket {
            up_to: edge.as_secs_f64(),
            count,
        });
        Self {
            p50: quantile(0.5),
            p95: quantile(0.95),
            p99: quantile(0.99),
            buckets: buckets.collect(),
        }
    }
}

impl From<engine::CanaryRecord> for Canary {
    fn from(canary: engine::CanaryRecord) -> Self {
        Self {
            route: canary.route.to_string(),
            flag: canary.flag,
            stable: Arm::new(canary.stable_handler, canary.stable),
            candidate: Arm::new(canary.candidate_handler, canary.candidate),
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct CanaryParams {
    /// Only the requests of the last minutes, with the current one: a whole number; 0 counts as 1, and more than 60 as 60.
    /// By default, and if the application counts no requests, all since the process started.
    #[param(nullable = false, value_type = Option<u64>, minimum = 0)]
    minutes: Option<AtMost<60>>,
    /// Only canaries with this string in their routes or flags, regardless of case: 1 to 200 characters.
    #[param(nullable = false, value_type = Option<String>)]
    search: Option<Search>,
}

impl Filters for CanaryParams {}

/// Lists the routes with two handlers, with the facts about each handler in this process.
#[utoipa::path(
    get,
    path = "/api/canaries",
    operation_id = "list_canaries",
    tag = "flags",
    params(CanaryParams),
    responses((status = OK, description = "The canaries, by route.", body = [Canary]), Read),
    security(("token" = ["read"]))
)]
async fn canaries(
    State(state): State<Arc<AdminState>>,
    Listing { filters, page }: Listing<CanaryParams>,
) -> Response {
    let CanaryParams { minutes, search } = filters;
    let canaries = match minutes {
        Some(minutes) => state.waygate.recent_canaries(minutes.0),
        None => state.waygate.canaries(),
    };
    let finds = |it: &engine::CanaryRecord| {
        let mut names = search.iter();
        names.all(|search| search.finds([it.route.as_str(), it.flag]))
    };
    let canaries = canaries.into_iter().filter(finds);
    let canaries: Vec<Canary> = canaries.map(Canary::from).collect();
    page.of(&canaries, state.waygate.revision())
}
