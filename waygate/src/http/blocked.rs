use axum::extract::OriginalUri;
use http::{HeaderValue, StatusCode, request};
use jiff::Timestamp;
use waygate_core::{
    decision::Block,
    grammar::{EnvName, KeyPart, PolicyName, Reason, RoleName},
    model::LimitKey,
};

use crate::engine::Inner;

/// A request that is not served: its head, and why. Custom responses are made from it; one without a status of its own has
/// [`status`](Self::status).
///
/// ```
/// use axum::response::IntoResponse;
/// use waygate::Blocked;
///
/// fn teapot(blocked: &Blocked) -> impl IntoResponse + use<> {
///     (blocked.status(), format!("{} rests: {}", blocked.request().uri.path(), blocked.reason().message()))
/// }
/// # let _ = waygate::response::Responder::new(teapot);
/// ```
#[derive(Debug, Clone)]
pub struct Blocked {
    request: request::Parts,
    reason: BlockReason,
    at: Timestamp,
    shows_environments: bool,
}

/// Why a request is not served, with what a response may want to say about it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlockReason {
    /// Everything is in maintenance.
    GlobalMaintenance {
        /// Why; may be empty.
        reason: Reason,
        /// When it ends, if that is known.
        until: Option<Timestamp>,
    },
    /// Every route of the service is in maintenance.
    ServiceMaintenance {
        /// Why; may be empty.
        reason: Reason,
        /// When it ends, if that is known.
        until: Option<Timestamp>,
    },
    /// The route is in maintenance.
    Maintenance {
        /// Why; may be empty.
        reason: Reason,
        /// When it ends, if that is known.
        until: Option<Timestamp>,
    },
    /// The route is disabled.
    Disabled {
        /// Why; may be empty.
        reason: Reason,
        /// When it ends, if that is known.
        until: Option<Timestamp>,
    },
    /// The route is not served in this environment.
    EnvGated {
        /// This environment.
        current: EnvName,
        /// The environments that are served.
        allowed: Vec<EnvName>,
    },
    /// The client's address is in none of the allowed networks.
    IpNotAllowed,
    /// The caller has none of the allowed roles.
    RoleRequired {
        /// The roles, any of which would do.
        roles: Vec<RoleName>,
    },
    /// There were too many requests.
    RateLimited(RateLimited),
    /// There were too many requests at the same time.
    ConcurrencyLimited(ConcurrencyLimited),
    /// A rate limit has nothing to count the request by, and refuses such requests.
    KeyMissing(KeyMissing),
}

/// What a rate limit says to a request that it refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimited {
    /// The policy that refuses it.
    pub policy: LimitKey,
    /// The limit as it is written, such as `100/minute`.
    pub limit: String,
    /// The caller's tier, if the policy has one for it.
    pub tier: Option<PolicyName>,
    /// In how many seconds the same request may pass: rounded up, at least 1, with the jitter that is configured. 0 when
    /// it is [`too_costly`](Self::too_costly).
    pub retry_after: u64,
    /// When that is, without the jitter. For a request that is [`too_costly`](Self::too_costly), the present.
    pub reset_at: Timestamp,
    /// Whether it was refused because the store of the counters is gone, and the policy is closed without it.
    pub store_gone: bool,
    /// Whether it was refused because it costs more than the limit takes at once. No wait helps, so the answer has no
    /// `Retry-After`, which RFC 6585 (section 4) leaves open.
    pub too_costly: bool,
}

/// What a limit of concurrency says to a request that it refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConcurrencyLimited {
    /// The policy that refuses it.
    pub policy: LimitKey,
    /// How many requests may be served at the same time.
    pub limit: u32,
    /// In how many seconds it is worth another try. Nobody knows when a place becomes free: 1.
    pub retry_after: u64,
}

/// What a rate limit with `on_missing_key = "block"` says to a request that it has nothing to count by. No wait helps.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyMissing {
    /// The policy that refuses it.
    pub policy: LimitKey,
    /// What the request lacks; `None` where a key function returned none.
    pub missing: Option<KeyPart>,
    /// The `WWW-Authenticate` of the answer, which is 401 then (RFC 9110 section 15.5.2). `None`: it is 400.
    pub challenge: Option<HeaderValue>,
}

impl BlockReason {
    /// The status of the built-in answer: 503 for what is closed, 403 for what is closed to this caller, 429 for
    /// what was asked for too often, or by too many at a time, 401 or 400 for what a limit cannot count.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::GlobalMaintenance { .. }
            | Self::ServiceMaintenance { .. }
            | Self::Maintenance { .. }
            | Self::Disabled { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::EnvGated { .. } | Self::IpNotAllowed | Self::RoleRequired { .. } => {
                StatusCode::FORBIDDEN
            }
            Self::RateLimited(_) | Self::ConcurrencyLimited(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::KeyMissing(missing) if missing.challenge.is_some() => StatusCode::UNAUTHORIZED,
            Self::KeyMissing(_) => StatusCode::BAD_REQUEST,
        }
    }

