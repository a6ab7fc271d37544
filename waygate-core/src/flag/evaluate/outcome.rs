use crate::flag::outcome::{Cause, ErrorCode};

/// The outcome of a flag.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome<'s> {
    pub(super) variation: Option<u16>,
    pub(super) cause: Cause<'s>,
    pub(super) bucket: Option<u32>,
    /// The reason of an error by a segment.
    pub(super) undecided: Option<Undecided>,
}

/// The reason why it cannot be decided whether a context is a member of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Undecided {
    /// The segment does not exist, or could not be read.
    Missing,
    /// The segment needs itself.
    Cycle,
    /// The segments need more than the limits allow.
    Limit,
}

impl<'s> Outcome<'s> {
    pub(super) fn fixed(variation: u16, cause: Cause<'s>) -> Self {
        Self {
            variation: Some(variation),
            cause,
            bucket: None,
            undecided: None,
        }
    }

    pub(super) fn error(variation: Option<u16>, code: ErrorCode) -> Self {
        Self {
            variation,
            cause: Cause::Error(code),
            bucket: None,
            undecided: None,
        }
    }

    pub(super) fn undecided(undecided: Undecided) -> Self {
        Self {
            undecided: Some(undecided),
            ..Self::error(None, ErrorCode::General)
        }
    }
}
