use http::{HeaderValue, StatusCode};
use jiff::Timestamp;
use waygate_core::{
    decision::Block,
    grammar::{EnvName, KeyPart, PolicyName, Reason, RoleName},
    model::LimitKey,
};

/// Why a request is blocked, with details for the response.
///
/// ```
/// use waygate::{Blocked, Responses, response::BlockReason};
///
/// fn busy(blocked: &Blocked) -> String {
///     match blocked.reason() {
///         BlockReason::Maintenance { reason, .. } => format!("closed: {reason}"),
///         reason => reason.message().to_owned(),
///     }
/// }
/// let responses = Responses::new().maintenance(busy);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlockReason {
    /// Global maintenance is active.
    GlobalMaintenance {
        /// The reason; may be empty.
        reason: Reason,
        /// The end, if known.
        until: Option<Timestamp>,
    },
    /// Every route of the service is in maintenance.
    ServiceMaintenance {
        /// The reason; may be empty.
        reason: Reason,
        /// The end, if known.
        until: Option<Timestamp>,
    },
    /// The route is in maintenance.
    Maintenance {
        /// The reason; may be empty.
        reason: Reason,
        /// The end, if known.
        until: Option<Timestamp>,
    },
    /// The route is disabled.
    Disabled {
        /// The reason; may be empty.
        reason: Reason,
        /// The end, if known.
        until: Option<Timestamp>,
    },
    /// The route is not served in this environment.
    EnvGated {
        /// The current environment.
        current: EnvName,
        /// The allowed environments.
        allowed: Vec<EnvName>,
    },
    /// The client's address is in none of the allowed networks.
    IpNotAllowed,
    /// The caller has none of the allowed roles.
    RoleRequired {
        /// The allowed roles; one of them is required.
        roles: Vec<RoleName>,
    },
    /// The flag of a gate is off for the caller.
    FlagOff {
        /// The key of the flag. Built-in responses do not contain it.
        flag: String,
        /// The status of the response: 404 hides the route, 403 does not.
        status: StatusCode,
    },
    /// A rate limit is exceeded.
    RateLimited(RateLimited),
    /// A concurrency limit is exceeded.
    ConcurrencyLimited(ConcurrencyLimited),
    /// The request has no key for a rate limit, and the limit refuses such requests.
    KeyMissing(KeyMissing),
}

/// Details of a rate limit that refuses a request.
///
/// ```
/// use waygate::{Blocked, Responses, response::BlockReason};
///
/// fn busy(blocked: &Blocked) -> String {
///     match blocked.reason() {
///         BlockReason::RateLimited(limited) => format!("{}: wait {} s", limited.limit, limited.retry_after),
///         reason => reason.message().to_owned(),
///     }
/// }
/// let responses = Responses::new().rate_limited(busy);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimited {
    /// The policy.
    pub policy: LimitKey,
    /// The limit in its text form, such as `100/minute`.
    pub limit: String,
    /// The caller's tier, if the policy has one.
    pub tier: Option<PolicyName>,
    /// Seconds until the same request may succeed: rounded up, at least 1, with the configured jitter. 0 if it is
    /// [`too_costly`](Self::too_costly).
    pub retry_after: u64,
    /// The time when the same request may succeed, without the jitter. The current time if the request is
    /// [`too_costly`](Self::too_costly).
    pub reset_at: Timestamp,
    /// `true` if the counter store is unreachable and the policy fails closed.
    pub store_gone: bool,
    /// `true` if the cost of the request exceeds the whole limit. Waiting does not help, so the response has no
    /// `Retry-After`, which RFC 6585 (section 4) makes optional.
    pub too_costly: bool,
}

/// Details of a concurrency limit that refuses a request.
///
/// ```
/// use waygate::{Blocked, Responses, response::BlockReason};
///
/// fn busy(blocked: &Blocked) -> String {
///     match blocked.reason() {
///         BlockReason::ConcurrencyLimited(limited) => format!("{} at a time", limited.limit),
///         reason => reason.message().to_owned(),
///     }
/// }
/// let responses = Responses::new().concurrency_limited(busy);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConcurrencyLimited {
    /// The policy.
    pub policy: LimitKey,
    /// The maximum number of concurrent requests.
    pub limit: u32,
    /// Seconds until a retry is worthwhile: 1, since the time of the next release is unknown.
    pub retry_after: u64,
}

/// Details of a rate limit with `on_missing_key = "block"` that refuses a request without its key. Waiting does not
/// help.
///
/// ```
/// use waygate::{Blocked, Responses, response::BlockReason};
///
/// fn busy(blocked: &Blocked) -> String {
///     match blocked.reason() {
///         BlockReason::KeyMissing(missing) => format!("{:?} is missing", missing.missing),
///         reason => reason.message().to_owned(),
///     }
/// }
/// let responses = Responses::new().key_missing(busy);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyMissing {
    /// The policy.
    pub policy: LimitKey,
    /// The missing part of the key; `None` if a key function returned none.
    pub missing: Option<KeyPart>,
    /// The `WWW-Authenticate` header of the response, which is then 401 (RFC 9110 section 15.5.2). If `None`, the
    /// status is 400.
    pub challenge: Option<HeaderValue>,
}

