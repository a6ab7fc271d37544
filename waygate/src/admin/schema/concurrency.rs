use utoipa::ToSchema;

use super::limits::OnMissingKey;

/// A limit of concurrency of a route.
#[derive(ToSchema)]
pub(crate) struct RouteConcurrencyLimit {
    /// The route's path.
    #[schema(example = "/search")]
    path: String,
    /// The route's method; `ALL` where it takes all of them.
    #[schema(example = "GET")]
    method: String,
    #[serde(flatten)]
    limit: ConcurrencyLimit,
}

/// A limit of concurrency that more than one route meets.
#[derive(ToSchema)]
pub(crate) struct SharedConcurrencyLimit {
    #[serde(flatten)]
    limit: ConcurrencyLimit,
    /// Routes that the limit leaves alone: `/path`, `METHOD:/path`, or `/prefix/{*rest}` for all below.
    exempt_routes: Vec<String>,
    /// Whether it counts force-active routes as well.
    include_force_active: bool,
}

/// How many requests are served at the same time, and for whom that does not count.
#[derive(ToSchema)]
pub(crate) struct ConcurrencyLimit {
    /// Tells several limits of one scope apart.
    #[schema(example = "default")]
    name: String,
    /// How many requests at a time.
    #[schema(minimum = 1)]
    limit: u32,
    /// What has a count of its own: `ip`, `user`, `api_key`, `global`, `header:<name>`, `path:<name>`, several of them
    /// separated by commas, or `custom`.
    #[schema(example = "global")]
    key_strategy: String,
    /// Clients in these networks pass, uncounted.
    exempt_ips: Vec<String>,
    /// Callers with one of these roles pass, uncounted.
    exempt_roles: Vec<String>,
    /// The name under which the limit is kept.
    #[schema(example = "GET:/search#default")]
    key: String,
    /// What it does, in words.
    meaning: String,
    /// How many requests of this process hold a place now, of all keys together.
    in_use: u64,
    /// How many requests were refused since the process began.
    refused: u64,
    /// What happens to requests that have nothing to be counted by.
    effective_on_missing_key: OnMissingKey,
    /// How many requests passed uncounted for that reason since the process began.
    skipped: u64,
    /// Why it does not count as it is meant to, if that is known without a request.
    #[schema(required)]
    warning: Option<String>,
    /// Whether an operator has set the limit.
    overridden: bool,
    /// Whether the code declares something else by now than when an operator set the limit.
    drifted: bool,
    /// The entity tag, for `If-Match`.
    etag: String,
}

/// A limit of concurrency for a route. What is `null` or not given has its default.
#[derive(ToSchema)]
pub(crate) struct SetConcurrencyLimit {
    /// The route's path.
    #[schema(example = "/search")]
    path: String,
    /// The route's method, in capitals or not; `ALL` for a route that takes all of them, of which any
    /// method may be limited by itself. Default: all methods together where the path is
    /// registered so, else its only method.
    #[schema(example = "GET")]
    method: Option<String>,
    #[serde(flatten)]
    limit: GivenConcurrencyLimit,
}

/// A limit of concurrency for more than one route. What is `null` or not given has its default.
#[derive(ToSchema)]
pub(crate) struct SetSharedConcurrencyLimit {
    #[serde(flatten)]
    limit: GivenConcurrencyLimit,
    /// Routes that the limit leaves alone: `/path`, `METHOD:/path`, or `/prefix/{*rest}` for all below.
    exempt_routes: Option<Vec<String>>,
    /// Whether it counts force-active routes as well. Default: `false`.
    include_force_active: Option<bool>,
}

/// How many requests at a time, and for whom that does not count, as it is asked for.
#[derive(ToSchema)]
pub(crate) struct GivenConcurrencyLimit {
    /// Which of the scope's limits. Default: `default`.
    name: Option<String>,
    /// How many requests at a time.
    #[schema(minimum = 1, example = 10)]
    limit: u32,
    /// What has a count of its own. Default: `global`, which is all requests together.
    #[schema(example = "user")]
    key_strategy: Option<String>,
    /// Addresses and networks. Default: none.
    exempt_ips: Option<Vec<String>>,
    /// Default: none.
    exempt_roles: Option<Vec<String>>,
}
