use waygate_core::grammar::Reason;

/// The reason of a closure caused by an unreadable record.
pub(super) fn unreadable_reason() -> Reason {
    "stored state unreadable".parse().unwrap_or_default()
}
