use super::reason::BlockedBy;

/// How a request ended: with a status and the reason of a block, or without a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ending {
    /// `None` if the response was dropped before it had a status: the client went away, or a time-out expired.
    pub(crate) status: Option<u16>,
    pub(crate) blocked: Option<BlockedBy>,
    /// `true` if the status is only that of the class, such as 500 for 5xx: a route has had too many.
    pub(crate) is_rest: bool,
}

impl Ending {
    pub(crate) const ABORTED: Self = Self {
        status: None,
        blocked: None,
        is_rest: false,
    };

    #[inline]
    pub(crate) fn with(status: u16, blocked: Option<BlockedBy>) -> Self {
        Self {
            status: Some(status),
            blocked,
            is_rest: false,
        }
    }

    /// The substitute for endings above the maximum of a route.
    pub(crate) fn rest(self) -> Self {
        Self {
            status: self.status.map(|status| status / 100 * 100),
            is_rest: true,
            ..self
        }
    }

    /// Returns `true` for a failure of the handler: a panic, or a status of 500 or above that no gate has caused.
    pub(crate) fn is_error(self) -> bool {
        self.blocked.is_none() && self.status.is_some_and(|status| status >= 500)
    }
}
