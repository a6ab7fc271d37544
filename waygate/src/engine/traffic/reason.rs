use crate::engine::refusals::BlockReason;

/// Why a request was blocked: the closed list of the label `reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum BlockedBy {
    Maintenance,
    GlobalMaintenance,
    ServiceMaintenance,
    Disabled,
    EnvGated,
    Ip,
    Role,
    RateLimit,
    Concurrency,
    Flag,
}

impl BlockedBy {
    pub(crate) const ALL: [Self; 10] = [
        Self::Maintenance,
        Self::GlobalMaintenance,
        Self::ServiceMaintenance,
        Self::Disabled,
        Self::EnvGated,
        Self::Ip,
        Self::Role,
        Self::RateLimit,
        Self::Concurrency,
        Self::Flag,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Maintenance => "maintenance",
            Self::GlobalMaintenance => "global_maintenance",
            Self::ServiceMaintenance => "service_maintenance",
            Self::Disabled => "disabled",
            Self::EnvGated => "env_gated",
            Self::Ip => "ip",
            Self::Role => "role",
            Self::RateLimit => "rate_limit",
            Self::Concurrency => "concurrency",
            Self::Flag => "flag",
        }
    }

    /// A request without the key of a rate limit is blocked by that limit.
    #[cfg_attr(not(feature = "axum"), allow(dead_code, reason = "for responses"))]
    pub(crate) fn of(reason: &BlockReason) -> Self {
        match reason {
            BlockReason::Maintenance { .. } => Self::Maintenance,
            BlockReason::GlobalMaintenance { .. } => Self::GlobalMaintenance,
            BlockReason::ServiceMaintenance { .. } => Self::ServiceMaintenance,
            BlockReason::Disabled { .. } => Self::Disabled,
            BlockReason::EnvGated { .. } => Self::EnvGated,
            BlockReason::IpNotAllowed => Self::Ip,
            BlockReason::RoleRequired { .. } => Self::Role,
            BlockReason::RateLimited(_) | BlockReason::KeyMissing(_) => Self::RateLimit,
            BlockReason::ConcurrencyLimited(_) => Self::Concurrency,
            BlockReason::FlagOff { .. } => Self::Flag,
        }
    }
}
