use utoipa::ToSchema;

/// A rate limit of a route.
#[derive(ToSchema)]
pub(crate) struct RouteRateLimit {
    /// The route's path.
    #[schema(example = "/search")]
    path: String,
    /// The route's method; `ALL` where it takes all of them.
    #[schema(example = "GET")]
    method: String,
    #[serde(flatten)]
    policy: RateLimitPolicy,
    #[serde(flatten)]
    about: AboutRateLimit,
    /// Whether an operator has set the policy.
    overridden: bool,
    /// Whether the code declares something else by now than when an operator set the policy.
    drifted: bool,
}

/// A rate limit that more than one route meets.
#[derive(ToSchema)]
pub(crate) struct SharedRateLimit {
    #[serde(flatten)]
    policy: RateLimitPolicy,
    /// Routes that the policy leaves alone: `/path`, `METHOD:/path`, or `/prefix/{*rest}` for all below.
    exempt_routes: Vec<String>,
    /// Whether it counts force-active routes as well.
    include_force_active: bool,
    #[serde(flatten)]
    about: AboutRateLimit,
}

/// Such a rate limit, if there is one.
#[derive(ToSchema)]
pub(crate) struct SharedRateLimitState {
    /// Whether there is one, and it is not paused.
    enabled: bool,
    #[schema(required)]
    policy: Option<SharedRateLimit>,
}

/// How much, counted how, by what, and for whom not.
#[derive(ToSchema)]
pub(crate) struct RateLimitPolicy {
    /// Tells several policies of one route apart.
    #[schema(example = "default")]
    name: String,
    /// How much in how much time, where no tier says otherwise.
    #[schema(example = "100/minute")]
    limit: String,
    algorithm: Algorithm,
    /// What has a counter of its own: `ip`, `user`, `api_key`, `global`, `header:<name>`, `path:<name>`, several of them
    /// separated by commas, or `custom`.
    #[schema(example = "ip")]
    key_strategy: String,
    /// What happens to requests without a key; `null`: what goes with the key.
    #[schema(required)]
    on_missing_key: Option<OnMissingKey>,
    /// How much more a window takes, or how large a token bucket is; 0: none.
    burst: u64,
    /// What one request costs.
    cost: u32,
    /// Limits for some callers.
    tiers: Vec<Tier>,
    /// The attribute of the caller that names the tier.
    #[schema(example = "plan")]
    tier_resolver: String,
    /// Clients in these networks pass, uncounted.
    exempt_ips: Vec<String>,
    /// Callers with one of these roles pass, uncounted.
    exempt_roles: Vec<String>,
    /// Whether it counts at all; `false` is a paused policy.
    enabled: bool,
    /// Whether it only reports whom it would refuse.
    shadow: bool,
    /// For which share of keys it holds, in percent.
    rollout: f64,
    on_store_failure: OnStoreFailure,
    /// Whether processes take blocks from the shared counter in advance.
    lease: bool,
    /// In which zone days and months of the calendar begin.
    #[schema(example = "UTC")]
    time_zone: String,
}

/// How requests are counted.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum Algorithm {
    FixedWindow,
    SlidingWindow,
    MovingWindow,
    TokenBucket,
}

/// What happens to a request that has no key.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum OnMissingKey {
    Exempt,
    FallbackIp,
    /// 401 where the user or the API key is missing, 400 where anything else is.
    Block,
    /// 401.
    Unauthorized,
    /// 400.
    BadRequest,
}

/// What a limit does while the store of its counters is not there.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum OnStoreFailure {
    Local,
    Open,
    Closed,
}

/// The limit for the callers of one plan.
#[derive(ToSchema)]
pub(crate) struct Tier {
    /// The plan.
    #[schema(example = "pro")]
    name: String,
    /// Its limit, or `unlimited`.
    #[schema(example = "1000/minute")]
    limit: String,
}

