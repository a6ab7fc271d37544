use crate::flag::outcome::{Cause, ErrorCode};

/// The outcome of a flag.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome<'s> {
    pub(super) variation: Option<u16>,
    pub(super) cause: Cause<'s>,
    pub(super) bucket: Option<u32>,
}

impl<'s> Outcome<'s> {
    pub(super) fn fixed(variation: u16, cause: Cause<'s>) -> Self {
        Self {
            variation: Some(variation),
            cause,
            bucket: None,
        }
    }

    pub(super) fn error(variation: Option<u16>, code: ErrorCode) -> Self {
        Self {
            variation,
            cause: Cause::Error(code),
            bucket: None,
        }
    }
}
