use waygate_core::grammar::Reason;

/// The reason of what is closed because its record cannot be read.
pub(super) fn unreadable_reason() -> Reason {
    "stored state unreadable".parse().unwrap_or_default()
}