/// What a policy is shown with.
#[derive(ToSchema)]
pub(crate) struct AboutRateLimit {
    /// The name under which the policy is kept.
    #[schema(example = "GET:/search#default")]
    key: String,
    /// What it does, in words.
    meaning: String,
    counts: LimitCounts,
    /// What happens to requests that have nothing to be counted by.
    effective_on_missing_key: OnMissingKey,
    /// How many requests passed uncounted for that reason since the process began.
    skipped: u64,
    /// How many requests carried no caller since the process began, and met the policy's own limit although it has tiers.
    without_caller: u64,
    /// Why it does not count as it is meant to, if that is known without a request.
    #[schema(required)]
    warning: Option<String>,
    /// The entity tag, for `If-Match`.
    etag: String,
}

/// What a policy has said since the process began.
#[derive(ToSchema)]
pub(crate) struct LimitCounts {
    /// Requests that were counted and passed.
    allowed: u64,
    /// Requests that were refused.
    refused: u64,
    /// Requests that a policy in shadow mode would have refused.
    would_refuse: u64,
}

/// A rate limit for a route. What is `null` or not given has its default.
#[derive(ToSchema)]
pub(crate) struct SetRateLimit {
    /// The route's path.
    #[schema(example = "/search")]
    path: String,
    /// The route's method, in capitals or not; `ALL` for a route that takes all of them, of which any
    /// method may be limited by itself. Default: all methods together where the path is
    /// registered so, else its only method.
    #[schema(example = "GET")]
    method: Option<String>,
    /// Which of the route's policies. Default: `default`.
    name: Option<String>,
    #[serde(flatten)]
    policy: GivenPolicy,
}

/// A rate limit for more than one route. What is `null` or not given has its default.
#[derive(ToSchema)]
pub(crate) struct SetSharedRateLimit {
    /// Which of the policies. Default: `default`.
    name: Option<String>,
    #[serde(flatten)]
    policy: GivenPolicy,
    /// Routes that the policy leaves alone: `/path`, `METHOD:/path`, or `/prefix/{*rest}` for all below.
    exempt_routes: Option<Vec<String>>,
    /// Whether it counts force-active routes as well. Default: `false`.
    include_force_active: Option<bool>,
}

/// How much, counted how, by what, and for whom not, as it is asked for.
#[derive(ToSchema)]
pub(crate) struct GivenPolicy {
    /// How much in how much time: `100/minute`, `10 per 2 hours`, `5/second burst 10; 1000/day`.
    #[schema(example = "100/minute")]
    limit: String,
    /// Default: what the service has set, `fixed_window` where it has not.
    algorithm: Option<Algorithm>,
    /// What has a counter of its own. Default: `ip`, with tiers `user`.
    #[schema(example = "user, path:tenant_id")]
    key_strategy: Option<String>,
    /// Default: what goes with the key.
    on_missing_key: Option<OnMissingKey>,
    /// Default: 0.
    burst: Option<u64>,
    /// Default: 1.
    cost: Option<u32>,
    /// Default: none.
    tiers: Option<Vec<Tier>>,
    /// Default: `plan`.
    tier_resolver: Option<String>,
    /// Addresses and networks. Default: none.
    exempt_ips: Option<Vec<String>>,
    /// Default: none.
    exempt_roles: Option<Vec<String>>,
    /// Default: `false`.
    shadow: Option<bool>,
    /// In percent. Default: 100.
    rollout: Option<f64>,
    /// Default: `local`.
    on_store_failure: Option<OnStoreFailure>,
    /// Default: `false`.
    lease: Option<bool>,
    /// Default: `UTC`.
    #[schema(example = "Europe/Berlin")]
    time_zone: Option<String>,
}

/// A request that was refused, or that a policy in shadow mode would have refused.
#[derive(ToSchema)]
pub(crate) struct RateLimitHit {
    #[schema(format = "uuid")]
    id: String,
    #[schema(format = DateTime)]
    timestamp: String,
    /// The route's path.
    path: String,
    /// The request's method.
    method: String,
    /// What the request was counted by, with secrets as digests.
    #[schema(example = "waygate:ratelimit:GET:/search:203.0.113.7")]
    key: String,
    /// The limit, as it is written.
    limit: String,
    /// The caller's tier, if the policy has one for it.
    #[schema(required)]
    tier: Option<String>,
    /// When the same request may pass.
    #[schema(format = DateTime)]
    reset_at: String,
    /// The policy's key.
    #[schema(example = "GET:/search#default")]
    policy: String,
    /// Whether the request was refused; `false` in shadow mode.
    enforced: bool,
}