    /// The stable code that clients tell blocks apart by, such as `MAINTENANCE_MODE`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::GlobalMaintenance { .. }
            | Self::ServiceMaintenance { .. }
            | Self::Maintenance { .. } => "MAINTENANCE_MODE",
            Self::Disabled { .. } => "ROUTE_DISABLED",
            Self::EnvGated { .. } => "ENV_GATED",
            Self::IpNotAllowed => "IP_NOT_ALLOWED",
            Self::RoleRequired { .. } => "ROLE_REQUIRED",
            Self::RateLimited(_) => "RATE_LIMIT_EXCEEDED",
            Self::ConcurrencyLimited(_) => "CONCURRENCY_LIMIT_EXCEEDED",
            Self::KeyMissing(_) => "RATE_LIMIT_KEY_MISSING",
        }
    }

    /// One sentence for people.
    pub fn message(&self) -> &'static str {
        match self {
            Self::GlobalMaintenance { .. }
            | Self::ServiceMaintenance { .. }
            | Self::Maintenance { .. } => "This endpoint is temporarily unavailable",
            Self::Disabled { .. } => "This endpoint has been disabled",
            Self::EnvGated { .. } => "This endpoint is not available in the current environment",
            Self::IpNotAllowed => "This endpoint is not available from your address",
            Self::RoleRequired { .. } => "This endpoint requires a role that you do not have",
            Self::RateLimited(limited) if limited.too_costly => {
                "This request costs more than its rate limit takes at once"
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

    /// What the operator said, where an operator says something; may be empty.
    pub fn text(&self) -> Option<&Reason> {
        match self {
            Self::GlobalMaintenance { reason, .. }
            | Self::ServiceMaintenance { reason, .. }
            | Self::Maintenance { reason, .. }
            | Self::Disabled { reason, .. } => Some(reason),
            Self::EnvGated { .. }
            | Self::IpNotAllowed
            | Self::RoleRequired { .. }
            | Self::RateLimited(_)
            | Self::ConcurrencyLimited(_)
            | Self::KeyMissing(_) => None,
        }
    }

    /// When the route is back, if that is known.
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

impl From<Block<'_>> for BlockReason {
    fn from(block: Block<'_>) -> Self {
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
            _ => Self::IpNotAllowed,
        }
    }
}

impl Blocked {
    pub(crate) fn new(mut request: request::Parts, reason: BlockReason, engine: &Inner) -> Self {
        // Below `nest` axum cuts the prefix off; the client knows the whole.
        if let Some(OriginalUri(whole)) = request.extensions.get() {
            request.uri = whole.clone();
        }
        Self {
            request,
            reason,
            at: engine.clock.now(),
            shows_environments: engine.answers.show_environments,
        }
    }

    /// The head of the request: method, URI, headers, extensions.
    pub fn request(&self) -> &request::Parts {
        &self.request
    }

    /// Why it is not served.
    pub fn reason(&self) -> &BlockReason {
        &self.reason
    }

    /// The status of the built-in answer, and of custom ones whose own status would be one of success.
    pub fn status(&self) -> StatusCode {
        self.reason.status()
    }

    /// The environments that the built-in answer may name: the current one, and those that are served.
    pub(super) fn environments(&self) -> Option<(&EnvName, &[EnvName])> {
        match &self.reason {
            BlockReason::EnvGated { current, allowed } if self.shows_environments => {
                Some((current, allowed))
            }
            _ => None,
        }
    }

    /// The `WWW-Authenticate` of a 401.
    pub(super) fn challenge(&self) -> Option<&HeaderValue> {
        match &self.reason {
            BlockReason::KeyMissing(missing) => missing.challenge.as_ref(),
            _ => None,
        }
    }

    /// Seconds for `Retry-After` (RFC 9110 section 10.2.3): rounded up, at least 1; `None` when the end is not known, or
    /// no wait helps.
    pub fn retry_after(&self) -> Option<u64> {
        match &self.reason {
            BlockReason::RateLimited(limited) if limited.too_costly => return None,
            BlockReason::RateLimited(limited) => return Some(limited.retry_after),
            BlockReason::ConcurrencyLimited(limited) => return Some(limited.retry_after),
            _ => {}
        }
        let wait = self.reason.until()?.duration_since(self.at);
        let seconds = wait.as_secs() + i64::from(wait.subsec_nanos() > 0);
        Some(u64::try_from(seconds).unwrap_or(0).max(1))
    }
}