impl BlockReason {
    /// The status of the built-in response: 503 for closed routes, 403 for routes closed to this caller, 404 or 403 for
    /// a flag that is off, 429 for exceeded limits, 401 or 400 for a missing key.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::GlobalMaintenance { .. }
            | Self::ServiceMaintenance { .. }
            | Self::Maintenance { .. }
            | Self::Disabled { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::EnvGated { .. } | Self::IpNotAllowed | Self::RoleRequired { .. } => {
                StatusCode::FORBIDDEN
            }
            Self::FlagOff { status, .. } => *status,
            Self::RateLimited(_) | Self::ConcurrencyLimited(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::KeyMissing(missing) if missing.challenge.is_some() => StatusCode::UNAUTHORIZED,
            Self::KeyMissing(_) => StatusCode::BAD_REQUEST,
        }
    }

    /// The stable code of the block for clients, such as `MAINTENANCE_MODE`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::GlobalMaintenance { .. }
            | Self::ServiceMaintenance { .. }
            | Self::Maintenance { .. } => "MAINTENANCE_MODE",
            Self::Disabled { .. } => "ROUTE_DISABLED",
            Self::EnvGated { .. } => "ENV_GATED",
            Self::IpNotAllowed => "IP_NOT_ALLOWED",
            Self::RoleRequired { .. } => "ROLE_REQUIRED",
            Self::FlagOff { status, .. } if *status == StatusCode::NOT_FOUND => "NOT_FOUND",
            Self::FlagOff { .. } => "FLAG_OFF",
            Self::RateLimited(_) => "RATE_LIMIT_EXCEEDED",
            Self::ConcurrencyLimited(_) => "CONCURRENCY_LIMIT_EXCEEDED",
            Self::KeyMissing(_) => "RATE_LIMIT_KEY_MISSING",
        }
    }

    /// A human-readable sentence.
    pub fn message(&self) -> &'static str {
        match self {
            Self::GlobalMaintenance { .. }
            | Self::ServiceMaintenance { .. }
            | Self::Maintenance { .. } => "This endpoint is temporarily unavailable",
            Self::Disabled { .. } => "This endpoint has been disabled",
            Self::EnvGated { .. } => "This endpoint is not available in the current environment",
            Self::IpNotAllowed => "This endpoint is not available from your address",
            Self::RoleRequired { .. } => "This endpoint requires a role that you do not have",
            Self::FlagOff { status, .. } if *status == StatusCode::NOT_FOUND => "Not found",
            Self::FlagOff { .. } => "This endpoint is not available to you",
            Self::RateLimited(limited) if limited.too_costly => {
                "This request costs more than its rate limit allows"
            }
            Self::RateLimited(_) => "Too many requests",
            Self::ConcurrencyLimited(_) => "Too many requests at a time",
            Self::KeyMissing(missing) => match missing.missing {
                Some(KeyPart::User) => "This endpoint requires an authenticated user",
                Some(KeyPart::ApiKey) => "This endpoint requires the header X-API-Key",
                Some(KeyPart::Header(_)) => "This endpoint requires a header that is missing",
                _ => "This request has nothing that its rate limit counts by",
            },
        }
    }

    /// The operator's reason, if any; may be empty.
    pub fn text(&self) -> Option<&Reason> {
        match self {
            Self::GlobalMaintenance { reason, .. }
            | Self::ServiceMaintenance { reason, .. }
            | Self::Maintenance { reason, .. }
            | Self::Disabled { reason, .. } => Some(reason),
            Self::EnvGated { .. }
            | Self::IpNotAllowed
            | Self::RoleRequired { .. }
            | Self::FlagOff { .. }
            | Self::RateLimited(_)
            | Self::ConcurrencyLimited(_)
            | Self::KeyMissing(_) => None,
        }
    }

    /// The end of the block, if known.
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Self::GlobalMaintenance { until, .. }
            | Self::ServiceMaintenance { until, .. }
            | Self::Maintenance { until, .. }
            | Self::Disabled { until, .. } => *until,
            _ => None,
        }
    }
}

impl BlockReason {
    pub(crate) fn of(block: Block<'_>) -> Self {
        match block {
            Block::GlobalMaintenance { reason, until } => Self::GlobalMaintenance {
                reason: reason.clone(),
                until,
            },
            Block::ServiceMaintenance { reason, until } => Self::ServiceMaintenance {
                reason: reason.clone(),
                until,
            },
            Block::Maintenance { reason, until } => Self::Maintenance {
                reason: reason.clone(),
                until,
            },
            Block::Disabled { reason, until } => Self::Disabled {
                reason: reason.clone(),
                until,
            },
            Block::EnvGated { current, allowed } => Self::EnvGated {
                current: current.clone(),
                allowed: allowed.to_vec(),
            },
            Block::RoleRequired { roles } => Self::RoleRequired {
                roles: roles.to_vec(),
            },
            Block::FlagOff { flag, status } => Self::FlagOff {
                flag: flag.to_owned(),
                // The attribute takes no others.
                status: StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN),
            },
            _ => Self::IpNotAllowed,
        }
    }
}