/// A key that came near its limit, or went beyond it.
#[derive(ToSchema)]
pub(crate) struct KeyUse {
    /// The key, with secrets as digests.
    key: String,
    /// How often it was seen near the limit or beyond, at most.
    seen: u64,
    /// How many of those requests were refused, or would have been.
    refused: u64,
    /// The limit, when it was last seen.
    limit: u64,
    /// What was left then.
    remaining: u64,
    #[schema(format = DateTime)]
    last_seen: String,
}

/// How one request was decided about: by the state of its route, and by its limits.
#[derive(ToSchema)]
pub(crate) struct LimitDecision {
    /// What the request carried in `X-Request-Id`.
    request_id: String,
    #[schema(format = DateTime)]
    at: String,
    /// The route's key.
    route: String,
    /// The request's method.
    method: String,
    /// Whether the request passed.
    passed: bool,
    /// The key of the limit that refused it; null where the route's state did.
    #[schema(required)]
    refused_by: Option<String>,
    #[schema(required)]
    cause: Option<DecisionCause>,
    /// More about a refusal by the route's state, or what exempts the request; null for limits.
    #[schema(required)]
    reason: Option<String>,
    mode: CountingMode,
    /// What each rate of each policy said, in the order of the checks; empty when the request was not counted.
    steps: Vec<LimitStep>,
    /// The policies that found nothing to count the request by and let it pass uncounted.
    skipped: Vec<SkippedPolicy>,
}

/// A policy that did not count a request.
#[derive(ToSchema)]
pub(crate) struct SkippedPolicy {
    /// The policy's key.
    #[schema(example = "GET:/search#default")]
    policy: String,
    on_missing_key: OnMissingKey,
}

/// Why a request was refused, or why it passed a maintenance.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum DecisionCause {
    /// There were too many.
    Exceeded,
    /// It costs more than the limit takes at once, so that it never passes.
    TooCostly,
    /// It had nothing to be counted by.
    NoKey,
    /// The store of the counters was gone, and the policy is closed without it.
    StoreGone,
    /// Too many were served at the same time.
    Concurrency,
    /// Everything was in maintenance.
    GlobalMaintenance,
    /// Every route of the service was in maintenance.
    ServiceMaintenance,
    /// The route was in maintenance.
    Maintenance,
    /// The route was disabled.
    Disabled,
    /// The route is not served in this environment.
    EnvGated,
    /// The client's address is in none of the allowed networks.
    IpNotAllowed,
    /// The caller has none of the allowed roles.
    RoleRequired,
    /// It passed, since the maintenance that is on exempts the client's network or a role of the caller.
    Exempt,
}

/// What one rate of one policy said.
#[derive(ToSchema)]
pub(crate) struct LimitStep {
    /// The policy's key.
    policy: String,
    /// The caller's tier, if the policy has one for it.
    #[schema(required)]
    tier: Option<String>,
    /// Whether the policy has tiers and the request carried no caller, so that it met the policy's own limit.
    without_caller: bool,
    /// What the request was counted by, with secrets as digests.
    key: String,
    /// The counter's series.
    counter: String,
    /// What the request cost.
    cost: u32,
    /// The most that can be taken at once.
    limit: u64,
    /// What was left afterwards.
    remaining: u64,
    /// When more is there again.
    #[schema(format = DateTime)]
    reset_at: String,
    /// Whether the rate let the request pass.
    allowed: bool,
    /// Whether a refusal counts: not in shadow mode.
    enforced: bool,
}

/// What counted a request.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum CountingMode {
    Authoritative,
    Local,
    Open,
    Closed,
}

/// How many requests were decided in each way.
#[derive(ToSchema)]
pub(crate) struct CountingModes {
    /// By the counters that are meant to count.
    authoritative: u64,
    /// By the process's own counters, while the shared ones were gone.
    local: u64,
    /// Passed uncounted, while the shared counters were gone.
    open: u64,
    /// Refused, while the shared counters were gone.
    closed: u64,
}
