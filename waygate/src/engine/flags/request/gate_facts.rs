use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use waygate_core::flag::ErrorCode;

use crate::engine::limits::Noticed;

/// The errors of gates, by their bits.
const CODES: [ErrorCode; 6] = [
    ErrorCode::FlagNotFound,
    ErrorCode::TypeMismatch,
    ErrorCode::ParseError,
    ErrorCode::General,
    ErrorCode::TargetingKeyMissing,
    ErrorCode::InvalidContext,
];

/// The decisions of a gate that served the default of its flag, since the start of the process.
#[derive(Debug, Default)]
pub(crate) struct GateFacts {
    defaults: AtomicU64,
    /// The errors since the last change of the flags, one bit each.
    errors: AtomicU8,
    /// Requests without a caller, if the flag depends on it.
    pub(crate) without_caller: Noticed,
    /// Those of them with a caller in their handler.
    pub(crate) late_callers: Noticed,
}

impl GateFacts {
    /// Counts a default. Returns `true` for the first with this error since the last change of the flags.
    pub(crate) fn fail(&self, code: ErrorCode) -> bool {
        self.defaults.fetch_add(1, Ordering::Relaxed);
        // Ordered with the snapshot, so that the caller or a change clears the error of an older one.
        self.errors.fetch_or(bit(code), Ordering::SeqCst) & bit(code) == 0
    }

    /// Clears an error. If it still occurs, the next request records it again.
    pub(crate) fn clear(&self, code: ErrorCode) {
        self.errors.fetch_and(!bit(code), Ordering::SeqCst);
    }

    /// Forgets the errors, after a change of the flags.
    pub(crate) fn forget(&self) -> bool {
        self.errors.swap(0, Ordering::SeqCst) != 0
    }

    pub(crate) fn defaults(&self) -> u64 {
        self.defaults.load(Ordering::Relaxed)
    }

    /// Returns the errors since the last change of the flags.
    pub(crate) fn errors(&self) -> impl Iterator<Item = ErrorCode> {
        let errors = self.errors.load(Ordering::Relaxed);
        let codes = CODES.into_iter();
        codes.filter(move |code| errors & bit(*code) != 0)
    }
}

/// Returns `true` for errors that the stored flag is the cause of. A declared flag may not be stored yet, which the start
/// report shows, and any client can send a context with errors: these do not degrade the health.
pub(crate) fn is_fault(code: ErrorCode) -> bool {
    !matches!(
        code,
        ErrorCode::FlagNotFound | ErrorCode::TargetingKeyMissing | ErrorCode::InvalidContext
    )
}

fn bit(code: ErrorCode) -> u8 {
    let place = CODES.iter().position(|known| *known == code);
    place.map_or(0, |place| 1 << place)
}
