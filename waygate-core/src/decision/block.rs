use jiff::Timestamp;

use crate::grammar::{EnvName, Reason, RoleName};

/// The reason a request is not served.
///
/// ```
/// use waygate_core::decision::Block;
///
/// fn status(block: Block<'_>) -> u16 {
///     match block {
///         Block::IpNotAllowed | Block::RoleRequired { .. } => 403,
///         Block::EnvGated { .. } => 404,
///         _ => 503,
///     }
/// }
/// assert_eq!(status(Block::IpNotAllowed), 403);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Block<'a> {
    /// All routes are in maintenance.
    GlobalMaintenance {
        /// The reason; may be empty.
        reason: &'a Reason,
        /// The end, if known.
        until: Option<Timestamp>,
    },
    /// Every route of the service is in maintenance.
    ServiceMaintenance {
        /// The reason; may be empty.
        reason: &'a Reason,
        /// The end, if known.
        until: Option<Timestamp>,
    },
    /// The route is in maintenance.
    Maintenance {
        /// The reason; may be empty.
        reason: &'a Reason,
        /// The end, if known.
        until: Option<Timestamp>,
    },
    /// The route is disabled.
    Disabled {
        /// The reason; may be empty.
        reason: &'a Reason,
        /// The end, if known.
        until: Option<Timestamp>,
    },
    /// The route is not served in this environment.
    EnvGated {
        /// This environment.
        current: &'a EnvName,
        /// The environments in which it is served.
        allowed: &'a [EnvName],
    },
    /// The client's address is in none of the allowed networks.
    IpNotAllowed,
    /// The caller has none of the allowed roles.
    RoleRequired {
        /// The allowed roles; any of them is sufficient.
        roles: &'a [RoleName],
    },
    /// A flag is off for the caller.
    FlagOff {
        /// The key of the flag.
        flag: &'a str,
        /// The status of the response: 404 or 403.
        status: u16,
    },
}

impl<'a> Block<'a> {
    /// Returns the operator's reason, for maintenance and disabled routes; may be empty.
    pub fn reason(&self) -> Option<&'a Reason> {
        match self {
            Self::GlobalMaintenance { reason, .. }
            | Self::ServiceMaintenance { reason, .. }
            | Self::Maintenance { reason, .. }
            | Self::Disabled { reason, .. } => Some(reason),
            _ => None,
        }
    }

    /// Returns the same block with the end of two gates that both close a request.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        if let Self::GlobalMaintenance { until, .. }
        | Self::ServiceMaintenance { until, .. }
        | Self::Maintenance { until, .. }
        | Self::Disabled { until, .. } = &mut self
        {
            *until = later(*until, || other.end());
        }
        self
    }

    /// Returns when the gate opens; `None` for refusals that depend on the caller.
    pub(super) fn end(&self) -> Option<Option<Timestamp>> {
        match self {
            Self::GlobalMaintenance { until, .. }
            | Self::ServiceMaintenance { until, .. }
            | Self::Maintenance { until, .. }
            | Self::Disabled { until, .. } => Some(*until),
            Self::EnvGated { .. } => Some(None),
            Self::IpNotAllowed | Self::RoleRequired { .. } | Self::FlagOff { .. } => None,
        }
    }

    /// Returns the end of the block, if known.
    pub fn until(&self) -> Option<Timestamp> {
        self.end().flatten()
    }
}

/// Returns when a request would pass two closed gates: the later of the ends, if both are known. `None` from `other`
/// means open. `other` is called only if it matters.
pub(super) fn later(
    end: Option<Timestamp>,
    other: impl FnOnce() -> Option<Option<Timestamp>>,
) -> Option<Timestamp> {
    let end = end?;
    match other() {
        None => Some(end),
        Some(other) => Some(end.max(other?)),
    }
}
